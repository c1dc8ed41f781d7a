"""The newest jobs of every kind, as briefly as rows can be read: what has happened lately, and what came after it."""

from collections.abc import Collection
from typing import Final, NamedTuple

import sqlalchemy as sa

from roadloop.jobs.states import JobState
from roadloop.jobs.store import jobs


class Recent(NamedTuple):
    """One job.

    Attributes:
        created_at: Unix seconds, as `finished_at`, which is None before its end.
    """

    seq: int
    id: str
    kind: str
    title: str
    state: JobState
    created_at: float
    finished_at: float | None


_COLUMNS: Final = tuple(jobs.c[name] for name in Recent._fields)


def newest(db: sa.Connection, most: int) -> list[Recent]:
    """The newest jobs, `most` at most; as quick with a million rows."""
    rows = db.execute(sa.select(*_COLUMNS).order_by(jobs.c.seq.desc()).limit(most))
    return [Recent._make(row)._replace(state=JobState(row.state)) for row in rows]


def numbers(db: sa.Connection, task_ids: Collection[str], fact: str) -> dict[str, int]:
    """A whole number of the results of some jobs, by task id; those that do not say it are left out."""
    told = jobs.c.result[fact].as_integer()
    rows = db.execute(sa.select(jobs.c.id, told).where(jobs.c.id.in_(task_ids)))
    return {task_id: number for task_id, number in rows if number is not None}
