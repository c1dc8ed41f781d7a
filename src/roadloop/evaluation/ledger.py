"""What an evaluation has found so far, picture by picture, in a small file beside its outputs."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from roadloop.errors import Text
from roadloop.evaluation.certainty import Certainty
from roadloop.evaluation.metrics import Counts, Matrix
from roadloop.evaluation.pictures import LabelKind, Picture
from roadloop.evaluation.quality import BINS, Quality
from roadloop.storage.notes import Notes

NAME: Final = ".ledger-2"  #: the number goes up with the columns, so that nobody reads an older version's
CELL: Final = np.dtype([("place", "<u4"), ("value", "<u4")])  #: of a picture's pixels
WIDE_CELL: Final = np.dtype([("place", "<u4"), ("value", "<u8")])
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS pictures (number INTEGER PRIMARY KEY, name TEXT NOT NULL, file BLOB NOT NULL, track TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, label BLOB NOT NULL, kind TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS results (number INTEGER NOT NULL, model INTEGER NOT NULL, miou REAL, accuracy REAL, counts BLOB,
    digests TEXT NOT NULL, quality BLOB, certainty BLOB, PRIMARY KEY (number, model)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bad (number INTEGER NOT NULL, name TEXT NOT NULL, zh TEXT NOT NULL, en TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_track ON pictures (track, number);
"""


class Done(NamedTuple):
    """A picture that was predicted. `file` and `label` are the source's own names (bytes of the file system)."""

    number: int
    name: str
    file: bytes
    track: str
    width: int
    height: int
    label: bytes = b""
    kind: LabelKind = ""

    @property
    def picture(self) -> Picture:
        """As the source lists it."""
        file, label = (name.decode(errors="surrogateescape") for name in (self.file, self.label))
        return Picture(self.number, self.name, file, self.track, label, self.kind)


class Result(NamedTuple):
    """What one model made of one picture.

    Attributes:
        counts: Pixels counted, None without a label.
        miou: Of this picture, None without labelled pixels.
        accuracy: Pixel accuracy of this picture, None without labelled pixels.
        digests: sha256 of each PNG, in the order of `outputs.KINDS`.
        quality: What boundary IoU and ECE are made of, None without a label.
        certainty: How sure it was of each class.
    """

    counts: Counts | None
    miou: float | None
    accuracy: float | None
    digests: tuple[str, ...]
    quality: Quality | None = None
    certainty: Certainty | None = None


class BadPicture(NamedTuple):
    """One line of the report: what is wrong with a picture, or with its label."""

    number: int
    name: str
    reason: Text


class Ledger(Notes):
    """The file.

    Args:
        path: Where it is or will be.
        classes: Number of classes of each model.
    """

    def __init__(self, path: Path, classes: Sequence[int]) -> None:
        super().__init__(path, _SCHEMA)
        self.classes: Final = tuple(classes)

    def add(self, picture: Done, results: Sequence[Result], bad: Sequence[BadPicture] = ()) -> None:
        """Write down a picture with what every model made of it, in the order of the models: all or nothing."""
        rows: list[tuple[Any, ...]] = []
        for k, r in enumerate(results):
            counts = None if r.counts is None else pack(r.counts.vector, CELL)
            quality = None if r.quality is None else pack(r.quality.vector, WIDE_CELL)
            certainty = None if r.certainty is None else pack(r.certainty.vector, WIDE_CELL)
            rows.append((picture.number, k, r.miou, r.accuracy, counts, " ".join(r.digests), quality, certainty))
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?)", picture)
            self._db.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.executemany("INSERT INTO bad VALUES (?, ?, ?, ?)", [(b.number, b.name, *b.reason) for b in bad])

    def add_bad(self, bad: BadPicture) -> None:
        """Write down a picture that is left out."""
        with self._db:
            self._db.execute("INSERT INTO bad VALUES (?, ?, ?, ?)", (bad.number, bad.name, *bad.reason))

    def find(self, number: int) -> Done | None:
        """One predicted picture; None when it was not predicted yet."""
        row = self._db.execute("SELECT * FROM pictures WHERE number = ?", (number,)).fetchone()
        return None if row is None else Done._make(row)

    def pictures(self) -> Iterator[Done]:
        """The predicted pictures in the order of the listing."""
        yield from map(Done._make, self._db.execute("SELECT * FROM pictures ORDER BY number"))

    def results(self, number: int) -> list[Result]:
        """What every model made of one picture."""
        rows = self._db.execute(
            "SELECT model, miou, accuracy, counts, digests, quality, certainty FROM results WHERE number = ? ORDER BY model",
            (number,),
        )
        return [
            Result(
                None if counts is None else self._counts(counts, model),
                miou,
                accuracy,
                tuple(digests.split()),
                None if quality is None else self._quality(quality, model),
                None if certainty is None else self._certainty(certainty, model),
            )
            for model, miou, accuracy, counts, digests, quality, certainty in rows
        ]

    def mious(self, number: int) -> list[float | None]:
        """Every model's mIoU of one picture."""
        rows = self._db.execute("SELECT miou FROM results WHERE number = ? ORDER BY model", (number,))
        return [miou for (miou,) in rows]

    def bad(self) -> Iterator[BadPicture]:
        """The lines of the report, in the order of the listing."""
        for number, name, zh, en in self._db.execute("SELECT DISTINCT * FROM bad ORDER BY number, en"):
            yield BadPicture(number, name, Text(zh, en))

    def bad_of(self, number: int) -> list[BadPicture]:
        """The lines about one picture."""
        rows = self._db.execute("SELECT * FROM bad WHERE number = ?", (number,))
        return [BadPicture(place, name, Text(zh, en)) for place, name, zh, en in rows]

    def count(self) -> int:
        """How many pictures were predicted."""
        (found,) = self._db.execute("SELECT count(*) FROM pictures").fetchone()
        return int(found)

    def unlabelled(self) -> tuple[int, str]:
        """How many pictures have no label, and the name of the first one."""
        count, _first, name = self._db.execute(
            "SELECT count(*), min(number), name FROM pictures WHERE kind = ''"
        ).fetchone()
        return int(count), name or ""

    def worst_first(self, model: int, limit: int = -1) -> Iterator[tuple[Done, float | None, float | None]]:
        """(picture, mIoU, pixel accuracy) of one model, the lowest mIoU first, those without labels last."""
        rows = self._db.execute(
            "SELECT pictures.*, miou, accuracy FROM results JOIN pictures USING (number) WHERE model = ?"
            " ORDER BY miou IS NULL, miou, accuracy, number LIMIT ?",
            (model, limit),
        )
        for *picture, miou, accuracy in rows:
            yield Done._make(picture), miou, accuracy

    def by_track(self, model: int) -> Iterator[tuple[str, int, Counts]]:
        """(track, pictures, counts) of one model, in text order of the tracks; only pictures with labels."""
        rows = self._db.execute(
            "SELECT track, counts FROM pictures JOIN results USING (number)"
            " WHERE model = ? AND counts IS NOT NULL ORDER BY track, number",
            (model,),
        )
        for track, of_track in groupby(rows, itemgetter(0)):
            pictures, total = 0, Counts.zero(self.classes[model])
            for _, counts in of_track:
                pictures, total = pictures + 1, total + self._counts(counts, model)
            yield track, pictures, total

    def counted(self, model: int) -> Iterator[tuple[int, Counts]]:
        """(place among the predicted pictures from 1, counts) of one model; only pictures with labels."""
        rows = self._db.execute(
            "SELECT counts FROM pictures LEFT JOIN results ON results.number = pictures.number AND model = ?"
            " ORDER BY pictures.number",
            (model,),
        )
        for place, (counts,) in enumerate(rows, start=1):
            if counts is not None:
                yield place, self._counts(counts, model)

    def count_cells(self, model: int) -> int:
        """How many counts of one model are not zero, of all pictures together."""
        query = "SELECT coalesce(sum(length(counts)), 0) FROM results WHERE model = ?"
        (size,) = self._db.execute(query, (model,)).fetchone()
        return int(size) // CELL.itemsize

    def image_miou(self, model: int) -> float | None:
        """Mean over the pictures with labelled pixels of each one's own mIoU; None when there is none."""
        (value,) = self._db.execute("SELECT avg(miou) FROM results WHERE model = ?", (model,)).fetchone()
        return None if value is None else float(value)

    def quality(self, model: int) -> Quality:
        """What boundary IoU and ECE of one model are made of, over all pictures with labels."""
        rows = self._db.execute("SELECT quality FROM results WHERE model = ? AND quality IS NOT NULL", (model,))
        return sum((self._quality(data, model) for (data,) in rows), Quality.zero(self.classes[model]))

    def certainties(self, model: int) -> Iterator[tuple[int, Done, Certainty]]:
        """(place among the predicted pictures from 1, picture, how sure one model was), in the order of the listing."""
        rows = self._db.execute(
            "SELECT pictures.*, certainty FROM pictures JOIN results USING (number) WHERE model = ? ORDER BY number",
            (model,),
        )
        for place, (*picture, certainty) in enumerate(rows, start=1):
            if certainty is not None:
                yield place, Done._make(picture), self._certainty(certainty, model)

    def sizes(self) -> Mapping[str, int]:
        """How many pictures have which size, `WIDTHxHEIGHT`, most frequent first."""
        rows = self._db.execute(
            "SELECT width || 'x' || height, count(*) FROM pictures GROUP BY width, height ORDER BY 2 DESC, 1"
        )
        return dict(rows.fetchall())

    def _counts(self, data: bytes, model: int) -> Counts:
        classes = self.classes[model]
        return Counts.of(unpack(data, CELL, classes * (classes + 2)), classes)

    def _quality(self, data: bytes, model: int) -> Quality:
        return Quality.of(unpack(data, WIDE_CELL, 2 * self.classes[model] + 3 * BINS))

    def _certainty(self, data: bytes, model: int) -> Certainty:
        return Certainty.of(unpack(data, WIDE_CELL, 2 * self.classes[model]))


def pack(vector: Matrix, cell: "np.dtype[np.void]") -> bytes:
    """Counts, int64 [N], as bytes: only those that are not zero, since a picture shows few of the class pairs."""
    places = np.flatnonzero(vector)
    cells = np.empty(len(places), cell)
    cells["place"], cells["value"] = places, vector[places]
    return cells.tobytes()


def unpack(data: bytes, cell: "np.dtype[np.void]", length: int) -> Matrix:
    """The counts that `pack` wrote, int64 [length]."""
    cells = np.frombuffer(data, cell)
    vector = np.zeros(length, np.int64)
    vector[cells["place"]] = cells["value"]
    return vector
