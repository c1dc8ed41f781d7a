"""Rows of annotators. No decisions here."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.jobs.queue import JobState, jobs
from roadloop.storage.database import Database, insert_new, metadata

downloads: Final = sa.Table(
    "downloads",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("taskid_start", sa.BigInteger, nullable=False),
    sa.Column("taskid_end", sa.BigInteger, nullable=False),
    sa.Column("dest", sa.Text, nullable=False),
    sa.Column("annotator", sa.String(20), nullable=False),
    sqlite_autoincrement=True,
)

pushes: Final = sa.Table(
    "pushes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("annotator", sa.String(20), nullable=False),
    sqlite_autoincrement=True,
)

annotation_tasks: Final = sa.Table(
    "annotation_tasks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("server", sa.Text, nullable=False),  # its URL
    sa.Column("remote_id", sa.BigInteger, nullable=False),  # the task's id there
    sa.Column("project", sa.BigInteger, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),  # package
    sa.Column("name", sa.Text, nullable=False),  # picture in the package
    sa.Column("pulled", sa.JSON, nullable=False),  # released version -> which annotation stands there
    sa.UniqueConstraint("server", "remote_id"),
    sa.Index("ix_annotation_tasks_package", "version", "number"),
    sa.Index("ix_annotation_tasks_project", "server", "project"),
    sqlite_autoincrement=True,
)


class Handed(NamedTuple):
    """A package that was handed over, as it was the last time.

    Attributes:
        annotator: `folder` or `label-studio`.
        person: Who took it, as it was said; empty: nobody said.
    """

    annotator: str
    person: str


def handed(db: sa.Connection, version: str) -> dict[int, Handed]:
    """Packages of a version that were handed over, by number."""
    query = (
        sa.select(pushes.c.number, pushes.c.annotator, jobs.c.payload["person"].as_string().label("person"))
        .join(jobs, jobs.c.id == pushes.c.task_id)
        .where(pushes.c.version == version, jobs.c.state == JobState.SUCCEEDED)
        .order_by(pushes.c.id)
    )
    return {row.number: Handed(row.annotator, row.person or "") for row in db.execute(query)}


def remember_task(database: Database, values: Mapping[str, Any]) -> None:
    """Add a pushed picture, unless its task is known already."""
    with database.transaction() as db:
        insert_new(db, annotation_tasks, {"pulled": {}, **values})


def remote_ids(database: Database, server: str, project: int) -> list[int]:
    """Task ids of a project."""
    t = annotation_tasks
    with database.reading() as db:
        return list(db.scalars(sa.select(t.c.remote_id).where(t.c.server == server, t.c.project == project)))


def task_range(database: Database, server: str, start: int, end: int) -> list[int]:
    """Known task ids from `start` to `end`, both included, ascending."""
    t = annotation_tasks
    query = sa.select(t.c.remote_id).where(t.c.server == server, t.c.remote_id.between(start, end))
    with database.reading() as db:
        return list(db.scalars(query.order_by(t.c.remote_id)))


def find_task(database: Database, server: str, remote_id: int) -> sa.Row[Any]:
    """The row of a task that `task_range` named."""
    t = annotation_tasks
    with database.reading() as db:
        return db.execute(sa.select(t).where(t.c.server == server, t.c.remote_id == remote_id)).one()


def project_of(database: Database, server: str, version: str, number: int) -> int | None:
    """The newest project that a package was pushed as."""
    t = annotation_tasks
    query = sa.select(t.c.project).where(t.c.server == server, t.c.version == version, t.c.number == number)
    with database.reading() as db:
        return db.scalar(query.order_by(t.c.id.desc()).limit(1))


def set_pulled(database: Database, server: str, version: str, stamps: Mapping[int, str]) -> None:
    """Note which annotations stand in a released version."""
    t = annotation_tasks
    with database.transaction() as db:
        for remote_id, stamp in stamps.items():
            where = (t.c.server == server) & (t.c.remote_id == remote_id)
            pulled = dict(db.scalar(sa.select(t.c.pulled).where(where)) or {})
            db.execute(t.update().where(where).values(pulled={**pulled, version: stamp}))
