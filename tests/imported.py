"""What came of an import, for tests."""

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from roadloop.jobs.queue import Job
from roadloop.labels.table import ClassTable
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.service import open_set, read_splits, scan
from roadloop.storage.platform import Platform


@dataclass(frozen=True)
class Imported:
    """What came of an import.

    Attributes:
        job: Its job.
        outcomes: File -> outcome, statements apart.
        reasons: File -> the reason in English.
        labels: Picture of the source set -> its pixels by raw id; empty when the job failed.
        splits: Picture -> official split.
        tracks: Picture -> track.
        made: The source set's class table; None when the job failed.
    """

    job: Job
    outcomes: dict[str, str]
    reasons: dict[str, str]
    labels: dict[str, Counter[int]]
    splits: dict[str, str]
    tracks: dict[str, str]
    made: ClassTable | None

    @property
    def layout(self) -> str:
        """As recognised."""
        return str((self.job.result or {}).get("layout"))

    @property
    def usual(self) -> str:
        """Name of the table that the classes came from."""
        return str((self.job.result or {}).get("table"))

    @property
    def why(self) -> str:
        """Why the job failed, in English."""
        return self.job.reason.en if self.job.reason else ""

    @property
    def table(self) -> ClassTable:
        """The class table of a set that was made."""
        assert self.made is not None, self.why
        return self.made


Import = Callable[..., Imported]


def labels_of(platform: Platform, name: str) -> dict[str, Counter[int]]:
    """Pixels by raw id of every picture of a set; fails on any problem."""
    made = open_set(platform.workspace, name)
    found = scan(made)
    assert not found.problems, found.problems
    labels = {}
    for sample in found.samples:
        checked = check_sample(sample, made.table)
        assert isinstance(checked, Checked), checked
        labels[sample.key] = Counter(checked.ids.ravel().tolist())
    return labels


def report_rows(platform: Platform, job: Job) -> list[dict[str, str]]:
    """The report of an import; none where there is none. Each file has one row, besides the statements that it makes."""
    report = platform.workspace.logs / f"{job.id}.report.csv"
    if not report.is_file():
        return []
    with report.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(row["reason_zh"] and row["reason_en"] for row in rows)
    files = [row["file"] for row in rows if not row["place"]]
    assert len(set(files)) == len(files)
    return rows


def read_result(platform: Platform, job: Job, name: str) -> Imported:
    """What an import into the set of that name came to."""
    assert job.state in {"succeeded", "failed"}
    rows = [row for row in report_rows(platform, job) if not row["place"]]
    outcomes = {row["file"]: row["outcome"] for row in rows}
    reasons = {row["file"]: row["reason_en"] for row in rows}
    if job.state == "failed":
        return Imported(job, outcomes, reasons, {}, {}, {}, None)
    made = open_set(platform.workspace, name)
    splits = read_splits(made) if made.has_splits() else {}
    tracks = {sample.key: sample.track for sample in scan(made).samples}
    return Imported(job, outcomes, reasons, labels_of(platform, name), splits, tracks, made.table)
