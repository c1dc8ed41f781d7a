"""Read the labels of a source set into its index: those that are new, or not as they were; the others are known."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from roadloop.errors import BrokenFileError, ObjectStoreError, RoadloopError
from roadloop.labels.table import IGNORE
from roadloop.sources.ahead import read_ahead
from roadloop.sources.check import read_ids
from roadloop.sources.contents import state_of
from roadloop.sources.finding.index import Entry, Index, write_index
from roadloop.sources.layout import CLASSES, Sample
from roadloop.sources.service import SourceSet, scan
from roadloop.storage import publish

MOST_NAMES: Final = 1000  #: of cities, packages, months: those with most pictures


class Built(NamedTuple):
    """What came of it: pictures in the index, labels that were read for it, and those that cannot be used."""

    pictures: int
    read: int
    unreadable: int


@dataclass
class _Counts:
    read: int = 0
    unreadable: int = 0
    pictures: int = 0
    names: dict[str, Counter[str]] = field(
        default_factory=lambda: {name: Counter() for name in ("cities", "months", "packages", "ranges")}
    )
    classes: Counter[int] = field(default_factory=Counter)

    def add(self, entry: Entry) -> None:
        self.pictures += 1
        facts = (entry.city, entry.time[:7], entry.package, entry.imgoprange)
        for counter, value in zip(self.names.values(), facts, strict=True):
            counter[value] += 1
        self.classes.update(entry.classes)


def fingerprint_of(source: SourceSet) -> str:
    """Changes with the folders, the manifest and the class table of a set; no picture is looked at."""
    table = source.path / CLASSES
    mark = table.stat().st_mtime_ns if table.is_file() else 0
    return hashlib.sha256(json.dumps([state_of(source), mark]).encode()).hexdigest()


def build(source: SourceSet, path: Path, older: Path, max_pixels: int, watch: Callable[[int, int], None]) -> Built:
    """Write the index.

    Args:
        source: The set.
        path: Where the index is written; a scratch name.
        older: Where the last one stands, if there is one.
        max_pixels: Larger labels cannot be used.
        watch: Called with (pictures looked at, pictures in all); raises to stop.

    Raises:
        ObjectStoreError: Labels lie in a store that refuses all that is asked, or does not answer.
        DiskFullError: No space is left.
    """
    state, samples = fingerprint_of(source), scan(source).samples
    counts, about = _Counts(), dict[str, Any]()

    def read(item: tuple[Sample, str, Entry | None]) -> tuple[Entry | None, bool]:
        sample, mark, known = item
        if known is not None:
            return known, False
        try:
            ids, pixels, _ = read_ids(sample, source.table, max_pixels)
        except ObjectStoreError:
            raise
        except RoadloopError:  # a dataset's report, and the set's health, say why
            return None, True
        return _entry(sample, mark, ids.shape, tuple(np.flatnonzero(pixels).tolist())), True

    def entries(last: Index | None) -> Iterator[Entry]:
        items = ((sample, mark, _known(last, sample, mark)) for sample in samples for mark in (_mark(sample),))
        stored = any(sample.stored for sample in samples)
        for number, (entry, fresh) in enumerate(read_ahead(read, items, stored=stored), start=1):
            counts.read += fresh
            if entry is None:
                counts.unreadable += 1
            else:
                counts.add(entry)
                yield entry
            watch(number, len(samples))
        about.update(_about(source, counts, state))

    with publish.disk_errors(path), ExitStack() as stack:
        write_index(path, entries(_open(older, source, stack)), about)
    return Built(counts.pictures, counts.read, counts.unreadable)


def _open(path: Path, source: SourceSet, stack: ExitStack) -> Index | None:
    """The last index, where its marks still mean something."""
    if not path.is_file():
        return None
    try:
        last = stack.enter_context(Index(path))
    except BrokenFileError:
        return None
    return last if last.about.get("table") == source.table.to_rows() else None


def _known(last: Index | None, sample: Sample, mark: str) -> Entry | None:
    found = last.find(sample.package, sample.stem) if last is not None and mark else None
    if found is None or found.mark != mark:
        return None
    return _entry(sample, mark, (found.height, found.width), found.classes)


def _entry(sample: Sample, mark: str, shape: tuple[int, ...], classes: tuple[int, ...]) -> Entry:
    facts, (height, width) = sample.facts, shape
    return Entry(
        sample.package, sample.stem, sample.track, sample.point, sample.city, facts.time, facts.author,
        facts.imgoprange, mark, width, height, classes,
    )  # fmt: skip


def _mark(sample: Sample) -> str:
    """What changes with a label: its size and time on the disk, its sum in an object store."""
    label = sample.label
    if not isinstance(label, Path):
        return sample.facts.label_sha256
    try:
        found = label.stat()
    except OSError:
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}"


def _about(source: SourceSet, counts: _Counts, state: str) -> dict[str, Any]:
    declared = set(source.table.raw_ids)
    return {
        "state": state,
        "pictures": counts.pictures,
        "unreadable": counts.unreadable,
        "table": source.table.to_rows(),
        "classes": {
            str(one): number for one, number in sorted(counts.classes.items()) if one in declared or one != IGNORE
        },
        **{name: dict(counter.most_common(MOST_NAMES)) for name, counter in counts.names.items()},
    }
