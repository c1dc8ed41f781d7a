"""What has happened to jobs, counted in the transaction that writes it.

So nothing is missed or counted twice, whichever process writes an end and whoever is killed, and a server's restart
begins nothing anew. Only ever counted up; a job that ran for hours is one row's `+ 1`, so reading costs the same
however many jobs there were.
"""

import time
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa

from roadloop.jobs.store import Job, job_events
from roadloop.storage.database import insert_new, metadata

#: Upper bounds of the histograms, seconds. A new one needs no migration: old counts stay below the next old bound.
BOUNDS: Final = (1, 10, 60, 600, 3600, 21600, 86400)
UNBOUNDED: Final = 0  #: longer than all bounds, or nothing that was timed


class Measure(StrEnum):
    """What is counted."""

    WAIT = "wait"  # a claim, by pool: seconds from its way into the queue
    RUN = "run"  # an attempt that ended, by kind and outcome: seconds from its claim
    LOSS = "loss"  # a worker that was lost, by kind and cause
    FAILURE = "failure"  # a job that failed, by kind and error


job_totals: Final = sa.Table(
    "job_totals",
    metadata,
    sa.Column("measure", sa.String(10), primary_key=True),
    sa.Column("whose", sa.String(40), primary_key=True),  # kind of the jobs; of a wait, their pool
    sa.Column("outcome", sa.String(40), primary_key=True),  # or cause, or error; of a wait, empty
    sa.Column("bound", sa.Integer, primary_key=True, autoincrement=False),  # of BOUNDS, or UNBOUNDED
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),  # of all of them together
    sqlite_with_rowid=False,
)


def count(db: sa.Connection, measure: Measure, whose: str, outcome: str = "", seconds: float | None = None) -> None:
    """Count one event.

    Args:
        db: The transaction that writes the event.
        measure: What.
        whose: Kind of the job, or pool.
        outcome: As its measure says.
        seconds: How long it took; None where that does not matter.
    """
    bound = next((b for b in BOUNDS if seconds is not None and seconds <= b), UNBOUNDED)
    key = {"measure": measure.value, "whose": whose, "outcome": outcome, "bound": bound}
    more = {"number": job_totals.c.number + 1, "seconds": job_totals.c.seconds + (seconds or 0.0)}
    one = job_totals.update().where(*(job_totals.c[name] == value for name, value in key.items())).values(**more)
    if db.execute(one).rowcount == 0 and not insert_new(db, job_totals, key | {"number": 1, "seconds": seconds or 0.0}):
        db.execute(one)  # somebody else has added the row at the same moment


def seconds_in_state(db: sa.Connection, job: Job) -> float:
    """How long a job has been in its state, by the event that brought it there; a clock put back counts as 0."""
    newest = sa.select(job_events.c.at).where(job_events.c.job_id == job.id).order_by(job_events.c.seq.desc()).limit(1)
    since = db.scalar(newest)
    return 0.0 if since is None else max(0.0, time.time() - since)


def read(db: sa.Connection) -> list[sa.Row[Any]]:
    """All rows of `job_totals`, in the order of their keys."""
    return list(db.execute(sa.select(job_totals).order_by(*job_totals.primary_key.columns)))
