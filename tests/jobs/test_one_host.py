"""What a supervisor can do on this machine: real processes in the keeper's place, and whose they are."""

import dataclasses
import os
import signal
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from roadloop.jobs import endings, hosts, processes, queue
from roadloop.jobs.confine import Confinement
from roadloop.jobs.hosts import OneHost
from roadloop.jobs.identity import boot_id
from roadloop.jobs.queue import Job
from roadloop.settings import Settings
from roadloop.storage.platform import Platform


@dataclasses.dataclass(frozen=True)
class Held(Confinement):
    """Confines nothing, and writes down what it is asked."""

    asked: list[tuple[Any, ...]] = dataclasses.field(default_factory=list)

    def prepare(self, _job: Job, settings: Settings) -> list[str]:
        self.asked.append(("prepare", settings.stop_seconds))
        return ["told"]

    def groups(self) -> Iterator[tuple[str, int, Path]]:
        return iter(())

    def end(self, job: Job, seconds: float) -> bool:
        self.asked.append(("end", job.id, job.token, seconds))
        return True

    def went_over(self, job: Job) -> bool:
        return job.token == 2

    def end_orphans(self, children: Collection[int]) -> None:
        self.asked.append(("orphans", set(children)))


@pytest.fixture
def claimed(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> tuple[Job, Job]:
    """Two jobs, and something that runs in their keepers' place: the first leaves with 3, the second stays."""
    monkeypatch.setattr(
        processes, "COMMAND", ("sh", "-c", 'echo "$@"; test "$3" != leaves && exec sleep 20; exit 3', "sh")
    )
    made = []
    for _ in range(2):
        with platform.database.transaction() as db:
            made.append(queue.claim(db, queue.submit(db, queue.Submission("rehearsal", {}, "x")), (), "here"))
    return made[0], made[1]


def child_of(host: hosts.LocalHost, job: Job) -> subprocess.Popen[bytes]:
    return host._children[job.id]


def test_local_host__starts_watches_ends_and_reaps(platform: Platform, claimed: tuple[Job, Job]) -> None:
    held = Held()
    machines = OneHost(platform, held)
    (here,) = machines.ready()
    leaves, stays = claimed
    assert (here.is_watched(stays), here.exit_code(stays)) == (False, None)
    here.start(stays, ("GPU-0", "GPU-1"))
    here.start(leaves, ["leaves"], settings=platform.settings.model_copy(update={"stop_seconds": 77}))
    assert held.asked == [("prepare", platform.settings.stop_seconds), ("prepare", 77)]
    child_of(here, leaves).wait(10)
    assert (here.exit_code(leaves), here.exit_code(stays), here.is_watched(stays)) == (3, None, True)
    for job, gpus in ((leaves, "leaves"), (stays, "GPU-0,GPU-1")):
        said = (platform.workspace.home / job.log).read_text().split()
        assert (said[:3], said[-1]) == ([job.id, "1", gpus], "told")
    pids = {child_of(here, job).pid for job in claimed}
    machines.sweep()
    assert held.asked[2:] == [("orphans", pids)]
    assert here.is_alive(stays)
    assert here.kill_tree(stays, seconds=4)
    assert held.asked[3:] == [("end", stays.id, 1, 4)]
    assert not here.is_alive(stays)
    child_of(here, stays).wait(10)
    for job in claimed:
        here.forget(job.id)
        here.forget(job.id)
        assert (here.is_watched(job), here.exit_code(job)) == (False, None)
    assert not any(psutil.pid_exists(pid) for pid in pids)  # not even as zombies
    assert [here.went_over(dataclasses.replace(stays, token=token)) for token in (1, 2)] == [False, True]
    assert here.why_silent(stays) is endings.SILENT


def test_let_go__reaps_who_has_ended_and_leaves_the_others_running(
    platform: Platform, claimed: tuple[Job, Job]
) -> None:
    machines = OneHost(platform)
    (here,) = machines.ready()
    leaves, stays = claimed
    here.start(stays, ())
    here.start(leaves, ["leaves"])
    ended, running = child_of(here, leaves), child_of(here, stays)
    machines.let_go({stays.id})
    assert (ended.returncode, running.poll()) == (3, None)
    assert not any(here.is_watched(job) for job in claimed)
    assert hosts._left_running[-1] is running
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    hosts._left_running.remove(running)


@pytest.mark.parametrize(
    ("host", "boot", "is_here"),
    [
        ("here", "another", True),  # of its name
        (None, "another", True),
        ("elsewhere", "this", True),  # a container after a restart
        ("elsewhere", "another", False),
        ("elsewhere", None, False),
    ],
)
def test_one_host__knows_its_own_by_name_or_boot(
    platform: Platform, claimed: tuple[Job, Job], monkeypatch: pytest.MonkeyPatch, host: str | None, boot: str | None, is_here: bool
) -> None:  # fmt: skip
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    machines = OneHost(platform)
    job = dataclasses.replace(claimed[0], host=host, boot_id=boot_id() if boot == "this" else boot)
    found = machines.of(job)
    assert (found in machines.ready()) == is_here
    assert found.is_alive(job) is (False if is_here else None)
    assert found.why_silent(job) is (endings.SILENT if is_here else endings.RESTARTED)
    assert found.kill_tree(job)


def test_take_over__ends_what_earlier_attempts_left_in_their_cgroups(
    platform: Platform, claimed: tuple[Job, Job]
) -> None:
    """Of a job that runs its newest attempt stays; of one that has ended nothing does; other homes' are left alone."""
    running, ended = claimed
    with platform.database.transaction() as db:
        queue.requeue(db, running, endings.SILENT.reason, counts=True)
        queue.claim(db, running.id, (), "here")
        queue.finish(db, ended, queue.JobState.FAILED)

    class Groups(Held):
        def groups(self) -> Iterator[tuple[str, int, Path]]:
            for task_id, token in (("of another home", 1), (running.id, 1), (running.id, 2), (ended.id, 1)):
                yield task_id, token, Path()

    held = Groups()
    OneHost(platform, held).take_over()
    assert sorted(held.asked) == sorted([("end", running.id, 1, 5), ("end", ended.id, 1, 5)])
