"""Rows of imports and of source-set health. No decisions here."""

from typing import Any, Final

import sqlalchemy as sa

from roadloop.jobs.queue import JobState, jobs
from roadloop.storage.database import metadata

imports: Final = sa.Table(
    "imports",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("dest", sa.Text, nullable=False, index=True),  # name of the source set
    sa.Column("src", sa.Text, nullable=False),  # as sent
    sa.Column("mode", sa.String(10), nullable=False),  # copy | reference
    sa.Column("layout", sa.String(20), nullable=False),  # as asked for
    sa.Column("roadelement", sa.Text, nullable=False),  # class table; empty: the data's own
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("annotype", sa.Text, nullable=False),
    sa.Column("datakind", sa.Text, nullable=False),
    sa.Column("city", sa.Text, nullable=False),
    sa.Column("imgoprange", sa.Text, nullable=False),
    sa.Column("datum", sa.Text, nullable=False),  # wgs84 | gcj02 | bd09 | unknown
    sqlite_autoincrement=True,
)

health: Final = sa.Table(
    "source_health",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False, index=True),  # of the source set
    sa.Column("model", sa.Text, nullable=False),  # <task>/<file>; empty: no label-noise search
    sqlite_autoincrement=True,
)

_UNDER_WAY: Final = (JobState.QUEUED.value, JobState.RUNNING.value)


def insert(db: sa.Connection, table: sa.Table, values: dict[str, Any]) -> None:
    """Add a row to one of the two tables."""
    db.execute(table.insert().values(**values))


def is_task(db: sa.Connection, table: sa.Table, task_id: str) -> bool:
    """Whether a task id is one of an import, or of an examination: of one of the two tables."""
    return db.scalar(sa.select(table.c.id).where(table.c.task_id == task_id)) is not None


def import_under_way(db: sa.Connection, dest: str) -> str | None:
    """The task id of an import into `dest` that has not ended; None when there is none."""
    return db.scalar(
        sa.select(imports.c.task_id)
        .join(jobs, jobs.c.id == imports.c.task_id)
        .where(imports.c.dest == dest, jobs.c.state.in_(_UNDER_WAY))
    )


def newest_health(db: sa.Connection, name: str) -> str | None:
    """The task id of the newest finished examination of a source set."""
    return db.scalar(
        sa.select(health.c.task_id)
        .join(jobs, jobs.c.id == health.c.task_id)
        .where(health.c.name == name, jobs.c.state == JobState.SUCCEEDED.value)
        .order_by(health.c.id.desc())
        .limit(1)
    )
