"""How an evaluation predicts: whole pictures or tiles, once or averaged over mirrored and scaled copies. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any, Final, NamedTuple

from roadloop.errors import InvalidValueError, Text

SMALLEST_TILE: Final = 16
_MARGIN: Final = 8  #: the part of a tile's side, at each edge, that another tile knows better


@dataclass(frozen=True)
class Manner:
    """What may be asked beside models and pictures; the defaults predict each picture once, whole.

    Attributes:
        tile: Side of the tiles that larger pictures are cut into, pixels; 0 = none.
        flip: Also predict the mirrored picture, and average the probabilities.
        scales: Sizes of the picture that are predicted and averaged, as factors; empty = its own.
    """

    tile: int = 0
    flip: bool = False
    scales: tuple[float, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Manner":
        """The manner that a job's payload holds."""
        return cls(values.get("tile", 0), values.get("flip", False), tuple(values.get("scales", ())))

    @property
    def record(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {"tile": self.tile, "flip": self.flip, "scales": list(self.scales)}

    @property
    def averaged(self) -> bool:
        """Whether the network sees a picture more than once, or at another size."""
        return self.flip or self.scales not in ((), (1.0,))

    def check(self) -> None:
        """Refuse tiles that are too small.

        Raises:
            InvalidValueError: Says the smallest side.
        """
        if 0 < self.tile < SMALLEST_TILE:
            raise InvalidValueError(
                Text(
                    f"tile 应为 0（不切块）或至少 {SMALLEST_TILE} 像素。",
                    f"tile must be 0 (no tiles) or at least {SMALLEST_TILE} pixels.",
                ),
                parameter="tile",
            )


PLAIN: Final = Manner()


class Tile(NamedTuple):
    """A part of a picture that is predicted by itself, and the pixels inside it that it answers for."""

    window: tuple[slice, slice]  #: rows and columns of the picture
    kept: tuple[slice, slice]  #: rows and columns of the picture
    inside: tuple[slice, slice]  #: the same, counted in the window


def tiles(height: int, width: int, side: int) -> list[Tile]:
    """Cut a picture into overlapping squares; every pixel is kept from the one whose edge is farthest.

    No kept pixel is nearer than an eighth of the side to an edge that the picture does not have, so a network that
    looks less far around says the same as for the whole picture. A side that is a multiple of 256 also keeps the
    grid of networks that answer at 1/32 of the size, except in the last row and column of tiles.

    Args:
        height: Of the picture, pixels.
        width: Of the picture, pixels.
        side: Of the tiles; 0 = one tile that is the picture.
    """
    rows, columns = _cuts(height, side or height), _cuts(width, side or width)
    return [Tile(*zip(row, column, strict=True)) for row, column in product(rows, columns)]


def _cuts(length: int, side: int) -> list[tuple[slice, slice, slice]]:
    """The tiles along one direction: window, kept, inside."""
    if length <= side:
        return [(slice(0, length),) * 3]
    starts = [*range(0, length - side, side - 2 * (side // _MARGIN)), length - side]
    borders = [0, *((left + side + right) // 2 for left, right in pairwise(starts)), length]
    return [
        (slice(start, start + side), slice(first, last), slice(first - start, last - start))
        for start, (first, last) in zip(starts, pairwise(borders), strict=True)
    ]
