"""Job processes that cost no imports: one process loads everything once and forks itself for each job.

What a fork then runs is `roadloop.jobs.run.main`, with the settings in its environment and the log as its output, as
under the supervisor.
"""

import importlib
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import torch

import stillness
from roadloop.jobs import processes, queue, run
from roadloop.jobs.endings import leave
from roadloop.jobs.identity import MARK
from roadloop.jobs.registry import TASKS
from roadloop.jobs.store import Job
from roadloop.settings import Settings
from roadloop.storage.platform import Platform

Start = Callable[..., "subprocess.Popen[Any]"]


class Workers:
    """Runs claimed jobs, each in a process of its own.

    Args:
        start: Starts the first process, like `subprocess.Popen`.
    """

    def __init__(self, start: Start = subprocess.Popen) -> None:
        command = [sys.executable, __file__]
        self.temporary: Final = Path(tempfile.mkdtemp(prefix="workers-"))  # of all jobs
        self._temporary: Final = {"TMPDIR": str(self.temporary)}
        environment = os.environ | self._temporary
        self._process: Final = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n", "the workers do not start"
        self.peak_mib = 0  # of the last job's process
        self._loaded: Final = set(self.temporary.iterdir())  # what the libraries have put there

    def left(self) -> list[Path]:
        """What jobs have left among the temporary files."""
        return sorted(set(self.temporary.iterdir()) - self._loaded)

    def run(self, platform: Platform, task_id: str, **changes: Any) -> int:
        """Claim a queued job and run it to the end of its process, with some settings changed; its exit status."""
        with platform.database.transaction() as db:
            job = queue.claim(db, task_id, (), socket.gethostname())
        return self.run_claimed(platform.settings.model_copy(update=changes), job)

    def run_claimed(self, settings: Settings, job: Job) -> int:
        """Run a claimed job; -9 when it was killed."""
        log = settings.home.resolve() / job.log
        log.parent.mkdir(parents=True, exist_ok=True)
        mark = {MARK: processes.mark_of(job.id, job.token), "CUDA_VISIBLE_DEVICES": ""}
        order = {
            "job": [job.id, str(job.token), ""],
            "log": str(log),
            "env": settings.child_environment() | mark | self._temporary,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        status, peak = self._process.stdout.readline().split()
        self.peak_mib = int(peak) // 1024
        return int(status)

    def close(self) -> None:
        """End the first process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()
        shutil.rmtree(self.temporary)


def _serve() -> None:
    stillness.watch()
    _load()
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            _work(order["job"], order["log"], order["env"])
        _, status, used = os.wait4(child, 0)
        print(os.waitstatus_to_exitcode(status), used.ru_maxrss, flush=True)
    os._exit(0)


def _load() -> None:
    for name in TASKS.values():
        importlib.import_module(name.partition(":")[0])
    for name in ("onnxruntime", "roadloop.models.load", "roadloop.models.export"):
        importlib.import_module(name)
    _warm()


def _warm() -> None:
    """Have loaded what an optimiser and an export to ONNX load when they are first used."""
    layer = torch.nn.Linear(1, 1).eval()
    torch.optim.SGD(layer.parameters(), 0.1).step()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(layer, (torch.zeros(1, 1),), dynamo=True, verbose=False)


def _work(job: Sequence[str], log: str, environment: dict[str, str]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = [Path(run.__file__).name, *job]
    code = 1
    try:
        code = run.main()
        sys.stdout.flush()
    finally:
        with suppress(OSError):
            sys.stderr.flush()
        leave(code)


if __name__ == "__main__":
    _serve()
