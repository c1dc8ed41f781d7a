"""What `fsck` asks of releases: whether their index says what the bundles do."""

from collections.abc import Iterator

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.findings import Cure, Problem, Repair
from roadloop.jobs.states import ENDED
from roadloop.jobs.store import jobs
from roadloop.releases.index import INDEX, index_of, locked, read_bundles, read_json
from roadloop.storage import publish
from roadloop.storage.platform import Platform
from roadloop.storage.trash import trash


def index(platform: Platform, *, hashes: bool) -> Iterator[Problem]:
    """The index when it is gone, cannot be read, or is not that of the bundles; it is small, so `hashes` says nothing here."""
    del hashes
    with platform.database.reading() as db:
        unfinished = sa.select(jobs.c.id).where(jobs.c.kind == "release", jobs.c.state.not_in(ENDED))
        moving = sa.select(trash.c.id).where(trash.c.kind == "release", trash.c.state != "deleted")
        if db.scalar(unfinished.limit(1)) or db.scalar(moving.limit(1)):  # it may be between its two renames
            return
    models = platform.workspace.models
    path = models / INDEX
    if not path.exists() and not read_bundles(models):
        return
    if read_json(path) != index_of(models):
        text = Text(f"{path} 与发布包不符。", f"{path} is not the index of the bundles.")
        yield Problem(
            text, Cure(str(path), Text(f"由发布包重建 {path}", f"make {path} anew from the bundles"), rebuild)
        )


def rebuild(repair: Repair) -> None:
    """Write the index anew from the bundles."""
    models = repair.platform.workspace.models
    with locked(models):
        publish.write_json(models / INDEX, index_of(models))
    repair.log(Text(f"{models / INDEX} 已重建", f"{models / INDEX} was made anew from the bundles"))
