"""The report of an import: one outcome for each file and for each statement, and the counts of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from roadloop.sources.importers.found import Fate, FileLabel, Item, Line, Statement
from roadloop.sources.importers.tree import shown
from roadloop.storage.sheets import Sheet

COLUMNS: Final = ("file", "outcome", "reason_zh", "reason_en", "place", "picture")
#: What becomes of an item's statements by what became of its picture.
_OF_ITEMS: Final = {Fate.ADDED: Fate.USED, Fate.ALREADY: Fate.ALREADY, Fate.CHANGED: Fate.CHANGED}


class Report:
    """Collects what became of every file, and of every statement of a file about a picture."""

    def __init__(self, stated: Mapping[str, int]) -> None:
        self._stated: Final = stated
        self._lines: dict[str, Line] = {}
        self._statements: list[Statement] = []

    def add(self, lines: Iterable[Line]) -> None:
        """Note some files' fates; the first thing said of a file stands."""
        for line in lines:
            self._lines.setdefault(line.file, line)

    def state(self, statements: Iterable[Statement]) -> None:
        """Note what became of some statements."""
        self._statements += statements

    def conclude(self, item: Item) -> None:
        """An item's statements end as its picture did, the blamed one apart; the picture's line must be there."""
        line = self._lines[item.image]
        fate = _OF_ITEMS.get(line.fate, Fate.PARTNER)
        blamed = line
        if isinstance(item.label, FileLabel) and not line.blamed:
            blamed = self._lines.get(item.label.file, line)
        for claim in item.claims:
            to_blame = blamed.blamed and claim.place == blamed.blamed
            self._statements.append(Statement(claim, *((blamed.fate, blamed.text) if to_blame else (fate, line.text))))

    def counts(self) -> dict[str, int]:
        """Files by fate, in the order of `Fate`; those that there are."""
        return _counted(line.fate for line in self._lines.values())

    def statements(self) -> dict[str, int]:
        """Statements by fate, likewise."""
        return _counted(s.fate for s in self._statements)

    def check(self, files: Iterable[str]) -> None:
        """Hold the sums: every file has an outcome, and as many statements ended as were counted when reading.

        Raises:
            AssertionError: Something was dropped; a fault of this program.
        """
        dropped = sorted(set(files) - self._lines.keys())
        ended = Counter(s.claim.file for s in self._statements)
        wrong = {
            f: (self._stated.get(f, 0), ended[f]) for f in {*self._stated, *ended} if self._stated.get(f, 0) != ended[f]
        }
        if dropped or wrong:
            raise AssertionError(f"files without an outcome: {dropped[:5]}; statements read and ended: {wrong}")

    def first(self, fates: frozenset[Fate]) -> Line | None:
        """The first line with one of some fates, statements after files."""
        named = next((self._lines[f] for f in sorted(self._lines) if self._lines[f].fate in fates), None)
        said = next((s for s in self._statements if s.fate in fates), None)
        if named is None and said is not None:
            return Line(f"{said.claim.file}: {said.claim.place}", said.fate, said.text)
        return named

    def write(self, path: Path) -> None:
        """Write the report as csv, in order of the files, with a byte order mark for spreadsheets.

        The statements of a file come before its own line; they have a place, and the picture that they are about.
        """
        by_file: dict[str, list[Statement]] = {}
        for statement in self._statements:
            by_file.setdefault(statement.claim.file, []).append(statement)
        with path.open("w", encoding="utf-8-sig", newline="") as stream:
            rows = Sheet(stream)
            rows.add(COLUMNS)
            for file in sorted({*self._lines, *by_file}):
                for claim, fate, text in by_file.get(file, ()):
                    rows.add([shown(file), fate.value, *text, claim.place, shown(claim.picture[:300])])
                if line := self._lines.get(file):
                    rows.add([shown(file), line.fate.value, *line.text, "", ""])


def _counted(fates: Iterable[Fate]) -> dict[str, int]:
    found = Counter(fates)
    return {fate.value: found[fate] for fate in Fate if found[fate]}
