"""A training on two machines, which are both this one: a follower under its keeper, gloo over loopback."""

import functools
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest

from roadloop.errors import JobError, Text, WorkerLostError
from roadloop.jobs import processes, queue
from roadloop.jobs.context import TaskContext
from roadloop.jobs.endings import STALE_EXIT
from roadloop.jobs.identity import mark_in
from roadloop.jobs.store import Job, Seat
from roadloop.storage.platform import Platform
from roadloop.training import checkpoint
from roadloop.training.crew import Crew
from roadloop.training.machines import SeveralMachines, divided
from roadloop.training.meeting import Meeting, Wire
from roadloop.training.ranks import Hear

HERE = "127.0.0.1"
LOST = Text("丢失", "lost")
SEATS = (Seat("n1", HERE, ()), Seat("n2", HERE, ()))
VALUES = {"cpu_processes": 2, "batch_size": 4, "num_epoch": 3, "checkpoint_every": 1}


def claimed(platform: Platform) -> Job:
    """The row of a training on both machines, as a supervisor claims it."""
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("train", {"task": "任务"}, "任务"))
        return queue.claim(db, task_id, (), "n1", SEATS)


def of_job(job: Job) -> list[psutil.Process]:
    """The follower's processes: its keeper, itself and its rank."""
    return [process for process in psutil.process_iter() if mark_in(process.pid) == f"{job.id}:{job.token}"]


@contextmanager
def following(platform: Platform, job: Job) -> Iterator["subprocess.Popen[bytes]"]:
    """The follower on the second machine."""
    log = platform.workspace.home / processes.log_of(job, 1)
    keeper = processes.start(platform.settings, job, (), log, place=1)
    try:
        yield keeper
    finally:
        processes.kill_tree(job)
        keeper.wait(30)
    assert of_job(job) == []


def crew(platform: Platform, job: Job, work: Any, reporter: Any) -> Crew:
    """Of one rank here and one of the follower's."""
    meet = TaskContext(platform, job).meet
    machines = functools.partial(SeveralMachines, seats=SEATS, sizes=divided(2, SEATS), meet=meet)
    return Crew(work, 2, reporter, cuda=False, machines=machines)


def test_divided__ranks_over_seats() -> None:
    gpus = [Seat("a", HERE, ("GPU-0", "GPU-1")), Seat("b", HERE, ("GPU-2",))]
    assert divided(1, gpus) == [2, 1]
    assert [divided(number, SEATS) for number in (2, 3, 8)] == [[1, 1], [2, 1], [4, 4]]


@pytest.mark.slow
def test_machines__ends_in_the_bytes_of_one_machine(platform: Platform, bench: Any) -> None:
    whole, work, job = bench.work("whole", **VALUES), bench.work("spread", **VALUES), claimed(platform)
    assert Crew(whole, 2, bench.notes(), cuda=False).run(silent_seconds=120)
    with following(platform, job) as keeper:
        assert crew(platform, job, work, bench.notes()).run(silent_seconds=120)
        assert keeper.wait(30) == 0
    assert bench.outcome(work) == bench.outcome(whole)
    assert "attempt=1 ---" in (platform.workspace.home / processes.log_of(job, 1)).read_text()


class Ending:
    """A reporter that ends a process when the third step is said."""

    def __init__(self, notes: Any, job: Job, which: str) -> None:
        self.notes, self.job, self.which, self.calls = notes, job, which, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.notes, name)

    def should_stop(self) -> bool:
        self.calls += 1
        if self.calls == 3:
            for process in of_job(self.job):
                with suppress(psutil.NoSuchProcess):  # its keeper may have ended it by now, or be about to
                    if self.which in process.cmdline():
                        process.kill()
        return bool(self.notes.should_stop())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("roadloop.training.rank", "Rank 1 on n2 was killed by SIGKILL"),
        ("roadloop.jobs.keeper", "Rank 1 on n2 is gone with its machine"),
    ],
)
def test_r22__a_lost_follower_costs_steps_not_bits(platform: Platform, bench: Any, which: str, words: str) -> None:
    whole, work, job = bench.work("whole", **VALUES), bench.work("disturbed", **VALUES), claimed(platform)
    assert Crew(whole, 2, bench.notes(), cuda=False).run(silent_seconds=120)
    with following(platform, job), pytest.raises(WorkerLostError, match=words):
        crew(platform, job, work, Ending(bench.notes(), job, which)).run(silent_seconds=120)
    assert checkpoint.listed(work.checkpoints)
    with platform.database.transaction() as db:
        queue.requeue(db, job, LOST, counts=True)
        job = queue.claim(db, job.id, (), "n1", SEATS)
    assert job.meeting is None
    with following(platform, job):
        assert crew(platform, job, work, bench.notes(2)).run(silent_seconds=120)
    assert bench.outcome(work) == bench.outcome(whole)


def test_follower__ends_when_its_attempt_is_over(platform: Platform) -> None:
    """Before it has met the crew, and after; a meeting that has no rank for it keeps it waiting."""
    job = claimed(platform)
    with following(platform, job) as keeper:
        with platform.database.transaction() as db:
            queue.requeue(db, job, LOST, counts=False)
        assert keeper.wait(30) == STALE_EXIT
    with platform.database.transaction() as db:
        job = queue.claim(db, job.id, (), "n1", SEATS)
    came = threading.Event()

    def welcome(place: int, wire: Wire) -> None:
        wire.say([])
        came.set()
        with pytest.raises((OSError, EOFError)):
            wire.hear()

    meeting = Meeting(HERE, welcome)
    with following(platform, job) as keeper:
        TaskContext(platform, job).meet(meeting.where)
        assert came.wait(30)
        with platform.database.transaction() as db:
            queue.requeue(db, job, LOST, counts=False)
        assert keeper.wait(30) == -signal.SIGKILL
    meeting.close()


class Told:
    """Machines whose ranks say what they are told to."""

    def __init__(self, hear: Hear, said: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        self.hear, self.said = hear, said
        self.assignments: list[Mapping[str, Any]] = []

    def gather(self, assignments: Sequence[Mapping[str, Any]]) -> None:
        self.assignments += assignments
        for rank, message in self.said:
            self.hear(rank, message)

    def write(self, rank: int, message: Mapping[str, Any]) -> None:
        raise AssertionError(rank, message)

    def of(self, rank: int) -> str:
        return f"n{rank + 1}"

    def end(self) -> None:
        self.said = ()


SEVERED, BROKEN = {"crash": "RuntimeError: gloo", "severed": True}, {"crash": "KeyError: 7", "severed": False}


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ([(0, SEVERED), (0, {"exit": 1}), (1, {"exit": -9}), (1, {"exit": None})], WorkerLostError, "Rank 1 on n2 was killed"),
        ([(0, SEVERED), (0, {"exit": 1}), (1, {"exit": None})], WorkerLostError, "Rank 1 on n2 is gone with its machine"),
        ([(0, SEVERED), (0, {"exit": 1}), (1, SEVERED), (1, {"exit": 1})], WorkerLostError, "lost its connection"),
        ([(0, SEVERED), (0, {"exit": 1}), (1, BROKEN), (1, {"exit": 1})], RuntimeError, "rank 1: KeyError: 7"),
        ([(0, SEVERED), (0, {"exit": 1}), (1, {"exit": 3})], JobError, r"Rank 1 ended itself \(exit code 3\)"),
        ([(0, {"end": True}), (0, {"exit": 0}), (1, {"exit": None})], WorkerLostError, "Rank 1 on n2 is gone"),
    ],
)  # fmt: skip
def test_crew__names_the_rank_that_began_it(
    bench: Any, said: list[tuple[int, Mapping[str, Any]]], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        Crew(bench.work(), 2, bench.notes(), cuda=False, machines=functools.partial(Told, said=said)).run()


def test_crew__secrets_stay_with_the_first_rank(bench: Any) -> None:
    found: list[Told] = []

    def machines(hear: Hear) -> Told:
        found.append(Told(hear, [(rank, word) for rank in (0, 1) for word in ({"end": True}, {"exit": 0})]))
        return found[0]

    work = bench.work(mlflow_url="http://pa55@mlflow", cpu_processes=2)
    assert Crew(work, 2, bench.notes(), cuda=False, machines=machines).run()
    assert ["pa55" in one["work"] for one in found[0].assignments] == [True, False]
