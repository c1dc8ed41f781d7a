"""The sums of what succeeded jobs have left on the disk: what `fsck` looks for, whoever has touched the folders.

A folder with a manifest has one row, of the manifest, which has the sums of everything else; any other file has its own.
They are written in the transaction that chooses the job's output.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import sqlalchemy as sa

from roadloop.jobs.store import seals
from roadloop.storage import publish
from roadloop.storage.paths import Workspace


def sums(workspace: Workspace, moves: Iterable[tuple[Path, Path]]) -> dict[str, str]:
    """The sums of a job's output, by stored path; logs have none.

    Args:
        workspace: Names the paths.
        moves: (scratch, target) of what becomes visible; what is visible already stands under its target.
    """
    places = {target: scratch if scratch.exists() else target for scratch, target in moves}
    sealed = {target.parent for target in places if target.name == publish.MANIFEST}
    found = {}
    for target, place in places.items():
        inside = target.name != publish.MANIFEST and not sealed.isdisjoint(target.parents)
        if not inside and not target.is_relative_to(workspace.logs):
            for file in _files(place):
                stored = workspace.store_path(target / file.relative_to(place))
                found[stored] = publish.sha256_file(file)
    return found


def store(db: sa.Connection, task_id: str, found: Mapping[str, str]) -> None:
    """Write the sums of a job's output; what stood there before is forgotten."""
    paths = list(found)
    for first in range(0, len(paths), 500):
        db.execute(seals.delete().where(seals.c.path.in_(paths[first : first + 500])))
    if found:
        db.execute(seals.insert(), [{"path": p, "task_id": task_id, "sha256": s} for p, s in found.items()])


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    manifest = place / publish.MANIFEST
    return [manifest] if manifest.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
