"""The lives of jobs, as their rows tell them: what `fsck` checks without looking at a folder."""

import itertools
from collections.abc import Iterator
from pkgutil import resolve_name
from typing import Any

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs import processes
from roadloop.jobs.claims import ROWS
from roadloop.jobs.findings import Cure, Problem, Repair, Report
from roadloop.jobs.states import ALLOWED, ENDED, JobState
from roadloop.jobs.store import gpu_leases, job_events, jobs
from roadloop.storage import search
from roadloop.storage.platform import Platform


def inspect(platform: Platform, report: Report) -> None:
    """Check states, events, tokens, leases and processes, and that each job has the row of its feature."""
    with platform.database.reading() as db:
        rows = {
            row.id: row
            for row in db.execute(sa.select(jobs.c.id, jobs.c.kind, jobs.c.state, jobs.c.token, jobs.c.progress))
        }
        events = db.execute(sa.select(job_events).order_by(job_events.c.job_id, job_events.c.seq)).all()
        leases = db.execute(sa.select(gpu_leases)).all()
        report.problems += [Problem(text, _numbering()) for text in search.problems(db)]
        owned = {name: set(db.scalars(sa.select(_table(name).c.task_id))) for name in set(ROWS.values())}
    report.jobs = len(rows)
    lives: dict[str, list[Any]] = {}
    for event in events:
        lives.setdefault(event.job_id, []).append(event)
    for task_id, row in rows.items():
        report.problems += map(Problem, _life_problems(task_id, row, lives.get(task_id, [])))
        if row.kind in ROWS and row.state == JobState.SUCCEEDED and task_id not in owned[ROWS[row.kind]]:
            report.problems.append(Problem(_no_row(task_id, row.kind)))
    for lease in leases:
        job = rows.get(lease.job_id)
        if job is None or job.state != JobState.RUNNING or job.token != lease.token:
            text = Text(
                f"GPU {lease.uuid} 被没有运行的任务 {lease.job_id} 占用。",
                f"GPU {lease.uuid} is leased by job {lease.job_id}, which does not run.",
            )
            report.problems.append(Problem(text))
    for process in processes.find(""):
        task_id = processes.job_of(process)
        if task_id in rows and JobState(rows[task_id].state) in ENDED:
            text = Text(
                f"进程 {process.pid} 属于已结束的任务 {task_id}。",
                f"Process {process.pid} belongs to job {task_id}, which has ended.",
            )
            report.problems.append(Problem(text))


def _numbering() -> Cure:
    """The cure of lists whose numbers, tallies or index do not fit their rows."""

    def apply(repair: Repair) -> None:
        with repair.platform.database.transaction() as db:
            search.rebuild(db)
        repair.log(Text("列表已重新编号并建立索引", "the lists were numbered and indexed anew"))

    return Cure("lists", Text("为列表重新编号并建立索引", "number and index the lists anew"), apply)


def _life_problems(task_id: str, row: Any, life: list[Any]) -> Iterator[Text]:
    if not life or life[-1].state != row.state:
        yield Text(f"任务 {task_id} 的状态与其记录不符。", f"Job {task_id}: its state differs from its last event.")
    for before, after in itertools.pairwise(life):
        if JobState(after.state) not in ALLOWED[JobState(before.state)]:
            yield Text(
                f"任务 {task_id} 从 {before.state} 变为 {after.state}，这是不允许的。",
                f"Job {task_id} went from {before.state} to {after.state}, which is not allowed.",
            )
        if after.token < before.token:
            yield Text(f"任务 {task_id} 的令牌变小了。", f"Job {task_id}: its token went down.")
    if not 0 <= row.progress <= 1:
        yield Text(f"任务 {task_id} 的进度超出范围。", f"Job {task_id}: its progress is out of range.")


def _table(name: str) -> sa.Table:
    table: sa.Table = resolve_name(name)
    return table


def _no_row(task_id: str, kind: str) -> Text:
    return Text(
        f"任务 {task_id}（{kind}）在自己的表里没有记录；请从备份恢复数据库。",
        f"Job {task_id} ({kind}) has no row in the table of its kind; put the database back from a backup.",
    )
