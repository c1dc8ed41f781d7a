"""The report of files that are left out of a dataset: one line each."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from roadloop.errors import Text
from roadloop.sources.layout import Problem
from roadloop.storage import reading
from roadloop.storage.sheets import Sheet, plain

REPORT: Final = "report.csv"


def format_report(problems: Iterable[Problem]) -> str:
    """The report as csv: file, reason in Chinese, reason in English."""
    out = io.StringIO()
    rows = Sheet(out)
    rows.add(["file", "reason_zh", "reason_en"])
    rows.add_all([p.file, *p.reason] for p in problems)
    return out.getvalue()


def read_report(folder: Path, most: int) -> list[Problem]:
    """The first `most` lines of a dataset's report; none where there is no report."""
    if not (folder / REPORT).is_file():
        return []
    with reading.open_text(folder / REPORT) as stream:
        rows = csv.DictReader(stream)
        return [
            Problem(plain(r["file"]), Text(r["reason_zh"], r["reason_en"]))
            for r, _ in zip(rows, range(most), strict=False)
        ]
