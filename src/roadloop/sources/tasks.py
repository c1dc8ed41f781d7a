"""What the jobs of source sets run: imports and examinations."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from roadloop.errors import JobError, Text
from roadloop.jobs.context import Move, Outcome, TaskContext
from roadloop.labels.library import find_table
from roadloop.labels.table import ClassTable, shipped
from roadloop.models.service import find_weights
from roadloop.sources.ahead import read_ahead
from roadloop.sources.deposit import Deposit, place_text
from roadloop.sources.health.examine import Options, examine
from roadloop.sources.health.noise import Judge
from roadloop.sources.health.service import folder_of
from roadloop.sources.health.write import write_health
from roadloop.sources.importers.found import BAD, FATES, Fate, Found, Item, Line
from roadloop.sources.importers.read import ItemReader, Ready
from roadloop.sources.importers.recognise import recognise
from roadloop.sources.importers.report import Report, shown
from roadloop.sources.importers.translate import Translation, check_fits
from roadloop.sources.importers.tree import Tree, list_tree
from roadloop.sources.offimport import report_path
from roadloop.sources.recipe import ImportRecipe, read_origin
from roadloop.sources.service import open_set
from roadloop.storage import publish
from roadloop.storage.paths import Workspace

_LINKED: Final = Text("隐藏文件、隐藏目录或指向目录的链接，已跳过", "A hidden file or folder, or a link to a folder")


def offimport(context: TaskContext) -> Outcome:
    """Import the folder that the payload's recipe names.

    Raises:
        JobError: Not one picture could be imported, or the layout is not the one that was named; the report is kept.
        LabelMapError: The class table has none of the data's classes, or twin colours.
        DiskFullError: No space is left; nothing was changed.
    """
    recipe = ImportRecipe.model_validate(context.payload["recipe"])
    workspace = context.platform.workspace
    target = workspace.sources / recipe.dest
    _clear(context, target)
    tree = list_tree(workspace.resolve(recipe.src, "src"), workspace.holds, context.check_stop)
    context.log(f"files={len(tree.files)} hidden={len(tree.hidden)} lost={len(tree.lost)}")
    context.reach("offimport.listed")
    origin = read_origin(target)
    layout, found = recognise(tree, origin.layout if origin else recipe.layout)
    table = _table(workspace, recipe, found, grows=origin is not None)
    context.log(f"layout={layout} table={table.name} classes={len(table.classes)} pairs={len(found.items)}")
    report = Report([*_unlisted(tree), *found.lines])

    def locate(file: str) -> str:
        return place_text(workspace.home, tree.root / file)

    deposit: Deposit | None = None
    try:
        with publish.disk_errors(target):
            deposit = Deposit(target, table, recipe, locate, context.scratch)
            _take(context, deposit, _reader(context, tree, found, table), found.items, report)
            moves = deposit.finish(layout)
    except BaseException:
        if deposit is not None:
            deposit.drop()
        raise
    context.reach("offimport.written")
    facts = {"layout": layout, "table": table.name, "pictures": deposit.added}
    return _conclude(context, report, facts, [*moves, _report_move(context, report)])


def _clear(context: TaskContext, target: Path) -> None:
    """Remove what earlier attempts of this job left beside the set, and in it."""
    context.clear_older_scratch(target)
    context.clear_older_scratch(report_path(context.platform.workspace, context.job.id))
    mark = f".{context.job.id[:8]}-"
    for folder in (target, target / "splits"):
        for path in folder.glob(f".*{publish.PARTIAL}"):
            if mark in path.name:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _table(workspace: Workspace, recipe: ImportRecipe, found: Found, *, grows: bool) -> ClassTable:
    """The class table: the set's own where it grows, the one asked for, the data's own, or the shipped one."""
    if grows:
        return open_set(workspace, recipe.dest, "dest").table
    if recipe.roadelement:
        return find_table(workspace.home, recipe.roadelement)
    return found.table or shipped()


def _reader(context: TaskContext, tree: Tree, found: Found, table: ClassTable) -> ItemReader:
    translation = Translation(table, found.legend, found.unlabelled)
    check_fits(table, translation, found.legend)
    if translation.unmatched:
        some = ", ".join(translation.unmatched[:20])
        context.warn(
            Text(
                f"数据中的这些类别不在类别表 {table.name} 中，它们的像素按未知处理：{some}",
                f"These classes of the data are not in the class table {table.name}; their pixels are unknown: {some}",
            )
        )
    return ItemReader(tree, translation, context.platform.settings.max_picture_mpix * 1_000_000)


def _take(context: TaskContext, deposit: Deposit, reader: ItemReader, items: Sequence[Item], report: Report) -> None:
    note = Text("检查并导入图片", "Checking and importing pictures")

    def read(item: Item) -> Ready | list[Line]:
        return reader.read(item, deposit.known(item.image))

    for done, result in enumerate(read_ahead(read, items), 1):
        lines = deposit.add(result) if isinstance(result, Ready) else result
        report.add(lines)
        for line in lines:
            if line.fate in BAD:
                context.log(f"left out: {shown(line.file)}: {line.text.en} | {line.text.zh}")
        context.progress(done, len(items), note)
        context.check_stop()


def _unlisted(tree: Tree) -> list[Line]:
    lines = [Line(file, Fate.NOT_USED, _LINKED) for file in tree.hidden]
    for lost in tree.lost:
        fate = Fate.VANISHED if lost.gone else Fate.UNREADABLE
        text = Text(f"目录无法列出：{lost.why}", f"The folder cannot be listed: {lost.why}")
        lines.append(Line(lost.file, fate, text))
    return lines


def _report_move(context: TaskContext, report: Report) -> Move:
    target = report_path(context.platform.workspace, context.job.id)
    scratch = context.scratch(target)
    with publish.disk_errors(target):
        report.write(scratch)
        publish.fsync_file(scratch)
    return scratch, target


def _conclude(context: TaskContext, report: Report, facts: dict[str, Any], moves: Sequence[Move]) -> Outcome:
    counts = report.counts()
    bad = {Fate(name): number for name, number in counts.items() if Fate(name) in BAD}
    zh = "，".join(f"{FATES[fate].zh} {number}" for fate, number in bad.items())
    en = ", ".join(f"{number} {FATES[fate].en}" for fate, number in bad.items())
    if Fate.ADDED.value not in counts and Fate.ALREADY.value not in counts and Fate.CHANGED.value not in counts:
        context.publish(moves)
        first = report.first(BAD)
        example = (
            Text(f"；例如 {shown(first.file)}：{first.text.zh}", f"; for example {shown(first.file)}: {first.text.en}")
            if first
            else Text("", "")
        )
        raise JobError(
            Text(
                f"没有一张可导入的图片（{zh or '目录中没有成对的图片与标注'}），未生成源数据；逐个文件的原因见报告{example.zh}",
                f"Not one picture could be imported ({en or 'no picture with its label'}), so there is no source set;"
                f" the report says why, file by file{example.en}",
            ),
            report=str(moves[-1][1].name),
        )
    if bad:
        context.warn(Text(f"未使用的文件：{zh}；逐个原因见报告", f"Files left out: {en}; the report says why"))
    context.log(f"counts={counts}")
    return Outcome({**facts, "counts": counts}, moves)


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
