"""Rounds of the supervisor, one by one: hand-made hosts say what is there, a hand-made clock when, and it decides."""

import dataclasses
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

from roadloop.devices.service import Gpu
from roadloop.errors import BusyError, Text
from roadloop.jobs import endings, keeping, queue, supervisor, totals
from roadloop.jobs.confine import OVER_MEMORY
from roadloop.jobs.endings import Loss
from roadloop.jobs.queue import Job
from roadloop.jobs.states import JobState
from roadloop.jobs.supervisor import Supervisor
from roadloop.storage import sqlite
from roadloop.storage.platform import Platform, open_platform

AWAY = Text("没有节点", "No node is there.")


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Machine:
    """A host on which no process is started: what it says of one is set, what it is asked to do is written down."""

    def __init__(self, name: str, *uuids: str) -> None:
        self.name, self.address = name, "127.0.0.1"
        self.code: int | None = None
        self.watched = True
        self.alive: bool | None = True
        self.over = False
        self.ends = True
        self.refuses: OSError | None = None
        self.silence = endings.SILENT
        self.done: list[tuple[Any, ...]] = []
        self.when_asked: Callable[[], object] = lambda: None
        self._gpus = tuple(Gpu(i, uuid, "x", 0.0, 10, 9, name) for i, uuid in enumerate(uuids))

    def gpus(self) -> tuple[Gpu, ...]:
        self.when_asked()
        return self._gpus

    def start(self, job: Job, gpu_uuids: Sequence[str], place: int = 0) -> None:  # noqa: ARG002 - as the others'
        self.done.append(("start", job.title, job.token, tuple(gpu_uuids)))
        if self.refuses is not None:
            raise self.refuses

    def exit_code(self, job: Job) -> int | None:
        assert job.host == self.name
        return self.code

    def is_watched(self, job: Job) -> bool:
        assert job.host == self.name
        return self.watched

    def is_alive(self, job: Job) -> bool | None:
        assert job.host == self.name
        return self.alive

    def kill_tree(self, job: Job, *, seconds: float = 5) -> bool:
        self.done.append(("kill", job.title, job.token, seconds))
        self.when_asked()
        return self.ends

    def went_over(self, job: Job) -> bool:
        assert job.host == self.name
        return self.over

    def why_silent(self, job: Job) -> Loss:
        assert job.host == self.name
        return self.silence

    def forget(self, task_id: str) -> None:
        self.done.append(("forget", task_id))


class Machines:
    """Those of an installation, all of them ready unless something else is said."""

    def __init__(self, *hosts: Machine) -> None:
        self._hosts = {host.name: host for host in hosts}
        self.found: Sequence[Machine] | Text | Exception = hosts
        self.taken_over = self.swept = 0
        self.left: set[str] | None = None

    def of(self, job: Job) -> Machine:
        return self._hosts[str(job.host)]

    def ready(self) -> Sequence[Machine] | Text:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def take_over(self) -> None:
        self.taken_over += 1

    def sweep(self) -> None:
        self.swept += 1

    def let_go(self, left: set[str]) -> None:
        self.left = left


class Site:
    """A supervisor over one machine, called "a", without its threads; leases of 9 s, sweeps half a second apart."""

    def __init__(self, platform: Platform, clock: Clock) -> None:
        more = {"lease_seconds": 9, "sweep_seconds": 0.5, "stop_seconds": 10}
        self.platform = dataclasses.replace(platform, settings=platform.settings.model_copy(update=more))
        self.clock, self.a = clock, Machine("a", "GPU-0", "GPU-1")
        self.hosts = Machines(self.a)
        self.one = Supervisor(self.platform, self.hosts)

    def submit(self, title: str = "x", **more: Any) -> str:
        with self.platform.database.transaction() as db:
            return queue.submit(db, queue.Submission("rehearsal", {}, title, **more))

    def running(self, title: str = "x", gpus: Sequence[str] = (), **row: Any) -> str:
        """A job that runs on the machine; its row says this."""
        task_id = self.submit(title)
        with self.platform.database.transaction() as db:
            job = queue.claim(db, task_id, gpus, "a")
            if row:
                queue.fenced(db, task_id, job.token, row)
        return task_id

    def job(self, task_id: str) -> Job:
        with self.platform.database.reading() as db:
            return queue.get(db, task_id)

    def change(self, task_id: str, **row: Any) -> None:
        with self.platform.database.transaction() as db:
            db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(**row))

    def tick(self, seconds: float = 0) -> None:
        """Only look after what runs, so that what a lost job says is not followed by what it waits for."""
        self.clock.now += seconds
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.one, "_start_queued", lambda: None)
            self.one.tick()

    def losses(self) -> list[tuple[str, int]]:
        with self.platform.database.reading() as db:
            return [(row.outcome, row.number) for row in totals.read(db) if row.measure == "loss"]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(supervisor, "time", clock)
    return clock


@pytest.fixture
def site(platform: Platform, clock: Clock) -> Iterator[Site]:
    made = Site(platform, clock)
    yield made
    if made.hosts.left is None:
        made.one.close()


# --- running jobs ---------------------------------------------------------------------------------------------------


def test_tick__a_child_that_has_left_is_a_loss_whose_cause_is_counted(site: Site) -> None:
    task_id = site.running()
    site.a.code = -9
    site.tick()
    job = site.job(task_id)
    assert (job.state, job.losses) == (JobState.QUEUED, 1)
    assert job.reason is not None
    assert "killed from outside" in job.reason.en
    assert site.a.done == [("kill", "x", 1, 5), ("forget", task_id)]
    assert site.losses() == [("killed", 1)]


def test_tick__a_job_over_its_memory_limit_is_told_so(site: Site) -> None:
    task_id = site.running()
    site.a.code, site.a.over = -9, True
    site.tick()
    job = site.job(task_id)
    assert (job.reason, job.losses) == (OVER_MEMORY, 1)
    assert site.losses() == [("over_memory", 1)]


def test_tick__a_loss_is_kept_while_the_processes_do_not_end(site: Site) -> None:
    """Nobody gets the job while something of it may still write; then the reason is the first one."""
    task_id = site.running(pid=7)
    site.a.code, site.a.ends = -9, False
    for _ in range(2):
        site.tick(1)
        assert (site.job(task_id).state, site.job(task_id).pid) == (JobState.RUNNING, 7)
    assert site.a.done == [("kill", "x", 1, 5)] * 2
    site.a.code, site.a.ends = 0, True
    site.tick(1)
    job = site.job(task_id)
    assert (job.state, job.losses) == (JobState.QUEUED, 1)
    assert job.reason is not None
    assert "killed from outside" in job.reason.en


def test_tick__what_a_worker_writes_while_it_is_ended_counts(site: Site) -> None:
    task_id = site.running()

    def finish() -> None:
        with site.platform.database.transaction() as db:
            queue.finish(db, queue.get(db, task_id), JobState.SUCCEEDED)

    site.a.code, site.a.when_asked = -9, finish
    site.tick()
    job = site.job(task_id)
    assert (job.state, job.losses, site.losses()) == (JobState.SUCCEEDED, 0, [])
    site.a.when_asked = lambda: None
    site.tick()
    assert site.one._losses == {}


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"finishing": True}, JobState.SUCCEEDED),
        ({"cancel_requested": True}, JobState.CANCELLED),
        ({}, JobState.QUEUED),
    ],
)
def test_tick__how_a_lost_job_ends(site: Site, row: dict[str, Any], state: JobState) -> None:
    task_id = site.running(**row)
    site.a.code = 3
    site.tick()
    assert site.job(task_id).state is state
    assert site.losses() == ([("exited", 1)] if state is JobState.QUEUED else [])


def test_tick__a_publication_that_was_chosen_is_completed_or_fails_in_words(site: Site) -> None:
    logs = site.platform.workspace.logs
    ids = []
    for name in ("free", "taken"):
        (logs / f".{name}.partial").mkdir()
        (logs / f".{name}.partial" / "a").write_text(name)
        moves = [[str(logs / f".{name}.partial"), str(logs / name)]]
        ids.append(site.running(name, moves=moves, finishing=True))
    (logs / "taken").mkdir()
    (logs / "taken" / "b").write_text("somebody's")
    site.a.code = -9
    site.tick()
    whole, failed = (site.job(task_id) for task_id in ids)
    assert (whole.state, (logs / "free" / "a").read_text()) == (JobState.SUCCEEDED, "free")
    assert (failed.state, failed.error, site.losses()) == (JobState.FAILED, "publish_failed", [])
    assert failed.reason is not None
    assert failed.reason.en.startswith("The result could not be put in place: ")
    assert failed.reason.zh.startswith("无法放置结果：")
    assert (logs / "taken" / "b").read_text() == "somebody's"


def test_tick__who_was_asked_to_stop_has_seven_tenths_of_the_time_for_it(site: Site) -> None:
    task_id = site.running(cancel_requested=True)
    for seconds in (0, 6.5, 0.5):
        site.tick(seconds)
        assert site.a.done == []
    site.tick(0.1)
    assert site.a.done == [("kill", "x", 1, 2), ("kill", "x", 1, 5), ("forget", task_id)]
    assert (site.job(task_id).state, site.one._cancel_seen) == (JobState.CANCELLED, {task_id: 1000})
    site.tick()
    assert site.one._cancel_seen == {}


def test_tick__a_process_that_nobody_watched_and_that_is_gone_is_lost_at_a_sweep(site: Site) -> None:
    task_id = site.running(pid=7)
    site.tick()
    site.a.alive = False
    site.tick(0.6)
    assert site.job(task_id).state is JobState.RUNNING  # its exit code is about to come
    site.a.watched = False
    site.tick(0.4)
    assert site.job(task_id).state is JobState.RUNNING  # no sweep
    site.tick(0.1)
    assert (site.job(task_id).state, site.losses()) == (JobState.QUEUED, [("unseen", 1)])
    assert site.hosts.swept == 3


def test_tick__a_process_that_has_not_said_its_pid_may_be_about_to_start(site: Site) -> None:
    task_id = site.running()
    site.a.alive = site.a.watched = False
    for _ in range(3):
        site.tick(1)
    assert site.job(task_id).state is JobState.RUNNING


@pytest.mark.parametrize(
    ("row", "alive", "seconds"),
    [
        ({"pid": 7, "beat": 1}, True, 9),  # a lease
        ({"pid": 7, "beat": 1}, None, 9),
        ({"pid": 7}, True, 60),  # it still loads its modules
        ({"pid": 7}, None, 9),  # its host says nothing either
        ({}, None, 60),
    ],
)
def test_tick__how_long_a_job_may_be_silent(site: Site, row: dict[str, Any], alive: bool | None, seconds: int) -> None:
    task_id = site.running(**row)
    site.a.alive, site.a.silence = alive, endings.RESTARTED
    site.tick()
    for _ in range(seconds):
        site.tick(1)
    assert site.job(task_id).state is JobState.RUNNING
    site.tick(1)
    job = site.job(task_id)
    assert (job.state, job.losses, job.reason) == (JobState.QUEUED, 0, endings.RESTARTED.reason)


def test_tick__a_sign_of_life_or_another_attempt_begins_the_silence_anew(site: Site) -> None:
    task_id = site.running(pid=7, beat=1)
    site.tick()
    for change in ({"beat": 2}, {"token": 2}):
        for _ in range(9):
            site.tick(1)
        site.change(task_id, **change)
    for _ in range(9):
        site.tick(1)
    assert site.job(task_id).state is JobState.RUNNING
    site.tick(2)
    assert site.job(task_id).state is JobState.QUEUED


@pytest.mark.sqlite
def test_tick__nobody_is_silent_while_the_database_is_locked(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "PROBE_SECONDS", 0.01)
    task_id, waiting = site.running(pid=7, beat=1), site.submit()
    site.tick()
    other = sqlite3.connect(site.platform.workspace.home / "roadloop.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(10):
        site.hosts.found = (site.a,)  # which has room for nothing, and would say why
        site.clock.now += 3
        site.one.tick()
    other.execute("ROLLBACK")
    other.close()
    assert (site.job(waiting).state, site.a.done) == (JobState.QUEUED, [])
    for _ in range(2):
        site.tick(3)
        assert site.job(task_id).state is JobState.RUNNING
    for _ in range(3):
        site.tick(3)
    assert (site.job(task_id).state, site.losses()) == (JobState.QUEUED, [("silent", 1)])


# --- jobs that have ended ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "alive", "seconds"),
    [({"pid": 7}, False, 0), ({}, True, 0), ({"pid": 7}, True, 5), ({"pid": 7}, None, 5)],
)
def test_tidy__an_ended_job_may_leave_by_itself_for_five_seconds(
    site: Site, row: dict[str, Any], alive: bool | None, seconds: float
) -> None:
    task_id = site.running(**row)
    site.a.alive = alive
    site.tick()
    with site.platform.database.transaction() as db:
        queue.finish(db, queue.get(db, task_id), JobState.SUCCEEDED)
    if seconds:
        site.tick(1)
        site.tick(seconds)
        assert site.a.done == []
    for _ in range(2):
        site.tick(0.1)
        assert site.a.done == [("kill", "x", 1, 5), ("forget", task_id)]
    assert (site.one._watched, site.one._ended) == ({}, {})


def test_tidy_own__who_does_not_lead_ends_what_was_given_to_somebody_else(site: Site) -> None:
    given, kept = site.running("given", pid=7), site.running("kept", pid=8)
    site.tick()
    site.a.alive = False
    site.change(given, token=2)
    site.one._tidy_own()  # not yet: the round just now was the sweep
    assert site.a.done == []
    site.clock.now += 0.5
    site.one._tidy_own()
    assert site.a.done == [("kill", "given", 1, 5), ("forget", given)]
    assert site.one._watched.keys() == {kept}
    site.clock.now += 0.4
    site.change(kept, token=2)
    site.one._tidy_own()
    assert len(site.a.done) == 2
    site.clock.now += 0.1
    site.one._tidy_own()
    assert site.a.done[2:] == [("kill", "kept", 1, 5), ("forget", kept)]


def test_tidy_own__who_does_not_lead_waits_five_seconds_for_what_leaves_by_itself(site: Site) -> None:
    task_id = site.running(pid=7)
    site.tick()
    site.change(task_id, token=2)
    for seconds, done in ((1, 0), (5, 0), (1, 2)):
        site.clock.now += seconds
        site.one._tidy_own()
        assert len(site.a.done) == done


# --- queued jobs ---------------------------------------------------------------------------------------------------


def test_tick__of_several_lines_the_first_by_priority_then_by_age_start(site: Site) -> None:
    for title, more in (("old", {}), ("urgent", {"priority": 1}), ("training", {"pool": "training"}), ("new", {})):
        site.submit(title, **more)
    site.one.tick()
    assert site.a.done == [("start", "urgent", 1, ()), ("start", "training", 1, ())]
    site.one.tick()
    assert len(site.a.done) == 2  # the room is taken by what runs


def test_tick__a_job_waits_for_the_gpu_of_one_that_runs_and_is_told_whose(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "socket", SimpleNamespace(gethostname=lambda: "a"))
    site.running("苏州", ["GPU-1"])
    task_id, other = site.submit(gpus="1"), site.submit("y", gpus="0")
    site.one.tick()
    assert site.job(task_id).reason == Text(
        "等待 GPU：正被任务“苏州”使用。", "Waiting for a GPU that job '苏州' is using."
    )
    assert site.a.done == [("start", "y", 1, ("GPU-0",))]
    with site.platform.database.reading() as db:
        assert queue.held_gpus(db)["GPU-0"] == other


def test_tick__where_no_host_is_ready_the_first_that_waits_is_told_why_once(site: Site) -> None:
    later, first = site.submit(), site.submit(priority=1)
    site.hosts.found = AWAY
    site.one.tick()
    assert (site.job(first).reason, site.job(later).reason) == (AWAY, None)
    other = Text("还是没有", "Still none.")
    site.hosts.found = other
    site.one.tick()
    assert site.job(first).reason == other


@pytest.mark.parametrize(("more", "started"), [(-1, False), (0, True)])
def test_tick__a_job_starts_only_where_the_disk_has_room(
    site: Site, monkeypatch: pytest.MonkeyPatch, more: int, started: bool
) -> None:
    settings = site.platform.settings.model_copy(update={"min_free_mib": 3})
    monkeypatch.setattr(site.one, "platform", dataclasses.replace(site.platform, settings=settings))
    left = SimpleNamespace(free=3 * 1024 * 1024 + more)
    monkeypatch.setattr(supervisor, "shutil", SimpleNamespace(disk_usage={site.platform.workspace.home: left}.get))
    task_id = site.submit()
    site.one.tick()
    job = site.job(task_id)
    assert (job.state, job.reason) == ((JobState.RUNNING, None) if started else (JobState.QUEUED, supervisor.DISK_LOW))


def test_tick__a_job_that_is_cancelled_meanwhile_is_not_started(site: Site) -> None:
    task_id = site.submit(gpus="any:1")

    def cancel() -> None:
        with site.platform.database.transaction() as db:
            queue.cancel(db, task_id)

    site.a.when_asked = cancel
    site.one.tick()
    assert (site.job(task_id).state, site.a.done, site.one._watched) == (JobState.CANCELLED, [], {})


def test_tick__why_a_job_waits_is_not_said_of_one_that_was_cancelled_meanwhile(site: Site) -> None:
    task_id, other = site.submit(gpus="any:3"), site.submit(gpus="any:3", priority=1)

    def cancel() -> None:
        site.a.when_asked = lambda: None
        with site.platform.database.transaction() as db:
            queue.cancel(db, task_id)

    site.a.when_asked = cancel
    site.one.tick()
    assert site.job(task_id).reason is None
    assert site.job(other).reason == Text(
        "等待同一台机器上有 3 块空闲的 GPU。", "Waiting for 3 free GPUs on one machine."
    )


@pytest.mark.parametrize(
    ("error", "losses"), [(OSError("no more"), 1), (TimeoutError("no more"), 0), (ConnectionError("no more"), 0)]
)
def test_tick__a_process_that_cannot_be_started_is_the_jobs_loss_unless_the_host_is_away(
    site: Site, error: OSError, losses: int
) -> None:
    task_id = site.submit()
    site.a.refuses = error
    site.one.tick()
    job = site.job(task_id)
    assert (job.state, job.losses) == (JobState.QUEUED, losses)
    assert job.reason == Text("无法启动进程：no more。", "The process could not be started: no more.")
    assert site.a.done == [("start", "x", 1, ()), ("kill", "x", 1, 5), ("forget", task_id)]
    assert site.losses() == [("not_started", 1)]


# --- begin and end -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alive", [True, False, None])
def test_take_over__only_what_is_surely_gone_goes_back_into_the_queue(site: Site, alive: bool | None) -> None:
    task_id = site.running(pid=7, beat=1)
    site.a.alive = alive
    for _ in range(2):
        assert site.one._ask_for_lead()
        assert site.one.leads
    job = site.job(task_id)
    assert (site.hosts.taken_over, job.losses) == (1, 0)
    assert (job.state, job.reason) == (
        (JobState.QUEUED, endings.RESTARTED.reason) if alive is False else (JobState.RUNNING, None)
    )


def test_take_over__forgets_what_it_knew_when_it_led_before(site: Site) -> None:
    """Meanwhile another server led: silences, losses and requests to stop are counted anew, from 1002 on."""
    silent, stopping = (site.running(pid=7, beat=1, cancel_requested=asked) for asked in (False, True))
    site.tick()
    site.a.code, site.a.ends = -9, False
    site.tick(1)
    site.a.code, site.a.ends = None, True
    site.one._ask_for_lead()
    ends: dict[str, float] = {}
    while len(ends) < 2 and site.clock.now < 1030:
        site.tick(1)
        ends |= {
            t: site.clock.now for t in (silent, stopping) if site.job(t).state is not JobState.RUNNING and t not in ends
        }
    assert ends == {stopping: 1002 + 8, silent: 1002 + 10}


def test_close__names_what_goes_on_and_stops_nothing(site: Site) -> None:
    task_id = site.running()
    assert [job.id for job in site.one.close()] == [task_id]
    assert site.hosts.left == {task_id}
    assert (site.job(task_id).cancel_requested, site.a.done) == (False, [])
    Supervisor(site.platform, site.hosts).close()  # the workspace is free


@pytest.mark.parametrize("ends", [True, False])
def test_close__with_its_jobs_takes_no_longer_than_it_may(site: Site, ends: bool) -> None:
    task_id = site.running()
    site.a.ends = ends
    left = site.one.close(stop_jobs=True)
    assert [job.id for job in left] == ([] if ends else [task_id])
    assert site.job(task_id).state is (JobState.CANCELLED if ends else JobState.RUNNING)
    assert site.job(task_id).cancel_requested
    assert site.clock.now - 1000 == pytest.approx(7.2 if ends else 10, abs=0.15)


def test_start__waits_for_a_database_that_is_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first round takes over, then."""
    task_id = site.running(pid=7)
    site.a.alive = False
    site.hosts.found = AWAY
    away = [BusyError(AWAY)]

    def take_over() -> None:
        if away:
            raise away.pop()
        site.hosts.taken_over += 1

    monkeypatch.setattr(site.hosts, "take_over", take_over)
    site.one.start()
    until(lambda: site.hosts.taken_over == 1)
    until(lambda: site.job(task_id).state is JobState.QUEUED)


@pytest.mark.sqlite
def test_take_over__what_cannot_be_written_waits_for_a_round(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    again = open_platform(site.platform.settings)
    monkeypatch.setattr(site.one, "platform", again)
    task_id = site.running(pid=7)
    site.a.alive = False
    with closing(sqlite3.connect(again.workspace.home / "roadloop.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert site.one._ask_for_lead()
        assert site.job(task_id).state is JobState.RUNNING
    site.tick()
    assert (site.job(task_id).state, site.losses()) == (JobState.QUEUED, [("restarted", 1)])
    again.database.close()


def test_start__a_server_that_leads_tidies(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "ROUND_SECONDS", 0.01)
    task_id = site.running()
    with site.platform.database.transaction() as db:
        queue.finish(db, queue.get(db, task_id), JobState.SUCCEEDED)
    log = site.platform.workspace.home / site.job(task_id).log
    log.touch()
    os.utime(log, (0, 0))
    site.hosts.found = AWAY
    monkeypatch.setattr(site.one, "_ask_for_lead", lambda: False)
    site.one.start()
    time.sleep(0.1)
    assert log.exists()
    monkeypatch.setattr(site.one, "_leads", True)
    until(lambda: not log.exists())


def test_loop__outlives_what_fails_and_says_since_when_no_round_was_whole(site: Site) -> None:
    task_id = site.submit()
    for error in (RuntimeError("a bug"), BusyError(AWAY)):
        site.hosts.found = error
        begun = site.hosts.swept
        if site.one._thread is None:
            site.one.start()
        site.clock.now += 3
        until(lambda begun=begun: site.hosts.swept > begun)  # type: ignore[misc]
    assert site.one.silent_for() == 6
    site.hosts.found = AWAY
    until(lambda: site.one.silent_for() == 0)
    assert (site.job(task_id).reason, site.one.leads) == (AWAY, True)
