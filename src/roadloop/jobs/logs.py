"""Logs of jobs: read by byte offset, whatever their size and whatever stands in them."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

TAIL_LINES: Final = 100
TAIL_BYTES: Final = 256 * 1024
MAX_BYTES: Final = 4 * 2**20


def write(line: str) -> None:
    """Add a line to the log that this process's output is. A full disk costs the line, not the job."""
    with suppress(OSError):
        print(line, flush=True)  # noqa: T201 - the process's output is the log


def tail(path: Path) -> dict[str, Any]:
    """The last 100 lines, from at most the last 256 KiB.

    Returns:
        `data` (list of lines), `offset` (first byte shown), `next_offset` (where to go on), `size` (bytes in all).
    """
    size = path.stat().st_size if path.exists() else 0
    start = max(0, size - TAIL_BYTES)
    data = _read(path, start, size - start)
    pieces = data.split(b"\n")
    complete = pieces[:-1] if pieces[-1] == b"" else pieces
    shown = complete[-TAIL_LINES:]
    first = size - len(b"\n".join(shown)) - (1 if pieces[-1] == b"" and shown else 0)
    return {"data": [_text(line) for line in shown], "offset": max(first, 0), "next_offset": size, "size": size}


def read(path: Path, offset: int, limit: int) -> dict[str, Any]:
    """At most `limit` bytes from byte `offset`, cut after the last whole line where there is one.

    Returns:
        As `tail`. An offset beyond the end gives no lines and the log's size.
    """
    size = path.stat().st_size if path.exists() else 0
    start = min(offset, size)
    data = _read(path, start, min(limit, MAX_BYTES, size - start))
    if start + len(data) < size and b"\n" in data:
        data = data[: data.rindex(b"\n") + 1]
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return {"data": [_text(line) for line in lines], "offset": start, "next_offset": start + len(data), "size": size}


def _read(path: Path, start: int, count: int) -> bytes:
    if count <= 0:
        return b""
    with path.open("rb") as stream:
        stream.seek(start)
        return stream.read(count)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")
