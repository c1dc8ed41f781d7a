"""A class table and an id label in Label Studio's words: label values, the labelling page, regions. Pure.

Names of classes are not unique, so a label value is `<raw id> <name>`; only the number is read back.
"""

from typing import Any, Final, Literal
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from roadloop.labels import brush
from roadloop.labels.polygons import outlines
from roadloop.labels.table import IGNORE, ClassTable, LabelClass

UInt8 = NDArray[np.uint8]
Shape = Literal["brush", "polygon"]

_TAGS: Final = {"brush": "BrushLabels", "polygon": "PolygonLabels"}


def label_value(c: LabelClass) -> str:
    """The value of a class in Label Studio."""
    return f"{c.raw_id} {c.name_en or c.name_zh or c.raw_id}"


def config(table: ClassTable) -> str:
    """The labelling page: one picture, brush and polygon labels in the table's colours."""
    labels = "".join(
        f"<Label value={quoteattr(label_value(c))} background='#{c.color[0]:02x}{c.color[1]:02x}{c.color[2]:02x}'/>"
        for c in table.classes
    )
    tags = "".join(f"<{tag} name='{name}' toName='image'>{labels}</{tag}>" for name, tag in _TAGS.items())
    return f"<View><Image name='image' value='$image' zoom='true' zoomControl='true'/>{tags}</View>"


def regions(ids: UInt8, table: ClassTable, shape: Shape) -> list[dict[str, Any]]:
    """A label as regions: one brush mask for each class, or polygons. 255 is left unpainted.

    Args:
        ids: uint8 [H, W], raw ids of the table.
        table: The class table.
        shape: What annotators edit.
    """
    names = {c.raw_id: label_value(c) for c in table.classes}
    if shape == "polygon":
        height, width = ids.shape
        percent = [(p.raw_id, (100 * p.points / (width, height)).tolist()) for p in outlines(ids)]
        return [
            _region(n, shape, names[raw_id], {"points": points, "closed": True}, ids)
            for n, (raw_id, points) in enumerate(percent)
        ]
    values = np.unique(ids[ids != IGNORE]).tolist()
    return [painted(ids == raw_id, names[raw_id], n) for n, raw_id in enumerate(values)]


def painted(mask: NDArray[np.bool_], value: str, number: int = 0) -> dict[str, Any]:
    """A brush region: the pixels of a mask, bool [H, W], with a label value."""
    return _region(number, "brush", value, {"format": "rle", "rle": brush.encode(mask)}, mask)


def _region(number: int, shape: Shape, value: str, drawn: dict[str, Any], picture: NDArray[Any]) -> dict[str, Any]:
    kind = _TAGS[shape].lower()
    return {
        "id": f"r{number}",
        "type": kind,
        "from_name": shape,
        "to_name": "image",
        "original_width": picture.shape[1],
        "original_height": picture.shape[0],
        "image_rotation": 0,
        "value": {**drawn, kind: [value]},
    }
