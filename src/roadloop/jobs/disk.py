"""The job that counts what takes the room on the disk, and clears up before, where it was asked to."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from roadloop.errors import Text
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.jobs.keeping import remove_old
from roadloop.jobs.measuring import Measure
from roadloop.storage import publish
from roadloop.storage.folders import FOLDERS
from roadloop.storage.sqlite import FILE

_STEP: Final = 2000  #: files between two looks whether to stop
_NAMES: Final = frozenset(folder.name for folder in FOLDERS)
_COUNTING: Final = Text("统计文件", "Counting files")
_TIDYING: Final = Text("清理过期内容", "Removing what is old")


def measure(context: TaskContext) -> Outcome:
    """Count all files of the home by kind.

    Returns:
        The result: `kinds`, `freed` (bytes that the keeping rules would remove, by rule), `total` and, where it cleared up,
        `removed` (by rule).
    """
    platform, removed = context.platform, dict[str, int]()
    if context.recipe(Measure).tidy:
        context.progress(0, 1, _TIDYING)
        removed = remove_old(platform).freed
        context.log(f"removed={removed}")
    kinds: dict[str, list[int]] = {}
    for number, (kind, size) in enumerate(_files(platform.workspace.home), start=1):
        entry = kinds.setdefault(kind, [0, 0])
        entry[0], entry[1] = entry[0] + size, entry[1] + 1
        if number % _STEP == 0:
            context.check_stop()
            context.progress(number % 1_000_000, 1_000_000, _COUNTING)
    freed = remove_old(platform, dry_run=True).freed
    rows = [{"name": name, "bytes": size, "files": files} for name, (size, files) in kinds.items()]
    rows.sort(key=lambda row: (-int(str(row["bytes"])), str(row["name"])))
    total = sum(size for size, _files in kinds.values())
    context.log(f"bytes={total} kinds={len(rows)} would_free={freed}")
    return Outcome({"kinds": rows, "freed": freed, "total": total, "removed": removed})


def _files(home: Path) -> Iterator[tuple[str, int]]:
    """Kind and bytes of every file; links are not followed."""
    waiting = [(home, "")]
    while waiting:
        folder, inherited = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:  # it goes just now, or may not be read
            continue
        for entry in entries:
            kind = inherited or _kind(Path(entry.path).relative_to(home).parts)
            if publish.is_scratch(entry.name):
                kind = "scratch"
            try:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((Path(entry.path), kind))
                else:
                    yield kind or "other", entry.stat(follow_symlinks=False).st_size
            except OSError:
                continue


def _kind(parts: tuple[str, ...]) -> str:
    """What stands at a place of the home; empty: its parts are of different kinds."""
    top = parts[0]
    if top == "tasks":
        inner = parts[2] if len(parts) > 2 else ""
        return {"checkpoints": "checkpoints", "output": "task-models", "": ""}.get(inner, "task-logs")
    if top.startswith(FILE):
        return "rows"
    return top if top in _NAMES else "other"
