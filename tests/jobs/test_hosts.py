# ruff: noqa: ARG002 - as the others'
"""A job on several hosts has one host, which asks all of them; hand-made ones write down what they are asked."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from roadloop.devices.service import Gpu
from roadloop.jobs import queue
from roadloop.jobs.endings import SILENT, Loss, node_lost
from roadloop.jobs.hosts import Joint
from roadloop.jobs.store import Job, Seat
from roadloop.storage.platform import Platform


class Recording:
    """A host that does nothing and says so."""

    def __init__(self, name: str, calls: list[tuple[Any, ...]], *, well: bool = True) -> None:
        self.name, self.calls, self.well = name, calls, well
        self.address = f"10.0.0.{name[1:]}"

    def gpus(self) -> tuple[Gpu, ...]:
        return ()

    def start(self, job: Job, gpu_uuids: Sequence[str], place: int = 0) -> None:
        self.calls.append(("start", self.name, gpu_uuids, place))
        if not self.well:
            raise ConnectionError(self.name)

    def exit_code(self, job: Job) -> int | None:
        return int(self.name[1:])

    def is_watched(self, job: Job) -> bool:
        return self.well

    def is_alive(self, job: Job) -> bool | None:
        return self.well

    def kill_tree(self, job: Job, *, seconds: float = 5) -> bool:
        self.calls.append(("kill_tree", self.name, job.token, seconds))
        return self.well

    def went_over(self, job: Job) -> bool:
        return not self.well

    def why_silent(self, job: Job) -> Loss:
        return SILENT if self.well else node_lost(job)

    def forget(self, task_id: str) -> None:
        self.calls.append(("forget", self.name, task_id))


@pytest.fixture
def job(platform: Platform) -> Job:
    """A claimed job with a seat on each of two hosts."""
    seats = (Seat("h1", "10.0.0.1", ("GPU-1",)), Seat("h2", "10.0.0.2", ("GPU-2", "GPU-3")))
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("train", {}, "spread"))
        claimed = queue.claim(db, task_id, ("GPU-1", "GPU-2", "GPU-3"), "h1", seats)
        assert queue.held_gpus(db) == dict.fromkeys(("GPU-1", "GPU-2", "GPU-3"), task_id)
    assert (claimed.host, claimed.seats, claimed.hosts) == ("h1", seats, ("h1", "h2"))
    return claimed


def test_joint__followers_start_first_and_each_gets_its_gpus(job: Job) -> None:
    calls: list[tuple[Any, ...]] = []
    joint = Joint([Recording("h1", calls), Recording("h2", calls)])
    joint.start(job, ("GPU-1", "GPU-2", "GPU-3"))
    assert calls == [("start", "h2", ("GPU-2", "GPU-3"), 1), ("start", "h1", ("GPU-1",), 0)]
    assert (joint.name, joint.address) == ("h1", "10.0.0.1")


def test_joint__a_follower_that_does_not_start_keeps_the_job_from_starting(job: Job) -> None:
    calls: list[tuple[Any, ...]] = []
    with pytest.raises(ConnectionError):
        Joint([Recording("h1", calls), Recording("h2", calls, well=False)]).start(job, ())
    assert [call[1] for call in calls] == ["h2"]


def test_joint__the_first_speaks_and_all_are_ended(job: Job) -> None:
    calls: list[tuple[Any, ...]] = []
    well = Joint([Recording("h1", calls), Recording("h2", calls)])
    assert well.kill_tree(job, seconds=2)
    well.forget(job.id)
    ends, forgets = calls[:2], calls[2:]
    assert sorted(ends) == [("kill_tree", "h1", 1, 2), ("kill_tree", "h2", 1, 2)]
    assert sorted(forgets) == [("forget", "h1", job.id), ("forget", "h2", job.id)]
    assert (well.exit_code(job), well.is_alive(job), well.is_watched(job), well.went_over(job)) == (
        1,
        True,
        True,
        False,
    )
    ill = Joint([Recording("h1", calls), Recording("h2", calls, well=False)])
    assert (ill.kill_tree(job), ill.went_over(job), ill.is_alive(job)) == (False, True, True)
    assert ill.why_silent(job) is SILENT


def test_claim__of_the_next_attempt_forgets_seats_and_meeting(platform: Platform, job: Job) -> None:
    with platform.database.transaction() as db:
        queue.fenced(db, job.id, job.token, {"meeting": {"port": 1, "key": "00"}})
        queue.requeue(db, job, SILENT.reason, counts=False)
        again = queue.claim(db, job.id, (), "h3")
        assert queue.held_gpus(db) == {}
    assert (again.host, again.seats, again.meeting, again.hosts) == ("h3", (), None, ("h3",))
    assert dataclasses.replace(again, host=None).hosts == ()
