"""The invariants of a workspace, checked read-only."""

import itertools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs import processes
from roadloop.jobs.claims import all_claims
from roadloop.jobs.states import ALLOWED, ENDED, JobState
from roadloop.jobs.store import gpu_leases, job_events, jobs
from roadloop.storage import publish, reading, search
from roadloop.storage.platform import Platform

SEALED: Final = ("datasets/*", "networks/*", "models/*/*/*", "evaluations/*")
PAIRS: Final = ("tasks/*/output/models/*.json", "weights/**/*.json", "models/*/*/*/*.json")


@dataclass
class Report:
    """What was found."""

    jobs: int = 0
    files: int = 0
    problems: list[Text] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)


def inspect(
    platform: Platform, *, hashes: bool, progress: Callable[[int, int], object] = lambda _n, _t: None
) -> Report:
    """Check rows, life cycles, leases, processes, what rows claim to have, temporary files and published files.

    Args:
        platform: The installation; nothing in it is changed.
        hashes: Also read every published file again and compare its sha256.
        progress: Told how many of how many places were looked at.
    """
    report = Report()
    _inspect_rows(platform, report)
    _inspect_claims(platform, report)
    _inspect_temporaries(platform, report)
    places = [p for pattern in SEALED for p in platform.workspace.home.glob(pattern) if (p / publish.MANIFEST).exists()]
    pairs = [p for pattern in PAIRS for p in platform.workspace.home.glob(pattern) if p.with_suffix(".params").exists()]
    for n, place in enumerate(places + pairs, 1):
        if place in pairs:
            _inspect_pair(place, report, hashes=hashes)
        else:
            _inspect_sealed(place, report, hashes=hashes)
        progress(n, len(places) + len(pairs))
    return report


def _inspect_rows(platform: Platform, report: Report) -> None:
    with platform.database.reading() as db:
        rows = {row.id: row for row in db.execute(sa.select(jobs.c.id, jobs.c.state, jobs.c.token, jobs.c.progress))}
        events = db.execute(sa.select(job_events).order_by(job_events.c.job_id, job_events.c.seq)).all()
        leases = db.execute(sa.select(gpu_leases)).all()
        report.problems += search.problems(db)
    report.jobs = len(rows)
    lives: dict[str, list[Any]] = {}
    for event in events:
        lives.setdefault(event.job_id, []).append(event)
    for task_id, row in rows.items():
        report.problems += list(_life_problems(task_id, row, lives.get(task_id, [])))
    for lease in leases:
        job = rows.get(lease.job_id)
        if job is None or job.state != JobState.RUNNING or job.token != lease.token:
            report.problems.append(
                Text(
                    f"GPU {lease.uuid} 被没有运行的任务 {lease.job_id} 占用。",
                    f"GPU {lease.uuid} is leased by job {lease.job_id}, which does not run.",
                )
            )
    for process in processes.find(""):
        task_id = processes.job_of(process)
        if task_id in rows and JobState(rows[task_id].state) in ENDED:
            report.problems.append(
                Text(
                    f"进程 {process.pid} 属于已结束的任务 {task_id}。",
                    f"Process {process.pid} belongs to job {task_id}, which has ended.",
                )
            )


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


def _inspect_claims(platform: Platform, report: Report) -> None:
    workspace = platform.workspace
    with platform.database.reading() as db:
        claims = dict.fromkeys(all_claims(db, workspace))
    for owner, path, needed in claims:
        place, shown = workspace.find_path(path), os.fsencode(path).decode("utf-8", "backslashreplace")
        if PurePath(path).is_absolute() and not workspace.holds(place):
            report.problems.append(
                Text(
                    f"{owner.zh} 指向工作区及其根目录之外：{shown}；请把它移入工作区，或用 --root 允许它所在的目录。",
                    f"{owner.en} points outside the workspace and its roots: {shown}. Move that into the workspace, or"
                    " allow its folder with --root.",
                )
            )
        elif needed and not place.exists():
            report.problems.append(
                Text(
                    f"{owner.zh} 的文件夹 {shown} 不见了；请从备份恢复它。",
                    f"{owner.en}: its folder {shown} is gone; put it back from a backup.",
                )
            )


def _inspect_temporaries(platform: Platform, report: Report) -> None:
    with platform.database.reading() as db:
        live = {
            row.id[:8] for row in db.execute(sa.select(jobs.c.id, jobs.c.state)) if JobState(row.state) not in ENDED
        }
    for path in platform.workspace.home.rglob(f".*{publish.PARTIAL}"):
        if not any(f".{task}-" in path.name for task in live):
            report.notes.append(
                Text(
                    f"{path} 是中断留下的临时文件，可以删除。",
                    f"{path} is a temporary left by an interruption; it may be deleted.",
                )
            )


def _inspect_sealed(folder: Path, report: Report, *, hashes: bool) -> None:
    report.files += sum(1 for p in folder.rglob("*") if p.is_file())
    if hashes:
        report.problems += publish.verify(folder)


def _inspect_pair(description: Path, report: Report, *, hashes: bool) -> None:
    report.files += 2
    params = description.with_suffix(".params")
    try:
        expected = json.loads(reading.read_bytes(description))["params_sha256"]
        sound = not hashes or publish.sha256_file(params) == expected
    except (OSError, ValueError, KeyError, TypeError):
        report.problems.append(Text(f"{description} 无法读取。", f"{description} cannot be read."))
        return
    if not sound:
        report.problems.append(Text(f"{params} 的内容已改变。", f"{params} has changed."))
