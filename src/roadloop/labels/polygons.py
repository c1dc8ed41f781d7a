"""Polygons <-> raw ids: pure. A pixel belongs to a polygon when its centre does (even-odd rule).

Coordinates are pixels, x to the right, y down, (0, 0) the corner of the first pixel; its centre is (0.5, 0.5).
Outlines follow the edges of pixels, simplified by a tolerance; polygons have no holes, so what lies in a hole is drawn
later, on top. What the simplification changes is counted by `loss`.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.labels.table import IGNORE, ClassTable

UInt8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]

TOLERANCE: Final = 0.7  # pixels that an outline may be moved, so that people can still edit it


class Polygon(NamedTuple):
    """An area of one class.

    Attributes:
        raw_id: Of the class.
        points: float64 [N, 2], x and y in pixels.
    """

    raw_id: int
    points: Points


def outlines(ids: UInt8, tolerance: float = TOLERANCE) -> list[Polygon]:
    """Polygons that draw raw ids, uint8 [H, W], in drawing order: the largest first. 255 is not drawn."""
    found: list[tuple[float, Polygon]] = []
    for raw_id in np.unique(ids[ids != IGNORE]).tolist():
        # Pieces of four neighbours nest like trees: none crosses the outline of another.
        count, pieces, boxes, _ = cv2.connectedComponentsWithStats((ids == raw_id).astype(np.uint8), connectivity=4)
        for piece in range(1, count):
            x, y, width, height = (int(v) for v in boxes[piece, :4])
            area, points = _outline(pieces[y : y + height, x : x + width] == piece, tolerance)
            found.append((area, Polygon(int(raw_id), points + np.array((x, y), np.float64))))
    found.sort(key=lambda pair: (-pair[0], pair[1].raw_id, tuple(pair[1].points[0])))
    return [polygon for _, polygon in found]


def _outline(piece: Mask, tolerance: float) -> tuple[float, Points]:
    """Area and outer outline of one connected piece, its holes filled.

    At twice the size a contour through pixel centres runs 1/4 pixel inside the true edge, and no pixel's centre lies
    between the two.
    """
    large = piece.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    contours, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    contour = contours[0]
    simple = cv2.approxPolyDP(contour, 2 * tolerance, closed=True) if tolerance else contour
    if len(simple) < 3:
        simple = contour
    return float(cv2.contourArea(contour)), (simple.reshape(-1, 2).astype(np.float64) + 0.5) / 2


class Area(NamedTuple):
    """Some pixels of a picture.

    Attributes:
        top: First row of `mask` in the picture.
        left: First column of it.
        mask: bool [h, w].
    """

    top: int
    left: int
    mask: Mask

    def of(self, picture: NDArray[Any]) -> NDArray[Any]:
        """The part of a picture, [H, W], that `mask` covers; a view."""
        height, width = self.mask.shape
        return picture[self.top : self.top + height, self.left : self.left + width]


def fill(points: Points, width: int, height: int) -> Area:
    """Pixels of a picture of that size whose centre lies in a polygon, in the smallest box that holds them."""
    corners = np.clip(np.ceil(points - 0.5), 0, (width, height)).astype(np.int64)
    (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    ends = np.roll(points, -1, axis=0)
    turns = np.zeros((bottom - top, right - left + 1), np.uint8)
    for (x0, y0), (x1, y1) in zip(points.tolist(), ends.tolist(), strict=True):
        first, last = sorted((_row(y0, height), _row(y1, height)))
        if first == last:
            continue
        rows = np.arange(first, last)
        x = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        columns = np.clip(np.ceil(x - 0.5), left, right).astype(np.int64)
        np.bitwise_xor.at(turns, (rows - top, columns - left), 1)
    return Area(top, left, (np.cumsum(turns[:, :-1], axis=1) & 1).astype(np.bool_))


def rasterise(polygons: Iterable[Polygon], width: int, height: int) -> UInt8:
    """Raw ids, uint8 [H, W], of polygons drawn in order; 255 where there is none."""
    ids = np.full((height, width), IGNORE, np.uint8)
    for polygon in polygons:
        area = fill(polygon.points, width, height)
        area.of(ids)[area.mask] = polygon.raw_id
    return ids


def loss(before: UInt8, after: UInt8, table: ClassTable) -> list[dict[str, Any]]:
    """What a way through polygons changed, by class: pixels before, how many were lost, how many were gained."""
    rows = []
    for raw_id in np.unique(np.concatenate((before.ravel(), after.ravel()))).tolist():
        had, has = before == raw_id, after == raw_id
        found = table.find(raw_id)
        rows.append(
            {
                "raw_id": raw_id,
                "name_en": found.name_en if found else "",
                "name_zh": found.name_zh if found else "",
                "pixels": int(had.sum()),
                "lost": int((had & ~has).sum()),
                "gained": int((has & ~had).sum()),
            }
        )
    return rows


def _row(y: float, height: int) -> int:
    """The first row whose centre lies at or below y."""
    return int(np.clip(np.ceil(y - 0.5), 0, height))
