"""Engines as things that can be deleted, and what of this feature refers to others."""

from collections.abc import Iterator

import sqlalchemy as sa

from roadloop.engines.service import KIND, STANDING
from roadloop.errors import Text
from roadloop.jobs.states import GIVEN_UP
from roadloop.jobs.store import jobs
from roadloop.jobs.trash import Reference, Thing
from roadloop.storage.paths import Workspace


def find(db: sa.Connection, workspace: Workspace, name: str) -> Thing | None:
    """The engine of a task id, with its folder."""
    row = db.execute(sa.select(jobs.c.title, jobs.c.payload).where(STANDING, jobs.c.id == name)).first()
    if row is None:
        return None
    recipe = row.payload
    return Thing(
        kind="engine",
        name=name,
        key=f"{recipe['source']}/{recipe['file']}",
        title=row.title,
        places=(workspace.home / recipe["folder"],),
        tasks=(name,),
    )


def references(db: sa.Connection, thing: Thing) -> Iterator[Reference]:
    """Conversions of a task's models, or of one of them, and those whose pictures come from a dataset."""
    source, file = (jobs.c.payload[name].as_string() for name in ("source", "model"))
    found = (
        sa.select(jobs.c.id, jobs.c.title)
        .where(jobs.c.kind == KIND, jobs.c.state.not_in(GIVEN_UP), jobs.c.error.is_(None))
        .order_by(jobs.c.seq)
    )
    if thing.kind in {"task", "release"}:
        found = found.where(source == thing.key)
    elif thing.kind == "model":
        of, _, name = thing.key.rpartition("/")
        found = found.where(source == (of or "weights"), file == name)
    else:
        return
    for task_id, title in db.execute(found):
        yield Reference(Text(f"引擎 {title} 来自它", f"the engine {title} comes from it"), f"/engines/{task_id}")
