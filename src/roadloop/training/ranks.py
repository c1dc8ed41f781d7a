"""The ranks of a training job on this machine: a process for each, and what goes to and fro.

When the process that started them dies, the ranks see the end of their input and go.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

Hear = Callable[[int, Mapping[str, Any]], None]  #: is told what a rank says; `{"exit": code}` is its last word


class Ranks:
    """Processes of `roadloop.training.rank`.

    Args:
        hear: Called by threads.
    """

    def __init__(self, hear: Hear) -> None:
        self._hear: Final = hear
        self._processes: Final[dict[int, subprocess.Popen[bytes]]] = {}

    def start(self, rank: int, assignment: Mapping[str, Any]) -> None:
        """Start one, and tell it what to do."""
        read, write = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "roadloop.training.rank", str(write)],
                stdin=subprocess.PIPE,
                pass_fds=[write],
            )
        finally:
            os.close(write)
        self._processes[rank] = process
        threading.Thread(target=self._listen, args=(rank, read), daemon=True).start()
        self.write(rank, assignment)

    def write(self, rank: int, message: Mapping[str, Any]) -> None:
        """Tell a rank something."""
        stream = self._processes[rank].stdin
        assert stream is not None
        with suppress(BrokenPipeError):  # it is gone, as its last word says
            stream.write((json.dumps(message) + "\n").encode())
            stream.flush()

    def end(self) -> None:
        """End all of them."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()

    def _listen(self, rank: int, pipe: int) -> None:
        with os.fdopen(pipe, "rb") as stream:
            for line in stream:
                self._hear(rank, json.loads(line))
        self._hear(rank, {"exit": self._processes[rank].wait()})
