"""The list of everything published, `models/index.json`: rewritten whole from the bundles that stand there."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from roadloop.storage import reading

INDEX: Final = "index.json"
RELEASE: Final = "release.json"
FORMAT: Final = "roadloop-releases/1"


@contextmanager
def locked(models: Path) -> Iterator[None]:
    """Let one process at a time read the bundles and write the index; a killed holder frees it."""
    models.mkdir(parents=True, exist_ok=True)
    handle = os.open(models / ".index.lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read_bundles(models: Path) -> list[dict[str, Any]]:
    """The record of every published bundle, `<category>/<version>/<env>-<adcode>/release.json`, in text order."""
    return [record for _path, record in _bundles(models) if record is not None]


def damaged(models: Path) -> list[Path]:
    """The records that cannot be read; their bundles are not in the index."""
    return [path for path, record in _bundles(models) if record is None]


def index_of(models: Path, new: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The content of the index: all bundles, and `new`, which is about to be put in place."""
    records = [r for r in read_bundles(models) if new is None or r["folder"] != new["folder"]]
    if new is not None:
        records.append(dict(new))
    return {"format": FORMAT, "releases": sorted(records, key=lambda r: str(r["folder"]))}


def _bundles(models: Path) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    for path in sorted(models.glob(f"*/*/*/{RELEASE}")):
        if not any(part.startswith(".") for part in path.relative_to(models).parts):
            record = read_json(path)
            yield path, record if isinstance(record, dict) and isinstance(record.get("folder"), str) else None


def read_json(path: Path) -> Any:
    """What a file says; None when it cannot be read."""
    try:
        return json.loads(reading.read_bytes(path))
    except (OSError, ValueError):
        return None
