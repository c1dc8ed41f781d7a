"""Write the synthetic world as a source set, several processes drawing."""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import cv2

from roadloop.demo.world import World
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.labels.table import shipped
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.paths import Workspace

QUALITY = 92
"""Of the JPEG pictures."""


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
    progress: Callable[[int, int], None] | None = None,
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
            if progress is not None:
                progress(done, total)
    return total


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
            )
        )
    return samples


def _drawn(jobs: list[tuple[Drives, int]], processes: int) -> Iterator[list[NewSample]]:
    """The tracks in order; with more than one process each draws whole tracks."""
    if processes <= 1 or len(jobs) == 1:
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
