"""R01 and R08: the server is killed under load; clients repeat themselves."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx2 as httpx
import pytest

from live import LiveServer
from roadloop.jobs import queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import ENDED, JobState
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(1500), pytest.mark.xdist_group("server-kills")]

RESTART_GOAL = 3.0  # seconds; a test fails only at ten times the goal


def assert_clean(settings: Settings) -> None:
    """`fsck` as an operator runs it, on a workspace at rest."""
    done = subprocess.run(
        [sys.executable, "-m", "roadloop", "fsck", "--home", str(settings.home)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def settle(platform: Platform) -> None:
    """End all jobs and wait until none runs."""
    with platform.database.transaction() as db:
        for job in [*queue.queued(db, limit=100_000), *queue.running(db)]:
            queue.cancel(db, job.id)
    deadline = time.monotonic() + 60
    while True:
        with platform.database.reading() as db:
            if not queue.running(db):
                return
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Submitter:
    """Submits networks at up to 50 a second until its server is gone; remembers what was acknowledged."""

    def __init__(self, url: str, prefix: str) -> None:
        self.acknowledged: dict[str, str] = {}
        self._url, self._prefix = url, prefix
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=5) as client:
            for n in range(10_000):
                name = f"{self._prefix}-{n}"
                body = {"network_name": name, "src_net": "fast-scnn", "net_describe": "神经网络"}
                try:
                    answer = client.post("/create_net", json=body)
                except httpx.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                self.acknowledged[name] = answer.json()["data"]
                time.sleep(0.02)

    def wait_for_the_first(self) -> None:
        """Wait until one is acknowledged."""
        deadline = time.monotonic() + 60
        while not self.acknowledged:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()


def test_r01__the_server_killed_during_submissions_loses_nothing(
    settings: Settings, times: Callable[[int], int], rng: random.Random
) -> None:
    live = LiveServer(settings)
    acknowledged: dict[str, str] = {}
    restarts = []
    for cycle in range(times(60)):
        restarts.append(live.start())
        submitter = Submitter(live.url, f"net{cycle}")
        submitter.wait_for_the_first()
        time.sleep(rng.uniform(0.0, 0.7))
        live.kill()
        submitter.join()
        acknowledged |= submitter.acknowledged
    live.start()
    assert max(restarts) < 10 * RESTART_GOAL
    platform = open_platform(settings)
    with platform.database.reading() as db:
        named = db.execute(queue.jobs.select().with_only_columns(queue.jobs.c.title, queue.jobs.c.id)).all()
    rows = {row.title: row.id for row in named}
    assert {name: rows.get(name) for name in acknowledged} == acknowledged
    assert len(rows) <= len(acknowledged) + times(60)  # at most one unacknowledged request a kill
    settle(platform)
    assert inspect(platform, hashes=True).problems == []
    live.close()
    platform.database.close()
    print(f"R01: {len(acknowledged)} acknowledged, restart median {sorted(restarts)[len(restarts) // 2]:.2f} s")


@pytest.mark.slow
def test_r08__fifty_parallel_identical_submissions_are_one_job(server: LiveServer, times: Callable[[int], int]) -> None:
    client = server.client(check=False)
    for round_ in range(times(100)):
        body = {"network_name": f"net{round_}", "src_net": "fast-scnn", "net_describe": "x"}
        headers = {"idempotency-key": f"key{round_}"} if round_ % 2 else {}
        answers: list[httpx.Response] = []

        def send(
            body: dict[str, str] = body, headers: dict[str, str] = headers, into: list[httpx.Response] = answers
        ) -> None:
            into.append(client.post("/create_net", json=body, headers=headers))

        threads = [threading.Thread(target=send) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ids = {a.json()["data"] for a in answers if a.status_code == 200}
        refused = [a for a in answers if a.status_code != 200]
        assert len(ids) == 1
        if headers:
            assert refused == []
        else:
            assert {(a.status_code, a.json()["details"]["task_id"]) for a in refused} <= {(409, next(iter(ids)))}
    platform = open_platform(server.settings)
    settle(platform)
    with platform.database.reading() as db:
        states = db.execute(queue.jobs.select().with_only_columns(queue.jobs.c.state)).scalars().all()
    assert len(states) == times(100)
    assert {JobState(s) for s in states} <= ENDED
    platform.database.close()
    assert_clean(server.settings)


@pytest.mark.slow
def test_r08__a_client_that_times_out_and_repeats_itself(server: LiveServer) -> None:
    body = {"network_name": "once", "src_net": "fast-scnn", "net_describe": "x"}
    headers = {"idempotency-key": "the-same"}
    impatient = httpx.Client(base_url=server.url, timeout=httpx.Timeout(30, read=0.001))
    for _ in range(20):
        try:
            impatient.post("/create_net", json=body, headers=headers)
        except httpx.TimeoutException:
            continue
    impatient.close()
    answer = server.client().post("/create_net", json=body, headers=headers)
    assert answer.status_code == 200
    platform = open_platform(server.settings)
    with platform.database.reading() as db:
        assert db.execute(queue.jobs.select()).all()[0].id == answer.json()["data"]
        assert len(db.execute(queue.jobs.select()).all()) == 1
    settle(platform)
    platform.database.close()


def test_fsck__finds_each_kind_of_damage(settings: Settings) -> None:
    platform = open_platform(settings, upgrade=True)
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {}, "x"))
        db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(state="succeeded", progress=3.0))
    dataset = Path(settings.home) / "datasets" / "d"
    dataset.mkdir()
    (dataset / "manifest.json").write_text('{"files": {"a": {"sha256": "0", "bytes": 1}}}')
    (dataset / ".a.deadbeef-1.partial").write_text("")
    report = inspect(platform, hashes=True)
    words = " ".join(problem.text.en for problem in report.problems)
    for part in ("state differs", "out of range", "a is missing"):
        assert part in words
    assert len(report.notes) == 1
    platform.database.close()
