"""Fetch chosen pictures into a folder: several at once, broken ones replaced by stand-ins of the same track."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from roadloop.errors import BrokenFileError, RoadloopError
from roadloop.imaging.decode import check_image
from roadloop.imaging.header import read_header
from roadloop.selection.candidates import Draw
from roadloop.selection.left_out import LeftOut, tried
from roadloop.storage import publish, reading
from roadloop.storage.ahead import overlapped
from roadloop.tracks.service import TrackPoint, TrackStore

TRIES: Final = 4  #: stand-ins that are tried for one broken picture
LONGEST: Final = 200  #: bytes of a file name without ending


class Fetched(NamedTuple):
    """A picture in the folder.

    Attributes:
        point: Where it comes from.
        file: Its file name.
        size: Points of its track; 0 when not known.
    """

    point: TrackPoint
    file: str
    size: int = 0


class _Task(NamedTuple):
    point: TrackPoint
    stem: str
    draw: Draw | None


class Gatherer:
    """Fetches pictures into one folder.

    Args:
        store: Has the pictures.
        folder: Where they are written.
        older: Folders of killed attempts; whole pictures in them are taken over.
        left_out: Learns what cannot be used.
        parallel: Pictures fetched at once.
    """

    def __init__(
        self, store: TrackStore, folder: Path, older: Sequence[Path], left_out: LeftOut, parallel: int
    ) -> None:
        self._store: Final = store
        self._folder: Final = folder
        self._older: Final = tuple(older)
        self._left_out: Final = left_out
        self._parallel: Final = parallel
        self._names: dict[str, TrackPoint] = {}
        self._tried: Final = tried(self._fetch)

    def points(self, points: Iterable[TrackPoint]) -> Iterator[Fetched]:
        """Fetch these pictures; those that are gone or broken by now are noted and left out."""
        tasks = (_Task(point, self._stem(point), None) for point in points)
        for task, found in overlapped(self._tried, tasks, self._parallel):
            if isinstance(found, RoadloopError):
                self._left_out.picture(task.point, found.text)
            else:
                yield Fetched(task.point, found)

    def draws(self, draws: Iterable[Draw], wanted: int, done: Callable[[int], None]) -> list[Fetched]:
        """Fetch what the draws give, until there are `wanted` pictures.

        Args:
            draws: In the order in which they count.
            wanted: Pictures at most; 0 means all that the draws give.
            done: Told the number of pictures from time to time.
        """
        queue = iter(draws)
        fetched: list[Fetched] = []
        before = -1
        while len(fetched) > before and (before < 0 or len(fetched) < wanted):
            before = len(fetched)
            self._round(queue, wanted and wanted - before, fetched, done)
        return fetched

    def _round(self, draws: Iterator[Draw], wanted: int, fetched: list[Fetched], done: Callable[[int], None]) -> None:
        failed: deque[Draw] = deque()
        for task, found in overlapped(self._tried, self._tasks(draws, wanted), self._parallel):
            assert task.draw is not None
            if isinstance(found, RoadloopError):
                self._left_out.picture(task.point, found.text)
                failed.append(task.draw)
            else:
                fetched.append(Fetched(task.point, found, task.draw.size))
                done(len(fetched))
        while failed:
            stand_in = self._stand_in(failed.popleft())
            if stand_in is not None:
                fetched.append(stand_in)

    def _tasks(self, draws: Iterator[Draw], wanted: int) -> Iterator[_Task]:
        given = 0
        while not wanted or given < wanted:
            draw = next(draws, None)
            if draw is None:
                return
            for point in draw.points:
                yield _Task(point, self._stem(point), draw)
            given += len(draw.points)

    def _stand_in(self, draw: Draw) -> Fetched | None:
        for _ in range(min(TRIES, len(draw.spares))):
            point = draw.spares.pop(0)
            _, found = self._tried(_Task(point, self._stem(point), draw))
            if not isinstance(found, RoadloopError):
                return Fetched(point, found, draw.size)
            self._left_out.picture(point, found.text)
        return None

    def _fetch(self, task: _Task) -> str:
        """Write one picture into the folder; its file name."""
        for folder in self._older:
            taken = self._take_over(folder, task.stem)
            if taken:
                return taken
        data = self._store.picture(task.point)
        name = task.stem + (".jpg" if read_header(data).format == "jpeg" else ".png")
        path = self._folder / name
        with publish.disk_errors(path):
            path.write_bytes(data)
        return name

    def _take_over(self, older: Path, stem: str) -> str:
        for ending in (".jpg", ".png"):
            path = older / (stem + ending)
            try:
                check_image(reading.read_bytes(path))
            except (OSError, BrokenFileError):
                continue
            path.replace(self._folder / path.name)
            return path.name
        return ""

    def _stem(self, point: TrackPoint) -> str:
        """A file name for the picture; two pictures never get the same one."""
        stem = point.stem
        first = self._names.setdefault(stem, point)
        if len(stem.encode()) > LONGEST or (first.track, first.point) != (point.track, point.point):
            digest = hashlib.sha256(f"{point.track}\0{point.point}".encode()).hexdigest()[:12]
            stem = f"{stem.encode()[:LONGEST].decode(errors='ignore')}-{digest}"
        return stem
