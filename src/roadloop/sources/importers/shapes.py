"""The shapes with area that annotation documents have, as the pixels that they cover.

A pixel belongs to an outline when its centre lies inside (even-odd rule). Coordinates are pixels, x to the right, y down,
(0, 0) the corner of the first pixel, unless a shape says percent.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError
from roadloop.imaging.decode import decode_mask
from roadloop.imaging.header import broken
from roadloop.labels import brush
from roadloop.labels.polygons import Area, Points, fill

Mask = NDArray[np.bool_]
_ELLIPSE_POINTS: Final = 720


class Drawn(NamedTuple):
    """What a shape covers.

    Attributes:
        area: The pixels.
        loss: By how many pixels the drawn area differs from the exact one; 0 where a shape consists of pixels.
    """

    area: Area
    loss: float = 0.0


def draw(kind: str, value: Any, width: int, height: int) -> Drawn:
    """Draw a shape into a picture of a size.

    Args:
        kind: A name in `DRAWERS`.
        value: What that shape needs.
        width: Of the picture, in pixels.
        height: Likewise.

    Raises:
        BrokenFileError: The value has not the form that the shape needs.
    """
    try:
        return DRAWERS[kind](value, width, height)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise broken(f"{kind} 的内容不符合格式：{error}"[:200], f"A {kind} of a wrong form: {error}"[:200]) from error


def _brush(value: Sequence[int], width: int, height: int) -> Drawn:
    """Label Studio's run lengths."""
    return Drawn(Area(0, 0, brush.decode(value, width, height)))


def _percent(value: Sequence[Sequence[float]], width: int, height: int) -> Drawn:
    """An outline in percent of the size."""
    return _outline(_points(value) * (width / 100, height / 100), width, height)


def _polygon(value: Sequence[Sequence[float]], width: int, height: int) -> Drawn:
    return _outline(_points(value), width, height)


def _rings(value: Sequence[Sequence[float]], width: int, height: int) -> Drawn:
    """COCO's outlines, [[x, y, x, y, ...], ...]: the parts of one object."""
    mask, loss = np.zeros((height, width), np.bool_), 0.0
    for ring in value:
        if isinstance(ring, list) and len(ring) in (2, 4):
            continue  # a point, or a line: no area
        drawn = _outline(_points(np.asarray(ring, np.float64).reshape(-1, 2)), width, height)
        drawn.area.of(mask)[:] |= drawn.area.mask
        loss += drawn.loss
    return Drawn(Area(0, 0, mask), loss)


def _rectangle(value: Mapping[str, float], width: int, height: int) -> Drawn:
    """Label Studio's rectangle: x, y, width, height in percent, turned clockwise about its first corner in degrees."""
    x, y, w, h = (float(value[name]) for name in ("x", "y", "width", "height"))
    corners = np.array([(0, 0), (w, 0), (w, h), (0, h)], np.float64) * (width / 100, height / 100)
    return _outline(_turned(corners, value) + np.array((x * width, y * height)) / 100, width, height)


def _ellipse(value: Mapping[str, float], width: int, height: int) -> Drawn:
    """Label Studio's ellipse: x, y the centre, radiusX, radiusY in percent, turned clockwise in degrees."""
    radii = (float(value["radiusX"]) * width / 100, float(value["radiusY"]) * height / 100)
    centre = (float(value["x"]) * width / 100, float(value["y"]) * height / 100)
    return _outline(_turned(_round(*radii), value) + np.array(centre), width, height)


def _circle(value: Sequence[Sequence[float]], width: int, height: int) -> Drawn:
    """Labelme's circle: the centre and a point of the edge."""
    centre, edge = np.asarray(value, np.float64).reshape(2, 2)
    radius = float(np.hypot(*(edge - centre)))
    return _outline(_round(radius, radius) + centre, width, height)


def _corners(value: Sequence[Sequence[float]], width: int, height: int) -> Drawn:
    """Labelme's rectangle: two opposite corners in any order, or, in its offspring, all four along the edge."""
    points = np.asarray(value, np.float64).reshape(-1, 2)
    if len(points) == 2:
        (x0, y0), (x1, y1) = points.tolist()
        points = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)
    return _outline(_points(points), width, height)


def _cvat_points(value: str, width: int, height: int) -> Drawn:
    """CVAT's outline, `x,y;x,y;...`."""
    return _outline(_points([pair.split(",") for pair in value.split(";") if pair.strip()]), width, height)


def _cvat_box(value: Mapping[str, str], width: int, height: int) -> Drawn:
    """CVAT's box: xtl, ytl, xbr, ybr, turned clockwise about its centre in degrees."""
    x0, y0, x1, y1 = (float(value[name]) for name in ("xtl", "ytl", "xbr", "ybr"))
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64) * ((x1 - x0) / 2, (y1 - y0) / 2)
    return _outline(_points(_turned(corners, value) + np.array(((x0 + x1) / 2, (y0 + y1) / 2))), width, height)


def _cvat_ellipse(value: Mapping[str, str], width: int, height: int) -> Drawn:
    """CVAT's ellipse: cx, cy the centre, rx, ry, turned clockwise about it in degrees."""
    cx, cy, rx, ry = (float(value[name]) for name in ("cx", "cy", "rx", "ry"))
    return _outline(_points(_turned(_round(rx, ry), value) + np.array((cx, cy))), width, height)


def _coco_runs(value: Mapping[str, Any], width: int, height: int) -> Drawn:
    """COCO's run lengths, down the columns, as numbers or packed into text."""
    if [int(n) for n in value["size"]] != [height, width]:
        raise _runs_broken(width, height)
    counts = value["counts"]
    runs = _unpacked(counts) if isinstance(counts, str) else [int(n) for n in counts]
    return Drawn(Area(0, 0, np.ascontiguousarray(_runs(runs, width, height).reshape(width, height).T)))


def _cvat_runs(value: Mapping[str, str], width: int, height: int) -> Drawn:
    """CVAT's run lengths as text, `zeros, ones, zeros, ...`, along the rows of a box of the picture."""
    left, top, w, h = (_whole(value[name]) for name in ("left", "top", "width", "height"))
    if left < 0 or top < 0 or left + w > width or top + h > height:
        raise _runs_broken(width, height)
    mask = _runs([_whole(n) for n in value["rle"].split(",")], w, h).reshape(h, w)
    return Drawn(Area(top, left, mask))


def _bitmap(value: Mapping[str, Any], width: int, height: int) -> Drawn:
    """A PNG inside a document, base64: the whole picture, or a box of it at `left`, `top`."""
    data = str(value["png"])
    try:
        mask = decode_mask(
            base64.b64decode(data.partition(",")[2] if data.startswith("data:") else data, validate=True)
        )
    except binascii.Error as error:
        raise broken("内嵌图片不是有效的 base64", "An embedded picture is no valid base64") from error
    left, top = int(value.get("left", 0)), int(value.get("top", 0))
    h, w = mask.shape
    if left < 0 or top < 0 or left + w > width or top + h > height:
        raise broken(
            f"内嵌掩码 {w}x{h} 超出 {width}x{height} 的图片",
            f"An embedded mask of {w}x{h} leaves the picture of {width}x{height}",
        )
    return Drawn(Area(top, left, mask))


#: Shape -> how it is drawn.
DRAWERS: Final[Mapping[str, Callable[[Any, int, int], Drawn]]] = {
    "brush": _brush,
    "percent": _percent,
    "polygon": _polygon,
    "rings": _rings,
    "rectangle": _rectangle,
    "ellipse": _ellipse,
    "circle": _circle,
    "corners": _corners,
    "coco_runs": _coco_runs,
    "cvat_runs": _cvat_runs,
    "cvat_points": _cvat_points,
    "cvat_box": _cvat_box,
    "cvat_ellipse": _cvat_ellipse,
    "bitmap": _bitmap,
}


def _outline(points: Points, width: int, height: int) -> Drawn:
    area = fill(points, width, height)
    return Drawn(area, abs(_clipped_area(points, width, height) - float(area.mask.sum())))


def _points(value: Any) -> Points:
    points = np.asarray(value, np.float64).reshape(-1, 2)
    if len(points) < 3 or not np.isfinite(points).all():
        raise broken(
            "轮廓的点无效（至少三个有限的点）", "An outline whose points are not valid: it needs three, all finite"
        )
    return points


def _whole(text: str) -> int:
    """A whole number, which some versions write as `7.0`."""
    number = float(text)
    if not number.is_integer():
        raise ValueError(f"{text} is no whole number")
    return int(number)


def _round(rx: float, ry: float) -> Points:
    """Points of an ellipse about (0, 0), radii in pixels."""
    angles = np.arange(_ELLIPSE_POINTS) * (2 * np.pi / _ELLIPSE_POINTS)
    return np.stack((np.cos(angles), np.sin(angles)), axis=1) * (rx, ry)


def _turned(points: Points, value: Mapping[str, Any]) -> Points:
    angle = np.radians(float(value.get("rotation") or 0))
    sine, cosine = np.sin(angle), np.cos(angle)
    return points @ np.array([(cosine, sine), (-sine, cosine)], np.float64)


def _clipped_area(points: Points, width: int, height: int) -> float:
    """Area of the part of an outline inside the picture (Sutherland and Hodgman 1974), by the shoelace formula."""
    for axis, limit, sign in ((0, 0.0, 1), (0, float(width), -1), (1, 0.0, 1), (1, float(height), -1)):
        inside = sign * (points[:, axis] - limit) >= 0
        if inside.all():
            continue
        kept: list[NDArray[np.float64]] = []
        for i, here in enumerate(points):
            before = points[i - 1]
            if inside[i] != inside[i - 1]:
                share = (limit - before[axis]) / (here[axis] - before[axis])
                kept.append(before + share * (here - before))
            if inside[i]:
                kept.append(here)
        if not kept:
            return 0.0
        points = np.array(kept, np.float64)
    x, y = points[:, 0], points[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def _runs(runs: Sequence[int], width: int, height: int) -> Mask:
    """Bool [H * W] of alternating run lengths, the first of zeros."""
    if any(n < 0 for n in runs) or sum(runs) != width * height:
        raise _runs_broken(width, height)
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs)


def _unpacked(text: str) -> list[int]:
    """The numbers of COCO's packed run lengths: five bits a character, signed, from the third on differences."""
    numbers: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise broken(f"游程中有字符“{character}”", f"A character '{character}' in the run lengths")
        number |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        number -= (1 << shift) if bits & 0x10 else 0
        numbers.append(number + (numbers[-2] if len(numbers) > 2 else 0))
        number = shift = 0
    if shift:
        raise broken("游程提前结束", "The run lengths end too early")
    return numbers


def _runs_broken(width: int, height: int) -> BrokenFileError:
    return broken(f"游程的总长与 {width}x{height} 不符", f"The run lengths do not make {width}x{height}")
