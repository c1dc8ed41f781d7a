"""The durable queue: submit, claim, fence, finish. Every function works inside the caller's transaction.

A claim raises the job's token; every later write of its worker carries the token (`fenced`), so a worker that was
given up cannot change anything any more. Order comes from the `seq` of event rows, never from a clock.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import ConflictError, InvalidTransitionError, NotFoundError, StaleRunError, Text
from roadloop.jobs import totals
from roadloop.jobs.states import ENDED, JobState, check_transition
from roadloop.jobs.store import Job, Seat, Submission, from_row, gpu_leases, job_events, jobs
from roadloop.jobs.totals import Measure
from roadloop.storage.database import author, insert_new

__all__ = [
    "Job", "JobState", "Line", "Submission", "cancel", "cancel_running", "claim", "fenced", "finish", "get", "held_gpus", "jobs", "lines",
    "queued", "requeue", "running", "start", "submit", "touch",
]  # fmt: skip

_NO_PROCESS: Final[Mapping[str, None]] = {"pid": None, "pid_ticks": None, "boot_id": None}


class Line(NamedTuple):
    """One queue: jobs in it wait for the same, so that only the first ones can start."""

    pool: str
    gpus: str
    priority: int


def submit(db: sa.Connection, submission: Submission) -> str:
    """Add a job. Write the domain row that belongs to it in the same transaction.

    Returns:
        The task id, 32 hex digits.
    """
    task_id = uuid.uuid4().hex
    log, warnings = submission.log or f"logs/{task_id}.log", [list(w) for w in submission.warnings]
    more = {"id": task_id, "log": log, "warnings": warnings, "author": author(db)}
    db.execute(jobs.insert().values({**vars(submission), **more}))
    seq = _event(db, task_id, submission.state, 0, None)
    db.execute(jobs.update().where(jobs.c.id == task_id).values(queued_seq=seq))
    return task_id


def get(db: sa.Connection, task_id: str) -> Job:
    """Read one job.

    Raises:
        NotFoundError: No job has that id.
    """
    row = db.execute(sa.select(jobs).where(jobs.c.id == task_id)).first()
    if row is None:
        raise NotFoundError(
            Text(f"没有 task_id 为 {task_id[:80]!r} 的任务。", f"No task has the id {task_id[:80]!r}."),
            task_id=task_id[:80],
        )
    return from_row(row)


def start(db: sa.Connection, task_id: str, *, payload: dict[str, Any] | None = None, gpus: str | None = None) -> None:
    """Queue a job that was created only, or put a failed or cancelled one back: a new attempt.

    Raises:
        NotFoundError: No job has that id.
        InvalidTransitionError: It is queued, running or finished.
    """
    job = get(db, task_id)
    if job.state is JobState.RUNNING:  # which `requeue` puts back, with its GPUs
        raise InvalidTransitionError(
            Text("任务正在运行，不能再次开始。", "The job is running; it cannot be started again."),
            state=job.state.value,
        )
    check_transition(job.state, JobState.QUEUED)
    changed: dict[str, Any] = {"payload": job.payload if payload is None else payload}
    if gpus is not None:
        changed["gpus"] = gpus
    seq = _event(db, task_id, JobState.QUEUED, job.token, None)
    db.execute(
        jobs.update()
        .where(jobs.c.id == task_id)
        .values(
            state=JobState.QUEUED.value,
            losses=0,
            reason=None,
            error=None,
            note=None,
            eta_seconds=None,
            cancel_requested=False,
            finished_at=None,
            queued_seq=seq,
            **changed,
        )
    )


def cancel(db: sa.Connection, task_id: str) -> JobState:
    """Ask for the end of a job: at once where nothing runs yet, else its supervisor ends it.

    Returns:
        The state after the call: cancelled, or running while the processes are being ended.

    Raises:
        NotFoundError: No job has that id.
        ConflictError: It has ended already.
    """
    job = get(db, task_id)
    if job.state in ENDED:
        raise ConflictError(
            Text(f"任务已经结束（{job.state}），无需停止。", f"The job has already ended ({job.state})."),
            task_id=task_id,
            state=job.state.value,
        )
    if job.state is JobState.RUNNING:
        db.execute(jobs.update().where(jobs.c.id == task_id).values(cancel_requested=True))
        return JobState.RUNNING
    _end(db, job, JobState.CANCELLED, None, None)
    return JobState.CANCELLED


def cancel_running(db: sa.Connection) -> list[Job]:
    """Ask for the end of all that runs; the jobs."""
    active = running(db)
    for job in active:
        cancel(db, job.id)
    return active


def lines(db: sa.Connection) -> list[Line]:
    """The queues in which jobs wait: one for each pool, choice of GPUs and priority."""
    waiting = sa.select(jobs.c.pool, jobs.c.gpus, jobs.c.priority).where(jobs.c.state == JobState.QUEUED.value)
    return [Line(*row) for row in db.execute(waiting.distinct())]


def queued(db: sa.Connection, limit: int = 200, line: Line | None = None) -> list[Job]:
    """The jobs that wait, in one queue or in all of them, in the order in which they may start."""
    chosen = sa.select(jobs).where(jobs.c.state == JobState.QUEUED.value)
    if line is None:
        chosen = chosen.order_by(jobs.c.priority.desc(), jobs.c.queued_seq)
    else:
        of_line = (jobs.c.pool == line.pool, jobs.c.gpus == line.gpus, jobs.c.priority == line.priority)
        chosen = chosen.where(*of_line).order_by(jobs.c.queued_seq)
    rows = db.execute(chosen.limit(limit))
    return [from_row(row) for row in rows]


def running(db: sa.Connection) -> list[Job]:
    """The jobs that some process is, or should be, working on."""
    rows = db.execute(sa.select(jobs).where(jobs.c.state == JobState.RUNNING.value).order_by(jobs.c.seq))
    return [from_row(row) for row in rows]


def held_gpus(db: sa.Connection) -> dict[str, str]:
    """Leased GPUs: uuid -> task id."""
    return {row.uuid: row.job_id for row in db.execute(sa.select(gpu_leases))}


def claim(db: sa.Connection, task_id: str, gpu_uuids: Sequence[str], host: str, seats: Sequence[Seat] = ()) -> Job:
    """Take a queued job: raise its token and lease its GPUs.

    Args:
        db: An open transaction.
        task_id: The job.
        gpu_uuids: All of its GPUs.
        host: Where its process is to run.
        seats: What it has on each host, where there are several.

    Raises:
        InvalidTransitionError: Somebody else was faster: with the job, or with one of the GPUs.
    """
    job = get(db, task_id)
    check_transition(job.state, JobState.RUNNING)
    totals.count(db, Measure.WAIT, job.pool, seconds=totals.seconds_in_state(db, job))
    taken = db.execute(
        jobs.update()
        .where(jobs.c.id == task_id, jobs.c.state == JobState.QUEUED.value)
        .values(
            state=JobState.RUNNING.value,
            token=jobs.c.token + 1,
            attempt=jobs.c.attempt + 1,
            reason=None,
            beat=0,
            host=host,
            seats=[list(seat) for seat in seats] or None,
            meeting=None,
            **_NO_PROCESS,
            started_at=sa.func.coalesce(jobs.c.started_at, time.time()),
        )
    )
    job = get(db, task_id)
    if taken.rowcount != 1:
        check_transition(job.state, JobState.RUNNING)
    for gpu in gpu_uuids:
        if not insert_new(db, gpu_leases, {"uuid": gpu, "job_id": task_id, "token": job.token}):
            raise InvalidTransitionError(
                Text(f"GPU {gpu} 刚被另一个任务占用。", f"Another job has just taken GPU {gpu}."), gpu=gpu
            )
    _event(db, task_id, JobState.RUNNING, job.token, None)
    return job


def fenced(db: sa.Connection, task_id: str, token: int, values: Mapping[str, Any]) -> Job:
    """Change a running job's row as the holder of `token`.

    Returns:
        The row after the change.

    Raises:
        StaleRunError: The job is not running any more, or runs under another token.
    """
    done = db.execute(
        jobs.update()
        .where(jobs.c.id == task_id, jobs.c.token == token, jobs.c.state == JobState.RUNNING.value)
        .values(**values)
    )
    if done.rowcount != 1:
        raise StaleRunError(
            Text("这个任务已由另一个进程接手。", "Another process has taken this job over."), task_id=task_id
        )
    return get(db, task_id)


def touch(db: sa.Connection, task_id: str) -> None:
    """Write a job's row as it is: this succeeds when its worker's sign of life would."""
    db.execute(jobs.update().where(jobs.c.id == task_id).values(beat=jobs.c.beat))


def finish(
    db: sa.Connection, job: Job, state: JobState, *, reason: Text | None = None, error: str | None = None
) -> None:
    """End a running job as the holder of its token and free its GPUs.

    Raises:
        StaleRunError: The job was taken over.
    """
    current = fenced(db, job.id, job.token, {"moves": None, "finishing": False})
    _end(db, current, state, reason, error)


def requeue(db: sa.Connection, job: Job, reason: Text, *, counts: bool) -> JobState:
    """Put a running job back after its worker was lost; it keeps its place in the queue.

    Args:
        db: An open transaction.
        job: The job as the supervisor saw it; its token must still hold.
        reason: What happened.
        counts: Whether this is the job's loss, or that of the whole machine.

    Returns:
        queued, or failed when it was lost too often without getting further.
    """
    losses = job.losses + counts
    current = fenced(db, job.id, job.token, {"losses": losses, "moves": None, "finishing": False})
    if losses >= job.max_attempts:
        _end(
            db,
            current,
            JobState.FAILED,
            Text(
                f"{reason.zh} 已连续 {losses} 次，不再重试。日志里有详情；排除原因后可以重新提交或继续。",
                f"{reason.en} That was {losses} times in a row, so it is not tried again. The log says more;"
                " remove the cause, then submit or continue it.",
            ),
            "worker_lost",
        )
        return JobState.FAILED
    check_transition(current.state, JobState.QUEUED)
    totals.count(db, Measure.RUN, job.kind, "lost", totals.seconds_in_state(db, current))
    _free_gpus(db, job.id)
    db.execute(
        jobs.update()
        .where(jobs.c.id == job.id)
        .values(state=JobState.QUEUED.value, reason=list(reason), eta_seconds=None, **_NO_PROCESS)
    )
    _event(db, job.id, JobState.QUEUED, job.token, reason)
    return JobState.QUEUED


def _end(db: sa.Connection, job: Job, state: JobState, reason: Text | None, error: str | None) -> None:
    check_transition(job.state, state)
    if job.state is JobState.RUNNING:
        totals.count(db, Measure.RUN, job.kind, state.value, totals.seconds_in_state(db, job))
    if state is JobState.FAILED:
        totals.count(db, Measure.FAILURE, job.kind, error or "")
    _free_gpus(db, job.id)
    values: dict[str, Any] = {
        "state": state.value,
        "reason": None if reason is None else list(reason),
        "error": error,
        "eta_seconds": None,
        "note": None,
        "finished_at": time.time(),
    }
    if state is JobState.SUCCEEDED:
        values["progress"] = 1.0
    db.execute(jobs.update().where(jobs.c.id == job.id).values(**values))
    _event(db, job.id, state, job.token, reason)


def _free_gpus(db: sa.Connection, task_id: str) -> None:
    db.execute(gpu_leases.delete().where(gpu_leases.c.job_id == task_id))


def _event(db: sa.Connection, task_id: str, state: JobState, token: int, text: Text | None) -> int:
    done = db.execute(
        job_events.insert().values(
            job_id=task_id,
            state=state.value,
            token=token,
            text=None if text is None else list(text),
            at=time.time(),
        )
    )
    assert done.inserted_primary_key is not None
    return int(done.inserted_primary_key[0])
