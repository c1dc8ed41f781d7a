"""A training job on several devices: one process for each, watched and served from the job's own process.

The first rank's reports and calls are passed to the job's context. When a rank is lost, by a signal, by silence or with its
machine, all are ended and the job's process leaves as lost with them: the supervisor starts the next attempt, which goes on
from the newest good checkpoint. When the job's process dies, the ranks go, too.
"""

import itertools
import queue
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from roadloop import errors
from roadloop.errors import JobError, RoadloopError, Text, WorkerLostError
from roadloop.jobs.silence import Silence
from roadloop.training.ranks import Hear, Ranks
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


class Machines(Protocol):
    """Where the ranks of one attempt are."""

    def gather(self, assignments: Sequence[Mapping[str, Any]]) -> None:
        """Start all ranks, or have them started; each gets its assignment, and where it meets the others."""

    def write(self, rank: int, message: Mapping[str, Any]) -> None:
        """Tell a rank something; one that is gone does not hear it."""

    def of(self, rank: int) -> str:
        """The name of its machine; empty for this one, where there is no other."""

    def end(self) -> None:
        """End all ranks."""


class OneMachine:
    """All ranks are here; they meet in a file.

    Args:
        hear: Is told what the ranks say.
    """

    def __init__(self, hear: Hear) -> None:
        self._ranks: Final = Ranks(hear)
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def gather(self, assignments: Sequence[Mapping[str, Any]]) -> None:
        """Start all ranks."""
        self._folder = tempfile.TemporaryDirectory(prefix="roadloop-crew-")
        here = {"store": str(Path(self._folder.name) / "store"), "beside": len(assignments)}
        for rank, assignment in enumerate(assignments):
            self._ranks.start(rank, {**assignment, **here, "device": rank})

    def write(self, rank: int, message: Mapping[str, Any]) -> None:
        """Tell a rank something."""
        self._ranks.write(rank, message)

    def of(self, rank: int) -> str:  # noqa: ARG002 - as the others'
        """Here."""
        return ""

    def end(self) -> None:
        """End all ranks."""
        self._ranks.end()
        if self._folder is not None:
            self._folder.cleanup()


class Crew:
    """The processes of one attempt.

    Args:
        work: What every rank gets.
        size: Number of ranks.
        reporter: The job's; the first rank speaks to it.
        cuda: Each rank has a GPU.
        machines: Where they are; given what is to be told what they say.
    """

    def __init__(
        self,
        work: Work,
        size: int,
        reporter: Reporter,
        *,
        cuda: bool,
        machines: Callable[[Hear], Machines] = OneMachine,
    ) -> None:
        self._work: Final = work
        self._size: Final = size
        self._cuda: Final = cuda
        self._reporter: Final = reporter
        self._inbox: Final[queue.SimpleQueue[tuple[int, Mapping[str, Any]]]] = queue.SimpleQueue()
        self._machines: Final = machines(lambda rank, message: self._inbox.put((rank, message)))
        self._crashes: Final[dict[int, Mapping[str, Any]]] = {}
        self._ended: Final[dict[int, bool]] = {}

    def run(self, silent_seconds: float = SILENT_SECONDS) -> bool:
        """Start all ranks, serve them to their end, and leave none behind.

        Args:
            silent_seconds: A rank without a sign of life for this long is lost.

        Returns:
            True at the end of the recipe; False when asked to stop.

        Raises:
            WorkerLostError: A rank was killed, fell silent or went with its machine; the others have been ended.
            RoadloopError: What a rank raised.
        """
        try:
            self._machines.gather([self._assignment(rank) for rank in range(self._size)])
            return self._serve(silent_seconds)
        finally:
            self._machines.end()

    def _assignment(self, rank: int) -> dict[str, Any]:
        work = self._work if rank == 0 else self._work.without_secrets()
        return {"rank": rank, "size": self._size, "cuda": self._cuda, "work": work.to_json()}

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
                    raise self._lost(silent[0], "没有响应", "showed no life") from None
                continue
            silence.hear(rank, next(signs))
            patience[rank] = silent_seconds
            if "exit" in message:
                gone.add(rank)
                if rank not in self._ended:
                    raise self._loss(rank, message["exit"])
            else:
                self._answer(rank, message)
        return self._ended[0]

    def _answer(self, rank: int, message: Mapping[str, Any]) -> None:
        match message:
            case {"ask": call, "arguments": arguments}:
                self._machines.write(rank, {"answer": self._call(call, arguments)})
            case {"tell": "progress", "arguments": [done, total, note]}:
                self._reporter.progress(done, total, Text(*note) if note else None)
            case {"tell": "warn", "arguments": [text]}:
                self._reporter.warn(Text(*text))
            case {"error": code, "text": text, "details": details}:
                raise _ERRORS.get(code, JobError)(Text(*text), **details)
            case {"crash": _}:
                self._crashes[rank] = message
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

    def _loss(self, rank: int, code: int | None) -> Exception:
        """Why a rank is gone without having said so: find out which one began it."""
        exits = self._exits(rank, code)
        for number, left in exits.items():
            if left is not None and left < 0:
                name = signal.Signals(-left).name
                return self._lost(number, f"被信号 {name} 终止", f"was killed by {name}")
        for number, left in exits.items():
            if left is None:
                return self._lost(number, "所在的机器失去联系", "is gone with its machine")
        for number, left in exits.items():
            if number not in self._crashes:
                return _left(number, left)
        return self._fault(rank)

    def _fault(self, rank: int) -> Exception:
        """What the ranks say that have crashed; when they only miss each other, the network between them."""
        for number, crash in self._crashes.items():
            if not crash["severed"]:
                return RuntimeError(f"rank {number}: {crash['crash']}")
        return self._lost(rank, "与其他进程断开了连接", "lost its connection to the others")

    def _exits(self, rank: int, code: int | None) -> dict[int, int | None]:
        """The exit codes of all ranks that are gone when this one's end has settled, in their order."""
        exits = {rank: code}
        deadline = time.monotonic() + SETTLE_SECONDS
        while exits.keys() | self._ended.keys() != set(range(self._size)) and time.monotonic() < deadline:
            with suppress(queue.Empty):
                number, message = self._inbox.get(timeout=0.05)
                if "exit" in message:
                    exits.setdefault(number, message["exit"])
                elif message.keys() & {"crash", "error", "end"}:
                    self._answer(number, message)
        return {number: exits[number] for number in sorted(exits.keys() - self._ended.keys())}

    def _lost(self, rank: int, zh: str, en: str) -> WorkerLostError:
        name = self._machines.of(rank)
        who = Text(
            f"训练进程 {rank}" + (f"（机器 {name}）" if name else ""), f"Rank {rank}" + (f" on {name}" if name else "")
        )
        return WorkerLostError(
            Text(
                f"{who.zh} {zh}；所有进程已结束，从最新的检查点继续。多次发生时请检查内存、驱动与网络。",
                f"{who.en} {en}; all ranks were ended and training goes on from the newest checkpoint."
                " When it happens again and again, look at memory, driver and network.",
            ),
            rank=rank,
        )


def _left(rank: int, code: int | None) -> JobError:
    return JobError(
        Text(
            f"训练进程 {rank} 自行退出（退出码 {code}）：是网络的代码或它使用的库结束了进程；位置见日志。请改正后新建任务。",
            f"Rank {rank} ended itself (exit code {code}): the code of the network, or a library that it uses, did that; the"
            " log says where. Correct it and create a new task.",
        ),
        rank=rank,
    )
