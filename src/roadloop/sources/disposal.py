"""Source sets as things that can be deleted, and what of this feature refers to others."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.store import ACTIVE, jobs
from roadloop.jobs.trash import Reference, Thing
from roadloop.sources import store
from roadloop.sources.finding.index import index_path
from roadloop.storage.paths import Workspace


def find(db: sa.Connection, workspace: Workspace, name: str) -> Thing | None:
    """The source set of that name, with what was found out about it."""
    place = workspace.entry(workspace.sources, name, "name")
    mine = (store.imports.c.dest == name, store.health.c.name == name)
    imports, health = (list(db.scalars(sa.select(where.left.table.c.task_id).where(where))) for where in mine)
    if not os.path.lexists(place) and not imports:
        return None
    index = index_path(workspace, name)
    return Thing(
        kind="source",
        name=name,
        key=name,
        title=name,
        rows=((store.imports, mine[0]), (store.health, mine[1])),
        places=(place, *(workspace.health / task_id for task_id in health), *filter(Path.is_file, [index])),
        tasks=(*imports, *health),
    )


def references(db: sa.Connection, thing: Thing) -> Iterator[Reference]:
    """Jobs that change a source set just now, and examinations that go by a model."""
    if thing.kind == "source":
        rework = sa.select(jobs.c.title).where(ACTIVE, jobs.c.kind.in_(("rework", "index")))
        for title in db.scalars(rework.where(jobs.c.payload["name"].as_string() == thing.key)):
            yield Reference(Text(f"任务 {title} 正在使用它", f"the job {title} is at work on it"), "/jobs")
    if thing.kind in {"task", "model"}:
        named = sa.select(store.health.c.name).join(jobs, jobs.c.id == store.health.c.task_id).where(ACTIVE)
        for name in db.scalars(named.where(thing.names(store.health.c.model))):
            text = Text(f"源数据 {name} 的检查正在使用它", f"the examination of the source set {name} is using it")
            yield Reference(text, f"/sources/{quote(name, safe='')}")
