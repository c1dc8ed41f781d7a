"""Coverage as a picture: classes by city and by month. Pure.

Text is ASCII, because OpenCV's built-in font has no Chinese characters: a name without any gets the number under which
`coverage.csv` lists it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]

_CELL: Final = (64, 20)
_LEFT: Final = 230
_TOP: Final = 60
_GAP: Final = 40
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_INK: Final = (40, 40, 40)
_PAPER: Final = (255, 255, 255)
_FULL: Final = np.array((20, 90, 160), np.float64)
_NONE: Final = (250, 225, 220)
_MOST: Final = 24  # columns of one panel


def draw(coverage: Mapping[str, Any], title: str) -> UInt8:
    """The plot, uint8 [H, W, 3], red first: how many pictures show a class, darker = more; none is reddish.

    Args:
        coverage: As `Coverage.to_json` gives it.
        title: ASCII line above.
    """
    rows: Sequence[Mapping[str, Any]] = coverage["classes"]
    panels = [("cities", list(coverage["cities"])[:_MOST]), ("months", list(coverage["months"])[:_MOST])]
    columns = sum(len(names) for _, names in panels)
    width = _LEFT + columns * _CELL[0] + len(panels) * _GAP
    sheet = np.full((_TOP + len(rows) * _CELL[1] + 20, max(width, 640), 3), 255, np.uint8)
    _write(sheet, title, (10, 20), 0.5)
    for k, row in enumerate(rows):
        _write(sheet, f"{row['raw_id']:>3} {ascii_name(row['name_en'], '')}"[:30], (10, _TOP + k * _CELL[1] + 14), 0.4)
    x = _LEFT
    for kind, names in panels:
        for number, name in enumerate(names, 1):
            _write(sheet, ascii_name(name or "unknown", f"{kind[:-3]} {number}")[:9], (x + 2, _TOP - 8), 0.35)
            _column(sheet, x, [int(row[kind][name]) for row in rows], int(coverage[kind][name]))
            x += _CELL[0]
        x += _GAP
    return sheet


def ascii_name(name: str, instead: str) -> str:
    """A name when it is ASCII, else what stands for it."""
    return name if name.isascii() else instead


def _column(sheet: UInt8, x: int, counts: Sequence[int], pictures: int) -> None:
    for k, count in enumerate(counts):
        y = _TOP + k * _CELL[1]
        share = (count / max(1, pictures)) ** 0.5  # so that rare classes differ too
        color = _NONE if not count else tuple(int(v) for v in 255 - (255 - _FULL) * (0.1 + 0.8 * share))
        cv2.rectangle(sheet, (x, y), (x + _CELL[0] - 2, y + _CELL[1] - 2), color, -1)
        _write(sheet, str(count), (x + 4, y + 14), 0.38, _PAPER if share > 0.6 else _INK)


def _write(sheet: UInt8, text: str, place: tuple[int, int], size: float, ink: tuple[int, int, int] = _INK) -> None:
    cv2.putText(sheet, text, place, _FONT, size, ink, 1, cv2.LINE_AA)
