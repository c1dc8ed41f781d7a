"""Which classes were taken for which in each picture: what puts pictures in order by a class or by a confusion.

`cells.npy` stands beside a model's `confusion.csv` and is the same before the pictures are summed: one record for each pair of a
true and a predicted class that a picture has pixels of, in the order of the pictures. Read it with `numpy.load`.
Pure NumPy. P pictures; N records.
"""

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, Text
from roadloop.evaluation.metrics import IGNORE, Counts, Matrix, Shares, share
from roadloop.storage import publish, reading

CELLS: Final = "cells.npy"
#: `picture` as in `pictures.csv`, from 1; train ids, where 255 as the truth is ignored and as the prediction is none.
RECORD: Final = np.dtype([("picture", "<u4"), ("truth", "u1"), ("predicted", "u1"), ("pixels", "<u4")])
_AT_ONCE: Final = 1 << 20  #: records that are looked at together

Records = NDArray[np.void]


def write_cells(path: Path, counted: Iterable[tuple[int, Counts]], total: int, train_ids: Sequence[int]) -> None:
    """Write the table of one model.

    Args:
        path: Where it will be.
        counted: Number and counts of each labelled picture, ascending.
        total: How many counts are not zero, of all pictures together: N.
        train_ids: Of the C classes that are counted.
    """
    with publish.publishing_file(path) as temporary, temporary.open("wb") as stream:
        stream.write(_header(total))
        for number, counts in counted:
            stream.write(_records(number, counts, np.array(train_ids, np.uint8)).tobytes())


def _header(total: int) -> bytes:
    """What a file of N records begins with; of equal length for every N."""
    facts = {"descr": np.lib.format.dtype_to_descr(RECORD), "fortran_order": False, "shape": (total,)}
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, facts)
    return stream.getvalue()


def _records(number: int, counts: Counts, train_ids: NDArray[np.uint8]) -> Records:
    table = np.zeros((len(train_ids) + 1, len(train_ids) + 1), np.int64)
    table[:-1, :-1], table[-1, :-1], table[:-1, -1] = counts.matrix, counts.void, counts.missed
    ids = np.append(train_ids, np.uint8(IGNORE))
    truth, predicted = np.nonzero(table)
    records = np.empty(len(truth), RECORD)
    records["picture"], records["pixels"] = number, table[truth, predicted]
    records["truth"], records["predicted"] = ids[truth], ids[predicted]
    return records


class Cells:
    """The table of one model.

    Args:
        path: The file.
        pictures: P, how many pictures the evaluation has.

    Raises:
        BrokenFileError: It is not as it was written: cut, or of another form.
    """

    def __init__(self, path: Path, pictures: int) -> None:
        self._path: Final = path
        self._records: Final = self._open()
        self._pictures: Final = pictures

    def _open(self) -> Records:
        """Not by `numpy.load`: it parses the header as Python, which CPython 3.11 cannot do in two threads (gh-106905)."""
        with reading.open_file(self._path) as file:
            total, rest = divmod(os.fstat(file.fileno()).st_size - len(_header(0)), RECORD.itemsize)
            expected = _header(max(total, 0))
            if rest or file.read(len(expected)) != expected:
                raise self._broken()
            return np.memmap(file, RECORD, "r", len(expected), (total,))

    def _broken(self) -> BrokenFileError:
        return BrokenFileError(
            Text(
                f"{self._path.name} 已损坏：逐图的类别成绩无法读取。重新评估即可得到。",
                f"{self._path.name} is damaged: the scores of classes by picture cannot be read. Evaluate again to get them.",
            ),
            path=str(self._path),
        )

    def iou(self, train_id: int) -> Shares:
        """Each picture's IoU of one class, float64 [P]; nan where it is neither true nor predicted, or not labelled.

        Raises:
            BrokenFileError: It speaks of pictures that the evaluation does not have.
        """
        right, either = self._none(), self._none()
        for records in self._parts():
            true, found = records["truth"] == train_id, records["predicted"] == train_id
            right += self._sum(records[true & found])
            either += self._sum(records[true | (found & (records["truth"] != IGNORE))])
        return share(right.astype(np.float64), either)

    def pixels(self, truth: int, predicted: int) -> Matrix:
        """Each picture's pixels of one class that were predicted as another, int64 [P].

        Raises:
            BrokenFileError: It speaks of pictures that the evaluation does not have.
        """
        found = self._none()
        for records in self._parts():
            found += self._sum(records[(records["truth"] == truth) & (records["predicted"] == predicted)])
        return found

    def _parts(self) -> Iterator[Records]:
        for begin in range(0, len(self._records), _AT_ONCE):
            records = self._records[begin : begin + _AT_ONCE]
            if not 1 <= records["picture"].min() <= records["picture"].max() <= self._pictures:
                raise self._broken()
            yield records

    def _none(self) -> Matrix:
        return np.zeros(self._pictures, np.int64)

    def _sum(self, records: Records) -> Matrix:
        places: Any = records["picture"].astype(np.int64) - 1
        summed: Matrix = np.bincount(places, records["pixels"], self._pictures).astype(np.int64)
        return summed
