"""Pack one shard: read, check, count, write. Runs in worker processes; one shard is one unit of work.

A shard appears whole, and its report is written after it is on the disk. A later attempt takes over every shard whose
report is there, whose sources have not changed and whose sha256 fits.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from multiprocessing.connection import wait
from multiprocessing.process import parent_process
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from roadloop.datasets.copies import Copies, Made, copied, learned_ids
from roadloop.datasets.shards import Row, checksum, writing_shard
from roadloop.datasets.tally import Tally
from roadloop.errors import Text
from roadloop.imaging.encode import encode_label
from roadloop.labels.table import ClassTable
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.layout import Problem, Sample
from roadloop.storage import publish
from roadloop.storage.ahead import overlapped
from roadloop.storage.objects import STREAMS, ObjectPath, Place


class ShardPlan(NamedTuple):
    """What goes into one shard: its samples, or the pictures of another dataset, and their names in this one."""

    split: str
    number: int
    samples: tuple[Sample, ...]
    names: tuple[str, ...]
    copies: Copies | None = None

    @property
    def file(self) -> str:
        """The shard's file name."""
        return f"{self.split}-{self.number:05d}.arrow"


class ShardReport(NamedTuple):
    """What became of a shard.

    Attributes:
        split: Its split.
        file: Its file name.
        key: Digest of the plan and of its sources' sizes and times of change.
        sha256: Of the file.
        rows: Good samples; 0 means that there is no file.
        problems: Samples that are left out.
        tally: What was counted.
    """

    split: str
    file: str
    key: str
    sha256: str
    rows: int
    problems: tuple[Problem, ...]
    tally: Tally


class _Signals(NamedTuple):
    """What a worker shares with its master: pictures done, and whether to stop."""

    done: Any
    stop: Any


_signals: list[_Signals] = []


class StoppedError(Exception):
    """The master asked this worker to stop between two pictures."""


def start_worker(done: Any, stop: Any) -> None:
    """Prepare a worker process; it ends by itself when its master does, however that happens."""
    cv2.setNumThreads(1)
    _signals[:] = [_Signals(done, stop)]
    threading.Thread(target=_end_with_master, daemon=True).start()


def _end_with_master() -> None:
    master = parent_process()
    assert master is not None, "a worker has a master"
    wait([master.sentinel])
    os._exit(1)


def pack_shard(plan: ShardPlan, tables: Mapping[str, ClassTable], folder: Path, max_pixels: int) -> dict[str, Any]:
    """Write `<folder>/<plan.file>` and its report.

    Args:
        plan: What to pack.
        tables: Class table of each source set.
        folder: Private to this attempt.
        max_pixels: Larger pictures are left out.

    Returns:
        The report as plain values (`read_report` makes a record of them).
    """
    path = folder / plan.file
    with publish.disk_errors(path):
        report = _pack(plan, tables, path, max_pixels)
        publish.write_json(path.with_suffix(".json"), report)
    return report


def _pack(plan: ShardPlan, tables: Mapping[str, ClassTable], path: Path, max_pixels: int) -> dict[str, Any]:
    signals = _signals[0]
    key = shard_key(plan, tables)
    problems: list[Problem] = []
    tally = Tally()
    with publish.publishing_file(path) as scratch, writing_shard(scratch) as shard:
        made = copied(plan.copies, plan.names) if plan.copies else _made(plan, tables, max_pixels)
        for one in made:
            if signals.stop.is_set():
                raise StoppedError
            if isinstance(one, Problem):
                problems.append(one)
            elif one is not None:
                row = one.row
                tally.add(row.track, f"{row.width}x{row.height}", one.counts)
                tally.unknown_pixels += one.unknown_pixels
                tally.all_ignored += not np.any(one.counts[one.learned])
                shard.add(row)
            with signals.done.get_lock():
                signals.done.value += 1
    digest = ""
    if shard.rows:
        digest = publish.sha256_file(path)
    else:
        path.unlink()
    return {
        "split": plan.split,
        "file": plan.file,
        "key": key,
        "sha256": digest,
        "rows": shard.rows,
        "problems": [[p.file, *p.reason] for p in problems],
        "tally": tally.to_json(),
    }


def shard_key(plan: ShardPlan, tables: Mapping[str, ClassTable]) -> str:
    """Digest of what a shard is made from; changes when a source file or a class table is replaced."""
    if plan.copies:
        copies = plan.copies
        told = [plan.split, plan.number, copies.digest, copies.places, copies.raw_ids, plan.names]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()
    files = [[_stat(s.image), _stat(s.label), *s[2:], n] for s, n in zip(plan.samples, plan.names, strict=True)]
    classes = [tables[name].to_rows() for name in sorted({s.source for s in plan.samples})]
    return hashlib.sha256(json.dumps([plan.split, plan.number, files, classes]).encode()).hexdigest()


def read_report(value: Mapping[str, Any]) -> ShardReport:
    """The record of a report."""
    problems = tuple(Problem(file, Text(zh, en)) for file, zh, en in value["problems"])
    tally = Tally.from_json(value["tally"])
    return ShardReport(value["split"], value["file"], value["key"], value["sha256"], value["rows"], problems, tally)


def _made(plan: ShardPlan, tables: Mapping[str, ClassTable], max_pixels: int) -> Iterator[Made | Problem]:
    """The rows of a shard's samples, in order, and why some have none."""
    learned = {name: learned_ids(table) for name, table in tables.items()}
    checks = _checked(plan, tables, max_pixels)
    for sample, name, checked in zip(plan.samples, plan.names, checks, strict=True):
        if isinstance(checked, Problem):
            yield checked
        else:
            row = _row(name, sample, checked)
            yield Made(row, checked.counts, checked.unknown_pixels, learned[sample.source])


def _checked(plan: ShardPlan, tables: Mapping[str, ClassTable], max_pixels: int) -> Iterator[Checked | Problem]:
    """Every sample read and checked, in order; several at once where waiting for an object store takes the time."""

    def check(sample: Sample) -> Checked | Problem:
        return check_sample(sample, tables[sample.source], max_pixels)

    if any(sample.stored for sample in plan.samples):
        return overlapped(check, plan.samples, STREAMS)
    return map(check, plan.samples)


def _stat(place: Place) -> list[int]:
    """What changes with a file; nothing for an object, which must have the sum that the sample's facts name."""
    if isinstance(place, ObjectPath):
        return []
    try:
        status = place.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _row(name: str, sample: Sample, checked: Checked) -> Row:
    label = encode_label(checked.ids)
    return Row(
        name=name,
        source=sample.source,
        package=sample.package,
        stem=sample.stem,
        track=sample.track,
        point=sample.point,
        city=sample.city,
        width=checked.width,
        height=checked.height,
        image=checked.image,
        image_format=checked.image_format,
        label=label,
        image_sha256=hashlib.sha256(checked.image).hexdigest(),
        label_sha256=hashlib.sha256(label).hexdigest(),
        crc32=checksum(name, checked.image, label),
    )
