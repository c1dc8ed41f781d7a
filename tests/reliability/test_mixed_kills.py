"""Jobs of every kind at once, while the server, workers and everything together are killed: the same bytes in the end."""

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
import pytest

from job_cases import prepare_all, submit_all, tree_of
from live import LiveServer
from roadloop.jobs import processes, queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import ENDED, JobState
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform
from workers import Workers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000), pytest.mark.xdist_group("mixed")]

MOST: Final = 2  #: kills of one job's workers; a third in a row, without getting further, would fail it


class Site:
    """A workspace in which a job of each kind is queued, and copies of it in which they run."""

    def __init__(self, folder: Path, workers: Workers) -> None:
        self.folder: Final = folder
        platform = open_platform(self._settings("queued"), upgrade=True)
        prepare_all(platform, lambda task_id: self._finish(platform, workers, task_id))
        self.kinds: Final = submit_all(platform)
        platform.database.close()
        self.expected: Final = self.run("undisturbed", lambda _live, _platform: None)

    def run(self, name: str, disturb: Callable[[LiveServer, Platform], object]) -> dict[str, str]:
        """Run all jobs in a copy, disturbing them until all have ended; every file of it afterwards."""
        settings = self._settings(name)
        shutil.copytree(self.folder / "queued", settings.home)
        live, platform = LiveServer(settings), open_platform(settings)
        live.start()
        deadline = time.monotonic() + 900
        while left := self._left(platform):
            assert time.monotonic() < deadline, left
            disturb(live, platform)
            time.sleep(0.1)
        live.stop()
        live.close()
        self._check(platform)
        platform.database.close()
        tree = tree_of(settings.home)
        shutil.rmtree(settings.home)
        return tree

    def _settings(self, name: str) -> Settings:
        return Settings(
            home=self.folder / name, port=0, lease_seconds=5, sweep_seconds=0.5, poll_seconds=0.05, min_free_mib=0,
            torch_threads=1, loader_workers=0, annotation_outbox="outbox", other_slots=3,
        )  # fmt: skip

    def _left(self, platform: Platform) -> list[str]:
        with platform.database.reading() as db:
            return [kind for task_id, kind in self.kinds.items() if queue.get(db, task_id).state not in ENDED]

    def _check(self, platform: Platform) -> None:
        with platform.database.reading() as db:
            jobs = [queue.get(db, task_id) for task_id in self.kinds]
        ends = {job.kind: (job.state, job.reason) for job in jobs}
        assert all(state is JobState.SUCCEEDED for state, _ in ends.values()), ends
        report = inspect(platform, hashes=True)
        assert (report.problems, report.notes) == ([], [])

    def _finish(self, platform: Platform, workers: Workers, task_id: str) -> None:
        assert workers.run(platform, task_id) == 0
        with platform.database.reading() as db:
            assert queue.get(db, task_id).state is JobState.SUCCEEDED


class Killer:
    """Kills, at random, the server, the process of a job, or all of them."""

    def __init__(self, rng: random.Random) -> None:
        self.kills: Counter[str] = Counter()
        self._rng: Final = rng
        self._of_job: Counter[str] = Counter()
        self._next = 0.0

    def __call__(self, live: LiveServer, platform: Platform) -> None:
        """Kill something, if it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._rng.uniform(0.5, 3)
        what = self._rng.choice(("server", "worker", "worker", "everything"))
        if what == "worker":
            self._kill_worker(platform)
            return
        live.kill()
        if what == "everything":
            with platform.database.reading() as db:
                running = queue.running(db)
            for process in [process for job in running for process in processes.find(f"{job.id}:")]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.kills[what] += 1
        live.start()

    def _kill_worker(self, platform: Platform) -> None:
        with platform.database.reading() as db:
            running = [job for job in queue.running(db) if job.pid is not None and self._of_job[job.id] < MOST]
        if running:
            job = self._rng.choice(running)
            assert job.pid is not None
            with suppress(ProcessLookupError):
                os.kill(job.pid, signal.SIGKILL)
                self._of_job[job.id] += 1
                self.kills["worker"] += 1


def test_jobs_of_all_kinds_survive_kills_of_everything(
    tmp_path: Path, workers: Workers, times: Callable[[int], int], rng: random.Random
) -> None:
    site = Site(tmp_path, workers)
    kills: Counter[str] = Counter()
    while kills.total() < times(10):
        killer = Killer(rng)
        found = site.run(f"round-{kills.total()}", killer)
        assert found == site.expected, killer.kills
        kills += killer.kills
    print(f"mixed kills: {dict(kills)}")
