"""One client against the server: connections, bodies, waiting, floods of the log. Everybody else goes on working.

The server may open no more than 1,024 files, as systems usually have it.
"""

import http.client
import json
import random
import resource
import select
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from live import LiveServer
from roadloop.jobs import queue
from roadloop.settings import Settings
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(900), pytest.mark.xdist_group("one-client")]

FILES = 1024
HEALTH_GOAL = 0.1  # seconds; a test fails only at ten times the goal, nine times of ten
LONGEST = 5.0  # seconds, for the one time that the machine is busy; unprotected, these attacks cost 10 to 40
MIB = 2**20


def start_with_few_files(command: list[str], **options: Any) -> "subprocess.Popen[Any]":
    """As on most systems: 256 files at first, 1,024 at most."""
    limited = ["sh", "-c", f'ulimit -Sn 256; ulimit -Hn {FILES}; exec "$@"', "sh", *command]
    return subprocess.Popen(limited, **options)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Jobs wait for space, so that only the server works."""
    return settings.model_copy(update={"min_free_mib": 10**9, "release_wait_seconds": 120})


@pytest.fixture
def live(settings: Settings) -> Iterator[LiveServer]:
    server = LiveServer(settings, start_with_few_files)
    server.start()
    yield server
    server.close()


def address(live: LiveServer) -> tuple[str, int]:
    host, port = live.url.removeprefix("http://").split(":")
    return host, int(port)


def connect(live: LiveServer, sent: bytes = b"") -> socket.socket:
    client = socket.create_connection(address(live), timeout=60)
    client.sendall(sent)
    return client


def head(live: LiveServer, path: str, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"host: {live.url.removeprefix('http://')}", *more, "", ""]
    return "\r\n".join(lines).encode()


def call(live: LiveServer, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(*address(live), timeout=120)
    try:
        connection.request(method, path, body or None, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


#: Asks how the server is, each time on a new connection, as a monitor does; a line for each answer.
MONITOR: Final = """
import http.client, sys, time
while True:
    time.sleep(0.05)
    began = time.monotonic()
    connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=120)
    try:
        connection.request("GET", "/v1/health")
        answer = connection.getresponse()
        answer.read()
        said = answer.status
    except OSError as error:
        said = repr(error)
    connection.close()
    print(time.monotonic() - began, said, flush=True)
"""


class Watch:
    """The monitor, in a process of its own: beside the attack, Python would make it wait for the attacker."""

    def __init__(self, live: LiveServer) -> None:
        self.seconds: list[float] = []
        self.refused: list[str] = []
        command = [sys.executable, "-c", MONITOR, *map(str, address(live))]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            seconds, _, said = line.strip().partition(" ")
            self.seconds.append(float(seconds))
            if said != "200":
                self.refused.append(said)

    def __enter__(self) -> "Watch":
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def watched(live: LiveServer, title: str, *, memory_mib: int) -> Iterator[None]:
    """While the block runs the server answers, writes little, and grows by less than so many MiB."""
    process = psutil.Process(live.process.pid)
    before, said, most = process.memory_info().rss, len(live.output), 0
    with Watch(live) as watch:
        deadline = time.monotonic() + 60
        while len(watch.seconds) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield
        most = process.memory_info().rss - before
        asked = len(watch.seconds)
        while len(watch.seconds) < asked + 3:
            assert time.monotonic() < deadline + 600
            time.sleep(0.05)
        most = max(most, process.memory_info().rss - before)
    log = sum(len(line.encode()) for line in live.output[said:])
    slowest, usual = max(watch.seconds), statistics.median(watch.seconds)
    print(
        f"{title}: health median {1000 * usual:.0f} ms, slowest {1000 * slowest:.0f} ms of {len(watch.seconds)};"
        f" memory +{most / MIB:.0f} MiB; log {log} bytes"
    )
    assert watch.refused == []
    assert sorted(watch.seconds)[int(0.9 * (len(watch.seconds) - 1))] < 10 * HEALTH_GOAL
    assert slowest < LONGEST
    assert most < memory_mib * MIB
    assert log < 64 * 1024
    assert process.is_running()


def test_connections__more_than_the_system_allows_files(live: LiveServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft > 2000 or hard > 2000, "this test itself needs about 1,500 files"
    if soft < 2000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2000, hard))
    with ExitStack() as stack, watched(live, "1,100 idle connections, 100 slow heads", memory_mib=100):
        for _ in range(1100):
            stack.enter_context(connect(live))
        for _ in range(100):
            stack.enter_context(connect(live, b"GET / HT"))
        assert psutil.Process(live.process.pid).num_fds() < FILES
        assert call(live, "GET", "/")[0] == 200


def test_bodies__half_sent_deep_wide_and_long_ones(live: LiveServer, times: Callable[[int], int]) -> None:
    with ExitStack() as stack, watched(live, "bodies", memory_mib=250):
        for _ in range(40):  # half of 30 MiB: refused by what they say
            client = stack.enter_context(connect(live, head(live, "/starttask", f"content-length: {30 * MIB}")))
            assert client.recv(4096).startswith(b"HTTP/1.1 413")
        held = []
        for _ in range(150):  # nearly 1 MiB each, never finished
            client = stack.enter_context(connect(live, head(live, "/starttask", f"content-length: {MIB}")))
            client.sendall(bytes(MIB - 1))
            held.append(client)
        answered, _, _ = select.select(held, [], [], 60)  # the budget is full
        assert answered[0].recv(12) == b"HTTP/1.1 503"
        assert call(live, "POST", "/starttask", b'{"task_id": "1"}')[0] == 404  # small bodies need no room
        for client in held:
            client.close()
        deadline = time.monotonic() + 60
        while call(live, "POST", "/starttask", b" " * (MIB - 10))[0] == 503:
            assert time.monotonic() < deadline
        wide = b'{"a": [' + b"[]," * (MIB // 3 - 10) + b"1]}"
        some = b'{"a": [' + b"[]," * 40_000 + b"1]}"
        text = json.dumps({"dicts": "[" * 1000 + "]" * 1000, "task_id": "1"}).encode()
        for _ in range(times(30)):
            assert call(live, "POST", "/starttask", wide)[0] == 400
            assert call(live, "POST", "/starttask", some)[0] == 422
            assert call(live, "POST", "/starteva", text)[0] == 422
        assert call(live, "POST", "/starttask", b'{"%s": 1}' % (b"n" * (MIB - 100)))[0] == 422
        assert call(live, "POST", "/starttask", b"\x00" * (2 * MIB))[0] == 413
    assert not any("\x00" in line for line in live.output)


def test_waiting__sixty_of_one_client_hold_no_thread(live: LiveServer, write_model: Callable[..., Path]) -> None:
    write_model(live.home / "tasks" / "苏州" / "output" / "models", "tiny", 1)
    asked = {
        "dicts": {"苏州": ["tiny_ep-0001.params", "tiny_ep-0001.json"]}, "version": "1", "env": "e", "type": "路牌",
    }  # fmt: skip
    body, answers = json.dumps(asked).encode(), list[tuple[int, bytes]]()
    threads = [threading.Thread(target=lambda: answers.append(call(live, "POST", "/release", body))) for _ in range(60)]
    platform = open_platform(live.settings)
    with watched(live, "60 that wait for one release", memory_mib=100):
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while True:
            with platform.database.reading() as db:
                waiting = queue.queued(db)
            if waiting:
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for _ in range(20):
            assert call(live, "GET", "/v1/releases")[0] == 200
        assert answers == []
        assert psutil.Process(live.process.pid).num_threads() < 40
        while any(thread.is_alive() for thread in threads):  # who comes late asks for the release anew
            with platform.database.transaction() as db:
                for job in queue.queued(db):
                    queue.cancel(db, job.id)
            time.sleep(0.2)
    assert {status for status, _ in answers} == {409}
    platform.database.close()


def test_r34__a_driver_that_hangs_talks_nonsense_or_is_absent(
    settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    goal, slowest = 1.0, {}
    drivers = ("sleep 1000", "yes nonsense", "exit 1", "echo '[{}]'", "no-such-program")
    for title in drivers if request.config.getoption("--full") else drivers[:1]:
        command = ("sh", "-c", title) if title != "no-such-program" else ("/no/such/program",)
        server = LiveServer(settings.model_copy(update={"gpu_probe": command, "home": tmp_path / title[:4]}))
        server.start()
        try:
            took = list[float]()

            def ask(server: LiveServer = server, took: list[float] = took) -> None:
                began = time.monotonic()
                status, said = call(server, "GET", "/gups_info")
                assert (status, json.loads(said)["data"]) == (200, [])
                took.append(time.monotonic() - began)

            threads = [threading.Thread(target=ask) for _ in range(40)]
            with watched(server, f"R34 {title}", memory_mib=100):
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            assert len(took) == 40
            slowest[title] = max(took)
        finally:
            server.close()
    print(f"R34: slowest of 40 at once, s: { {title: round(s, 2) for title, s in slowest.items()} }")
    assert max(slowest.values()) < 10 * goal


def test_r13__many_clients_for_a_while(live: LiveServer, request: pytest.FixtureRequest) -> None:
    clients, seconds = (200, 15.0) if request.config.getoption("--full") else (30, 2.0)
    seconds = 60.0 if request.config.getoption("--long") else seconds
    status, said = call(live, "POST", "/create_net", json.dumps({"network_name": "n", "src_net": "enet"}).encode())
    assert status == 200, said
    task_id = json.loads(said)["data"]
    took, wrong, lock = list[float](), list[object](), threading.Lock()

    def use(number: int) -> None:
        until, rng = time.monotonic() + seconds, random.Random(number)
        connection = http.client.HTTPConnection(*address(live), timeout=60)
        time.sleep(rng.uniform(0.0, 1.5))  # as clients that ask once a second find each other
        while time.monotonic() < until:
            dice = rng.random()
            began = time.monotonic()
            if dice < 0.8:
                connection.request("GET", f"/v1/jobs?task_id={task_id}")
            elif dice < 0.95:
                connection.request("GET", "/network_history?page=1")
            else:
                body = json.dumps({"network_name": f"n-{number}-{began}", "src_net": "enet"})
                connection.request("POST", "/create_net", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            with lock:
                took.append(time.monotonic() - began)
                if answer.status != 200:
                    wrong.append(answer.status)
            time.sleep(rng.uniform(0.5, 1.5))
        connection.close()

    threads = [threading.Thread(target=use, args=(number,)) for number in range(clients)]
    with watched(live, f"R13, {clients} clients", memory_mib=100):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    took.sort()
    p99 = took[int(0.99 * len(took))]
    print(f"R13: {len(took)} requests, median {1000 * statistics.median(took):.0f} ms, p99 {1000 * p99:.0f} ms")
    assert wrong == []
    assert p99 < 10 * 0.25
