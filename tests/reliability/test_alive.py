"""R24, clock, pause: what lives is not killed, and ends at its first attempt in the same bytes."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from full_disk import Disk
from live import LiveServer, stop, stop_between_transactions
from roadloop.jobs import queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import job_events
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform
from workers import Start

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(900), pytest.mark.xdist_group("alive")]

#: Holds the database for so many seconds from the first line of its output on.
HOLD: Final = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
db.execute("ROLLBACK")
"""


class Site:
    """A server, and jobs that count.

    Args:
        settings: Of the workspace.
        server: Not started yet.
    """

    def __init__(self, settings: Settings, server: LiveServer) -> None:
        self.platform: Final[Platform] = open_platform(settings, upgrade=True)
        self.live: Final = server
        self._count = 0

    def submit(self, steps: int) -> str:
        """Queue a job that takes a twentieth of a second for each step."""
        self._count += 1
        payload = {"steps": steps, "pause": 0.05, "name": f"counted-{self._count}"}
        with self.platform.database.transaction() as db:
            return queue.submit(db, queue.Submission("rehearsal", payload, "数数"))

    def job(self, task_id: str) -> queue.Job:
        """The job's row."""
        with self.platform.database.reading() as db:
            return queue.get(db, task_id)

    def until(self, task_id: str, reached: Callable[[queue.Job], bool]) -> queue.Job:
        """Wait until the job is as wanted, or has ended."""
        deadline = time.monotonic() + 200
        while not reached(job := self.job(task_id)) and job.state not in ENDED:
            assert time.monotonic() < deadline, (job.state, job.progress, job.reason)
            time.sleep(0.05)
        return job

    def running(self, task_id: str) -> queue.Job:
        """Wait until the job has begun to count."""
        job = self.until(task_id, lambda job: job.progress > 0 and job.pid is not None)
        assert job.state is JobState.RUNNING
        return job

    def finish(self, task_id: str, attempts: int = 1) -> queue.Job:
        """Wait for a good end, by the first attempt, with the bytes of an undisturbed run."""
        job = self.until(task_id, lambda job: job.state in ENDED)
        assert (job.state, job.attempt, job.losses) == (JobState.SUCCEEDED, attempts, 0), (job.reason, self.live.output)
        steps, made = job.payload["steps"], self.platform.workspace.logs / f"{job.payload['name']}.txt"
        assert made.read_text() == "".join(f"{n}\n" for n in range(steps))
        return job

    def close(self) -> None:
        """End the server, and look whether all is well."""
        assert inspect(self.platform, hashes=True).problems == []
        self.live.close()
        self.platform.database.close()


@contextmanager
def opened(settings: Settings, **changes: Any) -> Iterator[Site]:
    """A running server, and its end."""
    changed = settings.model_copy(update=changes)
    site = Site(changed, LiveServer(changed))
    site.live.start()
    try:
        yield site
    finally:
        site.close()


@contextmanager
def held(home: Path, seconds: float) -> Iterator[None]:
    """Another process holds the database, and has let it go when the block ends."""
    command = [sys.executable, "-c", HOLD, str(home / "roadloop.db"), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holding:
        assert holding.stdout is not None
        assert holding.stdout.readline() == "held\n"
        yield
        assert holding.wait(timeout=120) == 0


def test_r24__a_locked_database_makes_everybody_wait(settings: Settings, times: Callable[[int], int]) -> None:
    """For 8, 17 and 40 s with the usual settings, or longer than a short lease."""
    full = times(20) == 20
    usual = {"lease_seconds": 15, "sweep_seconds": 5, "poll_seconds": 0.3} if full else {}
    with opened(settings, **usual) as site, closing(site.live.client()) as client:
        for n, seconds in enumerate((8, 17, 40) if full else (0.5, 1.5, 3)):
            task_id = site.submit(30)
            site.running(task_id)
            with held(site.platform.workspace.home, seconds):
                assert client.get("/network_history").status_code == 200
                body = {"network_name": f"n{n}", "src_net": "enet", "net_describe": ""}
                answer = client.post("/create_net", json=body)
            assert (answer.status_code, answer.json().get("error")) == ((503, "busy") if seconds > 30 else (200, None))
            if answer.status_code == 200:  # it waits for the job's slot; what it would make is nothing to this test
                with site.platform.database.transaction() as db:
                    queue.cancel(db, answer.json()["data"])
            site.finish(task_id)


def test_r24__sixteen_writers_take_turns_and_a_job_among_them(settings: Settings, times: Callable[[int], int]) -> None:
    each = 5 * times(20)
    with opened(settings) as site:
        task_id = site.submit(30)
        site.running(task_id)

        def write() -> None:
            own = open_platform(site.live.settings)
            for _ in range(each):
                with own.database.transaction() as db:
                    queue.submit(db, queue.Submission("rehearsal", {}, "x", state=JobState.CREATED))
            own.database.close()

        threads = [threading.Thread(target=write) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        site.finish(task_id)
        with site.platform.database.reading() as db:
            created = sa.select(sa.func.count()).where(queue.jobs.c.state == JobState.CREATED.value)
            assert db.execute(created).scalar_one() == 16 * each


@pytest.mark.slow
def test_pause__everything_stopped_past_the_lease_goes_on(settings: Settings, times: Callable[[int], int]) -> None:
    """Six times; with --full 22 s of the usual lease of 15 s, the last time."""
    number = times(6)
    with opened(settings) as site:
        task_id = site.submit(40 * number)
        for n in range(number):
            job = site.until(task_id, lambda job, n=n: job.progress > n / number and job.pid is not None)  # type: ignore[misc]
            pause(site, job, 2.5)
        site.finish(task_id)
    if number == 6:
        usual = settings.model_copy(update={"home": settings.home.with_name("usual")})
        with opened(usual, lease_seconds=15, sweep_seconds=5, poll_seconds=0.3) as site:
            task_id = site.submit(60)
            pause(site, site.running(task_id), 22)
            site.finish(task_id)


def pause(site: Site, job: queue.Job, seconds: float) -> None:
    """Stop server and worker, and continue them."""
    assert job.pid is not None
    for pid in (site.live.process.pid, job.pid):
        stop(pid)
    time.sleep(seconds)
    for pid in (site.live.process.pid, job.pid):
        os.kill(pid, signal.SIGCONT)


def test_full_disk__a_job_that_cannot_write_is_not_lost(settings: Settings, disk: Disk) -> None:
    """Longer than the lease: the worker ends, or waits; nobody says that it was killed, and nothing counts against it."""
    changed = settings.model_copy(update={"home": Path(disk.home) / "alive"})
    disk.restart()
    site = Site(changed, LiveServer(changed, disk.start))
    site.live.start()
    try:
        task_id = site.submit(60)
        job = site.running(task_id)
        disk.restart(0)
        deadline = time.monotonic() + 60
        while Path(f"/proc/{job.pid}").exists():  # it ends when it cannot write down its tenth step
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(2 * changed.lease_seconds)
        disk.restart()
        site.finish(task_id, attempts=2)
        with site.platform.database.reading() as db:
            said = db.execute(sa.select(job_events.c.text).where(job_events.c.job_id == task_id)).scalars().all()
        (reason,) = [text for text in said if text is not None]
        assert "the disk was full" in reason[1]
    finally:
        disk.restart()
        site.close()


@pytest.fixture
def space() -> Iterator[int]:
    """The pid of a process in a user namespace, in which time namespaces may be made."""
    with subprocess.Popen(
        ["unshare", "--user", "--map-root-user", "cat"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as holder:
        command = ["nsenter", f"--target={holder.pid}", "--user", "--preserve-credentials", "unshare", "--time", "true"]
        # Its own namespace, and a root in it: nobody else may use what it may do.
        maps = [Path(f"/proc/{who}/uid_map") for who in (holder.pid, "self")]
        while holder.poll() is None and maps[0].read_text().strip() in {"", maps[1].read_text().strip()}:
            time.sleep(0.01)
        if holder.poll() is not None or subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode:
            pytest.skip("this system lets nobody make a time namespace")
        yield holder.pid


@pytest.mark.slow
def test_clock__another_boot_time_makes_no_living_process_another(
    settings: Settings, space: int, times: Callable[[int], int]
) -> None:
    """The server is killed and comes back where the boot was seconds later, hours earlier, minutes later."""
    offset = 0

    def start(command: list[str], **more: Any) -> "subprocess.Popen[Any]":
        inside = ["nsenter", f"--target={space}", "--user", "--preserve-credentials"]
        shifted = ["unshare", "--time", f"--boottime={offset}", "--fork", "--kill-child"]
        return subprocess.Popen([*inside, *shifted, *command], **more)

    site = Site(settings, LiveServer(settings, start))
    site.live.start()
    try:
        for shift in (5, 3600, -30, 1, 7200, -60)[: times(6)]:
            task_id = site.submit(60)
            job = site.running(task_id)
            assert job.pid is not None
            stop_between_transactions(site.platform, job.pid)  # it does not end before the server is back
            site.live.kill()
            offset = shift
            site.live.start()
            os.kill(job.pid, signal.SIGCONT)
            site.finish(task_id)
    finally:
        site.close()


@pytest.fixture
def wrong_clock(tmp_path: Path) -> "tuple[Start, Callable[[int], None]]":
    """Starts processes, and sets by how many seconds their wall clocks are wrong while they run."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler (Debian's package gcc), which makes the wrong clock")
    library, seconds = tmp_path / "wall_clock.so", tmp_path / "seconds"
    source = Path(__file__).parents[1] / "wall_clock.c"
    subprocess.run([compiler, "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source], check=True)
    seconds.write_bytes(bytes(8))

    def start(command: list[str], **more: Any) -> "subprocess.Popen[Any]":
        wrong = {"LD_PRELOAD": str(library), "WALL_CLOCK": str(seconds)}
        return subprocess.Popen(command, **{**more, "env": more["env"] | wrong})

    def step(by: int) -> None:
        with seconds.open("r+b") as stream:
            stream.write(by.to_bytes(8, sys.byteorder, signed=True))

    return start, step


@pytest.mark.slow
def test_clock__the_wall_clock_steps_under_a_running_server_and_job(
    settings: Settings, wrong_clock: "tuple[Start, Callable[[int], None]]"
) -> None:
    """By more than a lease, an hour ahead, and two hours back."""
    start, step = wrong_clock
    changed = settings.model_copy(update={"job_variables": ("LD_PRELOAD", "WALL_CLOCK")})
    site = Site(changed, LiveServer(changed, start))
    site.live.start()
    try:
        task_id = site.submit(80)
        site.running(task_id)
        for n, by in enumerate((3, 3600, -3600), 1):
            step(by)
            site.until(task_id, lambda job, n=n: job.progress > n / 4)  # type: ignore[misc]
        job = site.finish(task_id)
        with closing(site.live.client(check=False)) as client:
            said = client.get("/v1/health").json()["data"]["now"]
        assert job.finished_at is not None
        seen = [job.finished_at, time.mktime(time.strptime(said, "%Y-%m-%d %H:%M:%S"))]
        assert all(abs(at - time.time() + 3600) < 1000 for at in seen)  # the job's clock, and the server's
    finally:
        site.close()
