"""One picture that shows a selection: small copies in the order of their ranks. Pure."""

from collections.abc import Sequence
from typing import Final

from roadloop.errors import Text
from roadloop.imaging.drawing import Tile, UInt8, grid, headed

MOST: Final = 60  #: pictures on a sheet
COLUMNS: Final = 6
CELL: Final = (240, 180)  #: width and height of a small copy, pixels


def places(count: int) -> list[int]:
    """Which of so many ranked pictures a sheet shows: all, or `MOST` evenly spread ones. Indices from 0."""
    if count <= MOST:
        return list(range(count))
    return [i * (count - 1) // (MOST - 1) for i in range(MOST)]


def contact_sheet(tiles: Sequence[Tile], title: Text) -> UInt8:
    """The sheet, uint8 [H, W, 3], white where nothing is.

    Args:
        tiles: At least one; pictures of any size keep their proportions.
        title: Above them.
    """
    return headed(title, grid(tiles, CELL, COLUMNS))
