"""Machines for a Ray cluster, for the tests alone: each has a network, a host name and processes of its own; the disk is shared."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil

from live import LiveServer
from postgres import Cluster
from roadloop.jobs import nodes, queue
from roadloop.jobs.identity import mark_in
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import Job
from roadloop.storage.platform import Platform

PREFIX: Final = f"rl{os.getpid():x}"
NETWORK: Final = f"10.231.{os.getpid() % 250}"
PORT: Final = 6379
TOKEN: Final = "a-token-that-only-these-tests-know"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


class Machine:
    """A machine: when its first process ends, all of its processes do.

    Args:
        number: Its place on the network; 1 is the head.
        folder: For its logs and sockets.
        alone: It is the head of a cluster of its own, which asks for no token.
    """

    def __init__(self, number: int, folder: Path, *, alone: bool = False) -> None:
        self._alone: Final = alone
        self.number: Final = number
        self.name: Final = f"n{number}"
        self.address: Final = f"{NETWORK}.{number}"
        self.space: Final = f"{PREFIX}-{number}"
        self._folder: Final = folder
        self._process: subprocess.Popen[bytes] | None = None
        ip("netns", "add", self.space)
        ip("link", "add", f"{PREFIX}v{number}", "type", "veth", "peer", "name", "eth0", "netns", self.space)
        ip("link", "set", f"{PREFIX}v{number}", "master", f"{PREFIX}br", "up")
        ip("-n", self.space, "addr", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            ip("-n", self.space, "link", "set", device, "up")
        ip("-n", self.space, "route", "add", "default", "via", f"{NETWORK}.254")

    def start(self) -> None:
        """Switch it on: Ray starts, and again whenever it ends, as systemd would have it."""
        place = ["--head", f"--port={PORT}", "--include-dashboard=false"]
        if self.number != 1 and not self._alone:
            place = [f"--address={NETWORK}.1:{PORT}"]
        ray = [
            f"{Path(sys.executable).parent}/ray", "start", *place, "--block", f"--node-ip-address={self.address}",
            "--num-cpus=1", f"--temp-dir={self._folder / self.name}", "--disable-usage-stats",
            "--object-store-memory=80000000",
        ]  # fmt: skip
        script = f"hostname {self.name}; trap '' TERM; while :; do {' '.join(ray)}; sleep 1; done"
        with (self._folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", self.space, "unshare", "--uts", "--pid", "--fork", "--kill-child",
                 "--mount-proc", "sh", "-c", script],
                env=environment(token=not self._alone), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def wait_for_head(self) -> None:
        """Wait until a head answers, more or less."""
        deadline = time.monotonic() + 60
        while not any(process.name() == "raylet" for process in self.processes()):
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def processes(self) -> list[psutil.Process]:
        """All of them, seen from outside."""
        assert self._process is not None
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self._process.pid).children(recursive=True)
        return []

    def kill(self, what: str = "") -> None:
        """`kill -9` of the machine, or of its processes with these words in their command."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):  # or a zombie
                if what in " ".join(process.cmdline()):
                    process.kill()
        if not what and self._process is not None:
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Take it away."""
        if self._process is not None:
            self.kill()
        with suppress(subprocess.CalledProcessError):
            ip("netns", "del", self.space)


def environment(*, token: bool = True) -> dict[str, str]:
    """Of what talks to a cluster."""
    own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN} if token else {}
    return {k: v for k, v in os.environ.items() if not k.startswith("RAY_")} | own


class Site:
    """The machines, the rows, the workspace and the server."""

    def __init__(self, machines: list[Machine], rows: Cluster, platform: Platform, server: LiveServer) -> None:
        self.rows: Final = rows
        self.machines: Final = machines
        self.platform: Final = platform
        self.server: Final = server

    def gpus(self) -> list[dict[str, Any]]:
        """What `/gups_info` lists."""
        ask = f"import urllib.request as u; print(u.urlopen('{self.server.url}/gups_info', timeout=20).read().decode())"
        rows: list[dict[str, Any]] = json.loads(self.said(ask))["data"]
        return rows

    def said(self, program: str, *arguments: str) -> str:
        """What a Python program prints on the server's network."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.machines[0].space, sys.executable, "-c", program, *arguments],
            check=False, capture_output=True, text=True, env=environment() | {"PYTHONPATH": str(Path(__file__).parent)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def machine(self, name: str | None) -> Machine:
        """That of a name."""
        return next(machine for machine in self.machines if machine.name == name)


def within(space: str) -> Callable[..., Any]:
    """Starts processes on a network, under a host name that no node has; they keep their process ids."""

    def start(command: list[str], **options: Any) -> "subprocess.Popen[str]":
        options["env"] = environment() | options["env"]
        entry = ["ip", "netns", "exec", space, "unshare", "--uts", "sh", "-c", 'hostname server; exec "$@"', "sh"]
        return subprocess.Popen([*entry, *command], **options)

    return start


#: Prints one GPU for each machine.
PROBE: Final = """
import json, socket
gpu = {"index": 0, "uuid": f"GPU-{socket.gethostname()}", "name": "x", "utilisation": 0, "total_mib": 10, "free_mib": 9}
print(json.dumps([gpu]))
"""


def until(site: Site, task_id: str, condition: Callable[[Job], bool], seconds: float = 90) -> Job:
    """Wait for something that a job's row says."""
    deadline = time.monotonic() + seconds
    while True:
        with site.platform.database.reading() as db:
            job = queue.get(db, task_id)
        if condition(job):
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.1)


def ended(site: Site, task_id: str, seconds: float = 90) -> Job:
    """Wait for a job's good end; no process of it is left anywhere."""
    job = until(site, task_id, lambda job: job.state in ENDED, seconds)
    assert job.state is JobState.SUCCEEDED, job
    deadline = time.monotonic() + 30
    while found := [p for p in psutil.process_iter() if mark_in(p.pid).startswith(job.id)]:
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    return job


def wait_for_nodes(platform: Platform) -> None:
    """Wait until all three nodes take jobs."""
    deadline = time.monotonic() + 180  # a busy machine's
    while True:
        with platform.database.reading() as db:
            known = nodes.all_nodes(db)
        if [node.name for node in known if node.problem is None] == ["n1", "n2", "n3"]:
            return
        assert time.monotonic() < deadline, known
        time.sleep(0.5)


def stop(server: LiveServer) -> None:
    """End the server; what it printed shows when a test fails."""
    if server.process.poll() is None:
        server.stop()
    server.close()
    print("".join(server.output))
