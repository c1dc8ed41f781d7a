"""Colour labels <-> id labels, by exact match."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import LabelMapError, Text
from roadloop.labels.table import IGNORE, ClassTable, Color, LabelClass

UInt8 = NDArray[np.uint8]
_MOST_UNKNOWN_COLORS = 10


class UnknownColor(NamedTuple):
    """A colour that no class of the table has, and how many pixels show it."""

    color: Color
    pixels: int


class Decoded(NamedTuple):
    """What a colour label says.

    Attributes:
        ids: uint8 [H, W], raw ids; 255 where the colour is unknown.
        unknown_pixels: How many pixels have an unknown colour.
        unknown: The ten most frequent unknown colours, most pixels first.
    """

    ids: UInt8
    unknown_pixels: int
    unknown: tuple[UnknownColor, ...]


class ColorCoder:
    """Translates between the colours and the raw ids of one class table.

    Raises:
        LabelMapError: Two classes share a colour, so that a colour does not name one class.
    """

    def __init__(self, table: ClassTable) -> None:
        codes = np.array([_code(c.color) for c in table.classes], dtype=np.uint32)
        order = np.argsort(codes)
        self._codes = codes[order]
        self._ids = np.array(table.raw_ids, dtype=np.uint8)[order]
        same = np.flatnonzero(np.diff(self._codes) == 0)
        if len(same):
            pairs = [sorted((int(self._ids[i]), int(self._ids[i + 1]))) for i in same]
            raise LabelMapError(
                Text(
                    f"类别表 {table.name} 中这些类别颜色相同，彩色标注无法区分：{pairs}",
                    f"Class table {table.name}: these classes share a colour, so colour labels are ambiguous: {pairs}",
                ),
                table=table.name,
                raw_ids=pairs,
            )
        self._palette = palette(table)

    def to_ids(self, rgb: UInt8) -> Decoded:
        """Raw ids of a colour label.

        Args:
            rgb: uint8 [H, W, 3], red first.
        """
        codes = _pack(rgb)
        runs = _runs(codes.ravel())
        colors, inverse = np.unique(codes.ravel()[runs], return_inverse=True)
        places = np.minimum(np.searchsorted(self._codes, colors), len(self._codes) - 1)
        known = self._codes[places] == colors
        ids = np.where(known, self._ids[places], IGNORE).astype(np.uint8)
        lengths = np.diff(runs, append=codes.size)
        flat = np.repeat(ids[inverse], lengths)
        counts = np.bincount(inverse, weights=lengths, minlength=len(colors)).astype(np.int64)
        unknown = sorted(
            (UnknownColor(_unpack(int(c)), int(n)) for c, n, k in zip(colors, counts, known, strict=True) if not k),
            key=lambda u: (-u.pixels, u.color),
        )
        return Decoded(flat.reshape(codes.shape), int(counts[~known].sum()), tuple(unknown[:_MOST_UNKNOWN_COLORS]))

    def to_rgb(self, ids: UInt8) -> UInt8:
        """The colour label, uint8 [H, W, 3], of raw ids, uint8 [H, W]; ids outside the table are black."""
        return self._palette[ids]


def palette(table: ClassTable) -> UInt8:
    """uint8 [256, 3]: raw id -> colour; black where the table has no class."""
    colors = np.zeros((256, 3), dtype=np.uint8)
    for c in table.classes:
        colors[c.raw_id] = c.color
    return colors


def describe_unknown(unknown: Iterable[UnknownColor]) -> str:
    """The unknown colours as text for a report: `(1,2,3) x 500, ...`."""
    return ", ".join(f"({u.color[0]},{u.color[1]},{u.color[2]}) x {u.pixels}" for u in unknown)


def _code(color: Color) -> int:
    return color[0] << 16 | color[1] << 8 | color[2]


def _unpack(code: int) -> Color:
    return code >> 16, code >> 8 & 255, code & 255


def _pack(rgb: UInt8) -> NDArray[np.uint32]:
    wide = rgb.astype(np.uint32)
    return wide[..., 0] << np.uint32(16) | wide[..., 1] << np.uint32(8) | wide[..., 2]


def _runs(values: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Starts of the runs of equal values: labels have few, so the search is over runs, not pixels."""
    starts = np.flatnonzero(values[1:] != values[:-1]) + 1
    return np.concatenate((np.zeros(min(1, values.size), dtype=np.int64), starts)).astype(np.int64)


def distinct_colors(count: int) -> list[Color]:
    """`count` (at most 255) different colours, none of them black: Pascal VOC's colour map from 1 on."""
    colors = []
    for number in range(1, count + 1):
        channels, rest = [0, 0, 0], number
        for shift in range(7, -1, -1):
            for channel in range(3):
                channels[channel] |= (rest >> channel & 1) << shift
            rest >>= 3
        colors.append((channels[0], channels[1], channels[2]))
    return colors


def with_ignore(table: ClassTable) -> ClassTable:
    """The table with a class for 255, in a colour that no other class has; the table itself where it has one."""
    if table.find(IGNORE) is not None:
        return table
    used = {c.color for c in table.classes}
    free = next(color for color in ((0, 0, 0), *reversed(distinct_colors(255))) if color not in used)
    return ClassTable(table.name, (*table.classes, LabelClass(IGNORE, "ignore", "忽略", free, IGNORE)))
