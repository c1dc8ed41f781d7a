"""What an evaluation has found so far, picture by picture, in a small file beside its outputs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import Text
from roadloop.evaluation.metrics import Counts
from roadloop.evaluation.pictures import LabelKind, Picture
from roadloop.evaluation.quality import Quality
from roadloop.storage.notes import Notes

NAME: Final = ".ledger"
_CELL: Final = np.dtype([("place", "<u4"), ("pixels", "<u4")])
_WIDE_CELL: Final = np.dtype([("place", "<u4"), ("value", "<u8")])
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS pictures (number INTEGER PRIMARY KEY, name TEXT NOT NULL, file BLOB NOT NULL, track TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, label BLOB NOT NULL, kind TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS results (number INTEGER NOT NULL, model INTEGER NOT NULL, miou REAL, accuracy REAL, counts BLOB,
    digests TEXT NOT NULL, quality BLOB, PRIMARY KEY (number, model)) WITHOUT ROWID;
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
        digests: sha256 of the id PNG and of the colour PNG.
        quality: What boundary IoU and ECE are made of, None without a label.
    """

    counts: Counts | None
    miou: float | None
    accuracy: float | None
    digests: tuple[str, str]
    quality: Quality | None = None


class BadPicture(NamedTuple):
    """One line of the report: what is wrong with a picture, or with its label."""

    number: int
    name: str
    reason: Text


@dataclass(frozen=True)
class Scored:
    """One line of a table by picture."""

    picture: Done
    miou: float | None
    accuracy: float | None


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
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?)", picture)
            self._db.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (picture.number, k, r.miou, r.accuracy, pack(r.counts), " ".join(r.digests), _wide(r.quality))
                    for k, r in enumerate(results)
                ],
            )
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
            "SELECT model, miou, accuracy, counts, digests, quality FROM results WHERE number = ? ORDER BY model",
            (number,),
        )
        return [
            Result(
                unpack(counts, self.classes[model]),
                miou,
                accuracy,
                _two(digests),
                _narrow(quality, self.classes[model]),
            )
            for model, miou, accuracy, counts, digests, quality in rows
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

    def worst_first(self, model: int, limit: int = -1) -> Iterator[Scored]:
        """Pictures by one model's `image_miou`, worst first, those without labels last."""
        rows = self._db.execute(
            "SELECT pictures.*, miou, accuracy FROM results JOIN pictures USING (number) WHERE model = ?"
            " ORDER BY miou IS NULL, miou, accuracy, number LIMIT ?",
            (model, limit),
        )
        for *picture, miou, accuracy in rows:
            yield Scored(Done._make(picture), miou, accuracy)

    def by_track(self, model: int) -> Iterator[tuple[str, int, Counts]]:
        """(track, pictures, counts) of one model, in text order of the tracks; only pictures with labels."""
        rows = self._db.execute(
            "SELECT track, counts FROM pictures JOIN results USING (number)"
            " WHERE model = ? AND counts IS NOT NULL ORDER BY track, number",
            (model,),
        )
        track, pictures, total = "", 0, Counts.zero(self.classes[model])
        for name, counts in rows:
            if pictures and name != track:
                yield track, pictures, total
                pictures, total = 0, Counts.zero(self.classes[model])
            found = unpack(counts, self.classes[model])
            assert found is not None
            track, pictures, total = name, pictures + 1, total + found
        if pictures:
            yield track, pictures, total

    def image_miou(self, model: int) -> float | None:
        """Mean over the pictures with labelled pixels of each one's own mIoU; None when there is none."""
        (value,) = self._db.execute("SELECT avg(miou) FROM results WHERE model = ?", (model,)).fetchone()
        return None if value is None else float(value)

    def quality(self, model: int) -> Quality:
        """What boundary IoU and ECE of one model are made of, over all pictures with labels."""
        total = Quality.zero(self.classes[model])
        for (data,) in self._db.execute("SELECT quality FROM results WHERE model = ?", (model,)):
            found = _narrow(data, self.classes[model])
            if found is not None:
                total += found
        return total

    def sizes(self) -> Mapping[str, int]:
        """How many pictures have which size, `WIDTHxHEIGHT`, most frequent first."""
        rows = self._db.execute(
            "SELECT width || 'x' || height, count(*) FROM pictures GROUP BY width, height ORDER BY 2 DESC, 1"
        )
        return dict(rows.fetchall())


def pack(counts: Counts | None) -> bytes | None:
    """Counts as bytes: only cells that are not zero, since a picture shows few of the class pairs."""
    if counts is None:
        return None
    flat: NDArray[np.int64] = np.concatenate((counts.matrix.ravel(), counts.void, counts.missed))
    places = np.flatnonzero(flat)
    cells = np.empty(len(places), _CELL)
    cells["place"], cells["pixels"] = places, flat[places]
    return cells.tobytes()


def unpack(data: bytes | None, num_classes: int) -> Counts | None:
    """The counts that `pack` wrote."""
    if data is None:
        return None
    cells = np.frombuffer(data, _CELL)
    flat = np.zeros(num_classes * (num_classes + 2), np.int64)
    flat[cells["place"]] = cells["pixels"]
    matrix, void, missed = np.split(flat, (num_classes**2, num_classes * (num_classes + 1)))
    return Counts(matrix.reshape(num_classes, num_classes), void, missed)


def _wide(quality: Quality | None) -> bytes | None:
    """A quality as bytes, without its zeros."""
    if quality is None:
        return None
    vector = quality.vector
    places = np.flatnonzero(vector)
    cells = np.empty(len(places), _WIDE_CELL)
    cells["place"], cells["value"] = places, vector[places]
    return cells.tobytes()


def _narrow(data: bytes | None, num_classes: int) -> Quality | None:
    """The quality that `_wide` wrote."""
    if data is None:
        return None
    cells = np.frombuffer(data, _WIDE_CELL)
    vector = Quality.zero(num_classes).vector
    vector[cells["place"]] = cells["value"]
    return Quality.of(vector)


def _two(text: str) -> tuple[str, str]:
    first, second = text.split()
    return first, second
