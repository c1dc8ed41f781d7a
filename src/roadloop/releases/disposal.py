"""Releases as things that can be deleted, and what of this feature refers to others."""

from collections.abc import Iterator

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.states import GIVEN_UP
from roadloop.jobs.store import jobs
from roadloop.jobs.trash import Reference, Thing
from roadloop.releases.index import INDEX, index_of, locked
from roadloop.releases.store import releases
from roadloop.storage import publish
from roadloop.storage.paths import Workspace


def find(db: sa.Connection, workspace: Workspace, name: str) -> Thing | None:
    """The release of a task id, with its bundle."""
    row = db.execute(sa.select(releases).where(releases.c.task_id == name)).first()
    if row is None:
        return None
    bundle = f"{row.category}/{row.version}/{row.env}-{row.adcode}"
    r, place = releases.c, (row.category, row.env, row.adcode)
    newer = sa.select(r.id).where(sa.tuple_(r.category, r.env, r.adcode) == place, r.live, r.id > row.id)
    remarks: tuple[Text, ...] = ()
    if row.live and db.scalar(newer.limit(1)) is None:
        remarks = (
            Text(
                f"它是 {row.env} · {row.adcode} 现在的版本；删除后由之前的版本接替。",
                f"It is what serves {row.env} · {row.adcode} now; the release before it takes its place.",
            ),
        )
    return Thing(
        kind="release",
        name=name,
        key=f"{row.category}/{row.version}",
        title=bundle,
        rows=((releases, r.task_id == name),),
        places=(workspace.models / bundle,) if row.live else (),
        tasks=(name,),
        remarks=remarks,
    )


def references(db: sa.Connection, thing: Thing) -> Iterator[Reference]:
    """Releases of a task's models, of one of them, or that an evaluation speaks for."""
    r = releases.c
    found = (
        sa.select(r.task_id, jobs.c.title)
        .join(jobs, jobs.c.id == r.task_id)
        .where(r.live, jobs.c.state.not_in(GIVEN_UP))
        .order_by(r.id)
    )
    if thing.kind == "task":
        found = found.where(r.source == thing.key)
    elif thing.kind == "model":
        source, _, file = thing.key.rpartition("/")
        found = found.where(r.source == source, r.file == file)
    elif thing.kind == "evaluation":
        found = found.where(jobs.c.payload["evaluation"].as_string() == thing.key)
    else:
        return
    for task_id, title in db.execute(found):
        yield Reference(Text(f"发布 {title} 来自它", f"the release {title} comes from it"), f"/release/{task_id}")


def write_index(workspace: Workspace) -> None:
    """Write the list of all bundles anew, when one has gone or come back."""
    models = workspace.models
    with locked(models):
        publish.write_json(models / INDEX, index_of(models))
