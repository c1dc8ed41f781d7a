"""What a mining has found out so far, picture by picture, in a small file beside its outputs.

A killed attempt is taken over picture by picture. The file is removed before the folder is published.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import DiskFullError, Text

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


class ScoreBook:
    """The file. One thread uses it; nothing in it outlives the job.

    Args:
        path: Where it is or will be.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._db = sqlite3.connect(path)
        # A process that is killed loses nothing that was committed; after a power cut the file is checked.
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def add(self, track: str, point: str, scored: Scored) -> None:
        """Write down one picture.

        Raises:
            DiskFullError: No space is left.
        """
        blobs = [column.tobytes() for column in scored]
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, ?)", (track, point, *blobs))

    def find(self, track: str, point: str) -> Scored | None:
        """One scored picture; None when it was not scored yet."""
        row = self._db.execute(
            "SELECT classes, seen, vector, print FROM scores WHERE track = ? AND point = ?", (track, point)
        ).fetchone()
        if row is None:
            return None
        *floats, prints = row
        return Scored(*(np.frombuffer(blob, np.float32) for blob in floats), np.frombuffer(prints, np.uint64))

    def count(self) -> int:
        """How many pictures were scored."""
        (found,) = self._db.execute("SELECT count(*) FROM scores").fetchone()
        return int(found)

    def kept(self) -> int:
        """How much the next attempt would find: scored pictures, and fingerprints of labelled ones."""
        (found,) = self._db.execute("SELECT count(*) FROM labelled").fetchone()
        return self.count() + int(found)

    def add_labelled(self, prints: Iterable[tuple[str, NDArray[np.uint64]]]) -> None:
        """Write down fingerprints of labelled pictures."""
        with self._writing():
            self._db.executemany(
                "INSERT OR REPLACE INTO labelled VALUES (?, ?)", [(name, found.tobytes()) for name, found in prints]
            )

    def labelled(self) -> Iterator[tuple[str, NDArray[np.uint64]]]:
        """The fingerprints of labelled pictures, by name."""
        for name, found in self._db.execute("SELECT picture, print FROM labelled ORDER BY picture"):
            yield name, np.frombuffer(found, np.uint64)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._db:
                yield
        except sqlite3.OperationalError as error:
            raise DiskFullError(
                Text(
                    f"无法写入 {self.path}（{error}）。请腾出磁盘空间后重试。",
                    f"Cannot write {self.path} ({error}). Free some disk space and retry.",
                )
            ) from error


def take_over(path: Path, older: Sequence[Path]) -> bool:
    """Move the score book of a killed attempt to `path`, if there is one that is whole.

    Args:
        path: The new attempt's.
        older: Folders of killed attempts, newest first.
    """
    for folder in older:
        found = folder / NAME
        if found.is_file() and _is_whole(found):
            found.rename(path)
            return True
    return False


def _is_whole(path: Path) -> bool:
    try:
        db = sqlite3.connect(path)
        try:
            (said,) = db.execute("PRAGMA quick_check").fetchone()  # also rolls back what a kill cut off
        finally:
            db.close()
    except sqlite3.DatabaseError:
        return False
    return bool(said == "ok")
