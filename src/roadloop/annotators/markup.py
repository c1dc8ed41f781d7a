"""Label Studio's words for what we mean: labelling page, predictions and finished annotations. Pure.

Names of classes are not unique, so a label value is `<raw id> <name>`; only the number is read back. Regions are
painted in the order in which the annotation lists them: where two overlap, the later one wins.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, Text
from roadloop.labels import brush
from roadloop.labels.colors import ColorCoder
from roadloop.labels.polygons import Area, Polygon, fill, outlines
from roadloop.labels.table import IGNORE, ClassTable, Color, LabelClass
from roadloop.packages.cut import Size

UInt8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Shape = Literal["brush", "polygon"]

_TAGS: Final = {"brush": "BrushLabels", "polygon": "PolygonLabels"}
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


def label_value(c: LabelClass) -> str:
    """The value of a class in Label Studio."""
    return f"{c.raw_id} {c.name_en or c.name_zh}".strip()


def config(table: ClassTable) -> str:
    """The labelling page: one picture, brush and polygon labels in the table's colours."""
    labels = "".join(
        f"<Label value={quoteattr(label_value(c))} background='#{c.color[0]:02x}{c.color[1]:02x}{c.color[2]:02x}'/>"
        for c in table.classes
    )
    tags = "".join(f"<{tag} name='{name}' toName='image'>{labels}</{tag}>" for name, tag in _TAGS.items())
    return f"<View><Image name='image' value='$image' zoom='true' zoomControl='true'/>{tags}</View>"


def regions(ids: UInt8, table: ClassTable, shape: Shape) -> list[dict[str, Any]]:
    """A first label as regions: one brush mask for each class, or polygons. 255 is left unpainted.

    Args:
        ids: uint8 [H, W], raw ids of the table.
        table: The class table.
        shape: What annotators edit.
    """
    height, width = ids.shape
    names = {c.raw_id: label_value(c) for c in table.classes}
    base = {"to_name": "image", "original_width": width, "original_height": height, "image_rotation": 0}
    if shape == "polygon":
        return [
            _region(n, shape, names[p.raw_id], {"points": _percent(p, width, height), "closed": True}) | base
            for n, p in enumerate(outlines(ids))
        ]
    return [
        _region(n, shape, names[raw_id], {"format": "rle", "rle": brush.encode(ids == raw_id)}) | base
        for n, raw_id in enumerate(np.unique(ids[ids != IGNORE]).tolist())
    ]


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


def _region(number: int, shape: Shape, value: str, drawn: dict[str, Any]) -> dict[str, Any]:
    kind = _TAGS[shape].lower()
    return {"id": f"r{number}", "type": kind, "from_name": shape, "value": {**drawn, kind: [value]}}


def _percent(polygon: Polygon, width: int, height: int) -> list[list[float]]:
    return [[100 * x / width, 100 * y / height] for x, y in polygon.points.tolist()]


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
