"""The report of an import: one line for each file, and the counts of its fates."""

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from roadloop.sources.importers.found import Fate, Line
from roadloop.sources.importers.tree import readable

COLUMNS: Final = ("file", "outcome", "reason_zh", "reason_en")


class Report:
    """Collects what became of every file; the first thing said of a file stands."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        self._lines: dict[str, Line] = {}
        self.add(lines)

    def add(self, lines: Iterable[Line]) -> None:
        """Note some files' fates."""
        for line in lines:
            self._lines.setdefault(line.file, line)

    def counts(self) -> dict[str, int]:
        """Files by fate, in the order of `Fate`; those that there are."""
        found = Counter(line.fate for line in self._lines.values())
        return {fate.value: found[fate] for fate in Fate if found[fate]}

    def first(self, fates: frozenset[Fate]) -> Line | None:
        """The first line with one of some fates."""
        return next((self._lines[f] for f in sorted(self._lines) if self._lines[f].fate in fates), None)

    def write(self, path: Path) -> None:
        """Write the report as csv, in order of the files, with a byte order mark for spreadsheets."""
        with path.open("w", encoding="utf-8-sig", newline="") as stream:
            rows = csv.writer(stream, lineterminator="\n")
            rows.writerow(COLUMNS)
            for file in sorted(self._lines):
                line = self._lines[file]
                rows.writerow([shown(file), line.fate.value, *line.text])


def shown(file: str) -> str:
    """A file's place for people; GBK names are read as such."""
    return "/".join(readable(part) for part in file.split("/"))
