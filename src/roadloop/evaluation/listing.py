"""The pictures of a finished evaluation as a list: in their order, or the worst of a model, a class or a confusion first.

P pictures.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from roadloop.errors import NotFoundError, Text
from roadloop.evaluation.cells import CELLS, Cells
from roadloop.evaluation.metrics import Matrix, Shares
from roadloop.evaluation.report import PICTURES, PictureRow, number, picture_rows
from roadloop.evaluation.show import Finished

_FACTS: Final = np.dtype([("number", "<i8"), ("miou", "<f8")])


@dataclass(frozen=True)
class Wanted:
    """Which pictures, and in which order.

    Attributes:
        model: 1..n, whose figures count.
        order: As they are listed, or the worst first; then those without a figure are left out.
        track: Only pictures of this track; empty: of all.
        train_id: The class that counts; None: the mIoU of the picture does.
        predicted: With `train_id`: what its pixels were taken for, and the picture with most of them comes first.
        around: As they are listed: the number of a picture that stands in the middle; 0: from the first one on.
        limit: How many at most.
    """

    model: int
    order: Literal["listed", "worst"]
    track: str
    train_id: int | None
    predicted: int | None
    around: int
    limit: int


def list_pictures(finished: Finished, wanted: Wanted) -> tuple[list[dict[str, Any]], int]:
    """The rows that are wanted, and how many there are of them without the limit.

    Raises:
        NotFoundError: There is no such model, or the evaluation is from before classes were counted picture by picture.
    """
    path = finished.folder / PICTURES
    ious, pixels = _figures(finished, wanted)
    facts = np.fromiter(
        (
            (row.number, np.nan if (miou := row.mious[wanted.model - 1]) is None else miou)
            for row in picture_rows(path)
            if wanted.track in ("", row.track)
        ),
        _FACTS,
    )
    numbers = facts["number"]
    if wanted.order == "listed":
        middle = int(np.searchsorted(numbers, wanted.around)) if wanted.around else 0
        first = max(0, min(middle - wanted.limit // 2, len(numbers) - wanted.limit))
        found = numbers
    else:
        first, found = 0, _worst_first(facts["miou"], numbers, ious, pixels)
    chosen = found[first : first + wanted.limit].tolist()
    places = {picture: place for place, picture in enumerate(chosen)}
    rows = sorted((row for row in picture_rows(path) if row.number in places), key=lambda row: places[row.number])
    return [_plain(row, ious, pixels) for row in rows], len(found)


def _figures(finished: Finished, wanted: Wanted) -> tuple[Shares | None, Matrix | None]:
    """Of every picture: the IoU of the class, float64 [P], and pixels of the confusion, int64 [P]."""
    folder = finished.folder / finished.model_name(wanted.model)
    if wanted.train_id is None:
        return None, None
    if not (folder / CELLS).is_file():
        raise NotFoundError(
            Text(
                "这次评估没有逐图的类别成绩：图片没有标注，或评估早于该功能。重新评估即可得到。",
                "This evaluation has no scores of classes by picture: its pictures have no labels, or it is older than"
                " these. Evaluate again to get them.",
            ),
            model=wanted.model,
        )
    cells = Cells(folder / CELLS, finished.total)
    pixels = None if wanted.predicted is None else cells.pixels(wanted.train_id, wanted.predicted)
    return cells.iou(wanted.train_id), pixels


def _worst_first(mious: Shares, numbers: Matrix, ious: Shares | None, pixels: Matrix | None) -> Matrix:
    """The numbers of the pictures that have a figure, the worst first, equal ones as they are listed."""
    if pixels is not None:
        values: Any = np.where(pixels > 0, -pixels.astype(np.float64), np.nan)[numbers - 1]
    else:
        values = mious if ious is None else ious[numbers - 1]
    known = ~np.isnan(values)
    order = np.lexsort((numbers[known], values[known]))
    worst: Matrix = numbers[known][order]
    return worst


def _plain(row: PictureRow, ious: Shares | None, pixels: Matrix | None) -> dict[str, Any]:
    labelled = bool(row.kind) if row.label is not None else any(miou is not None for miou in row.mious)
    return {
        "number": row.number,
        "name": row.name,
        "track": row.track,
        "width": row.width,
        "height": row.height,
        "labelled": labelled,
        "mious": list(row.mious),
        "iou": None if ious is None else number(float(ious[row.number - 1])),
        "pixels": None if pixels is None else int(pixels[row.number - 1]),
    }
