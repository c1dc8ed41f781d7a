"""`tasks/<name>/log/metrics.jsonl`: a line for every few steps and one for every epoch; no times, so it is repeatable.

A resumed attempt begins a new file with what its checkpoint knew, so no epoch stands twice. A worker that was given
up may still hold the old file open: whatever it writes there is gone with the old name.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from roadloop.storage import publish
from roadloop.training.reporting import Reporter


class MetricsLog:
    """The growing file of one attempt.

    Args:
        path: Where it is shown.
        history: Whole lines that it begins with.
        reporter: Publishes it.
    """

    def __init__(self, path: Path, history: bytes, reporter: Reporter) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = reporter.scratch(path)
        self._handle = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._path = path
        with publish.disk_errors(path):
            os.write(self._handle, history)
        reporter.publish([(scratch, path)])

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one line; NaN and infinity become null.

        Raises:
            DiskFullError: The disk is full; the checkpoints are untouched.
        """
        with publish.disk_errors(self._path):
            os.write(self._handle, (json.dumps(plain(line), ensure_ascii=False) + "\n").encode())

    def contents(self) -> bytes:
        """Everything so far, flushed to the disk."""
        os.fsync(self._handle)
        return os.pread(self._handle, os.fstat(self._handle).st_size, 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a metrics file; nothing when it is not there yet."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return
    with stream:
        yield from map(json.loads, whole_lines(stream))


def whole_lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of an open metrics file that are whole; the last one may just be written."""
    return (line for line in stream if line.endswith(b"\n"))


def plain(value: Any) -> Any:
    """The value with null for what JSON cannot say: NaN and infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value
