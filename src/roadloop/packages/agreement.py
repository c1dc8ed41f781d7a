"""How far two labels of the same picture agree: pure, on raw ids."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roadloop.labels.table import IGNORE, ClassTable

UInt8 = NDArray[np.uint8]
_IDS: Final = 256


@dataclass
class Agreement:
    """Pixels by the raw ids that two labels give them, over any number of pictures.

    Attributes:
        matrix: int64 [256, 256], row = first label, column = second; pixels unknown in either are left out.
        pictures: How many pictures were compared.
    """

    matrix: NDArray[np.int64] = field(default_factory=lambda: np.zeros((_IDS, _IDS), np.int64))
    pictures: int = 0

    def add(self, first: UInt8, second: UInt8) -> None:
        """Compare two labels of one picture, uint8 [H, W] each, of one shape."""
        known = (first != IGNORE) & (second != IGNORE)
        cells = first[known].astype(np.int64) * _IDS + second[known]
        self.matrix += np.bincount(cells, minlength=_IDS * _IDS).reshape(_IDS, _IDS)
        self.pictures += 1

    def merge(self, other: "Agreement") -> None:
        """Add what another comparison found."""
        self.matrix += other.matrix
        self.pictures += other.pictures

    def summary(self, table: ClassTable) -> dict[str, Any]:
        """Pixel agreement (share of equal pixels), IoU of every class that occurs, and their mean; null without pixels."""
        both = np.diag(self.matrix)
        first, second = self.matrix.sum(axis=1), self.matrix.sum(axis=0)
        either = first + second - both
        total = int(self.matrix.sum())
        classes = []
        for raw_id in np.flatnonzero(either).tolist():
            found = table.find(raw_id)
            classes.append(
                {
                    "raw_id": raw_id,
                    "name_en": found.name_en if found else "",
                    "name_zh": found.name_zh if found else "",
                    "iou": _round(both[raw_id] / either[raw_id]),
                    "pixels_first": int(first[raw_id]),
                    "pixels_second": int(second[raw_id]),
                }
            )
        return {
            "pictures": self.pictures,
            "pixels": total,
            "pixel_agreement": _round(both.sum() / total) if total else None,
            "miou": _round(_mean([c["iou"] for c in classes])) if classes else None,
            "classes": classes,
        }


def _mean(values: Sequence[Any]) -> float:
    return float(np.mean(values))


def _round(value: float) -> float:
    return round(float(value), 6)
