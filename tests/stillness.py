"""Watches every transaction: nothing is opened, walked or waited for inside, and none computes for long.

While one is open nobody else can write. The events are Python's audit events; SQLite's own files raise none; imports
are passed over, and the migration or the move of a database, which come before anybody's work. How long one computes is the thread's own processor time, without the garbage of others that it happens
to collect: a busy machine makes that no longer, and what a transaction waits for shows as an event. What a test does by itself inside a transaction of its own does not count.

As a program it runs a module under watch, as `python -m` would: `python stillness.py MODULE ARGUMENTS`.
"""

import gc
import os
import runpy
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import roadloop
from roadloop.jobs import processes
from roadloop.storage import migrate, move
from roadloop.storage.database import Database

MOST_SECONDS: Final = 0.25  #: of processor time
REPORT: Final = "PYTHON_STILLNESS_REPORT"  #: in the environment: the file that takes what is found
_EVENTS: Final = (
    "open", "os.", "shutil.", "glob.", "pathlib.", "tempfile.", "time.sleep", "subprocess.", "socket.connect",
    "socket.getaddrinfo", "fcntl.", "mmap.",
)  # fmt: skip
_PRODUCT: Final = str(Path(roadloop.__file__).parent)
_ALONE: Final = (migrate.__file__, move.__file__)  #: nobody else is at work on what these fill
_read = 0  # bytes of the report that `found` has given


class _Thread(threading.local):
    """The transaction of one thread: where it was opened, and the processor time then."""

    owner: FrameType | None = None
    since = 0.0
    collecting = 0.0
    entries: list[str]


_thread = _Thread()
_transaction: Final = Database.transaction


def begin() -> None:
    """Watch this process, with a report of its own."""
    descriptor, name = tempfile.mkstemp(prefix="transactions-")
    os.close(descriptor)
    os.environ[REPORT] = name
    watch()


def end() -> None:
    """Remove that report."""
    Path(os.environ[REPORT]).unlink(missing_ok=True)


def watch() -> None:
    """Watch this process; what is found is added to the report that the environment names."""
    sys.addaudithook(_hear)
    gc.callbacks.append(_collect)
    Database.transaction = _watched  # type: ignore[method-assign, assignment]
    processes.COMMAND = watched("roadloop.jobs.keeper")


def watched(module: str) -> tuple[str, ...]:
    """The command that runs a module in a process under watch."""
    return sys.executable, __file__, module


def found() -> str:
    """What transactions did since the last call that they must not do; empty when it was nothing."""
    global _read  # noqa: PLW0603 - one report for each process of tests
    with Path(os.environ[REPORT]).open(encoding="utf-8") as report:
        report.seek(_read)
        text = report.read()
        _read = report.tell()
    return text


@contextmanager
def _watched(database: Database, seconds: float | None = None, *, turn: bool = True) -> Iterator[Any]:
    with _transaction(database, seconds, turn=turn) as db:
        _thread.owner, _thread.since, _thread.entries = _caller(), time.thread_time(), []
        try:
            yield db
        finally:
            spent = time.thread_time() - _thread.since
            owner, _thread.owner = _thread.owner, None
    most = MOST_SECONDS if sys.gettrace() is None else 3 * MOST_SECONDS  # measuring coverage slows everything down
    if spent > most and owner is not None and _of_product(owner):
        _thread.entries.append(f"{spent:.3f} s of processor time in a transaction\n{_place(owner)}")
    if _thread.entries:
        _report("".join(_thread.entries))


def _collect(phase: str, _info: object) -> None:
    """Leave the time of a collection out: between its start and its stop, the beginning moves on."""
    if phase == "start":
        _thread.collecting = time.thread_time()
    else:
        _thread.since += time.thread_time() - _thread.collecting


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _thread.owner is None or not event.startswith(_EVENTS):
        return
    owner, _thread.owner = _thread.owner, None  # deaf to what is done here
    try:
        inside = list(_inside(sys._getframe(1), owner))
        if any("importlib" in frame.f_code.co_filename for frame in inside):
            return
        if any(_of_product(frame) for frame in inside):
            lines = "".join(_place(frame) for frame in inside)
            _thread.entries.append(f"{event} {str(arguments)[:200]} in a transaction\n{lines}")
    finally:
        _thread.owner = owner


def _inside(frame: FrameType | None, owner: FrameType) -> Iterator[FrameType]:
    """The frames from one to that which opened the transaction."""
    while frame is not None:
        yield frame
        if frame is owner:
            return
        frame = frame.f_back


def _caller() -> FrameType | None:
    """The frame with the `with` statement; None for a migration's, or a move's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (frame.f_code.co_filename == __file__ or "contextlib" in frame.f_code.co_filename):
        frame = frame.f_back
    return None if frame is None or frame.f_code.co_filename in _ALONE else frame


def _of_product(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_PRODUCT)


def _place(frame: FrameType) -> str:
    return f"  {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}\n"


def _report(text: str) -> None:
    with Path(os.environ[REPORT]).open("a", encoding="utf-8") as report:
        report.write(text)


if __name__ == "__main__":
    del sys.argv[0], sys.path[0]
    watch()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
