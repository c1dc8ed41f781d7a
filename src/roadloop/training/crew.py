"""A training job on several devices: one process for each, watched and served from the job's own process.

The first rank's reports and calls are passed to the job's context. When a rank is lost, by a signal or by silence,
all are ended and the job's process leaves as lost with them: the supervisor starts the next attempt, which goes on from
the newest good checkpoint. When the job's process dies, the ranks see the end of their input and go.
"""

import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from roadloop import errors
from roadloop.errors import JobError, RoadloopError, Text, WorkerLostError
from roadloop.jobs.silence import Silence
from roadloop.training.reporting import Reporter
from roadloop.training.work import Work

SILENT_SECONDS: Final = 20.0
START_SECONDS: Final = 60.0  # until the first sign of life: a busy disk takes its time to load Python
SETTLE_SECONDS: Final = 2.0
_ERRORS: Final = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, RoadloopError) and "code" in vars(kind)
}


class Crew:
    """The processes of one attempt.

    Args:
        work: What every rank gets.
        size: Number of ranks.
        reporter: The job's; the first rank speaks to it.
        cuda: Each rank has a GPU.
    """

    def __init__(self, work: Work, size: int, reporter: Reporter, *, cuda: bool) -> None:
        self._work = work
        self._size = size
        self._cuda = cuda
        self._reporter = reporter
        self._inbox: queue.SimpleQueue[tuple[int, dict[str, Any] | None]] = queue.SimpleQueue()
        self._ranks: list[subprocess.Popen[bytes]] = []
        self._crashes: list[str] = []
        self._ended: dict[int, bool] = {}

    def run(self, silent_seconds: float = SILENT_SECONDS) -> bool:
        """Start all ranks, serve them to their end, and leave none behind.

        Args:
            silent_seconds: A rank without a sign of life for this long is lost.

        Returns:
            True at the end of the recipe; False when asked to stop.

        Raises:
            WorkerLostError: A rank was killed or fell silent; the others have been ended.
            RoadloopError: What a rank raised.
        """
        with tempfile.TemporaryDirectory(prefix="roadloop-crew-") as folder:
            try:
                for rank in range(self._size):
                    self._start(rank, Path(folder) / "store")
                return self._serve(silent_seconds)
            finally:
                self._end_all()

    def _start(self, rank: int, store: Path) -> None:
        read, write = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "roadloop.training.rank", str(write)],
                stdin=subprocess.PIPE,
                pass_fds=[write],
            )
        finally:
            os.close(write)
        self._ranks.append(process)
        threading.Thread(target=self._listen, args=(rank, read), daemon=True).start()
        assignment = {"rank": rank, "size": self._size, "cuda": self._cuda, "store": str(store)}
        self._write(rank, {**assignment, "work": self._work.to_json()})

    def _listen(self, rank: int, pipe: int) -> None:
        with os.fdopen(pipe, "rb") as stream:
            for line in stream:
                self._inbox.put((rank, json.loads(line)))
        self._inbox.put((rank, None))

    def _serve(self, silent_seconds: float) -> bool:
        silence, gone, signs = Silence(silent_seconds), set[int](), itertools.count()
        patience = dict.fromkeys(range(self._size), max(silent_seconds, START_SECONDS))
        for rank in range(self._size):
            silence.hear(rank, next(signs))
        while len(gone) < self._size:
            silence.look(time.monotonic())
            try:
                rank, message = self._inbox.get(timeout=0.5)
            except queue.Empty:  # only now: what a busy crew has not read yet is a sign of life too
                silence.look(time.monotonic())
                silent = [r for r in range(self._size) if r not in gone and silence.of(r) > patience[r]]
                if silent:
                    raise _lost(silent[0], "没有响应", "showed no life") from None
                continue
            silence.hear(rank, next(signs))
            patience[rank] = silent_seconds
            if message is None:
                gone.add(rank)
                self._check_exit(rank)
            else:
                self._answer(rank, message)
        return self._ended[0]

    def _answer(self, rank: int, message: dict[str, Any]) -> None:
        match message:
            case {"ask": call, "arguments": arguments}:
                self._write(rank, {"answer": self._call(call, arguments)})
            case {"tell": "progress", "arguments": [done, total, note]}:
                self._reporter.progress(done, total, Text(*note) if note else None)
            case {"tell": "warn", "arguments": [text]}:
                self._reporter.warn(Text(*text))
            case {"error": code, "text": text, "details": details}:
                raise _ERRORS.get(code, JobError)(Text(*text), **details)
            case {"crash": what}:
                self._crashes.append(what)
            case {"end": finished}:
                self._ended[rank] = finished

    def _call(self, call: str, arguments: list[Any]) -> Any:
        match call, arguments:
            case "should_stop", []:
                return self._reporter.should_stop()
            case "reach", [point]:
                return self._reporter.reach(point)
            case "scratch", [target]:
                return str(self._reporter.scratch(Path(target)))
            case "publish", [moves, memo]:
                return self._reporter.publish([(Path(a), Path(b)) for a, b in moves], memo)
        raise ValueError(call)

    def _check_exit(self, rank: int) -> None:
        """A rank is gone: fine when it said so; otherwise find out which one began it."""
        if rank in self._ended:
            return
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline and any(p.poll() is None for p in self._ranks):
            time.sleep(0.05)
        for number, process in enumerate(self._ranks):
            code = process.poll()
            if code is not None and code < 0:
                name = signal.Signals(-code).name
                raise _lost(number, f"被信号 {name} 终止", f"was killed by {name}")
        if not self._crashes:
            raise _left(rank, self._ranks[rank].poll())
        raise RuntimeError(f"rank {rank}: {self._crashes[0]}")

    def _write(self, rank: int, message: dict[str, Any]) -> None:
        stream = self._ranks[rank].stdin
        assert stream is not None
        with suppress(BrokenPipeError):  # it is gone; its listener says so
            stream.write((json.dumps(message) + "\n").encode())
            stream.flush()

    def _end_all(self) -> None:
        for process in self._ranks:
            process.kill()
        for process in self._ranks:
            process.wait()
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()


def _left(rank: int, code: int | None) -> JobError:
    return JobError(
        Text(
            f"训练进程 {rank} 自行退出（退出码 {code}）：是网络的代码或它使用的库结束了进程；位置见日志。请改正后新建任务。",
            f"Rank {rank} ended itself (exit code {code}): the code of the network, or a library that it uses, did that; the"
            " log says where. Correct it and create a new task.",
        ),
        rank=rank,
    )


def _lost(rank: int, zh: str, en: str) -> WorkerLostError:
    return WorkerLostError(
        Text(
            f"训练进程 {rank} {zh}；所有进程已结束，从最新的检查点继续。多次发生时请检查内存与驱动。",
            f"Rank {rank} {en}; all ranks were ended and training goes on from the newest checkpoint."
            " When it happens again and again, look at memory and driver.",
        ),
        rank=rank,
    )
