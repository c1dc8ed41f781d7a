"""Datasets as things that can be deleted, and what of this feature refers to others."""

from collections.abc import Iterator
from urllib.parse import quote

import sqlalchemy as sa

from roadloop.datasets.store import datasets, find_live
from roadloop.errors import Text
from roadloop.jobs.states import GIVEN_UP
from roadloop.jobs.store import jobs
from roadloop.jobs.trash import Reference, Thing
from roadloop.lists import read_names
from roadloop.storage.paths import Workspace


def find(db: sa.Connection, workspace: Workspace, name: str) -> Thing | None:
    """The dataset of that name."""
    row = find_live(db, name)
    if row is None:
        return None
    return Thing(
        kind="dataset",
        name=name,
        key=name,
        title=name,
        rows=((datasets, datasets.c.task_id == row.task_id),),
        places=(workspace.dataset(name),),
        tasks=(row.task_id,),
    )


def references(db: sa.Connection, thing: Thing) -> Iterator[Reference]:
    """Datasets that were built from a source set, and increments that stand on a dataset."""
    d = datasets.c
    live = (
        sa.select(d.name, d.sour_data).join(jobs, jobs.c.id == d.task_id).where(d.live, jobs.c.state.not_in(GIVEN_UP))
    )
    if thing.kind == "source":
        for row in db.execute(live.where(d.sour_data.contains(thing.key, autoescape=True))):
            if thing.key in read_names(row.sour_data):
                yield _of(row.name, "由它生成", "was built from it")
    if thing.kind == "dataset":
        base = jobs.c.payload["recipe"]["base_data"].as_string()
        for row in db.execute(live.where(base == thing.key)):
            yield _of(row.name, "以它为增量基础", "is an increment of it")


def _of(name: str, zh: str, en: str) -> Reference:
    return Reference(Text(f"数据 {name} {zh}", f"the dataset {name} {en}"), f"/datasets/{quote(name, safe='')}")
