"""Pictures of a selection that somebody has taken out again: named beside them, and passed over by whoever cuts them.

The pictures stay where they are, so that they can be put back and the sealed folder is as its job left it.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Final

from roadloop.storage import publish, reading

REMOVED: Final = publish.CHOICES
_FORMAT: Final = "roadloop-removed/1"


def read_removed(folder: Path) -> set[str]:
    """File names that were taken out; none where nobody did, or where the file is no such list."""
    try:
        value = json.loads(reading.read_bytes(folder / REMOVED))
    except (OSError, ValueError):
        return set()
    files = value.get("files") if isinstance(value, dict) and value.get("format") == _FORMAT else None
    return {name for name in files if isinstance(name, str)} if isinstance(files, list) else set()


def write_removed(folder: Path, files: Collection[str]) -> None:
    """Say which files are taken out.

    Raises:
        DiskFullError: No space is left for it.
    """
    with publish.disk_errors(folder):
        publish.write_json(folder / REMOVED, {"format": _FORMAT, "files": sorted(files)})
