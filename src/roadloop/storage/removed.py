"""What stands in the folder of a selection beside its pictures, and which of these somebody has taken out again.

Those are named beside them, and passed over by whoever cuts or evaluates the folder.

The pictures stay where they are, so that they can be put back and the sealed folder is as its job left it.
"""

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from roadloop.storage import publish, reading

REMOVED: Final = publish.CHOICES
SELECTION: Final = "selection.csv"
SHEET: Final = "contact-sheet-"
_FORMAT: Final = "roadloop-removed/1"


def read_removed(folder: Path) -> set[str]:
    """File names that were taken out; none where nobody did, or where the file is no such list."""
    try:
        value = json.loads(reading.read_bytes(folder / REMOVED))
    except (OSError, ValueError):
        return set()
    files = value.get("files") if isinstance(value, dict) and value.get("format") == _FORMAT else None
    return {name for name in files if isinstance(name, str)} if isinstance(files, list) else set()


def passed_over(folder: Path, files: Collection[str], holds: Callable[[Path], bool]) -> set[str]:
    """The files of a selection's folder that are none of its pictures: contact sheets, and what was taken out.

    Args:
        folder: Any folder; in one that holds no selection nothing is passed over.
        files: What stands in it.
        holds: Whether a path without links may be read.
    """
    if SELECTION not in files:
        return set()
    removed = read_removed(folder) if holds((folder / REMOVED).resolve()) else set()
    return {name for name in files if name.startswith(SHEET) or name in removed}


def write_removed(folder: Path, files: Collection[str]) -> None:
    """Say which files are taken out.

    Raises:
        DiskFullError: No space is left for it.
    """
    with publish.disk_errors(folder):
        publish.write_json(folder / REMOVED, {"format": _FORMAT, "files": sorted(files)})
