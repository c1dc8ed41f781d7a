"""The report of an import, or of its preview, for the page: row by row, with the picture that each is about."""

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from roadloop.errors import Language, NotFoundError, PathOutsideError, Text
from roadloop.jobs import queue
from roadloop.parameters import stored
from roadloop.sources.importers.found import BAD, Fate
from roadloop.sources.importers.tree import PICTURES
from roadloop.sources.offimport import REPORT, preview_path, report_path
from roadloop.sources.recipe import ImportJob
from roadloop.storage import reading
from roadloop.storage.objects import Place
from roadloop.storage.paths import check_name
from roadloop.storage.platform import Platform
from roadloop.storage.sheets import plain

IMPORT: Final = "offimport"  #: kind of job
PREVIEW: Final = "import_preview"  #: kind of job
_FATES: Final = frozenset(fate.value for fate in Fate)


def list_outcomes(
    platform: Platform, task_id: str, outcome: str, page: int, size: int, language: Language
) -> dict[str, Any]:
    """A page of the rows of a report.

    Args:
        platform: The installation.
        task_id: Of an import that has ended, or a preview.
        outcome: One of the report's; empty: those that somebody should look at.
        page: From 1.
        size: Rows a page.
        language: Of reasons.

    Returns:
        `data`, the rows: file, outcome, reason, place, picture, and `url` where one of the two is a picture; `total`.

    Raises:
        NotFoundError: No such job, or it has no report.
    """
    wanted = {outcome} & _FATES if outcome else {fate.value for fate in BAD}
    rows = _rows(_report(platform, task_id))
    chosen = [row for row in rows if row["outcome"] in wanted]
    shown = itertools.islice(chosen, (page - 1) * size, page * size)
    return {"data": [_described(row, task_id, language) for row in shown], "total": len(chosen)}


def find_picture(platform: Platform, task_id: str, file: str) -> Place:
    """A picture of the folder that was imported, or looked at, as it is there now.

    Args:
        platform: The installation.
        task_id: Of the import, or the preview.
        file: Path below the folder.

    Raises:
        NotFoundError: No such job or picture.
        PathOutsideError: It leads out of the folder, or of the workspace and its roots.
    """
    folder = platform.workspace.find_place(_recipe(platform, task_id).recipe.src)
    path = folder / file
    outside = PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts
    if outside or not platform.workspace.holds(platform.workspace.follow_place(path)):
        raise PathOutsideError(
            Text("这个路径不在导入的目录内", "That path is not in the imported folder"), parameter="file"
        )
    if PurePosixPath(file).suffix.lower() not in PICTURES or (isinstance(path, Path) and not path.is_file()):
        raise NotFoundError(
            Text("导入的目录里没有这张图片（可能已移走）", "The imported folder has no such picture (any more)"),
            parameter="file",
        )
    return path


def _described(row: dict[str, str], task_id: str, language: Language) -> dict[str, Any]:
    seen = next((f for f in (row["file"], row["picture"]) if PurePosixPath(f).suffix.lower() in PICTURES), None)
    return {
        "file": row["file"],
        "outcome": row["outcome"],
        "reason": row["reason_zh"] if language == "zh" else row["reason_en"],
        "place": row["place"],
        "picture": row["picture"],
        "url": None if seen is None else f"/v1/imports/{task_id}/picture?file={quote(seen)}",
    }


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with reading.open_text(path, "utf-8-sig") as stream:
        for row in csv.DictReader(stream):
            yield {name: plain(value or "") for name, value in row.items()}


def _recipe(platform: Platform, task_id: str) -> ImportJob:
    with platform.database.reading() as db:
        job = queue.get(db, task_id)
    if job.kind not in {IMPORT, PREVIEW}:
        raise _no_report(task_id)
    return stored(ImportJob, job.payload)


def _report(platform: Platform, task_id: str) -> Path:
    workspace = platform.workspace
    name = check_name(task_id, "task_id")
    path = next(
        (p for p in (report_path(workspace, name), preview_path(workspace, name) / REPORT) if p.is_file()), None
    )
    if path is None:
        raise _no_report(task_id)
    return path


def _no_report(task_id: str) -> NotFoundError:
    return NotFoundError(
        Text(
            "没有这个导入或预览的报告；任务结束后才会生成",
            "There is no report of such an import or preview; it comes with the job's end",
        ),
        task_id=task_id[:80],
    )
