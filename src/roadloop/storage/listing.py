"""Listing folders that people fill, with their symbolic links: followed inside the workspace and its roots, else named.

Nothing is opened. A folder that links lead to a second time is named too, so that no picture counts twice and no loop
is walked.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from roadloop.errors import Text
from roadloop.storage.paths import LEADS_OUT

LEADS_NOWHERE: Final = Text("链接指向的文件不存在", "a link to nothing")
TWICE: Final = Text(
    "链接指向的目录已在其中，或包含它，不重复读取", "a link to a folder that is walked already, or that holds it"
)


class Left(NamedTuple):
    """A name that is left out, and why."""

    name: str
    reason: Text


class Folder(NamedTuple):
    """What one folder holds, in text order, without hidden names.

    Attributes:
        path: The folder, under the name by which it was reached.
        files: Names of what is no folder; links to such things are followed.
        folders: Names of folders, and of links to folders.
        left_out: Links that lead out or nowhere; an empty name is the folder itself, which cannot be listed.
    """

    path: Path
    files: list[str]
    folders: list[str]
    left_out: list[Left]


def list_folder(path: Path, holds: Callable[[Path], bool]) -> Folder:
    """List one folder.

    Args:
        path: The folder.
        holds: Whether a path without links may be read; `Workspace.holds`.

    Raises:
        OSError: It cannot be listed.
    """
    found = Folder(path, [], [], [])
    with os.scandir(path) as entries:
        named = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda e: e.name)
    for entry in named:
        problem = _link_problem(path / entry.name, holds) if entry.is_symlink() else None
        if problem is not None:
            found.left_out.append(Left(entry.name, problem))
        elif entry.is_dir():
            found.folders.append(entry.name)
        else:
            found.files.append(entry.name)
    return found


def walk(top: Path, holds: Callable[[Path], bool]) -> Iterator[Folder]:
    """The folder `top` and all folders below it, each before those in it, in text order.

    Args:
        top: Where to begin.
        holds: As in `list_folder`.
    """
    entered = {top.resolve()}
    waiting = [top]
    while waiting:
        path = waiting.pop()
        try:
            found = list_folder(path, holds)
        except OSError as error:
            what = error.strerror or type(error).__name__
            found = Folder(path, [], [], [Left("", Text(f"目录无法列出：{what}", f"Cannot be listed: {what}"))])
        for name in list(found.folders):
            if (path / name).is_symlink():
                real = (path / name).resolve()
                if any(real.is_relative_to(other) or other.is_relative_to(real) for other in entered):
                    found.folders.remove(name)
                    found.left_out.append(Left(name, TWICE))
                else:
                    entered.add(real)
        waiting += [path / name for name in reversed(found.folders)]
        yield found


def _link_problem(path: Path, holds: Callable[[Path], bool]) -> Text | None:
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
        return LEADS_NOWHERE
    return None if holds(real) else LEADS_OUT
