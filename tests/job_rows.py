"""Rows of jobs that have ended, or have not begun, without their work."""

import time
from typing import Any

import sqlalchemy as sa

from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.jobs.store import jobs
from roadloop.overview.waiting import DAY
from roadloop.storage.platform import Platform

DONE = JobState.SUCCEEDED


def job(platform: Platform, kind: str, title: str, state: JobState = DONE, *, days: float = 0, **result: Any) -> str:
    """A job's row as it is after so many days."""
    at = time.time() - days * DAY
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission(kind, {}, title))
        ended = None if state in (JobState.CREATED, JobState.QUEUED, JobState.RUNNING) else at
        values = {"state": state.value, "created_at": at, "finished_at": ended, "result": result}
        db.execute(jobs.update().where(jobs.c.id == task_id).values(**values))
    return task_id


def row(platform: Platform, table: sa.Table, task_id: str, **values: Any) -> None:
    """A feature's row of a job; what is not said is empty."""
    for column in table.c:
        if column.name not in values and not column.nullable and column.name not in ("id", "task_id"):
            values[column.name] = {} if isinstance(column.type, sa.JSON) else column.type.python_type()
    with platform.database.transaction() as db:
        db.execute(table.insert().values(task_id=task_id, **values))
