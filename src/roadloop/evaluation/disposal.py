"""Evaluations as things that can be deleted, and what of this feature refers to others."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.evaluation.pictures import DATASET
from roadloop.evaluation.store import evaluation_models, evaluations
from roadloop.jobs.states import GIVEN_UP
from roadloop.jobs.store import jobs
from roadloop.jobs.trash import Reference, Thing, outputs
from roadloop.storage.paths import Workspace


def find(db: sa.Connection, workspace: Workspace, name: str) -> Thing | None:
    """The evaluation of a task id; its folder goes with it where it stands in the home and no later one has replaced it."""
    row = db.execute(sa.select(evaluations).where(evaluations.c.task_id == name)).first()
    if row is None:
        return None
    places, remarks = outputs(db, workspace, evaluations.c.dest_path, row.dest_path, name)
    return Thing(
        kind="evaluation",
        name=name,
        key=name,
        title=db.scalar(sa.select(jobs.c.title).where(jobs.c.id == name)) or name,
        rows=((evaluations, evaluations.c.task_id == name), (evaluation_models, evaluation_models.c.task_id == name)),
        places=places,
        tasks=(name,),
        remarks=remarks,
    )


def references(db: sa.Connection, thing: Thing) -> Iterator[Reference]:
    """Evaluations of a model, of a task's or a release's models, or of the pictures of a dataset or source set."""
    e, m = evaluations.c, evaluation_models.c
    found = (
        sa.select(e.task_id, jobs.c.title)
        .join(jobs, jobs.c.id == e.task_id)
        .where(jobs.c.state.not_in(GIVEN_UP))
        .order_by(e.id)
    )

    def of_models(*where: sa.ColumnElement[bool]) -> sa.Select[Any]:
        return found.where(e.task_id.in_(sa.select(m.task_id).where(*where)))

    if thing.kind in {"task", "release"}:
        yield from _of(db, of_models(m.source == thing.key))
    if thing.kind in {"model", "engine"}:
        source, _, file = thing.key.rpartition("/")
        yield from _of(db, of_models(m.source == (source or "weights"), m.file == file))
    if thing.kind in {"dataset", "source"}:
        begin = f"{DATASET}{thing.key}" if thing.kind == "dataset" else f"sources/{thing.key}"
        inside = e.sour_dir.startswith(f"{begin}/", autoescape=True)
        yield from _of(db, found.where(sa.or_(e.sour_dir == begin, inside)))


def _of(db: sa.Connection, query: sa.Select[Any]) -> Iterator[Reference]:
    for task_id, title in db.execute(query):
        yield Reference(Text(f"评估 {title} 用到它", f"the evaluation {title} is of it"), f"/evaluation/{task_id}")
