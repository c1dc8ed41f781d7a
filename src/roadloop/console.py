"""What the commands of all features share: the workspace option and its settings, the language, and what is said.

Names, reasons and logs come from files and from networks that fail: whatever stands in them, a terminal and the
server's log show it and do not obey it.
"""

import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich import text as rich_text
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from roadloop.errors import InvalidValueError, Language, Text
from roadloop.settings import Settings, locale_of_messages, read_settings

Home = Annotated[
    Path | None,
    typer.Option("--home", help="The workspace folder 工作区目录 (default: ./roadloop-home, or ROADLOOP_HOME)."),
]

#: Categories of characters that nobody sees: controls, what turns the direction of writing, zero width, unassigned.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def settings_of(home: Path | None, **more: Any) -> Settings:
    """The settings of the environment, changed by what the command line says.

    Raises:
        InvalidValueError: One cannot be used.
    """
    given = {name: value for name, value in more.items() if value is not None}
    return read_settings(**given) if home is None else read_settings(home=home.resolve(), **given)


def language() -> Language:
    """Chinese in a Chinese locale, else English."""
    return "zh" if locale_of_messages().lower().startswith("zh") else "en"


def parse_size(text: str, name: str = "--size") -> tuple[int, int]:
    """Height and width that `WIDTHxHEIGHT` says, each 1 to 16384 pixels; `name` is what the text is called.

    Raises:
        InvalidValueError: It says no such size.
    """
    width, _, height = text.lower().partition("x")
    if not all(side.isdecimal() and len(side) <= 5 and 1 <= int(side) <= 16384 for side in (width, height)):
        raise InvalidValueError(
            Text(
                f"{name} 应形如 480x360（宽x高），每边 1 到 16384 像素，而不是 {text[:80]!r}。",
                f"{name} looks like 480x360 (width x height), each side 1 to 16384 pixels, not {text[:80]!r}.",
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
