"""Carry out an import, or only foresee it: what the jobs and the command line share.

Both take the same steps; only the import has a place where good pictures go.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from roadloop.errors import JobError, Text
from roadloop.jobs.context import Move
from roadloop.sources.deposit import Deposit
from roadloop.sources.importers.found import BAD, Fate, Item, Line
from roadloop.sources.importers.read import Ready
from roadloop.sources.importers.report import Report
from roadloop.sources.importers.tree import shown
from roadloop.sources.recipe import ImportRecipe
from roadloop.sources.survey import Survey, Taken, left_out, start_report, survey, take
from roadloop.storage import publish
from roadloop.storage.paths import Workspace

Each = Callable[[int, Item, Ready | list[Line]], None]

_READING: Final = Text("检查并导入图片", "Checking and importing pictures")


class Work(Protocol):
    """Who has the import done; a job's `TaskContext` is one."""

    def log(self, line: str) -> None:
        """Note one line."""

    def warn(self, text: Text) -> None:
        """Tell the user."""

    def progress(self, done: float, total: float, note: Text | None = None) -> None:
        """Say how far the work is."""

    def check_stop(self) -> None:
        """Raise when somebody asked to stop."""

    def reach(self, point: str) -> None:
        """A named point between two steps."""

    def scratch(self, target: Path) -> Path:
        """A path beside `target` that belongs to this import alone; who has it done removes it when it is over."""


class Brought(NamedTuple):
    """An import that was carried out, or foreseen, up to the renames.

    Attributes:
        survey: What was known before a picture was read.
        report: What became of every file and statement.
        taken: Counts of the pictures.
        moves: The renames that make them visible.
    """

    survey: Survey
    report: Report
    taken: Taken
    moves: list[Move]

    def facts(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        return {
            **self.survey.describe(),
            "pictures": self.taken.pictures,
            "rules": [{"rule": [zh, en], "pairs": number} for en, (zh, number) in self.taken.rules.items()],
            "counts": self.report.counts(),
            "statements": self.report.statements(),
        }


def bring(work: Work, workspace: Workspace, recipe: ImportRecipe, max_pixels: int) -> Brought:
    """Read everything and write it under scratch names.

    Args:
        work: Who has it done.
        workspace: Where the set is to be; holds the imported folder.
        recipe: The import.
        max_pixels: Larger pictures are left out.

    Raises:
        JobError: The folder contradicts itself.
        ConflictError: The data's own table is not the one that was asked for.
        LabelMapError: The class table has none of the data's classes, or twin colours, or cannot be read.
        DiskFullError: No space is left; nothing was changed.
    """
    done = look(work, workspace, recipe)
    work.reach("offimport.listed")
    report = start_report(done)
    with publish.disk_errors(workspace.sources / recipe.dest):
        deposit = Deposit(workspace, recipe, done, work.scratch)
        taken = take(done, max_pixels, deposit, report, _watch(work, done))
        moves = deposit.finish()
    work.reach("offimport.written")
    for text in taken.warnings():
        work.warn(text)
    return Brought(done, report, taken, moves)


def foresee(
    work: Work,
    workspace: Workspace,
    recipe: ImportRecipe,
    max_pixels: int,
    see: Callable[[Survey], Each] | None = None,
) -> Brought:
    """The same steps without a place to write to; what `see` answers to the survey is called after each pair.

    Raises:
        JobError, ConflictError, LabelMapError: As `bring`.
    """
    done = look(work, workspace, recipe)
    report = start_report(done)
    watches = [*([see(done)] if see else []), _watch(work, done)]

    def each(number: int, item: Item, result: Ready | list[Line]) -> None:
        for watch in watches:
            watch(number, item, result)

    taken = take(done, max_pixels, Deposit(workspace, recipe, done), report, each)
    for text in (*taken.warnings(), *filter(None, [left_out(report)])):
        work.warn(text)
    return Brought(done, report, taken, [])


def look(work: Work, workspace: Workspace, recipe: ImportRecipe) -> Survey:
    """List the folder, recognise its layout, settle what its labels mean, and say so."""
    done = survey(workspace, recipe, work.check_stop)
    tree, table = done.tree, done.meaning.table
    work.log(f"files={len(tree.files)} hidden={len(tree.hidden)} lost={len(tree.lost)}")
    work.log(f"layout={done.layout} table={table.name} classes={len(table.classes)} pairs={len(done.found.items)}")
    for text in (*done.meaning.warnings, *done.found.notes):
        work.warn(text)
    return done


def judge(work: Work, report: Report) -> JobError | None:
    """The error of an import that brought nothing; else the user is told what was left out, and it is None."""
    counts, bad = report.counts(), left_out(report)
    if {Fate.ADDED.value, Fate.ALREADY.value, Fate.CHANGED.value} & counts.keys():
        if bad:
            work.warn(Text(f"未使用的{bad.zh}；逐个原因见报告", f"Left out, {bad.en}; the report says why"))
        work.log(f"counts={counts} statements={report.statements()}")
        return None
    first = report.first(BAD)
    example = (
        Text(f"；例如 {shown(first.file)}：{first.text.zh}", f"; for example {shown(first.file)}: {first.text.en}")
        if first
        else Text("", "")
    )
    why = bad or Text("目录中没有成对的图片与标注", "no picture with its label")
    return JobError(
        Text(
            f"没有一张可导入的图片（{why.zh}），未生成源数据；逐个文件的原因见报告{example.zh}",
            f"Not one picture could be imported ({why.en}), so there is no source set; the report says why, file by"
            f" file{example.en}",
        )
    )


def write_report(work: Work, report: Report, target: Path) -> Move:
    """Write the report under a scratch name; returns the rename that makes it visible."""
    scratch = work.scratch(target)
    with publish.disk_errors(target):
        report.write(scratch)
        publish.fsync_file(scratch)
    return scratch, target


def _watch(work: Work, done: Survey) -> Each:
    total = len(done.found.items)

    def each(number: int, _item: Item, result: Ready | list[Line]) -> None:
        for line in result if isinstance(result, list) else ():
            if line.fate in BAD:
                work.log(f"left out: {shown(line.file)}: {line.text.en} | {line.text.zh}")
        work.progress(number, total, _READING)
        work.check_stop()

    return each
