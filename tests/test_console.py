"""The language of the command line, and what a terminal and the log are told."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
from rich.table import Table

from roadloop.console import language, say, terminal, visible
from roadloop.journal import LINE_CHARACTERS, TRACE_CHARACTERS, Sparing, start_log

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\x7f\u202egnp.exe\u2066\u2028"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),  # installed on this machine or not
        ({"LANG": "no_such.LOCALE"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ZH_tw"}, "zh"),
        ({}, "en"),
    ],
)
def test_language__is_what_the_environment_asks_for(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert language() == expected


def test_visible__leaves_words_lines_and_columns_alone() -> None:
    assert visible("苏州 任务\ta\nb é 👍") == "苏州 任务\ta\nb é 👍"
    assert visible("\x1b[31m\x9b\u202e") == r"\x1b[31m\x9b\u202e"
    assert visible(visible(HOSTILE)) == visible(HOSTILE)


def test_terminal__obeys_nothing_that_comes_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    console = terminal()
    console.file = stream
    table = Table("name")
    table.add_row(HOSTILE)
    console.print(f"[red]{HOSTILE}[/]", table)
    said = stream.getvalue()
    assert said.count("owned") == 2
    assert said.count("gnp.exe") == 2
    assert not {"\x07", "\x9b", "\r", "\x7f", "\u202e", "\u2066", "\u2028"} & set(said)
    assert "\x1b[2J" not in said
    assert "\x1b]" not in said
    assert "\x1b[31m" in said  # the console's own red


def test_say__writes_control_characters_out(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    say("failed \x1b[0m", err=True)
    said = capsys.readouterr()
    assert said.out == visible(HOSTILE) + "\n"
    assert said.err == "failed \\x1b[0m\n"


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    stream, root = io.StringIO(), logging.getLogger()
    kept, level = root.handlers[:], root.level
    root.handlers[:] = []
    monkeypatch.setattr(sys, "stderr", stream)
    start_log()
    yield stream
    root.handlers[:] = kept
    root.setLevel(level)


def test_log__lines_are_short_single_and_harmless(log_lines: io.StringIO) -> None:
    log = logging.getLogger("roadloop.test")
    log.warning("unknown: %s", HOSTILE + "\n2026-01-01 ERROR forged" + "x" * 10**6)
    try:
        raise ValueError("y" * 10**6 + "\x1b[31m the end")
    except ValueError:
        log.exception("failed")
    said = log_lines.getvalue()
    assert len(said) < LINE_CHARACTERS + TRACE_CHARACTERS + 500
    assert "\n2026-01-01 ERROR forged" not in said
    assert "\x1b" not in said
    assert r"\x1b[31m the end" in said
    assert "Traceback" in said


def test_log__one_line_of_a_kind_a_second() -> None:
    now = [100.0]
    sparing = Sparing(lambda: now[0])

    def record(line: int, level: int = logging.WARNING, error: Exception | None = None) -> logging.LogRecord:
        info = (type(error), error, None) if error else None
        return logging.LogRecord("roadloop.web", level, "endpoint.py", line, "unknown %s", ("a",), info)

    assert [sparing.filter(record(1)) for _ in range(5)] == [True, False, False, False, False]
    assert sparing.filter(record(2))  # another kind
    assert sparing.filter(record(1, error=ValueError()))  # fails otherwise
    assert all(sparing.filter(record(3, logging.INFO)) for _ in range(3))
    now[0] += 1.1
    late = record(1)
    assert sparing.filter(late)
    assert late.getMessage() == "unknown a (and 4 like it)"
