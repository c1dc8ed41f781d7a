"""The lives of jobs, as their rows tell them: what `fsck` checks without looking at a folder."""

import itertools
from collections.abc import Iterator
from pkgutil import resolve_name
from typing import Any, Final, NamedTuple

import psutil
import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs import processes
from roadloop.jobs.claims import ROWS
from roadloop.jobs.findings import Cure, Problem, Repair, Report
from roadloop.jobs.states import ALLOWED, ENDED, JobState
from roadloop.jobs.store import DELETED, gpu_leases, job_events, jobs
from roadloop.storage import search
from roadloop.storage.platform import Platform

PART: Final = 2000  #: jobs that are looked at at once
ENDING_SECONDS: Final = 10.0  #: processes of a job that has just ended may need so long to go


def inspect(platform: Platform, report: Report) -> None:
    """Check states, events, tokens, leases and processes, and that each job has the row of its feature."""
    leased = sa.select(gpu_leases, jobs.c.state, jobs.c.token.label("now")).outerjoin(
        jobs, jobs.c.id == gpu_leases.c.job_id
    )
    working = {processes.job_of(process) for process in processes.find("")}
    with platform.database.reading() as db:
        leases = db.execute(leased).all()
        report.problems += [Problem(text, _numbering()) for text in search.problems(db)]
        ended = set(db.scalars(sa.select(jobs.c.id).where(jobs.c.id.in_(working), jobs.c.state.in_(ENDED))))
    for life in _all_lives(platform):
        report.jobs += 1
        report.problems += map(Problem, _life_problems(life))
    for lease in leases:
        if lease.state != JobState.RUNNING or lease.now != lease.token:
            text = Text(
                f"GPU {lease.uuid} 被没有运行的任务 {lease.job_id} 占用。",
                f"GPU {lease.uuid} is leased by job {lease.job_id}, which does not run.",
            )
            report.problems.append(Problem(text))
    left = {process: task_id for process in processes.find("") if (task_id := processes.job_of(process)) in ended}
    _, alive = psutil.wait_procs(left, timeout=ENDING_SECONDS)
    for process in alive:
        text = Text(
            f"进程 {process.pid} 属于已结束的任务 {left[process]}。",
            f"Process {process.pid} belongs to job {left[process]}, which has ended.",
        )
        report.problems.append(Problem(text))


class _Life(NamedTuple):
    """A job: its row, its events in order, and the jobs of its part of the table that have a row in their feature's."""

    row: Any
    events: list[Any]
    owned: dict[str, set[str]]


def _all_lives(platform: Platform) -> Iterator[_Life]:
    """Every job, read in parts, so that memory does not grow with their number."""
    after = ""
    part = (
        sa.select(jobs.c.id, jobs.c.kind, jobs.c.state, jobs.c.progress, jobs.c.error).order_by(jobs.c.id).limit(PART)
    )
    while True:
        with platform.database.reading() as db:
            rows = db.execute(part.where(jobs.c.id > after)).all()
            if not rows:
                return
            first, after = rows[0].id, rows[-1].id
            events = sa.select(job_events).where(job_events.c.job_id.between(first, after))
            in_order = db.execute(events.order_by(job_events.c.job_id, job_events.c.seq))
            lives = {task_id: list(its) for task_id, its in itertools.groupby(in_order, key=lambda e: e.job_id)}
            columns = {name: resolve_name(name).c.task_id for name in ROWS.values()}
            owned = {
                name: set(db.scalars(sa.select(column).where(column.between(first, after))))
                for name, column in columns.items()
            }
        yield from (_Life(row, lives.get(row.id, []), owned) for row in rows)


def _numbering() -> Cure:
    """The cure of lists whose numbers, tallies or index do not fit their rows."""

    def apply(repair: Repair) -> None:
        with repair.platform.database.transaction() as db:
            search.rebuild(db)
        repair.log(Text("列表已重新编号并建立索引", "the lists were numbered and indexed anew"))

    return Cure("lists", Text("为列表重新编号并建立索引", "number and index the lists anew"), apply)


def _life_problems(life: _Life) -> Iterator[Text]:
    row, events, task_id = life.row, life.events, life.row.id
    if not events or JobState(row.state) != events[-1].state:
        yield Text(f"任务 {task_id} 的状态与其记录不符。", f"Job {task_id}: its state differs from its last event.")
    for before, after in itertools.pairwise(events):
        if JobState(after.state) not in ALLOWED[JobState(before.state)]:
            yield Text(
                f"任务 {task_id} 从 {before.state} 变为 {after.state}，这是不允许的。",
                f"Job {task_id} went from {before.state} to {after.state}, which is not allowed.",
            )
        if after.token < before.token:
            yield Text(f"任务 {task_id} 的令牌变小了。", f"Job {task_id}: its token went down.")
    if not 0 <= row.progress <= 1:
        yield Text(f"任务 {task_id} 的进度超出范围。", f"Job {task_id}: its progress is out of range.")
    expected = row.kind in ROWS and row.state == JobState.SUCCEEDED and row.error != DELETED
    if expected and task_id not in life.owned[ROWS[row.kind]]:
        yield Text(
            f"任务 {task_id}（{row.kind}）在自己的表里没有记录；请从备份恢复数据库。",
            f"Job {task_id} ({row.kind}) has no row in the table of its kind; put the database back from a backup.",
        )
