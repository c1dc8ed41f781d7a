"""What a source set holds, for the page: packages, cities, months, classes, and its pictures with their labels."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from roadloop.errors import BrokenFileError, NotFoundError, Text
from roadloop.imaging.encode import encode_palette
from roadloop.imaging.header import read_header
from roadloop.imaging.room import room
from roadloop.labels.colors import palette
from roadloop.sources.check import check_sample
from roadloop.sources.layout import SPLITS, Problem, Sample
from roadloop.sources.manifest import MANIFEST
from roadloop.sources.recipe import read_origin
from roadloop.sources.service import Scan, SourceSet, list_sets, open_set, scan
from roadloop.storage import reading
from roadloop.storage.objects import Place
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform

MOST_PROBLEMS: Final = 200
State = tuple[tuple[str, int], ...]


def list_described(workspace: Workspace) -> list[dict[str, Any]]:
    """The source sets, in order of their names, each with where it was imported from; nothing is counted."""
    found = []
    for name in list_sets(workspace):
        origin = read_origin(open_folder(workspace, name))
        known = {} if origin is None else {"src": origin.src, "mode": origin.mode, "layout": origin.layout}
        found.append({"name": name, "src": None, "mode": None, "layout": None, **known})
    return found


def open_folder(workspace: Workspace, name: str) -> Path:
    """The folder of a set."""
    return workspace.follow(workspace.entry(workspace.sources, name, "name"))


def describe(workspace: Workspace, name: str) -> dict[str, Any]:
    """What a set holds, going by names and its manifest; no picture is opened.

    Raises:
        NotFoundError: There is no such set.
        LabelMapError: Its class table cannot be used.
    """
    source = open_set(workspace, name, "name")
    return dict(_describe(source, state_of(source)))


@lru_cache(maxsize=256)
def _describe(source: SourceSet, state: State) -> dict[str, Any]:
    found = _scan(source, state)
    samples, problems = found.samples, found.problems
    return {
        "name": source.name,
        "pictures": len(samples),
        "tracks": len({sample.track for sample in samples}),
        "table": {"name": source.table.name, "classes": source.table.to_rows()},
        "packages": _counted(sample.package for sample in samples),
        "cities": _counted(sample.city for sample in samples),
        "months": _counted(sample.facts.time[:7] for sample in samples),
        "authors": _counted(sample.facts.author for sample in samples),
        "splits": source.has_splits(),
        "bad": len(problems),
        "problems": [{"file": p.file, "reason": list(p.reason)} for p in problems[:MOST_PROBLEMS]],
    }


class Which(NamedTuple):
    """Which pictures of a set are meant; empty text: all.

    Attributes:
        package: Of this package.
        city: From there.
        month: Of this month, `YYYY-MM`.
    """

    package: str
    city: str
    month: str


def list_pictures(workspace: Workspace, name: str, which: Which, page: int, size: int) -> dict[str, Any]:
    """A page of the pictures of a set, in order of package and name.

    Args:
        workspace: Has the set.
        name: Of the set.
        which: Of its pictures.
        page: From 1.
        size: Pictures a page.

    Returns:
        `data`, the pictures with the addresses of picture and label, and `total`.
    """
    source = open_set(workspace, name, "name")
    chosen = [
        sample
        for sample in scanned(source).samples
        if all(wanted in {"", there} for wanted, there in zip(which, _place(sample), strict=True))
    ]
    shown = itertools.islice(chosen, (page - 1) * size, page * size)
    return {"data": [_described(source.name, sample) for sample in shown], "total": len(chosen)}


def find_samples(workspace: Workspace, name: str, keys: Iterable[str]) -> dict[str, Sample]:
    """Those of some pictures, `<package>/<stem>` each, that a set has."""
    wanted = set(keys)
    return {sample.key: sample for sample in scanned(open_set(workspace, name, "name")).samples if sample.key in wanted}


def find_picture(workspace: Workspace, name: str, package: str, stem: str) -> Place:
    """The file, or the object, of a picture.

    Raises:
        NotFoundError: The set has no such picture.
    """
    source = open_set(workspace, name, "name")
    place = _find(source, package, stem).image
    if isinstance(place, Path) and not place.is_file():
        raise _absent(source.name, f"{package}/{stem}")
    return place


def draw_label(platform: Platform, name: str, package: str, stem: str) -> bytes:
    """A label as a PNG in the class table's colours; its palette indices are the raw ids.

    Raises:
        NotFoundError: The set has no such picture.
        BrokenFileError: Picture or label cannot be used.
    """
    source = open_set(platform.workspace, name, "name")
    sample = _find(source, package, stem)
    header = read_header(reading.read_bytes(sample.label))
    with room.take(header.width * header.height):
        checked = check_sample(sample, source.table, platform.settings.max_picture_mpix * 1_000_000)
        if isinstance(checked, Problem):
            raise BrokenFileError(checked.reason, file=checked.file)
        return encode_palette(checked.ids, palette(source.table))


def _find(source: SourceSet, package: str, stem: str) -> Sample:
    found = next((s for s in scanned(source).samples if (s.package, s.stem) == (package, stem)), None)
    if found is None:
        raise _absent(source.name, f"{package}/{stem}")
    return found


def _absent(name: str, picture: str) -> NotFoundError:
    return NotFoundError(
        Text(f"源数据 {name} 中没有这张图片", f"The source set {name} has no such picture"), picture=picture[:200]
    )


def _place(sample: Sample) -> tuple[str, str, str]:
    return sample.package, sample.city, sample.facts.time[:7]


def address_of(name: str, package: str, stem: str) -> str:
    """The address of a picture of a set; `/image` and `/label` stand below it."""
    return "/".join(quote(part, safe="") for part in ("", "v1", "sources", name, "pictures", package, stem))


def _described(name: str, sample: Sample) -> dict[str, Any]:
    address = address_of(name, sample.package, sample.stem)
    return {
        "package": sample.package,
        "name": sample.stem,
        "track": sample.track,
        "city": sample.city,
        "time": sample.facts.time,
        "author": sample.facts.author,
        "image_url": f"{address}/image",
        "label_url": f"{address}/label",
    }


def _counted(values: Iterator[str]) -> list[dict[str, Any]]:
    return [{"name": name, "pictures": number} for name, number in sorted(Counter(values).items())]


def scanned(source: SourceSet) -> Scan:
    """A scan of the set, by names and its manifest; kept until one of its folders or the manifest changes."""
    return _scan(source, state_of(source))


def state_of(source: SourceSet) -> State:
    """What changes with the files of a set: the times of its folders, its manifest and its lists."""
    folders = (source.path, source.path / MANIFEST, source.path / SPLITS, *source.packages())
    return tuple((str(path.relative_to(source.path)), path.stat().st_mtime_ns) for path in folders if path.exists())


@lru_cache(maxsize=4)
def _scan(source: SourceSet, _state: State) -> Scan:
    return scan(source)
