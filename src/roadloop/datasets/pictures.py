"""The pictures of a finished dataset: by split and class, the doubled ones, and the files that were left out.

Names and sizes come from the shards' columns. Which classes a picture shows stands nowhere: `tracks.csv` says in which
tracks a class occurs, and the labels of these are decoded, so many for an answer, and remembered; how many pictures
show it in all is among the dataset's statistics.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from roadloop.datasets import service
from roadloop.datasets.info import SPLITS, read_report, read_tracks
from roadloop.datasets.reader import DatasetReader, Split
from roadloop.errors import Language
from roadloop.imaging.decode import decode_label
from roadloop.imaging.header import read_header
from roadloop.imaging.room import room
from roadloop.sources.check import count_ids
from roadloop.storage.platform import Platform

LOOKED_AT: Final = 300  #: labels that are decoded for one answer
MOST_DOUBLES: Final = 200  #: groups of equal pictures that are named
SHOWN: Final = ("name", "track", "width", "height")  #: of a picture


class Listed(NamedTuple):
    """Some pictures of a split.

    Attributes:
        pictures: `index`, `name`, `track`, `width`, `height` of each.
        total: How many there are in all.
        then: Where to go on; None at the end.
    """

    pictures: list[dict[str, Any]]
    total: int
    then: int | None


def list_pictures(platform: Platform, name: str, split: str, raw_id: int | None, start: int, limit: int) -> Listed:
    """Pictures of a split from the one with index `start` on, of all, or of those that show a class.

    Fewer than `limit` where the class is rare: after so many labels the answer says where to go on.

    Raises:
        NotFoundError: No such dataset, or split.
        ConflictError: It is not finished.
        BrokenFileError: A file of it is damaged.
    """
    info = service.require(platform, name)
    folder = platform.workspace.dataset(info.name)
    samples = DatasetReader(folder).split(split)
    if raw_id is None:
        end = min(len(samples), start + limit)
        shown = [_shown(samples, index) for index in range(start, end)]
        return Listed(shown, len(samples), end if end < len(samples) else None)
    counted = info.statistics[split].get(raw_id)
    if counted is None:
        return Listed([], 0, None)
    tracks = read_tracks(folder, split, raw_id)
    found: list[dict[str, Any]] = []
    looked = 0
    for index, track in enumerate(samples.column("track")):
        if index < start or track not in tracks:
            continue
        if len(found) == limit or looked == LOOKED_AT:
            return Listed(found, counted.pictures, index)
        looked += 1
        if raw_id in _classes(folder, info.digest, split, index):
            found.append(_shown(samples, index))
    return Listed(found, counted.pictures, None)


def doubles(platform: Platform, name: str) -> Mapping[str, Any]:
    """Pictures that stand more than once in a dataset, byte for byte: `groups`, the first of them, and `total`.

    Raises:
        NotFoundError: No such dataset.
        ConflictError: It is not finished.
        BrokenFileError: A file of it is damaged.
    """
    info = service.require(platform, name)
    return _doubles(platform.workspace.dataset(info.name), info.digest)


def problems(
    platform: Platform, name: str, skip: int, most: int, language: Language
) -> tuple[list[dict[str, str]], int]:
    """Files that were left out, with the reasons, and how many there are.

    Raises:
        NotFoundError: No such dataset.
        ConflictError: It is not finished.
    """
    info = service.require(platform, name)
    rows = read_report(platform.workspace.dataset(info.name), most, skip)
    return [{"file": row.file, "reason": row.reason.pick(language)} for row in rows], info.bad


def _shown(samples: Split, index: int) -> dict[str, Any]:
    return {"index": index, **dict(zip(SHOWN, samples.values(index, SHOWN), strict=True))}


@lru_cache(maxsize=20_000)
def _classes(folder: Path, _digest: str, split: str, index: int) -> frozenset[int]:
    """Raw ids that a picture's label shows."""
    label = _open(folder, _digest).split(split).encoded(index).label
    header = read_header(label)
    with room.take(header.width * header.height):
        return frozenset(count_ids(decode_label(label)).nonzero()[0].tolist())


@lru_cache(maxsize=2)
def _doubles(folder: Path, _digest: str) -> Mapping[str, Any]:
    places: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    reader = DatasetReader(folder)
    for split in SPLITS:
        for index, sha256 in enumerate(reader.split(split).column("image_sha256")):
            places[sha256].append((split, index))
    found = [group for group in places.values() if len(group) > 1]
    found.sort(key=lambda group: (-len({split for split, _ in group}), -len(group)))
    return {
        "groups": [
            [{"split": split, **_shown(reader.split(split), index)} for split, index in group]
            for group in found[:MOST_DOUBLES]
        ],
        "total": len(found),
    }


@lru_cache(maxsize=2)
def _open(folder: Path, _digest: str) -> DatasetReader:
    return DatasetReader(folder)
