"""What takes the room on the disk, by kind: ordered here, counted by a job (`disk`), and read from its row at once."""

import time
from typing import Any, Final

import sqlalchemy as sa
from pydantic import Field

from roadloop.jobs import queue
from roadloop.jobs.history import format_time
from roadloop.jobs.states import JobState
from roadloop.jobs.store import ACTIVE, jobs
from roadloop.parameters import Parameters
from roadloop.storage.platform import Platform

KIND: Final = "measure"
EVERY_SECONDS: Final = 86_400.0  #: a figure that is older is counted again


class Measure(Parameters):
    """What the job carries, and what is asked."""

    tidy: bool = Field(False, description="First remove what is older than the settings keep.")


def submit(db: sa.Connection, order: Measure) -> str:
    """Order a count, unless one waits or runs, whose task id is answered."""
    active = sa.select(jobs.c.id).where(ACTIVE, jobs.c.kind == KIND).limit(1)
    title = "tidy, disk" if order.tidy else "disk"
    return db.scalar(active) or queue.submit(db, queue.Submission(KIND, order.payload(), title))


def submit_if_old(platform: Platform) -> None:
    """Order a count where the newest one is a day old."""
    with platform.database.reading() as db:
        ended = db.scalar(sa.select(sa.func.max(jobs.c.finished_at)).where(jobs.c.kind == KIND))
    if ended is None or ended < time.time() - EVERY_SECONDS:
        platform.database.write(lambda: lambda db: submit(db, Measure()))


def newest(db: sa.Connection) -> dict[str, Any] | None:
    """The newest count, of one row: `kinds` (name, bytes, files; the largest first), `freed`, `total`, `at`.

    None before the first one.
    """
    done = sa.select(jobs.c.result, jobs.c.finished_at).where(
        jobs.c.kind == KIND, jobs.c.state == JobState.SUCCEEDED.value
    )
    row = db.execute(done.order_by(jobs.c.seq.desc()).limit(1)).first()
    return None if row is None else {**row.result, "at": format_time(row.finished_at)}


def at_work(db: sa.Connection) -> str | None:
    """The task id of a count that waits or runs."""
    return db.scalar(sa.select(jobs.c.id).where(ACTIVE, jobs.c.kind == KIND).limit(1))
