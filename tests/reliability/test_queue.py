"""R09: a long queue, four workers, some jobs that fail and some that are killed."""

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest
import sqlalchemy as sa

from roadloop.jobs import queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import job_events, jobs
from roadloop.jobs.supervisor import Supervisor
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(1500), pytest.mark.xdist_group("queue")]

WORKERS: Final = 4
CLAIM_GOAL: Final = 0.02  #: seconds, p99; a test fails only at ten times the goal


def fill(platform: Platform, count: int, rng: random.Random) -> dict[str, bool]:
    """Queue so many short jobs of three priorities; task id -> whether it fails."""
    ids = {}
    with platform.database.transaction() as db:
        for number in range(count):
            fails = rng.random() < 0.1
            payload = {"steps": 3, "pause": 0.01, "name": f"n{number}", "fail": "error" if fails else ""}
            submission = queue.Submission("rehearsal", payload, f"数{number}", priority=rng.choice((0, 0, 0, 1, 2)))
            ids[queue.submit(db, submission)] = fails
    return ids


def claims(platform: Platform) -> list[str]:
    """Ids of the jobs in the order of their first claims."""
    with platform.database.reading() as db:
        rows = db.execute(
            sa.select(job_events.c.job_id)
            .where(job_events.c.state == JobState.RUNNING.value, job_events.c.token == 1)
            .order_by(job_events.c.seq)
        )
        return list(rows.scalars())


def ended(platform: Platform) -> int:
    """How many jobs have ended."""
    with platform.database.reading() as db:
        states = [state.value for state in ENDED]
        return int(db.execute(sa.select(sa.func.count()).where(jobs.c.state.in_(states))).scalar_one())


def kill_some(platform: Platform, killed: set[str], rng: random.Random) -> None:
    """Kill the process of one job in twenty, once each."""
    with platform.database.reading() as db:
        running = queue.running(db)
    for job in running:
        if job.pid is not None and job.id not in killed:
            killed.add(job.id)
            if rng.random() < 0.05:
                with suppress(ProcessLookupError):
                    os.kill(job.pid, signal.SIGKILL)


def test_r09__a_long_queue_is_worked_off_in_order_and_once(
    settings: Settings, times: Callable[[int], int], rng: random.Random
) -> None:
    platform = open_platform(settings.model_copy(update={"other_slots": WORKERS}), upgrade=True)
    full = times(40) == 40
    expected = fill(platform, 10_000 if full else 300, rng)
    number = 40 if full else 6
    supervisor = Supervisor(platform)
    supervisor.start()
    killed: set[str] = set()
    deadline = time.monotonic() + 20 * number
    while ended(platform) < number:
        assert time.monotonic() < deadline, f"{ended(platform)} of {number} jobs have ended"
        kill_some(platform, killed, rng)
        time.sleep(0.02)
    supervisor.close()
    wait_for_the_running(platform)
    check_order(platform)
    check_ends(platform, expected)
    assert claim_p99(platform, 200) < 10 * CLAIM_GOAL
    assert inspect(platform, hashes=True).problems == []
    platform.database.close()


def wait_for_the_running(platform: Platform) -> None:
    """What runs when the server goes ends by itself, or is taken up again by the next one."""
    supervisor = Supervisor(platform)
    with platform.database.transaction() as db:  # nothing new begins
        db.execute(jobs.update().where(jobs.c.state == JobState.QUEUED.value, jobs.c.attempt == 0).values(gpus="9"))
    supervisor.start()
    deadline = time.monotonic() + 120
    while True:
        with platform.database.reading() as db:
            left = [*queue.running(db), *(job for job in queue.queued(db, 100_000) if job.attempt)]
        if not left:
            break
        assert time.monotonic() < deadline, [(job.state, job.reason) for job in left]
        time.sleep(0.05)
    supervisor.close()
    with platform.database.transaction() as db:
        db.execute(jobs.update().where(jobs.c.gpus == "9").values(gpus=""))


def check_order(platform: Platform) -> None:
    """First in, first out within a priority; a higher priority first."""
    with platform.database.reading() as db:
        rows = {row.id: (-row.priority, row.queued_seq) for row in db.execute(sa.select(jobs))}
    order = [rows[task_id] for task_id in claims(platform)]
    assert order == sorted(order)
    assert order == sorted(rows.values())[: len(order)]


def check_ends(platform: Platform, expected: dict[str, bool]) -> None:
    """Each job that began has ended once, as it should."""
    for task_id in claims(platform):
        with platform.database.reading() as db:
            job = queue.get(db, task_id)
            ends = db.execute(
                sa.select(sa.func.count()).where(
                    job_events.c.job_id == task_id, job_events.c.state.in_([state.value for state in ENDED])
                )
            ).scalar_one()
        assert (job.state, ends) == (JobState.FAILED if expected[task_id] else JobState.SUCCEEDED, 1), job.reason


def claim_p99(platform: Platform, count: int) -> float:
    """Seconds that a claim takes in this queue, finding the next job included; the jobs stay queued."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        with platform.database.transaction() as db:
            job = queue.queued(db, 1)[0]
            queue.claim(db, job.id, (), "nobody")
        seconds.append(time.perf_counter() - began)
        with platform.database.transaction() as db:
            queue.finish(db, queue.get(db, job.id), JobState.CANCELLED)
    return sorted(seconds)[int(0.99 * count)]
