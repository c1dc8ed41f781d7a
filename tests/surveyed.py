"""Imports of tiny folders without jobs and files: the survey, the reading of every item, and the report."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from import_folders import put
from roadloop.labels.table import ClassTable
from roadloop.sources.importers.found import Fate, Item, Line
from roadloop.sources.importers.read import Ready, files_of
from roadloop.sources.recipe import ImportRecipe
from roadloop.sources.survey import left_out, start_report, survey, take
from roadloop.storage.paths import Workspace


class Surveyed(NamedTuple):
    """What an import would do.

    Attributes:
        layout: As recognised.
        table: The class table.
        labels: Picture -> uint8 [H, W], raw ids.
        splits: Picture -> official split; those that have one.
        outcomes: File -> outcome.
        reasons: File -> reason in English.
        statements: (file, place) -> (outcome, reason in English).
        left_out: What somebody should look at, in English; empty = nothing.
    """

    layout: str
    table: ClassTable
    labels: dict[str, NDArray[np.uint8]]
    splits: dict[str, str]
    outcomes: dict[str, str]
    reasons: dict[str, str]
    statements: dict[tuple[str, str], tuple[str, str]]
    left_out: str

    def names(self, picture: str) -> Counter[str]:
        """Pixels by class name; `-` where the label says nothing."""
        known = {c.raw_id: c.name_en for c in self.table.classes}
        return Counter(known.get(raw_id, "-") for raw_id in self.labels[picture].ravel().tolist())


class _Kept:
    """Keeps the labels that are good."""

    def __init__(self) -> None:
        self.labels: dict[str, NDArray[np.uint8]] = {}
        self.splits: dict[str, str] = {}

    def known(self, image: str) -> None:
        """Nothing was imported before."""

    def add(self, ready: Ready) -> list[Line]:
        """Take one picture."""
        self.labels[ready.item.image] = ready.ids
        if ready.item.split:
            self.splits[ready.item.image] = ready.item.split
        return [Line(file, Fate.ADDED, ready.note) for file in files_of(ready.item)]


def bring(home: Path, files: Mapping[str, bytes | str] | None = None, **changes: Any) -> Surveyed:
    """Import `imports/in` of a home; the sums of the report are held on the way.

    Args:
        home: Empty, or with files in `imports/in`.
        files: Files to put there first.
        changes: Of the recipe.
    """
    for name, data in (files or {}).items():
        put(home / "imports" / "in" / name, data)
    values: dict[str, Any] = {
        "dest": "x", "src": "imports/in", "mode": "copy", "layout": "auto", "roadelement": "", "source": "1", "author": "",
        "annotype": "0", "datakind": "0", "city": "", "imgoprange": "1",
    }  # fmt: skip
    done = survey(Workspace(home), ImportRecipe(**(values | changes)), lambda: None)
    report, kept = start_report(done), _Kept()
    take(done, 10**6, kept, report, _nothing)
    lines = report._lines.values()  # the file has all names in NFC
    assert all(line.text.zh and line.text.en for line in lines)
    assert all(s.text.zh and s.text.en for s in report._statements)
    bad = left_out(report)
    return Surveyed(
        done.layout,
        done.meaning.table,
        kept.labels,
        kept.splits,
        {line.file: line.fate.value for line in lines},
        {line.file: line.text.en for line in lines},
        {(s.claim.file, s.claim.place): (s.fate.value, s.text.en) for s in report._statements},
        bad.en if bad else "",
    )


def _nothing(_number: int, _item: Item, _result: Ready | list[Line]) -> None:
    """Nobody looks at the pairs."""
