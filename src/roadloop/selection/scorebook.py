"""What a mining has found out so far, picture by picture, in a small file beside its outputs."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.storage.notes import Notes, is_whole
from roadloop.tracks.service import TrackPoint

NAME: Final = ".scores-2"  #: the number changes with the columns
_PAGE: Final = 1000  #: candidates that are read at once
# A row with an embedding of 256 numbers has a page of 4096 bytes for what does not fit in the tree: 4.8 KB instead of 1.4.
_SCHEMA: Final = """
PRAGMA page_size = 16384;
CREATE TABLE IF NOT EXISTS candidates (track TEXT NOT NULL, point TEXT NOT NULL, facts TEXT NOT NULL,
    frame INTEGER NOT NULL, PRIMARY KEY (track, point)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scores (track TEXT NOT NULL, point TEXT NOT NULL, classes BLOB NOT NULL,
    seen BLOB NOT NULL, vector BLOB NOT NULL, print BLOB NOT NULL, PRIMARY KEY (track, point)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labelled (picture TEXT PRIMARY KEY, print BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS core_sets (part TEXT PRIMARY KEY, places BLOB NOT NULL) WITHOUT ROWID;
"""
_UNSCORED: Final = """
SELECT * FROM candidates WHERE (track, point) > (?, ?)
    AND NOT EXISTS (SELECT 1 FROM scores WHERE (scores.track, scores.point) = (candidates.track, candidates.point))
    ORDER BY track, point LIMIT ?
"""
_SCORED: Final = "FROM candidates JOIN scores USING (track, point)"


class Scored(NamedTuple):
    """What the network made of one picture.

    Attributes:
        classes: float32 [K], its uncertainty about each class aimed at, 0..1.
        seen: float32 [K], the share of the pixels where each of them wins.
        vector: float32 [D], its embedding, of length 1.
        print: uint64 [4], its perceptual fingerprint.
    """

    classes: NDArray[np.float32]
    seen: NDArray[np.float32]
    vector: NDArray[np.float32]
    print: NDArray[np.uint64]


class Candidate(NamedTuple):
    """A candidate with its place on its track, and what the network made of it."""

    point: TrackPoint
    frame: int
    scored: Scored


class ScoreBook(Notes):
    """The file.

    Args:
        path: Where it is or will be.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA)

    def forget_candidates(self) -> None:
        """The list of candidates begins anew; scores stay."""
        with self._db:
            self._db.execute("DELETE FROM candidates")

    def add_candidates(self, points: Iterable[TrackPoint], frames: Iterable[int]) -> int:
        """Write down pictures that will be looked at; how many of them were new."""
        rows = ((p.track, p.point, json.dumps(p[2:]), frame) for p, frame in zip(points, frames, strict=True))
        with self._db:
            added = self._db.executemany("INSERT OR IGNORE INTO candidates VALUES (?, ?, ?, ?)", rows)
        return added.rowcount

    def candidates(self) -> Iterator[TrackPoint]:
        """All candidates, by track and point."""
        return (_point(row) for row in self._db.execute("SELECT * FROM candidates ORDER BY track, point"))

    def unscored(self) -> Iterator[TrackPoint]:
        """The candidates that have no scores, by track and point. Scores may be added meanwhile."""
        after = ("", "")
        while rows := self._db.execute(_UNSCORED, (*after, _PAGE)).fetchall():
            yield from map(_point, rows)
            after = rows[-1][:2]

    def count(self) -> int:
        """How many candidates there are."""
        return self._number("SELECT count(*) FROM candidates")

    def count_scored(self) -> int:
        """How many of them have scores."""
        return self._number(f"SELECT count(*) {_SCORED}")

    def scored(self) -> Iterator[Candidate]:
        """The candidates that have scores, by track and point: candidate 0, 1, 2..."""
        columns = f"SELECT candidates.*, classes, seen, vector, print {_SCORED} ORDER BY track, point"
        for row in self._db.execute(columns):
            classes, seen, vector = (np.frombuffer(blob, np.float32) for blob in row[4:7])
            yield Candidate(_point(row), row[3], Scored(classes, seen, vector, np.frombuffer(row[7], np.uint64)))

    def points_at(self, places: Collection[int]) -> dict[int, TrackPoint]:
        """Candidates by their places among the scored ones."""
        wanted = set(places)
        rows = self._db.execute(f"SELECT candidates.* {_SCORED} ORDER BY track, point")
        return {place: _point(row) for place, row in enumerate(rows) if place in wanted}

    def add(self, track: str, point: str, scored: Scored) -> None:
        """Write down what the network made of one picture."""
        blobs = [column.tobytes() for column in scored]
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?)", (track, point, *blobs))

    def kept(self) -> int:
        """How much the next attempt would find: scored pictures, fingerprints of labelled ones, core-sets of parts."""
        scores, labelled = (self._number(f"SELECT count(*) FROM {table}") for table in ("scores", "labelled"))  # noqa: S608 - of names in this line
        return scores + labelled + self.count_core_sets()

    def add_labelled(self, prints: Iterable[tuple[str, NDArray[np.uint64]]]) -> None:
        """Write down fingerprints of labelled pictures."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO labelled VALUES (?, ?)", [(name, found.tobytes()) for name, found in prints]
            )

    def labelled(self) -> Iterator[tuple[str, NDArray[np.uint64]]]:
        """The fingerprints of labelled pictures, by name."""
        for name, found in self._db.execute("SELECT picture, print FROM labelled ORDER BY picture"):
            yield name, np.frombuffer(found, np.uint64)

    def add_core_set(self, key: str, places: NDArray[np.int64]) -> None:
        """Write down what stands for a part of the candidates."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO core_sets VALUES (?, ?)", (key, places.tobytes()))

    def core_set(self, key: str) -> NDArray[np.int64] | None:
        """What stands for a part, int64; None when that was not found out yet."""
        row = self._db.execute("SELECT places FROM core_sets WHERE part = ?", (key,)).fetchone()
        return None if row is None else np.frombuffer(row[0], np.int64)

    def count_core_sets(self) -> int:
        """How many parts have been worked on."""
        return self._number("SELECT count(*) FROM core_sets")

    def _number(self, query: str) -> int:
        (found,) = self._db.execute(query).fetchone()
        return int(found)


def _point(row: Sequence[Any]) -> TrackPoint:
    return TrackPoint(row[0], row[1], *json.loads(row[2]))  # names of files may be no text: JSON has a form for them


def take_over(path: Path, older: Sequence[Path]) -> bool:
    """Move the score book of a killed attempt to `path`, if there is one that is whole.

    Args:
        path: The new attempt's.
        older: Folders of killed attempts, newest first.
    """
    for folder in older:
        found = folder / NAME
        if is_whole(found):
            found.rename(path)
            return True
    return False
