"""One picture that shows a selection: small copies in the order of their ranks. Pure.

Text in pictures is ASCII, because OpenCV's built-in font has no Chinese characters.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]

MOST: Final = 60  #: pictures on a sheet
COLUMNS: Final = 6
CELL: Final = (240, 180)  #: width and height of a small copy, pixels
_CAPTION: Final = 22
_GAP: Final = 6
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_INK: Final = (40, 40, 40)


class Tile(NamedTuple):
    """One picture of the sheet: uint8 [H, W, 3] and its caption."""

    image: UInt8
    caption: str


def places(count: int) -> list[int]:
    """Which of so many ranked pictures a sheet shows: all, or `MOST` evenly spread ones. Indices from 0."""
    if count <= MOST:
        return list(range(count))
    return [i * (count - 1) // (MOST - 1) for i in range(MOST)]


def contact_sheet(tiles: Sequence[Tile], title: str) -> UInt8:
    """The sheet, uint8 [H, W, 3], white where nothing is.

    Args:
        tiles: At least one; pictures of any size keep their proportions.
        title: ASCII line above them.
    """
    width, height = CELL
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    step_x, step_y = width + _GAP, height + _CAPTION + _GAP
    sheet = np.full((40 + rows * step_y, _GAP + columns * step_x, 3), 255, np.uint8)
    cv2.putText(sheet, title, (_GAP, 26), _FONT, 0.55, _INK, 1, cv2.LINE_AA)
    for k, tile in enumerate(tiles):
        small = _fit(tile.image)
        x = _GAP + k % columns * step_x + (width - small.shape[1]) // 2
        y = 40 + k // columns * step_y
        sheet[y : y + small.shape[0], x : x + small.shape[1]] = small
        cv2.putText(
            sheet, tile.caption, (_GAP + k % columns * step_x, y + height + 15), _FONT, 0.42, _INK, 1, cv2.LINE_AA
        )
    return sheet


def _fit(image: UInt8) -> UInt8:
    width, height = CELL
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, int(image.shape[1] * scale)), max(1, int(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
