"""A real server on loopback for tests, and a client that holds every answer against the API description."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import httpx2 as httpx
import jsonschema
import psutil

import stillness
from roadloop.jobs import processes
from roadloop.settings import Settings
from roadloop.storage.platform import Platform
from workers import Start

ENDED = {"succeeded", "failed", "cancelled"}


class Described:
    """Checks answers against /openapi.json: the path is described, its status too, and the body fits its schema."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._components = description.get("components", {})
        self._paths = [
            (re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), operations)
            for path, operations in description["paths"].items()
        ]

    def check(self, response: httpx.Response) -> None:
        """Fail when an answer is not as described."""
        method, path = response.request.method.lower(), response.request.url.path
        operations = next((ops for pattern, ops in self._paths if pattern.match(path)), None)
        if operations is None or method not in operations or response.status_code == 500:
            return
        answers = operations[method]["responses"]
        assert str(response.status_code) in answers, f"{method} {path}: {response.status_code} is not described"
        schema = answers[str(response.status_code)].get("content", {}).get("application/json", {}).get("schema")
        if schema is not None and "json" in response.headers.get("content-type", ""):
            response.read()
            jsonschema.validate(response.json(), {**schema, "components": self._components})


class LiveServer:
    """`roadloop serve` in a process of its own.

    Args:
        settings: Its settings, handed over as a job's would be.
        start: Starts the process, like `subprocess.Popen`.
    """

    _described: ClassVar[Described | None] = None  # the first one's: no workspace changes it, and it takes a while

    def __init__(self, settings: Settings, start: Start = subprocess.Popen) -> None:
        self.settings = settings
        self._start = start
        self.process: subprocess.Popen[str]
        self.url = ""
        self.output: list[str] = []
        self._clients: list[httpx.Client] = []
        self._reader: threading.Thread | None = None

    @property
    def home(self) -> Path:
        """The workspace."""
        return self.settings.home

    def start(self, *options: str) -> float:
        """Start it and wait until it answers; returns the seconds that took."""
        began = time.monotonic()
        self.process = self._start(
            [*stillness.watched("roadloop"), "serve", *options],
            env=self.settings.child_environment() | {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line)
            if found := re.search(r"http://[\d.]+:\d+", line):
                self.url = found[0]
                break
        else:
            self._reap()
            raise AssertionError("the server did not start:\n" + "".join(self.output))
        self._reader = threading.Thread(target=self._drain, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        return time.monotonic() - began

    def _reap(self) -> None:
        self.process.wait(timeout=30)
        if self._reader is not None:
            self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _drain(self, stream: Any) -> None:
        for line in stream:
            self.output.append(line)

    def client(self, *, check: bool = True, language: str = "en") -> httpx.Client:
        """A client; with `check` every answer is held against the API description."""
        # The system's certificates, of no use on loopback, would take 24 ms of a processor to read, each time.
        client = httpx.Client(base_url=self.url, timeout=60, headers={"accept-language": language}, verify=False)
        self._clients.append(client)
        if check:
            if LiveServer._described is None:
                LiveServer._described = Described(client.get("/openapi.json").json())
            client.event_hooks["response"].append(LiveServer._described.check)
        return client

    def kill(self) -> None:
        """`kill -9`; its jobs go on."""
        self.process.kill()
        self._reap()

    def stop(self) -> str:
        """Stop it as Ctrl-C does; returns what it printed."""
        self.process.send_signal(signal.SIGINT)
        self._reap()
        return "".join(self.output)

    def close(self) -> None:
        """End it and everything that it started."""
        for client in self._clients:
            client.close()
        if self.process.poll() is None:
            self.kill()
        for process in processes.find(""):
            if str(self.home) in _environment(process.pid):
                with suppress(psutil.NoSuchProcess):  # it went with its keeper
                    process.kill()

    def wait(self, path: str, task_id: str, *, seconds: float = 120, client: httpx.Client | None = None) -> Any:
        """Poll a status endpoint until the job has ended; returns its row."""
        client = client or self.client()
        method = "GET" if path.startswith("/v1/") or path == "/network_history" else "POST"
        deadline = time.monotonic() + seconds
        while True:
            row = client.request(method, path, params={"task_id": task_id}).json()["data"]
            if row["state"] in ENDED:
                return row
            assert time.monotonic() < deadline, f"{path} {task_id}: still {row['state']} {row['progress']}"
            time.sleep(0.1)


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def stop(pid: int) -> None:
    """SIGSTOP a process, and wait until it stands.

    A thread that waits for a disk takes the signal only when it has what it waits for, and until then the others go on.
    """
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 60
    while {_state(thread) for thread in Path(f"/proc/{pid}/task").iterdir()} - {"T", "Z", ""}:
        assert time.monotonic() < deadline, "the process does not stop"
        time.sleep(0.002)


def _state(thread: Path) -> str:
    with suppress(OSError):  # it has just ended
        return (thread / "stat").read_text().rpartition(")")[2].split()[0]
    return ""


def stop_between_transactions(platform: Platform, pid: int) -> None:
    """Stop a worker while it does not hold the database, which would make everybody wait for it."""
    for _ in range(200):
        stop(pid)
        other = sqlite3.connect(platform.workspace.home / "roadloop.db", isolation_level=None, timeout=0.2)
        try:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        except sqlite3.OperationalError:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.05)
        else:
            return
        finally:
            other.close()
    raise AssertionError("the worker never lets go of the database")


def wait_for(port: int) -> None:
    """Wait until something listens there."""
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
