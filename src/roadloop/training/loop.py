"""The training loop: one function from the first batch to the last, and the two things it does between epochs.

Legend: N pictures in a batch, H and W their pixels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from roadloop.errors import Text, many
from roadloop.evaluation.metrics import count
from roadloop.evaluation.quality import FullScores, Validation, measure
from roadloop.models.decide import decide, exact
from roadloop.training.checkpoint import Best, RunState, is_finite, seed_step
from roadloop.training.data import Batch, Waiting
from roadloop.training.failures import WEIGHTS, not_finite
from roadloop.training.recipe import TrainingRecipe
from roadloop.training.reporting import Reporter
from roadloop.training.sampler import BatchPlan
from roadloop.training.schedule import learning_rate
from roadloop.training.step import Update, check_answer


class Journal:
    """Where a run keeps what it did: curves, checkpoints, model files. This one, of all ranks but the first, none."""

    def due(self, _state: RunState) -> bool:
        """Whether it is time for a checkpoint inside the epoch."""
        return False

    def save(self, state: RunState) -> None:
        """Publish a checkpoint."""

    def step(self, state: RunState, loss: float, rate: float) -> None:
        """Note one step."""

    def epoch(self, state: RunState, loss: float, result: FullScores | None) -> None:
        """Note a finished epoch; publish its checkpoint and model file together."""


@dataclass(frozen=True)
class Run:
    """Everything the loop works with.

    Attributes:
        recipe: What is done.
        plan: Which pictures make up which batch.
        update: Learns from a batch; has the learner and the devices that share a batch.
        batches: This rank's batches from a step on.
        waiting: How long the loop has waited for them.
        validation: This rank's part of the validation split, each picture a batch; None where the part has ended.
        validation_pictures: In the whole split.
    """

    recipe: TrainingRecipe
    plan: BatchPlan
    update: Update
    batches: Callable[[int], Iterator[Batch]]
    waiting: Waiting
    validation: Callable[[], Iterator[Batch]]
    validation_pictures: int


def train(run: Run, state: RunState, journal: Journal, reporter: Reporter) -> bool:
    """Train from `state` to the end of the recipe.

    Args:
        run: What to work with.
        state: Where to begin; moves on in place.
        journal: Keeps checkpoints and curves.
        reporter: Hears of the progress, and says when to stop.

    Returns:
        True at the end; False when asked to stop: then a checkpoint has been saved.

    Raises:
        NonFiniteLossError: The loss is not a number; the weights are those before this step.
    """
    plan, learner, group = run.plan, run.update.learner, run.update.group
    batches = run.batches(state.step)
    names: list[str] = []
    while not run.recipe.is_over(state.epoch, state.best_epoch):
        learner.train()
        while state.step < (state.epoch + 1) * plan.steps_per_epoch:
            batch = next(batches)
            names = batch.names
            report_broken(batch, reporter)
            rate = learning_rate(run.recipe.train, state.step, plan.total_steps)
            seed_step(run.recipe.train.seed, state.step, group.rank)
            loss = run.update(batch, state.step, rate)

            state.step += 1
            state.loss_sum += loss
            journal.step(state, loss, rate)
            reporter.progress(state.step, plan.total_steps, _note(run, state, "训练", "training"))
            stop = group.any(flag=reporter.should_stop())
            if stop or journal.due(state):
                require_finite(run, state, names)
                journal.save(state)
            if stop:
                return False
        reporter.progress(state.step, plan.total_steps, _note(run, state, "验证", "validating"))
        counted = validate(run, reporter)
        require_finite(run, state, names)
        if counted is None:
            journal.save(state)
            return False
        finish_epoch(run, state, journal, counted)
    report_early_end(run, state, reporter)
    return True


def report_early_end(run: Run, state: RunState, reporter: Reporter) -> None:
    """Say why a run ended before its last epoch, if it did."""
    best, idle = state.best_epoch, state.epoch - state.best_epoch
    if state.epoch == run.plan.epochs or not run.update.group.first:
        return
    reporter.warn(
        Text(
            f"训练在第 {state.epoch} 轮提前结束：已有 {idle} 轮没有更高的验证 mIoU，最佳为第 {best} 轮。"
            "要训练更久，请以此任务为 base_task 新建任务，并增大 early_stop。",
            f"Training ended early after epoch {state.epoch}: {many(idle, 'epoch')} brought no higher mIoU on val; the best is"
            f" epoch {best}. To train longer, create a task with this one as base_task and a larger early_stop.",
        )
    )


def report_broken(batch: Batch, reporter: Reporter) -> None:
    """Warn of samples that could not be read; they were blank and taught nothing."""
    for name in batch.broken:
        reporter.warn(
            Text(
                f"数据集中的 {name} 已损坏，训练时被忽略；请检查磁盘并重新生成 data。",
                f"{name} in the dataset is damaged and was left out; check the disk and build the dataset again.",
            )
        )


def require_finite(run: Run, state: RunState, names: list[str]) -> None:
    """Refuse to keep weights that are not numbers.

    Raises:
        NonFiniteLossError: Nothing of them has been saved.
    """
    learner = run.update.learner
    if not is_finite(learner.network):
        rate = learning_rate(run.recipe.train, max(state.step - 1, 0), run.plan.total_steps)
        raise not_finite(WEIGHTS, "nan", state.step, rate, names, learner.kernels.precision)


def validate(run: Run, reporter: Reporter) -> Validation | None:
    """Count the whole validation split, one picture at a time, in memory that does not grow.

    Returns:
        The counts of all ranks together; None when asked to stop.
    """
    counted, group = Validation(run.recipe.num_classes), run.update.group
    pictures = run.validation()
    run.update.learner.judged.eval()
    for _ in range(0, run.validation_pictures, group.size):
        batch = next(pictures, None)
        if batch is not None:
            count_predicted(run, batch, counted)
        if group.any(flag=reporter.should_stop()):
            return None
    counted.vector = group.sum(torch.from_numpy(counted.vector).to(group.device)).cpu().numpy()
    return counted


def count_predicted(run: Run, batch: Batch, counted: Validation) -> None:
    """Predict some pictures and count them against their labels."""
    with torch.inference_mode(), exact():
        image_N3HW, _ = run.update.normalise(batch)
        logits_NCHW = run.update.learner.judged(image_N3HW)
        check_answer([logits_NCHW], run.recipe.num_classes, batch.targets.shape[-2:], run.recipe.network_file)
        found = decide(logits_NCHW, (logits_NCHW.shape[2], logits_NCHW.shape[3]), certain=True)
    for (ids, certainty), target in zip(found, batch.targets.numpy(), strict=True):
        classes = run.recipe.num_classes
        counted.add(count(ids, target, classes), measure(ids, target, classes, certainty))


def finish_epoch(run: Run, state: RunState, journal: Journal, counted: Validation) -> None:
    """Close the books on an epoch: its loss, its scores, and whether it is the best so far."""
    result = counted.scores()
    loss = state.loss_sum / run.plan.steps_per_epoch
    state.epoch += 1
    state.loss_sum = 0.0
    best = state.best
    if result is None or best is None or best.miou is None or result.miou > best.miou:  # without scores, the newer
        state.best = Best(state.epoch, None if result is None else result.miou, state.step)
    journal.epoch(state, loss, result)


def _note(run: Run, state: RunState, zh: str, en: str) -> Text:
    epoch, epochs = state.epoch + 1, run.plan.epochs
    return Text(f"{zh}第 {epoch}/{epochs} 轮", f"{en} epoch {epoch} of {epochs}")
