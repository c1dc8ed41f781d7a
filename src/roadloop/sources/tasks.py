"""What the jobs of source sets run: imports and examinations."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from roadloop.errors import JobError, Text
from roadloop.jobs.context import Move, Outcome, TaskContext
from roadloop.labels.table import ClassTable
from roadloop.models.service import find_weights
from roadloop.sources.deposit import Deposit, place_text
from roadloop.sources.health.examine import Options, examine
from roadloop.sources.health.noise import Judge
from roadloop.sources.health.service import folder_of
from roadloop.sources.health.write import write_health
from roadloop.sources.importers.found import BAD, Fate, Item, Line
from roadloop.sources.importers.read import ItemReader, Ready
from roadloop.sources.importers.report import Report, shown
from roadloop.sources.offimport import REPORT, preview_path, report_path
from roadloop.sources.preview import Samples
from roadloop.sources.recipe import ImportRecipe
from roadloop.sources.service import open_set
from roadloop.sources.survey import Survey, left_out, start_report, survey, take
from roadloop.storage import publish
from roadloop.storage.paths import Workspace

_READING: Final = Text("检查并导入图片", "Checking and importing pictures")


def offimport(context: TaskContext) -> Outcome:
    """Import the folder that the payload's recipe names.

    Raises:
        JobError: Not one picture could be imported, or the folder contradicts itself; the report is kept.
        ConflictError: The data's own table is not the one that was asked for.
        LabelMapError: The class table has none of the data's classes, or twin colours, or cannot be read.
        DiskFullError: No space is left; nothing was changed.
    """
    recipe = ImportRecipe.model_validate(context.payload["recipe"])
    workspace = context.platform.workspace
    target = workspace.sources / recipe.dest
    _clear(context, target)
    done = _surveyed(context, recipe)
    context.reach("offimport.listed")
    report = start_report(done)
    deposit: Deposit | None = None
    try:
        with publish.disk_errors(target):
            deposit = Deposit(target, done.meaning.table, recipe, _locate(workspace, done), context.scratch)
            taken = take(done, _reader(context, done), deposit, report, _watch(context, done))
            moves = deposit.finish(done.layout, recipe.values)
    except BaseException:
        if deposit is not None:
            deposit.drop()
        raise
    context.reach("offimport.written")
    for text in taken.warnings():
        context.warn(text)
    facts = {**done.describe(), "pictures": deposit.added}
    return _conclude(context, report, facts, [*moves, _report_move(context, report)])


def preview(context: TaskContext) -> Outcome:
    """Say what an import would do, and do nothing: the same steps, without a place to write to.

    Raises:
        JobError, ConflictError, LabelMapError: As `offimport`.
        DiskFullError: No space is left for the preview.
    """
    recipe = ImportRecipe.model_validate(context.payload["recipe"])
    workspace = context.platform.workspace
    target = preview_path(workspace, context.job.id)
    context.clear_older_scratch(target)
    done = _surveyed(context, recipe)
    report = start_report(done)
    samples = Samples(done.meaning.table, done.tree)
    watch = _watch(context, done)

    def each(number: int, item: Item, result: Ready | list[Line]) -> None:
        samples.see(number, item, result)
        watch(number, item, result)

    deposit = Deposit(workspace.sources / recipe.dest, done.meaning.table, recipe, _locate(workspace, done))
    taken = take(done, _reader(context, done), deposit, report, each)
    for text in (*taken.warnings(), *filter(None, [left_out(report)])):
        context.warn(text)
    scratch = context.scratch(target)
    with publish.disk_errors(target):
        scratch.mkdir(parents=True)
        pairs = samples.write(scratch)
        report.write(scratch / REPORT)
        publish.seal(scratch)
    context.reach("preview.written")
    result = {
        **done.describe(),
        "table_rows": done.meaning.table.to_rows(),
        "pictures": deposit.added,
        "rules": [{"rule": [zh, en], "pairs": number} for en, (zh, number) in taken.rules.items()],
        "counts": report.counts(),
        "statements": report.statements(),
        "pairs": pairs,
    }
    return Outcome(result, [(scratch, target)])


def _clear(context: TaskContext, target: Path) -> None:
    """Remove what earlier attempts of this job left beside the set, and in it."""
    context.clear_older_scratch(target)
    context.clear_older_scratch(report_path(context.platform.workspace, context.job.id))
    mark = f".{context.job.id[:8]}-"
    for folder in (target, target / "splits"):
        for path in folder.glob(f".*{publish.PARTIAL}"):
            if mark in path.name:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _surveyed(context: TaskContext, recipe: ImportRecipe) -> Survey:
    done = survey(context.platform.workspace, recipe, context.check_stop)
    tree, table = done.tree, done.meaning.table
    context.log(f"files={len(tree.files)} hidden={len(tree.hidden)} lost={len(tree.lost)}")
    context.log(f"layout={done.layout} table={table.name} classes={len(table.classes)} pairs={len(done.found.items)}")
    for text in (*done.meaning.warnings, *done.found.notes):
        context.warn(text)
    return done


def _locate(workspace: Workspace, done: Survey) -> Callable[[str], str]:
    return lambda file: place_text(workspace.home, done.tree.root / file)


def _reader(context: TaskContext, done: Survey) -> ItemReader:
    max_pixels = context.platform.settings.max_picture_mpix * 1_000_000
    return ItemReader(done.tree, done.meaning.translation, max_pixels)


def _watch(context: TaskContext, done: Survey) -> Callable[[int, Item, Ready | list[Line]], None]:
    total = len(done.found.items)

    def each(number: int, _item: Item, result: Ready | list[Line]) -> None:
        for line in result if isinstance(result, list) else ():
            if line.fate in BAD:
                context.log(f"left out: {shown(line.file)}: {line.text.en} | {line.text.zh}")
        context.progress(number, total, _READING)
        context.check_stop()

    return each


def _report_move(context: TaskContext, report: Report) -> Move:
    target = report_path(context.platform.workspace, context.job.id)
    scratch = context.scratch(target)
    with publish.disk_errors(target):
        report.write(scratch)
        publish.fsync_file(scratch)
    return scratch, target


def _conclude(context: TaskContext, report: Report, facts: dict[str, Any], moves: Sequence[Move]) -> Outcome:
    counts, bad = report.counts(), left_out(report)
    if not {Fate.ADDED.value, Fate.ALREADY.value, Fate.CHANGED.value} & counts.keys():
        context.publish(moves)
        first = report.first(BAD)
        example = (
            Text(f"；例如 {shown(first.file)}：{first.text.zh}", f"; for example {shown(first.file)}: {first.text.en}")
            if first
            else Text("", "")
        )
        why = bad or Text("目录中没有成对的图片与标注", "no picture with its label")
        raise JobError(
            Text(
                f"没有一张可导入的图片（{why.zh}），未生成源数据；逐个文件的原因见报告{example.zh}",
                f"Not one picture could be imported ({why.en}), so there is no source set; the report says why, file by"
                f" file{example.en}",
            ),
            report=str(moves[-1][1].name),
        )
    if bad:
        context.warn(Text(f"未使用的{bad.zh}；逐个原因见报告", f"Left out, {bad.en}; the report says why"))
    context.log(f"counts={counts} statements={report.statements()}")
    return Outcome({**facts, "counts": counts, "statements": report.statements()}, moves)


def health(context: TaskContext) -> Outcome:
    """Examine the source set that the payload names.

    Raises:
        NotFoundError: It, or the model file, is gone.
        LabelMapError: Its class table cannot be used.
    """
    plan = context.payload
    workspace = context.platform.workspace
    target = folder_of(workspace, context.job.id)
    context.clear_older_scratch(target)
    table = open_set(workspace, str(plan["name"]), "name").table
    judge, names = _judge(context, str(plan["model"]), table) if plan["model"] else (None, {})
    options = Options(
        against=tuple(plan["against"]),
        distance=int(plan["distance"]),
        confidence=float(plan["confidence"]),
        min_pixels=int(plan["min_pixels"]),
        max_pixels=context.platform.settings.max_picture_mpix * 1_000_000,
    )
    note = Text("检查图片与标注", "Examining pictures and labels")

    def watch(done: int, total: int) -> None:
        context.progress(done, total, note)
        context.check_stop()

    found = examine(workspace, str(plan["name"]), options, judge, watch)
    scratch = context.scratch(target)
    try:
        value = write_health(scratch, found, names)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    context.reach("health.written")
    context.log(f"totals={value['totals']}")
    return Outcome({"totals": value["totals"]}, [(scratch, target)])


def _judge(context: TaskContext, model: str, table: ClassTable) -> tuple[Judge, dict[int, tuple[str, str]]]:
    """A model file as the judge of labels; torch is loaded here, because an import does not need it."""
    import torch  # noqa: PLC0415

    from roadloop.sources.health.judge import load_judge  # noqa: PLC0415

    threads = context.platform.settings.torch_threads
    if threads:
        torch.set_num_threads(threads)
    device = torch.device("cuda", 0) if context.gpus else torch.device("cpu")
    return load_judge(find_weights(context.platform, model), table, device)
