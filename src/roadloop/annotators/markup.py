"""Finished annotations of Label Studio as labels. Pure.

Of a label value, `<raw id> <name>`, only the number is read. Regions are painted in the order in which the annotation
lists them: where two overlap, the later one wins. `labels.label_studio` writes what is read here.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, Text
from roadloop.labels import brush
from roadloop.labels.colors import ColorCoder
from roadloop.labels.polygons import Area, fill
from roadloop.labels.table import IGNORE, ClassTable, Color
from roadloop.packages.cut import Size

UInt8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_SPARE: Final[tuple[Color, ...]] = tuple((i, 0, 255 - i) for i in range(256))


class Drawing(NamedTuple):
    """What a finished annotation says.

    Attributes:
        ids: uint8 [H, W], raw ids; 255 where nothing is painted.
        painted: bool [H, W].
        overlap: Pixels that more than one region painted with different classes; the later region has them.
        problems: Regions that could not be read.
    """

    ids: UInt8
    painted: Mask
    overlap: int
    problems: tuple[Text, ...]


def read(result: Sequence[Any], size: Size, table: ClassTable) -> Drawing:
    """Paint the regions of a finished annotation in their order.

    Args:
        result: The annotation's `result`.
        size: Of the picture as it was pushed.
        table: The classes that may be painted.
    """
    ids = np.full((size.height, size.width), IGNORE, np.uint8)
    painted = np.zeros(ids.shape, np.bool_)
    twice = np.zeros(ids.shape, np.bool_)
    problems: list[Text] = []
    for region in result:
        try:
            found = _read_region(region, size, table)
        except BrokenFileError as error:
            problems.append(error.text)
            continue
        if found is not None:
            raw_id, area = found
            twice_here, ids_here, painted_here = area.of(twice), area.of(ids), area.of(painted)
            twice_here |= area.mask & painted_here & (ids_here != raw_id)
            ids_here[area.mask] = raw_id
            painted_here |= area.mask
    return Drawing(ids, painted, int(twice.sum()), tuple(problems))


def colored(drawing: Drawing, table: ClassTable, unpainted: int | None) -> UInt8:
    """The colour label, uint8 [H, W, 3], of a drawing.

    Args:
        drawing: What was painted.
        table: Its class table.
        unpainted: Raw id for pixels that nobody painted; None gives them a colour that no class has, so that they
            count as unknown.
    """
    ids = drawing.ids if unpainted is None else np.where(drawing.painted, drawing.ids, np.uint8(unpainted))
    rgb = ColorCoder(table).to_rgb(ids)
    if unpainted is None:
        rgb[~drawing.painted] = spare_color(table)
    return rgb


def spare_color(table: ClassTable) -> Color:
    """A colour that no class has: it stands for what was not painted."""
    used = {c.color for c in table.classes}
    return next(color for color in _SPARE if color not in used)


def _read_region(region: Any, size: Size, table: ClassTable) -> tuple[int, Area] | None:
    """Raw id and pixels of one region; None for what is no region, such as a relation or a comment.

    Raises:
        BrokenFileError: It is one that cannot be read.
    """
    if not isinstance(region, dict) or not isinstance(region.get("value"), dict):
        return None
    kind, value = region.get("type"), region["value"]
    if kind not in {"brushlabels", "polygonlabels"}:
        if "labels" in str(kind):
            raise _strange(f"{kind} 类型的区域不支持", f"regions of type {kind} are not read")
        return None
    if (region.get("original_width"), region.get("original_height")) != (size.width, size.height):
        raise _strange(
            f"区域所属图片为 {region.get('original_width')}x{region.get('original_height')}，应为 {size.width}x{size.height}",
            f"a region belongs to a picture of {region.get('original_width')}x{region.get('original_height')},"
            f" not {size.width}x{size.height}",
        )
    raw_id = _raw_id(value.get(kind), table)
    if kind == "brushlabels":
        return raw_id, Area(0, 0, brush.decode(value.get("rle") or (), size.width, size.height))
    return raw_id, _fill(value.get("points"), size)


def _fill(points: Any, size: Size) -> Area:
    try:
        corners = np.array(points, np.float64).reshape(-1, 2) * (size.width / 100, size.height / 100)
    except (TypeError, ValueError) as error:
        raise _strange("多边形坐标无效", "the points of a polygon are not numbers") from error
    if not len(corners) or not np.isfinite(corners).all():
        raise _strange("多边形坐标无效", "the points of a polygon are not numbers")
    return fill(corners, size.width, size.height)


def _raw_id(labels: Any, table: ClassTable) -> int:
    first = str(labels[0]) if isinstance(labels, list) and labels else ""
    number = first.partition(" ")[0]
    known = number.isascii() and number.isdigit() and len(number) <= 3 and table.find(int(number)) is not None
    if not known:
        raise _strange(
            f"标签 {first[:60]!r} 不在类别表 {table.name} 中", f"the label {first[:60]!r} is not in the class table"
        )
    return int(number)


def _strange(zh: str, en: str) -> BrokenFileError:
    return BrokenFileError(Text(f"标注无法读取：{zh}。", f"The annotation cannot be read: {en}."))
