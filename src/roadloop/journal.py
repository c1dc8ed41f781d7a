"""The server's log: lines of text, or of JSON for programs; cut, harmless, of one kind one a second, each with its request.

It goes to stderr, where systemd and containers keep and bound it, or to a file that is bounded here.
"""

import json
import logging
import logging.handlers
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal

from roadloop.console import on_one_line, visible

LINE_CHARACTERS: Final = 2000  #: longest message of the server's log
TRACE_CHARACTERS: Final = 20_000  #: longest traceback there; the end says what happened, so the middle is left out
FILE_BYTES: Final = 10 * 2**20  #: of a file; then the next one begins
FILES: Final = 5  #: older files that are kept
_SLEEPING_SECONDS: Final = 1.0  #: after a line, more of its kind are only counted for so long

#: Id of the request that is answered just now; empty where none is.
REQUEST: Final[ContextVar[str]] = ContextVar("request", default="")


def start_log(form: Literal["text", "json"] = "text", file: Path | None = None) -> None:
    """Send this process's log to stderr, or into a file.

    Args:
        form: Of a line.
        file: It begins anew after 10 MiB; five older ones stay beside it.
    """
    handler: logging.Handler = logging.StreamHandler()
    if file is not None:
        handler = logging.handlers.RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8")
    handler.setFormatter(_JsonLine() if form == "json" else _OneLine("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(Sparing())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _OneLine(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        request = REQUEST.get()
        record.message = _cut(on_one_line(record.message), LINE_CHARACTERS) + (f" [{request}]" if request else "")
        return super().formatMessage(record)

    def formatException(  # noqa: N802 - the library's name
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return visible(_cut(super().formatException(ei), TRACE_CHARACTERS))


class _JsonLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone()
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": visible(_cut(record.getMessage(), LINE_CHARACTERS)),
        }
        if request := REQUEST.get():
            line["request"] = request
        if record.exc_info:
            line["trace"] = visible(_cut(self.formatException(record.exc_info), TRACE_CHARACTERS))
        return json.dumps(line, ensure_ascii=False)


class Sparing(logging.Filter):
    """Of warnings and errors of one kind, let one a second through; the next one says how many were left out.

    A kind is the line of the program that speaks and, with a traceback, the line that failed.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock: Final = clock
        self._left_out: Final[dict[tuple[object, ...], tuple[float, int]]] = {}
        self._lock: Final = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is shown."""
        if record.levelno < logging.WARNING:
            return True
        kind = (record.pathname, record.lineno, *_place(record.exc_info[1] if record.exc_info else None))
        with self._lock:
            until, count = self._left_out.get(kind, (0.0, 0))
            if self._clock() < until:
                self._left_out[kind] = (until, count + 1)
                return False
            self._left_out[kind] = (self._clock() + _SLEEPING_SECONDS, 0)
        if count:
            record.msg, record.args = f"{_cut(record.getMessage(), LINE_CHARACTERS - 60)} (and {count} like it)", ()
        return True


def _place(error: BaseException | None) -> tuple[object, ...]:
    """What failed and where."""
    trace = error.__traceback__ if error else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return (type(error), *((trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else ()))


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} … {len(text) - 2 * half:,} characters … {text[-half:]}"
