"""What a run leaves behind while it goes on: curves, log lines, checkpoints, model files.

A finished epoch is published as one set: its checkpoint, its model file pair and the note of what is best come into
being together, or a resumed attempt makes them again, with the same bytes.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from roadloop.evaluation.quality import FullScores
from roadloop.labels.label_map import LabelMap
from roadloop.models.files import file_name, save_model
from roadloop.training import checkpoint
from roadloop.training.checkpoint import Checkpoint, Place, RunState
from roadloop.training.event_log import EventLog
from roadloop.training.loop import Journal, Run
from roadloop.training.metrics_log import MetricsLog, plain
from roadloop.training.mlflow import MlflowLog
from roadloop.training.reporting import Move, Reporter
from roadloop.training.work import Work

#: A checkpoint inside the epoch is due after so many seconds, and at once where a single step takes this long:
#: a job that is asked to stop has ten seconds.
LONGEST_GAP: Final = 60.0
SLOW_STEP: Final = 4.0
_FIGURES: Final = ("miou", "miou_void_fp", "image_miou", "boundary_miou", "ece", "pixel_accuracy", "class_accuracy")
_BY_CLASS: Final = ("iou", "precision", "recall", "boundary_iou")


class TaskJournal(Journal):
    """The first rank's journal.

    Args:
        work: The run and its folders.
        run: Its learner is saved in checkpoints, the judged network in model files.
        description: Of the model files: all fields that do not depend on the epoch.
        place: Where the run takes place.
        found: The checkpoint that it goes on from: the curves are opened where that left them.
        reporter: Publishes.
    """

    def __init__(
        self,
        work: Work,
        run: Run,
        description: Mapping[str, Any],
        place: Place,
        found: Checkpoint | None,
        reporter: Reporter,
    ) -> None:
        self._work = work
        self._learner = run.update.learner
        self._waiting = run.waiting
        self._description = description
        self._place = place
        self._reporter = reporter
        self._recipe = work.recipe.digest()
        self._saved_at = self._logged_at = self._stepped_at = time.monotonic()
        self._slow = False
        self._rate = 0.0
        self._waited = 0.0
        self._speed: dict[str, float] = {}
        state, history = (found.state, found.metrics) if found else (RunState(), b"")
        self._saved_step = self._logged_step = state.step
        checkpoint.remove_newer(work.checkpoints, state)
        self._log = MetricsLog(work.metrics, history, reporter)
        names = LabelMap.from_json(work.recipe.label_map).names("en")
        self._followers: list[EventLog | MlflowLog] = [EventLog(work.tensorboard, history, reporter, names)]
        if work.mlflow_url:
            self._followers.append(MlflowLog(work.mlflow_url, work.recipe, reporter))

    def due(self, state: RunState) -> bool:
        """Whether it is time for a checkpoint inside the epoch."""
        return (
            state.step - self._saved_step >= self._work.recipe.train.checkpoint_every
            or self._slow
            or time.monotonic() - self._saved_at >= LONGEST_GAP
        )

    def step(self, state: RunState, loss: float, rate: float) -> None:
        """Note one step; a line for every `log_every` of them."""
        now = time.monotonic()
        self._slow = now - self._stepped_at >= SLOW_STEP
        self._stepped_at = now
        self._rate = rate
        train = self._work.recipe.train
        if state.step % train.log_every and state.step != 1:
            return
        seconds = max(now - self._logged_at, 1e-9)
        speed = round((state.step - self._logged_step) * train.batch_size / seconds, 2)
        wait = round(min(1.0, (self._waiting.seconds - self._waited) / seconds), 4)
        self._speed = {"images_per_second": speed, "loader_wait": wait}
        self._count_from(state, now)
        self._append({"kind": "step", "step": state.step, "epoch": state.epoch + 1, "loss": loss, "lr": rate})
        self._reporter.log(
            f"epoch={state.epoch + 1} step={state.step} loss={loss:.5f} lr={rate:.6g} images_per_second={speed:.1f}"
            f" loader_wait={wait:.1%}"
        )

    def _count_from(self, state: RunState, now: float) -> None:
        """Begin to measure anew: images per second and the loader's share."""
        self._logged_at, self._logged_step, self._waited = now, state.step, self._waiting.seconds

    def save(self, state: RunState) -> None:
        """Publish a checkpoint."""
        self._publish(state, [], {})
        self._reporter.reach("train.saved")

    def epoch(self, state: RunState, loss: float, result: FullScores | None) -> None:
        """Publish what a finished epoch leaves: a line of metrics, a checkpoint, a model file pair."""
        assert state.best is not None
        summary = _summary(loss, result)
        self._append({"kind": "epoch", "epoch": state.epoch, "step": state.step, **summary, **_confusion(result)})
        recipe = self._work.recipe
        last = recipe.is_over(state.epoch, state.best.epoch)
        is_best = state.best.epoch == state.epoch
        memo: dict[str, Any] = {"epoch": state.epoch, "latest": plain(summary)}
        moves: list[Move] = []
        if last or is_best or state.epoch % recipe.save_every == 0:
            pairs = [list(pair) for pair in recipe.data.flip_pairs or ()]
            training = {"step": state.step, "best_so_far": is_best, "flip_pairs": pairs, **plain(summary)}
            moves = save_model(
                self._work.results,
                recipe.prefix,
                state.epoch,
                self._learner.judged.state_dict(),
                {**self._description, "training": training},
                scratch=self._reporter.scratch,
            )
        if is_best:
            memo["best"] = {
                "epoch": state.epoch,
                "miou": state.best.miou,
                "file": file_name(recipe.prefix, state.epoch),
            }
        self._reporter.reach("train.validated")
        self._publish(state, moves, memo)
        self._reporter.reach("train.epoch")
        miou = "" if result is None else f" miou={result.miou:.4f} pixel_accuracy={result.pixel_accuracy:.4f}"
        self._reporter.log(
            f"epoch={state.epoch} step={state.step} loss={loss:.5f} lr={self._rate:.6g} finished{miou} best={is_best}"
        )
        self._count_from(state, time.monotonic())  # validation is no training

    def close(self) -> None:
        """Close the curves."""
        for log in (self._log, *self._followers):
            log.close()

    def _append(self, line: Mapping[str, Any]) -> None:
        self._log.append(line)
        for follower in self._followers:
            follower.append(line)

    def _publish(self, state: RunState, moves: list[Move], memo: Mapping[str, Any]) -> None:
        target = self._work.checkpoints / checkpoint.folder_name(state.epoch, state.step)
        if not target.exists():
            scratch = self._reporter.scratch(target)
            facts = (state, self._place, self._recipe)
            checkpoint.write(scratch, self._learner, facts, self._log.contents())
            moves = [(scratch, target), *moves]
        self._reporter.publish(moves, {"step": state.step, "speed": self._speed, **memo})
        checkpoint.prune(self._work.checkpoints, state.best)
        self._saved_at, self._saved_step = time.monotonic(), state.step


def _summary(loss: float, result: FullScores | None) -> dict[str, Any]:
    if result is None:
        return {"loss": loss, "miou": None}
    figures = {name: getattr(result, name) for name in _FIGURES}
    return {"loss": loss, **figures, **{name: getattr(result, name).tolist() for name in _BY_CLASS}}


def _confusion(result: FullScores | None) -> dict[str, Any]:
    """The table behind the scores, for the metrics file alone: it is large."""
    if result is None:
        return {}
    return {"confusion": result.counts.matrix.tolist(), "void": result.counts.void.tolist()}
