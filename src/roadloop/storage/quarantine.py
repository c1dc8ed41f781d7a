"""Where repairs put what they take away: nothing is deleted, and each move is written down.

`<home>/quarantine/<time>/<the path it had>`, with one line for each in `<home>/quarantine/<time>/note.txt`; every repair
is a line of `<home>/logs/repairs.log`.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from roadloop.errors import Text
from roadloop.storage import publish
from roadloop.storage.folders import Folders

LOG: Final = "repairs.log"


def stamp() -> str:
    """The name of the folder for what is put aside now."""
    return datetime.now().astimezone().strftime("%Y-%m-%d_%H-%M-%S_%f")


def put(home: Path, path: Path, why: Text, when: str) -> None:
    """Move a file or folder of the home into quarantine.

    Args:
        home: The workspace.
        path: Inside it.
        why: For the note.
        when: Of `stamp`; things of one repair stand together.

    Raises:
        DiskFullError: The disk is full or read-only; it stands where it stood.
    """
    relative = path.relative_to(home)
    target = Folders(home).quarantine / when / relative
    with publish.disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
        publish.fsync(path.parent)
        publish.fsync(target.parent)
        line = f"{relative}: {why.en} | {why.zh}\n"
        _append(Folders(home).quarantine / when / "note.txt", line)
    write_log(home, Text(f"{relative} 已移到 {target}：{why.zh}", f"{relative} was moved to {target}: {why.en}"))


def write_log(home: Path, text: Text) -> None:
    """Add a line to the log of repairs."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    place = Folders(home).logs / LOG
    with publish.disk_errors(place):
        place.parent.mkdir(exist_ok=True)
        _append(place, f"{now} {text.en} | {text.zh}\n")


def _append(path: Path, line: str) -> None:
    data = line.encode("utf-8", "surrogateescape")
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
