"""What the jobs of /linedown and of a package's push run."""

from collections import Counter
from contextlib import closing
from typing import Any, Final

from roadloop.annotators.protocol import Annotator, Pulled
from roadloop.annotators.recipe import Download, Push
from roadloop.annotators.service import open_annotator
from roadloop.errors import Text
from roadloop.jobs.context import Move, Outcome, TaskContext
from roadloop.packages import places
from roadloop.packages import service as packages
from roadloop.storage import publish

_BATCH: Final = 20


def push(context: TaskContext) -> Outcome:
    """Hand one package to the annotator; what it has already is not handed over again.

    Raises:
        JobError: The annotator cannot be reached; what was done is kept.
        ConflictError: Another package lies in the outbox under that number.
    """
    recipe = context.recipe(Push)
    folder, manifest = packages.require(context.platform, recipe.version, recipe.number)

    def watch(done: int, total: int) -> None:
        context.progress(done, total)
        context.keep(done)
        context.check_stop()
        if done:
            context.reach("push.picture")

    with closing(open_annotator(context.platform, recipe.shape)) as annotator:
        result = annotator.push(folder, manifest, watch)
    changed = sum(row["lost"] for row in result.get("polygon_loss", ()))
    if changed:
        context.warn(
            Text(
                f"预标注转成多边形后有 {changed} 个像素改变，按类别列在结果里；要逐像素一致请用 brush。",
                f"As polygons the pre-annotations differ in {changed} pixels, listed by class in the result; brush"
                " changes none.",
            )
        )
    return Outcome(result)


def pull(context: TaskContext) -> Outcome:
    """Bring finished labels of a range of annotation tasks into `released/<dest>/<n>/`.

    Labels become visible in batches; running it again fetches what is new or has changed.

    Raises:
        JobError: The annotator cannot be reached; what was fetched is kept.
    """
    recipe = context.recipe(Download)
    with closing(open_annotator(context.platform, unpainted=recipe.unpainted)) as annotator:
        return _Pull(context, recipe, annotator).run()


class _Pull:
    """One run of /linedown."""

    def __init__(self, context: TaskContext, recipe: Download, annotator: Annotator) -> None:
        self._context: Final = context
        self._recipe: Final = recipe
        self._annotator: Final = annotator
        self._standing: Final = places.folder_of(context.platform.workspace, places.RELEASED, recipe.dest, "dest")
        self._counts: Final[Counter[str]] = Counter()
        self._bad: Final[list[str]] = []
        self._batch: list[tuple[Pulled, Move]] = []

    def run(self) -> Outcome:
        context = self._context
        tasks = self._annotator.tasks(self._recipe.start, self._recipe.end)
        for n, task in enumerate(tasks):
            context.check_stop()
            context.progress(n, len(tasks))
            for pulled in self._annotator.pull(task, self._standing):
                self._take(pulled)
            if len(self._batch) >= _BATCH:
                self._flush()
        self._flush()
        names = ("finished", "already", "unfinished", "bad", "overlap")
        return Outcome({"tasks": len(tasks), **{name: self._counts[name] for name in names}})

    def _take(self, pulled: Pulled) -> None:
        self._counts[pulled.status] += 1
        self._counts["overlap"] += pulled.overlap
        if pulled.reason is not None:
            self._complain(pulled, pulled.reason)
        if pulled.status == "finished":
            target = self._standing / str(pulled.number) / pulled.label
            scratch = self._context.scratch(target)
            with publish.disk_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                scratch.write_bytes(pulled.data)
            self._batch.append((pulled._replace(data=b""), (scratch, target)))

    def _flush(self) -> None:
        """Make a batch visible, then note which annotations it holds."""
        if not self._batch:
            return
        self._context.publish([move for _, move in self._batch], {"batches": self._context.memo.get("batches", 0) + 1})
        self._context.reach("pull.batch")
        self._annotator.remember(self._standing, [pulled for pulled, _ in self._batch])
        self._batch = []

    def _complain(self, pulled: Pulled, reason: Text) -> None:
        place: Any = f"{pulled.number}/{pulled.label}" if pulled.label else pulled.number
        self._context.log(f"task {pulled.task} ({place}): {reason.en} | {reason.zh}")
        self._bad.append(str(place))
        if len(self._bad) <= 5:
            self._context.warn(
                Text(
                    f"标注任务 {pulled.task}（{place}）：{reason.zh}",
                    f"Annotation task {pulled.task} ({place}): {reason.en}",
                )
            )
