"""How far two labels of the same picture agree: pure, on raw ids."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadloop.evaluation.metrics import Counts, count
from roadloop.labels.table import IGNORE, ClassTable

UInt8 = NDArray[np.uint8]


@dataclass
class Agreement:
    """Pixels by the raw ids that two labels give them, over any number of pictures.

    Attributes:
        matrix: int64 [255, 255], row = first label, column = second; pixels unknown in either are left out.
        pictures: How many pictures were compared.
    """

    matrix: NDArray[np.int64] = field(default_factory=lambda: np.zeros((IGNORE, IGNORE), np.int64))
    pictures: int = 0

    def add(self, first: UInt8, second: UInt8) -> None:
        """Compare two labels of one picture, uint8 [H, W] each, of one shape."""
        self.matrix += count(second, first, IGNORE).matrix
        self.pictures += 1

    def summary(self, table: ClassTable) -> dict[str, Any]:
        """Pixel agreement (share of equal pixels), IoU of every class that occurs, and their mean; null without pixels."""
        found = replace(Counts.zero(IGNORE), matrix=self.matrix).scores()
        first, second = found.truth_pixels, found.predicted_pixels
        total = int(self.matrix.sum())
        classes = []
        for raw_id in np.flatnonzero(first + second).tolist():
            known = table.find(raw_id)
            classes.append(
                {
                    "raw_id": raw_id,
                    "name_en": known.name_en if known else "",
                    "name_zh": known.name_zh if known else "",
                    "iou": round(float(found.iou[raw_id]), 6),
                    "pixels_first": int(first[raw_id]),
                    "pixels_second": int(second[raw_id]),
                }
            )
        return {
            "pictures": self.pictures,
            "pixels": total,
            "pixel_agreement": round(found.pixel_accuracy, 6) if total else None,
            "miou": round(float(np.mean([c["iou"] for c in classes])), 6) if classes else None,
            "classes": classes,
        }
