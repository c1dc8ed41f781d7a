"""The queue's tables and the record of one job. No decisions here."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.states import JobState
from roadloop.storage.database import metadata

#: The jobs that have not ended, in the words of their index.
ACTIVE: Final[sa.ColumnElement[Any]] = sa.literal_column("state IN ('queued', 'running')")
#: The jobs that wait, likewise.
WAITING: Final[sa.ColumnElement[Any]] = sa.literal_column("state = 'queued'")

jobs: Final = sa.Table(
    "jobs",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),  # order of submission
    sa.Column("id", sa.String(32), nullable=False, unique=True),  # the task_id of the interface
    sa.Column("kind", sa.String(40), nullable=False),  # key of registry.TASKS
    sa.Column("title", sa.Text, nullable=False),  # the name people gave the work
    sa.Column(
        "author", sa.Text, nullable=False, default="", server_default=""
    ),  # who submitted it; "": nobody has a name
    sa.Column("pool", sa.String(20), nullable=False),  # training | other
    sa.Column("priority", sa.Integer, nullable=False),  # higher first
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("token", sa.Integer, nullable=False, default=0),  # fencing token, raised at each claim
    sa.Column("attempt", sa.Integer, nullable=False, default=0),  # claims so far
    sa.Column("losses", sa.Integer, nullable=False, default=0),  # workers lost since it last got further
    sa.Column("max_attempts", sa.Integer, nullable=False),  # so many losses in a row fail it
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("gpus", sa.Text, nullable=False),  # indices asked for, "" or cpu = CPU
    sa.Column("log", sa.Text, nullable=False),  # relative to the workspace
    sa.Column("progress", sa.Float, nullable=False, default=0.0),  # 0..1
    sa.Column("eta_seconds", sa.Float),
    sa.Column("note", sa.JSON),  # what it does just now, [zh, en]
    sa.Column("reason", sa.JSON),  # why it waits or failed, [zh, en]
    sa.Column("error", sa.Text),  # stable code of the failure
    sa.Column("warnings", sa.JSON, nullable=False),  # [[zh, en], ...]
    sa.Column("result", sa.JSON),
    sa.Column("memo", sa.JSON, nullable=False, default=dict),  # what the next attempt must know
    sa.Column("moves", sa.JSON),  # renames chosen for this job, [[from, to], ...]
    sa.Column("finishing", sa.Boolean, nullable=False, default=False),  # the moves are the last ones
    sa.Column("cancel_requested", sa.Boolean, nullable=False, default=False),
    sa.Column("beat", sa.Integer, nullable=False, default=0),  # signs of life
    sa.Column("queued_seq", sa.Integer, nullable=False, default=0),  # place in the queue
    sa.Column("host", sa.Text),
    sa.Column("seats", sa.JSON(none_as_null=True)),  # of a job on several hosts, [[host, address, [gpu, ...]], ...]
    sa.Column("meeting", sa.JSON(none_as_null=True)),  # where its process waits for the followers on the others
    sa.Column("pid", sa.Integer),
    sa.Column("pid_ticks", sa.BigInteger),  # see identity
    sa.Column("boot_id", sa.String(36)),
    sa.Column("created_at", sa.Float, nullable=False, default=time.time),
    sa.Column("started_at", sa.Float),
    sa.Column("finished_at", sa.Float),
    sa.CheckConstraint(
        "state IN ('created', 'queued', 'running', 'succeeded', 'failed', 'cancelled')", name="state_known"
    ),
    sa.Index("ix_jobs_queue", "state", "pool", "gpus", "priority", "queued_seq"),
    sa.Index("ix_jobs_kind", "kind", "seq"),
    sa.Index("ix_jobs_active", "seq", sqlite_where=ACTIVE, postgresql_where=ACTIVE),
    sa.Index("ix_jobs_waiting", "pool", "kind", "state", sqlite_where=WAITING, postgresql_where=WAITING),
    sqlite_autoincrement=True,
)

NAMES: Final = tuple(jobs.c.keys())  #: of the columns, in their order

job_events: Final = sa.Table(
    "job_events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, index=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("token", sa.Integer, nullable=False),
    sa.Column("text", sa.JSON),
    sa.Column("at", sa.Float, nullable=False),
    sqlite_autoincrement=True,
)

gpu_leases: Final = sa.Table(
    "gpu_leases",
    metadata,
    sa.Column("uuid", sa.String(80), primary_key=True),
    sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False),
    sa.Column("token", sa.Integer, nullable=False),
)

#: In a job's `error`: it succeeded, and what it made is gone.
LOST: Final = "lost"
#: Likewise: what it made, or would have made, was deleted.
DELETED: Final = "deleted"

#: What succeeded jobs have left on the disk; see `jobs.seals`.
seals: Final = sa.Table(
    "seals",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),  # of a file, as Workspace.store_path names it
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, index=True),
    sa.Column("sha256", sa.String(64), nullable=False),
)


class Seat(NamedTuple):
    """What a job on several hosts has on one of them.

    Attributes:
        host: Its name.
        address: Its IP address.
        gpus: UUIDs of the GPUs there; none: its processors.
    """

    host: str
    address: str
    gpus: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """One job as it stood when it was read."""

    seq: int
    id: str
    kind: str
    title: str
    author: str
    pool: str
    priority: int
    state: JobState
    token: int
    attempt: int
    losses: int
    max_attempts: int
    payload: dict[str, Any]
    gpus: str
    log: str
    progress: float
    eta_seconds: float | None
    note: Text | None
    reason: Text | None
    error: str | None
    warnings: tuple[Text, ...]
    result: dict[str, Any] | None
    memo: dict[str, Any]
    moves: tuple[tuple[str, str], ...]
    finishing: bool
    cancel_requested: bool
    beat: int
    queued_seq: int
    host: str | None
    seats: tuple[Seat, ...]
    meeting: dict[str, Any] | None
    pid: int | None
    pid_ticks: int | None
    boot_id: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where it runs, or ran last; its own process's host first."""
        return tuple(seat.host for seat in self.seats) or (() if self.host is None else (self.host,))


@dataclass(frozen=True)
class Submission:
    """A job to be queued."""

    kind: str
    payload: dict[str, Any]
    title: str
    pool: str = "other"
    gpus: str = ""
    priority: int = 0
    state: JobState = JobState.QUEUED
    max_attempts: int = 3
    log: str = ""  #: relative to the workspace; empty: logs/<task_id>.log
    warnings: tuple[Text, ...] = field(default=())


def to_text(value: Any) -> Text | None:
    """A stored [zh, en] pair as a text."""
    return None if value is None else Text(*value)


def from_row(row: sa.Row[Any] | Mapping[str, Any]) -> Job:
    """A row of `jobs` as a record."""
    cells = row if isinstance(row, Mapping) else row._mapping  # noqa: SLF001 - SQLAlchemy's public name
    values = {name: cells[name] for name in NAMES}
    values["state"] = JobState(values["state"])
    values["note"] = to_text(values["note"])
    values["reason"] = to_text(values["reason"])
    values["warnings"] = tuple(Text(*w) for w in values["warnings"])
    values["seats"] = tuple(Seat(host, address, tuple(gpus)) for host, address, gpus in values["seats"] or ())
    values["moves"] = tuple((a, b) for a, b in values["moves"] or ())
    job = object.__new__(Job)
    vars(job).update(values)  # as the columns are its fields; a frozen record sets them one by one, many times as slow
    return job
