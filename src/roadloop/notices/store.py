"""How far each target of notices was told. No decisions here."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.store import job_events, jobs, to_text
from roadloop.notices.forms import Change
from roadloop.storage.database import insert_new, metadata

notice_marks: Final = sa.Table(
    "notice_marks",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),  # of the target
    sa.Column("seq", sa.Integer, nullable=False),  # the newest event that it was told, or need not be
    sa.Column("until", sa.Integer, nullable=False, default=0),  # the last event of the message being sent; 0: none is
    sa.Column("tries", sa.Integer, nullable=False, default=0),  # of that message
    sa.Column("next_at", sa.Float, nullable=False, default=0.0),  # nobody sends before
    sa.Column("told", sa.Integer, nullable=False, default=0),  # messages that arrived
    sa.Column("told_at", sa.Float),
    sa.Column("problem", sa.JSON(none_as_null=True)),  # why the last try failed, [zh, en]
)


class Mark(NamedTuple):
    """How far a target was told; see the table."""

    name: str
    seq: int
    until: int
    tries: int
    next_at: float
    told: int
    told_at: float | None
    problem: Text | None


def newest_event(db: sa.Connection) -> int:
    """The number of the newest event; 0: there is none."""
    return db.execute(sa.select(sa.func.max(job_events.c.seq))).scalar() or 0


def mark_of(db: sa.Connection, name: str) -> Mark | None:
    """How far a target was told; None: it is new."""
    row = db.execute(notice_marks.select().where(notice_marks.c.name == name)).mappings().first()
    return None if row is None else Mark(**{**row, "problem": to_text(row["problem"])})


def begin(db: sa.Connection, name: str) -> None:
    """A new target is told what happens from now on."""
    insert_new(db, notice_marks, {"name": name, "seq": newest_event(db)})


def move(db: sa.Connection, mark: Mark, values: Mapping[str, Any]) -> bool:
    """Change a target's row if it is as it was read; whether it was."""
    as_read = (notice_marks.c.name == mark.name, notice_marks.c.seq == mark.seq, notice_marks.c.next_at == mark.next_at)
    return db.execute(notice_marks.update().where(*as_read).values(**values)).rowcount == 1


def changes(db: sa.Connection, after: int, until: int | None, settled: float, limit: int) -> list[Change]:
    """What happened to jobs, oldest first.

    Args:
        db: A connection for reading.
        after: The event before the first.
        until: The last event; None: no last one.
        settled: Only what happened before this moment.
        limit: As many at most.
    """
    event = job_events.c
    query = sa.select(
        event.seq, event.job_id, jobs.c.kind, jobs.c.title, event.state, event.token, event.text, jobs.c.error, event.at
    ).join(jobs, jobs.c.id == event.job_id)
    query = query.where(event.seq > after, event.at < settled).order_by(event.seq).limit(limit)
    if until is not None:
        query = query.where(event.seq <= until)
    return [
        Change(row.seq, row.job_id, row.kind, row.title, _state(row), to_text(row.text), row.error, row.at)
        for row in db.execute(query)
    ]


def _state(row: Any) -> str:
    lost = row.state == "queued" and row.token and row.text is not None
    return "lost" if lost else str(row.state)
