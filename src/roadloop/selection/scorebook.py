"""What a mining has found out so far, picture by picture, in a small file beside its outputs."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.storage.notes import Notes, is_whole

NAME: Final = ".scores-2"  #: the number changes with the columns
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS scores (track TEXT NOT NULL, point TEXT NOT NULL, classes BLOB NOT NULL,
    seen BLOB NOT NULL, vector BLOB NOT NULL, print BLOB NOT NULL, PRIMARY KEY (track, point)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labelled (picture TEXT PRIMARY KEY, print BLOB NOT NULL) WITHOUT ROWID;
"""


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


class ScoreBook(Notes):
    """The file.

    Args:
        path: Where it is or will be.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA)

    def add(self, track: str, point: str, scored: Scored) -> None:
        """Write down one picture."""
        blobs = [column.tobytes() for column in scored]
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?)", (track, point, *blobs))

    def find(self, track: str, point: str) -> Scored | None:
        """One scored picture; None when it was not scored yet."""
        row = self._db.execute(
            "SELECT classes, seen, vector, print FROM scores WHERE track = ? AND point = ?", (track, point)
        ).fetchone()
        if row is None:
            return None
        classes, seen, vector = (np.frombuffer(blob, np.float32) for blob in row[:3])
        return Scored(classes, seen, vector, np.frombuffer(row[3], np.uint64))

    def kept(self) -> int:
        """How much the next attempt would find: scored pictures, and fingerprints of labelled ones."""
        both = "SELECT (SELECT count(*) FROM scores) + (SELECT count(*) FROM labelled)"
        (found,) = self._db.execute(both).fetchone()
        return int(found)

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
