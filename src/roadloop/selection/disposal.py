"""Selections as things that can be deleted, and what of this feature refers to others."""

from collections.abc import Iterator

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.states import GIVEN_UP
from roadloop.jobs.store import jobs
from roadloop.jobs.trash import Reference, Thing, outputs
from roadloop.selection import store
from roadloop.storage.paths import Workspace


def find(db: sa.Connection, workspace: Workspace, name: str) -> Thing | None:
    """The selection of a task id; its folder goes with it where it stands in the home and no later one has replaced it."""
    row = store.find(db, name)
    if row is None:
        return None
    places, remarks = outputs(db, workspace, store.selections.c.output_path, row.output_path, name)
    return Thing(
        kind="selection",
        name=name,
        key=row.output_path,
        title=db.scalar(sa.select(jobs.c.title).where(jobs.c.id == name)) or name,
        rows=((store.selections, store.selections.c.task_id == name),),
        places=places,
        tasks=(name,),
        remarks=remarks,
    )


def references(db: sa.Connection, thing: Thing) -> Iterator[Reference]:
    """Selections that were made with a model."""
    if thing.kind not in {"task", "model"}:
        return
    s = store.selections.c
    found = sa.select(s.task_id, jobs.c.title).join(jobs, jobs.c.id == s.task_id)
    found = found.where(jobs.c.state.not_in(GIVEN_UP), thing.names(s.weights_dir)).order_by(s.id)
    for task_id, title in db.execute(found):
        text = Text(f"挑图任务 {title} 用它挑选", f"the selection {title} was made with it")
        yield Reference(text, f"/selection/{task_id}")
