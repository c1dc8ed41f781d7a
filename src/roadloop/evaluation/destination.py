"""Where a job may write a folder of results: a new or empty one, away from everything that is a source.

Results never mix with what is already there, and a slip of the pen never overwrites labels. With `overwrite` the
folder of an earlier job of the same kind is replaced, if it holds nothing but what that job wrote.
"""

import json
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import BrokenFileError, ConflictError, Text
from roadloop.jobs.context import TaskContext
from roadloop.jobs.store import ACTIVE, jobs
from roadloop.storage import publish, reading
from roadloop.storage.folders import FOLDERS, Folder, Folders
from roadloop.storage.paths import Workspace, check_name

REPORT: Final = "report.json"


@dataclass(frozen=True)
class OutputRule:
    """What one kind of job calls its output folder, where it may stand, and what it holds.

    Attributes:
        kind: What the kind of job is called.
        parameter: Name of the request's parameter.
        own: Folders of the workspace inside which it may stand; the first has those that no request names.
        marks: Files that every finished output of this kind has, besides the report.
        format: What the report says that it is.
    """

    kind: Text
    parameter: str
    own: tuple[Folder, ...]
    marks: tuple[str, ...]
    format: str

    def place(self, task_id: str, asked: str) -> str:
        """The output folder of a job, relative to the workspace or as it was asked for; "" gets one of its own."""
        return asked or f"{self.own[0].name}/{task_id}"

    def read_report(self, folder: Path) -> dict[str, Any] | None:
        """The report of a published output; None when there is none, or it is something else's."""
        try:
            report = json.loads(reading.read_bytes(folder / REPORT))
        except (OSError, ValueError):
            return None
        return report if isinstance(report, dict) and report.get("format") == self.format else None


EVALUATION: Final = OutputRule(
    Text("评估", "evaluation"), "dest_dir", (Folders.evaluations,), ("pictures.csv",), "roadloop-evaluation/1"
)


def check_destination(
    workspace: Workspace, target: Path, source: Path | None, *, overwrite: bool, rule: OutputRule = EVALUATION
) -> None:
    """Refuse an output folder that could harm something.

    Args:
        workspace: Its folders are out of bounds, except inside those that the rule owns.
        target: The resolved output folder.
        source: The resolved picture folder; None where there is none.
        overwrite: The folder may hold an earlier output of the same kind.
        rule: Of the kind of job.

    Raises:
        ConflictError: It is not empty, or lies inside or above a source.
        InvalidNameError: Its last part cannot be a name.
    """
    check_name(target.name, rule.parameter)
    reserved = [workspace.home / one.name for one in FOLDERS if one not in rule.own]
    for folder in [*reserved, *([source] if source is not None else [])]:
        if target.is_relative_to(folder) or folder.is_relative_to(target):
            raise _refused(
                rule,
                target,
                f"它与 {folder} 相互包含，结果不能写在数据目录之内或之上",
                f"it lies inside or above {folder}, which holds other data",
            )
    if any((workspace.home / one.name).is_relative_to(target) for one in rule.own):
        raise _refused(rule, target, "它包含其他任务的结果", "it holds the results of other jobs")
    if target.exists() and not target.is_dir():
        raise _refused(rule, target, "它是一个文件", "it is a file")
    if not target.exists() or not any(target.iterdir()):
        return
    if not overwrite:
        raise _refused(
            rule,
            target,
            "它不是空目录；请换一个目录，或用 overwrite=1 替换先前的同类结果",
            "it is not empty; choose another one, or replace an earlier result of the same kind with overwrite=1",
        )
    extra = foreign_files(target, rule)
    if extra:
        raise _refused(
            rule,
            target,
            f"其中有不属于先前结果的文件：{extra[:5]}",
            f"it holds files that no earlier job wrote: {extra[:5]}",
        )


def require_free(db: sa.Connection, outputs: sa.Column[str], asked: tuple[str, str], rule: OutputRule) -> None:
    """Refuse an output folder in, or above, which a job that has not ended writes.

    Args:
        db: The transaction of the new row.
        outputs: The column of the kind's output folders, beside `task_id`.
        asked: The folder as the workspace stores it, and as the request says it.
        rule: Of the kind of job.

    Raises:
        ConflictError: It is in use; says by which job.
    """
    stored, sent = asked
    task_ids = outputs.table.c.task_id
    for task_id, path in db.execute(
        sa.select(task_ids, outputs).where(task_ids.in_(sa.select(jobs.c.id).where(ACTIVE)))
    ):
        if PurePath(stored).is_relative_to(path) or PurePath(path).is_relative_to(stored):
            raise ConflictError(
                Text(
                    f"{rule.parameter} {sent} 正被另一个{rule.kind.zh}（{task_id}）使用；请换一个目录或等它完成。",
                    f"{rule.parameter} {sent} is in use by another {rule.kind.en} ({task_id}); choose another folder, or"
                    " wait until it has ended.",
                ),
                parameter=rule.parameter,
                task_id=task_id,
            )


def foreign_files(folder: Path, rule: OutputRule = EVALUATION) -> list[str]:
    """What stands in a folder without being in the manifest of such a job; all of it when there is none."""
    present = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())
    try:
        files = set(publish.read_manifest(folder)["files"])
    except BrokenFileError:
        return present
    if not files.issuperset((REPORT, *rule.marks)):
        return present
    return [name for name in present if name not in files and name not in (publish.MANIFEST, publish.CHOICES)]


def clear(context: TaskContext, target: Path, rule: OutputRule = EVALUATION) -> None:
    """Remove the earlier output that this job replaces, if it still is one and untouched.

    Raises:
        ConflictError: Something in it is not as the earlier job wrote it.
        StaleRunError: Another attempt owns the job; nothing was removed.
    """
    if not target.exists() or not any(target.iterdir()):
        return
    extra = [Text(f"{name} 不在清单里。", f"{name} is not in the manifest.") for name in foreign_files(target, rule)]
    for change in extra or publish.verify(target):
        raise ConflictError(
            Text(
                f"{rule.parameter} {target} 里的文件已被改动或增加，未覆盖：{change.zh}",
                f"Files in {rule.parameter} {target} were changed or added, so it was not replaced: {change.en}",
            )
        )
    context.publish([])
    old = context.scratch(target.with_name(f"{target.name}.replaced"))
    target.rename(old)
    publish.remove(old)


def _refused(rule: OutputRule, target: Path, zh: str, en: str) -> ConflictError:
    name = rule.parameter
    return ConflictError(
        Text(f"{name} {target} 不能使用：{zh}。", f"{name} {target} cannot be used: {en}."), parameter=name
    )
