"""What the commands of all features share: the workspace option and its settings, the language, and what is said.

Names, reasons and logs come from files and from networks that fail: whatever stands in them, a terminal and the
server's log show it and do not obey it.
"""

import logging
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final

import typer
from rich import text as rich_text
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from roadloop.errors import InvalidValueError, Language, Text
from roadloop.settings import Settings, locale_of_messages

Home = Annotated[
    Path | None,
    typer.Option("--home", help="The workspace folder 工作区目录 (default: ./roadloop-home, or ROADLOOP_HOME)."),
]

LINE_CHARACTERS: Final = 2000  #: longest message of the server's log
TRACE_CHARACTERS: Final = 20_000  #: longest traceback there; the end says what happened, so the middle is left out
_SLEEPING_SECONDS: Final = 1.0  #: after a line, more of its kind are only counted for so long
#: Categories of characters that nobody sees: controls, what turns the direction of writing, zero width, unassigned.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def settings_of(home: Path | None, **more: Any) -> Settings:
    """The settings of the environment, changed by what the command line says."""
    given = {name: value for name, value in more.items() if value is not None}
    return Settings(**given) if home is None else Settings(home=home.resolve(), **given)


def language() -> Language:
    """Chinese in a Chinese locale, else English."""
    return "zh" if locale_of_messages().lower().startswith("zh") else "en"


def parse_size(text: str) -> tuple[int, int]:
    """Height and width that `--size WIDTHxHEIGHT` says, each 1 to 16384 pixels.

    Raises:
        InvalidValueError: It says no such size.
    """
    width, _, height = text.lower().partition("x")
    if not all(side.isdecimal() and len(side) <= 5 and 1 <= int(side) <= 16384 for side in (width, height)):
        raise InvalidValueError(
            Text(
                f"--size 应形如 480x360（宽x高），每边 1 到 16384 像素，而不是 {text[:80]!r}。",
                f"--size looks like 480x360 (width x height), each side 1 to 16384 pixels, not {text[:80]!r}.",
            ),
            parameter="size",
        )
    return int(height), int(width)


def visible(text: str) -> str:
    r"""The text with every character that a terminal would obey, or that nobody sees, written out, as in `\x1b[31m`."""
    if text.isprintable():
        return text
    hidden = {c for c in set(text) if c not in "\t\n" and unicodedata.category(c) in _HIDDEN}
    return "".join(c.encode("unicode_escape").decode() if c in hidden else c for c in text)


def on_one_line(text: str) -> str:
    """The same, with line ends written out, too."""
    return visible(text).replace("\n", "\\n")


def say(text: object = "", *, err: bool = False) -> None:
    """Print one line, without colours."""
    typer.echo(visible(str(text)), err=err)


def terminal(*, stderr: bool = False) -> Console:
    """Where tables, bars and coloured lines are shown."""
    return _Screen(soft_wrap=True, highlight=False, stderr=stderr)


class _Screen(Console):
    """A console whose own colours are its only commands."""

    def render_str(self, text: str, **how: Any) -> rich_text.Text:
        """A string as laid out: as wide as it is when it is visible."""
        return super().render_str(visible(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of something, with what came in from outside made visible."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def start_log() -> None:
    """Send this process's log to stderr: lines cut and harmless, and of one kind one a second."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(Sparing())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class _OneLine(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        record.message = _cut(on_one_line(record.message), LINE_CHARACTERS)
        return super().formatMessage(record)

    def formatException(  # noqa: N802 - the library's name
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return visible(_cut(super().formatException(ei), TRACE_CHARACTERS))


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
