"""Several servers on one installation: exactly one supervises, and another takes over."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from live import LiveServer
from postgres import Cluster
from roadloop.jobs import fsck, lock, queue
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.supervisor import Supervisor
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform

pytestmark = pytest.mark.xdist_group("postgresql")


@pytest.fixture
def platform(there: Settings) -> Iterator[Platform]:
    opened = open_platform(there, upgrade=True)
    yield opened
    opened.database.close()


def submit(platform: Platform, pool: str = "other", **payload: object) -> str:
    with platform.database.transaction() as db:
        return queue.submit(db, queue.Submission("rehearsal", {"name": "x", "pause": 0, **payload}, "x", pool))


def until(platform: Platform, task_id: str, condition: Callable[[queue.Job], bool], seconds: float = 60) -> queue.Job:
    deadline = time.monotonic() + seconds
    while True:
        with platform.database.reading() as db:
            job = queue.get(db, task_id)
        if condition(job):
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


def test_lead__is_one_sessions_until_that_ends(platform: Platform, rows_server: Cluster) -> None:
    first, second = lock.lead(platform), lock.lead(platform)
    assert (first.hold(), second.hold(), first.hold()) == (True, False, True)
    with pytest.raises(Exception, match="Another roadloop server is using"):
        lock.alone(platform)
    with psycopg.connect(rows_server.url("postgres"), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
    deadline = time.monotonic() + 10
    while not second.hold() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (second.hold(), first.hold()) == (True, False)
    second.close()
    assert first.hold()
    first.close()


def test_supervisor__one_of_two_leads_and_the_other_takes_over(platform: Platform) -> None:
    one, two = Supervisor(platform), Supervisor(platform)
    one.start()
    two.start()
    assert (one.leads, two.leads) == (True, False)
    running = submit(platform, steps=10**5, pause=0.05)
    until(platform, running, lambda job: job.beat > 0)
    one.close()  # its jobs go on
    deadline = time.monotonic() + 10
    while not two.leads and time.monotonic() < deadline:
        time.sleep(0.05)
    assert two.leads
    platform.database.write(lambda: lambda db: queue.cancel(db, running))
    job = until(platform, running, lambda job: job.state in ENDED)
    assert (job.state, job.attempt) == (JobState.CANCELLED, 1)
    next_one = until(platform, submit(platform, steps=1), lambda job: job.state in ENDED)
    assert next_one.state is JobState.SUCCEEDED
    two.close()


@pytest.mark.slow
def test_servers__the_one_that_supervises_is_killed(
    there: Settings, platform: Platform, times: Callable[[int], int]
) -> None:
    """Two real servers; whichever leads is killed and comes back, again and again, while jobs come in by the other."""
    with ExitStack() as stack:
        servers = [LiveServer(there), LiveServer(there)]
        for server in servers:
            stack.callback(server.close)
            server.start()
        long = submit(platform, "training", steps=10**5, pause=0.02)
        short = []
        for _ in range(times(10)):
            short.append(submit(platform, steps=3, pause=0.05))
            until(platform, short[-1], lambda job: job.state in ENDED)
            leader = servers[0]  # who has held the lead since it began, or since the other was killed
            leader.kill()
            began = time.monotonic()
            short.append(submit(platform, steps=1))
            until(platform, short[-1], lambda job: job.state in ENDED)
            assert time.monotonic() - began < 10 * (there.lease_seconds + there.sweep_seconds)
            leader.start()
            servers.reverse()
        platform.database.write(lambda: lambda db: queue.cancel(db, long))
        job = until(platform, long, lambda job: job.state in ENDED)
        assert (job.state, job.attempt, job.losses) == (JobState.CANCELLED, 1, 0)
        jobs = [until(platform, task_id, lambda job: job.state in ENDED) for task_id in short]
        assert {(job.state, job.attempt) for job in jobs} == {(JobState.SUCCEEDED, 1)}
    assert fsck.inspect(platform, hashes=True).problems == []
