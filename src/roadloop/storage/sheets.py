"""Tables for people: CSV that a spreadsheet opens without taking a name for a formula.

A cell that begins with `=`, `+`, `-`, `@`, a tab or a line break gets an apostrophe in front, which spreadsheets do not show
(OWASP, CSV injection); numbers are left alone. `plain` takes it off again, so that what was written is read back; only
carriage returns, which would end a row, come back as line feeds.
Tables for programs (class tables, manifests, split lists, `selection.csv`, `ext-<n>.csv`) are not written here: their cells
are never altered.
"""

import csv
import re
from collections.abc import Iterable
from typing import Any, Final, Protocol

_FORMULA: Final = re.compile(r"'*[=+\-@\t\n]")
_MARKED: Final = re.compile(r"'+[=+\-@\t\n]")


class Stream(Protocol):
    """Where a table is written."""

    def write(self, text: str, /) -> object:
        """Add some text."""


class Sheet:
    """Writes the rows of a table.

    Args:
        stream: An open text stream that leaves line ends alone.
    """

    def __init__(self, stream: Stream) -> None:
        self._rows: Final = csv.writer(stream, lineterminator="\n")

    def add(self, row: Iterable[Any]) -> None:
        """Write one row."""
        self._rows.writerow([_cell(value) for value in row])

    def add_all(self, rows: Iterable[Iterable[Any]]) -> None:
        """Write some rows."""
        for row in rows:
            self.add(row)


def plain(text: str) -> str:
    """What was written into a cell, given what the file says."""
    return text[1:] if _MARKED.match(text) else text


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
