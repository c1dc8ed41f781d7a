"""One rank of a training job on several devices: `python -m roadloop.training.rank PIPE`, started by `ranks.py`.

The crew, or the follower that stands for it on another machine, writes one JSON line with the assignment to the standard
input, then the answers to this process's calls; the end of that stream is the end of the crew, and so of this process,
whatever it is doing. What this process says goes as JSON lines into the pipe: signs of life, calls, its end. Its output is the
log.
"""

import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from roadloop.errors import JobError, RoadloopError, Text
from roadloop.jobs import endings
from roadloop.settings import prefer_variable
from roadloop.training.meeting import interface_of
from roadloop.training.reporting import Move, Silent

BEAT_SECONDS: Final = 1.0


class Line:
    """The connection to the crew.

    Args:
        pipe: File descriptor to write to.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.assignment: Final[dict[str, Any]] = json.loads(sys.stdin.readline())
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()

    def say(self, message: Mapping[str, Any]) -> None:
        """Send one message."""
        data = (json.dumps(message) + "\n").encode()
        with self._lock:
            while data:
                data = data[os.write(self._pipe, data) :]

    def ask(self, call: str, *arguments: Any) -> Any:
        """Call the crew's reporter and wait for what it returns."""
        self.say({"ask": call, "arguments": arguments})
        return self._answers.get()

    def _listen(self) -> None:
        for text in sys.stdin:
            self._answers.put(json.loads(text)["answer"])
        endings.leave(1)  # the crew is gone

    def _beat(self) -> None:
        while True:
            self.say({"beat": True})
            threading.Event().wait(BEAT_SECONDS)


class Forwarding(Silent):
    """The reporter of every rank: only its warnings travel."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def warn(self, text: Text) -> None:
        """Add a warning to the job."""
        self._line.say({"tell": "warn", "arguments": [list(text)]})


class Speaking(Forwarding):
    """The reporter of the first rank: everything travels."""

    def log(self, line: str) -> None:
        """Write one line to the job's log."""
        print(line, flush=True)  # noqa: T201 - the process's output is the log

    def progress(self, done: float, total: float, note: Text | None = None) -> None:
        """Say how far the work is."""
        self._line.say({"tell": "progress", "arguments": [done, total, list(note) if note else None]})

    def should_stop(self) -> bool:
        """Whether somebody asked for the end."""
        return bool(self._line.ask("should_stop"))

    def reach(self, point: str) -> None:
        """A named fail point: kills the job's process, and so all ranks."""
        self._line.ask("reach", point)

    def scratch(self, target: Path) -> Path:
        """A path beside `target` that belongs to this attempt alone."""
        return Path(self._line.ask("scratch", str(target)))

    def publish(self, moves: Sequence[Move], memo: Mapping[str, Any] | None = None) -> None:
        """Give finished scratch files their names; when the job was lost, the crew ends this process instead."""
        self._line.ask("publish", [[str(a), str(b)] for a, b in moves], None if memo is None else dict(memo))


def main() -> int:
    """Train as one rank; the exit code says whether it came to its end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the crew hears it, and asks us to stop in order
    endings.say_who_exits()
    line = Line(int(sys.argv[1]))
    try:
        finished = work(line)
    except RoadloopError as error:
        line.say({"error": error.code, "text": list(error.text), "details": error.details})
        return 1
    except SystemExit as error:
        traceback.print_exc()
        line.say({"error": JobError.code, "text": list(endings.ended_by(error)), "details": {}})
        return 1
    except Exception as error:  # noqa: BLE001 - the outermost frame
        traceback.print_exc()
        line.say({"crash": f"{type(error).__name__}: {error}"[:2000], "severed": is_severed(error)})
        return 1
    line.say({"end": finished})
    return 0


def is_severed(error: Exception) -> bool:
    """Whether an error says no more than that the other ranks cannot be reached: the fault lies elsewhere."""
    dist = sys.modules.get("torch.distributed")  # which may be what could not be loaded
    return dist is not None and (isinstance(error, dist.DistError) or "gloo" in str(error))  # gloo: RuntimeError


def choose_interface(address: str | None) -> None:
    """Have the ranks speak over the network interface that has this address; over the loopback where all are on this machine.

    What the machine's environment says of several machines counts more.

    Source: NVIDIA, NCCL documentation, "Environment Variables", NCCL_SOCKET_IFNAME.
    """
    for name, exactly in (("GLOO_SOCKET_IFNAME", ""), ("NCCL_SOCKET_IFNAME", "=")):
        if address is None:
            os.putenv(name, "lo")
        elif interface := interface_of(address):
            prefer_variable(name, exactly + interface)  # to NCCL a bare name is also the beginning of others


def work(line: Line) -> bool:
    """Join the other ranks and train with them."""
    choose_interface(line.assignment.get("address"))
    import torch  # noqa: PLC0415 - signs of life come first
    import torch.distributed as dist  # noqa: PLC0415

    from roadloop.training.engine import run  # noqa: PLC0415
    from roadloop.training.group import Group  # noqa: PLC0415
    from roadloop.training.work import Work  # noqa: PLC0415

    rank, size, cuda, beside, place = (line.assignment[key] for key in ("rank", "size", "cuda", "beside", "store"))
    device = torch.device("cuda", line.assignment["device"]) if cuda else torch.device("cpu")
    store: Any
    if isinstance(place, str):
        store = dist.FileStore(place, size)  # type: ignore[attr-defined]
    else:
        host, port = place
        store = dist.TCPStore(host, port, is_master=False, wait_for_workers=False)  # type: ignore[attr-defined]
    backend, bound = ("nccl", device) if cuda else ("gloo", None)
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, device_id=bound)
    reporter = Speaking(line) if rank == 0 else Forwarding(line)
    finished = run(Work.from_json(line.assignment["work"]), Group(device, rank, size, beside), reporter)
    dist.barrier()  # nobody leaves while another still publishes; after an error nothing here may wait
    dist.destroy_process_group()
    return finished


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    endings.leave(code)
