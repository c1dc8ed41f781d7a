"""Write the synthetic world as a source set or as tracks, several processes drawing; paint its exact labels."""

import csv
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2

from roadloop.demo.world.world import World
from roadloop.imaging.encode import encode_color, encode_jpeg, encode_label
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import parse_csv, shipped
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage import publish
from roadloop.storage.paths import Workspace

QUALITY = 92
"""Of the JPEG pictures."""
FACTS = ("point", "time", "longitude", "latitude", "datum", "city")
"""Columns of a `track.csv`."""


@dataclass(frozen=True, slots=True)
class Drives:
    """Which pictures of the world to write.

    Attributes:
        city: `suzhou` or `beijing`.
        tracks: Track numbers.
        frames: Pictures of each track.
        every: Take every so many frames of 0.4 s.
        size: Width and height in pixels.
        seed: Of the world.
    """

    city: str
    tracks: Sequence[int]
    frames: int
    every: int = 1
    size: tuple[int, int] = (480, 360)
    seed: int = 0


def write_source_set(
    workspace: Workspace,
    name: str,
    drives: Sequence[Drives],
    *,
    processes: int = 2,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Write the source set `name`, one package for each track; it appears whole or not at all.

    Args:
        workspace: Where source sets live.
        name: Of the new set.
        drives: What to draw.
        processes: How many draw at once.
        progress: Called with the pictures done and their total.

    Returns:
        The number of pictures.

    Raises:
        NameTakenError: There is such a set.
        InvalidValueError: Unknown city or size out of range.
        DiskFullError: No space is left.
    """
    total = sum(len(part.tracks) * part.frames for part in drives)
    jobs = [(part, track) for part in drives for track in part.tracks]
    done = 0
    with writing_set(workspace, name, shipped()) as writer:
        for samples in _drawn(jobs, processes):
            for sample in samples:
                writer.add(sample)
            done += len(samples)
            progress(done, total)
    return total


def write_tracks(
    folder: Path,
    drives: Sequence[Drives],
    *,
    processes: int = 2,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[str]:
    """Write drives without labels as a track store: a folder for each, with `track.csv`, whole or not at all.

    Args:
        folder: The store; drives that it has already stay as they are.
        drives: What to draw.
        processes: How many draw at once.
        progress: Called with the drives done and their total.

    Returns:
        The ids of all these drives.

    Raises:
        InvalidValueError: Unknown city or size out of range.
        DiskFullError: No space is left.
    """
    jobs = [(part, track) for part in drives for track in part.tracks]
    ids = [_world(part.seed, part.city, part.size).track_id(track) for part, track in jobs]
    missing = [(name, job) for name, job in zip(ids, jobs, strict=True) if not (folder / name).is_dir()]
    drawn = _drawn([job for _, job in missing], processes)
    for done, ((name, _), samples) in enumerate(zip(missing, drawn, strict=True), len(ids) - len(missing) + 1):
        _write_track(folder / name, samples)
        progress(done, len(ids))
    return ids


def paint_package(package: Path, inbox: Path, cities: Sequence[str], size: tuple[int, int], seed: int) -> int:
    """Annotate a package as a person with the world's exact masks would, in the colours of its `classes.csv`.

    Args:
        package: Its folder; only its list, its class table and the pictures' names are looked at.
        inbox: Where the labels go; those that are there already stay.
        cities: Where its drives were.
        size: Width and height of its pictures.
        seed: Of the world.

    Returns:
        How many labels it asks for.
    """
    coder = ColorCoder(parse_csv((package / "classes.csv").read_bytes(), package.name))
    with (package / f"ext-{package.name}.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    tracks = {_world(seed, city, size).city.key: _world(seed, city, size) for city in cities}
    for picture, label in rows:
        if not (inbox / label).exists():
            city, _, place = Path(picture).stem.removeprefix("ext-").partition("-")
            track, _, index = place.partition("_")
            frame = tracks[city].frame(int(track), int(index))
            publish.write_bytes(inbox / label, encode_color(coder.to_rgb(frame.label)))
    return len(rows)


def draw_track(part: Drives, track: int) -> list[NewSample]:
    """The pictures of one track, encoded."""
    world = _world(part.seed, part.city, part.size)
    samples = []
    for index in range(0, part.frames * part.every, part.every):
        frame = world.frame(track, index)
        samples.append(
            NewSample(
                package=frame.track,
                stem=frame.stem,
                image=encode_jpeg(frame.image, QUALITY),
                label=encode_label(frame.label),
                track=frame.track,
                point=frame.stem,
                city=world.city.name_zh,
                time=frame.time,
                longitude=f"{frame.longitude:.7f}",
                latitude=f"{frame.latitude:.7f}",
                datum="wgs84",
            )
        )
    return samples


def _write_track(target: Path, samples: Sequence[NewSample]) -> None:
    with publish.publishing_folder(target, "track") as scratch:
        for sample in samples:
            (scratch / f"{sample.point}.jpg").write_bytes(sample.image)
        with (scratch / "track.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(FACTS)
            writer.writerows([getattr(sample, name) for name in FACTS] for sample in samples)


def _drawn(jobs: list[tuple[Drives, int]], processes: int) -> Iterator[list[NewSample]]:
    """The tracks in order; with more than one process each draws whole tracks."""
    if processes <= 1 or len(jobs) <= 1:
        yield from (draw_track(part, track) for part, track in jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(jobs)), mp_context=context, initializer=_alone) as pool:
        try:
            yield from pool.map(draw_track, *zip(*jobs, strict=True))
        finally:
            pool.shutdown(cancel_futures=True)


@lru_cache(maxsize=2)
def _world(seed: int, city: str, size: tuple[int, int]) -> World:
    return World(seed, city, size)


def _alone() -> None:
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
