"""R38: the answer of `/release` never comes, because the connection is cut or the server dies. Asked again, there is one."""

import http.client
import json
import random
import socket
import struct
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from live import LiveServer
from roadloop.jobs import queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import JobState
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform
from workers import Workers

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(600), pytest.mark.xdist_group("jobs")]

RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closed at once, without a word


class Site:
    """A server whose jobs the test runs, when it likes.

    Args:
        settings: Of the workspace; the server itself finds no space for jobs.
        workers: Run the jobs.
    """

    def __init__(self, settings: Settings, workers: Workers) -> None:
        # It does not take the test's workers for lost ones: nothing has gone silent before ten minutes.
        changes = {"min_free_mib": 10**9, "lease_seconds": 600, "sweep_seconds": 600}
        self.live: Final = LiveServer(settings.model_copy(update=changes))
        self.live.start()
        self.platform: Final[Platform] = open_platform(self.live.settings)
        self._workers: Final = workers

    def ask(self, version: str, key: str) -> socket.socket:
        """Send a request, and do not wait for its answer."""
        body = json.dumps({
            "dicts": {"苏州": ["tiny_ep-0001.params", "tiny_ep-0001.json"]}, "version": version, "env": "e", "type": "路牌",
        }).encode()  # fmt: skip
        host, port = self.live.url.removeprefix("http://").split(":")
        head = ["POST /release HTTP/1.1", f"host: {host}:{port}", f"content-length: {len(body)}",
                "content-type: application/json", "connection: close", *([f"idempotency-key: {key}"] if key else [])]  # fmt: skip
        client = socket.create_connection((host, int(port)), timeout=60)
        client.sendall("\r\n".join([*head, "", ""]).encode() + body)
        return client

    def answer(self, version: str, key: str) -> tuple[int, dict[str, Any]]:
        """Ask, and wait for the answer."""
        with self.ask(version, key) as client:
            response = http.client.HTTPResponse(client)
            response.begin()
            return response.status, json.loads(response.read())

    def queued(self) -> str:
        """Wait until a release is queued; its task id."""
        deadline = time.monotonic() + 120
        while True:
            with self.platform.database.reading() as db:
                waiting = queue.queued(db)
            if waiting:
                return waiting[0].id
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def run(self, task_id: str) -> None:
        """Publish it."""
        assert self._workers.run(self.platform, task_id) == 0
        with self.platform.database.reading() as db:
            assert queue.get(db, task_id).state is JobState.SUCCEEDED

    def close(self) -> None:
        """End the server, and look whether all is well."""
        assert inspect(self.platform, hashes=True).problems == []
        self.live.close()
        self.platform.database.close()


def cut(client: socket.socket, after: int = 0) -> None:
    """Read so many bytes of the answer, and go."""
    while after > 0 and (came := client.recv(after)):
        after -= len(came)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()


def early(site: Site, client: socket.socket, _rng: random.Random) -> None:
    """The client goes while the job waits."""
    task_id = site.queued()
    cut(client)
    site.run(task_id)


def published(site: Site, client: socket.socket, _rng: random.Random) -> None:
    """The client goes when the release stands, about when the server answers."""
    site.run(site.queued())
    cut(client)


def within(site: Site, client: socket.socket, rng: random.Random) -> None:
    """The client goes after some bytes of the answer."""
    site.run(site.queued())
    cut(client, rng.randint(1, 200))


def killed(site: Site, client: socket.socket, _rng: random.Random) -> None:
    """The server dies when the release stands, about when it answers."""
    site.run(site.queued())
    site.live.kill()
    client.close()
    site.live.start()


def killed_early(site: Site, client: socket.socket, _rng: random.Random) -> None:
    """The server dies while the job waits."""
    task_id = site.queued()
    site.live.kill()
    client.close()
    site.run(task_id)
    site.live.start()


LOSSES: Final = (within, killed, early, published, killed_early)


@pytest.mark.slow
def test_r38__a_release_whose_answer_was_lost_is_one_release(
    settings: Settings,
    workers: Workers,
    write_model: Callable[..., Path],
    rng: random.Random,
    request: pytest.FixtureRequest,
) -> None:
    site = Site(settings, workers)
    write_model(site.live.home / "tasks" / "苏州" / "output" / "models", "tiny", 1)
    try:
        for n, lose in enumerate(LOSSES * 6 if request.config.getoption("--full") else LOSSES[:2]):
            version, key = f"v{n}", f"key {n}" if rng.random() < 0.5 else ""
            with site.ask(version, key) as client:
                lose(site, client, rng)
            status, said = site.answer(version, key)
            # Without a key the server cannot know that the answer which it gave was lost: it names the release.
            assert status == 200 or (not key and (status, said["error"]) == (409, "name_taken")), (lose, said)
            task_id = (said["data"] if status == 200 else said["details"])["task_id"]
            with closing(site.live.client()) as asking:
                rows = asking.get("/v1/releases").json()["data"]
                items = asking.get("/release_tab", params={"page": 2}).json()["items"]
            for found in (rows, items):
                assert [row["task_id"] for row in found if row["version"] == version] == [task_id]
            assert len(rows) == len(items) == n + 1
    finally:
        site.close()
