import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from package_data import TABLE, mask
from roadloop.annotators.markup import colored, read, spare_color
from roadloop.labels.brush import encode
from roadloop.labels.label_studio import Shape, config, label_value, regions
from roadloop.labels.table import ClassTable, LabelClass, shipped
from roadloop.packages.cut import Size


def brush(raw_id: int, drawn: np.ndarray, name: str = "x") -> dict[str, Any]:
    height, width = drawn.shape
    value = {"format": "rle", "rle": encode(drawn), "brushlabels": [f"{raw_id} {name}"]}
    return {"id": "a", "type": "brushlabels", "original_width": width, "original_height": height, "value": value}


def test_label_value__is_unique_although_names_are_not() -> None:
    values = [label_value(c) for c in shipped().classes]
    assert len(set(values)) == len(values)
    assert len({c.name_en for c in shipped().classes}) < len(values)
    assert label_value(LabelClass(7, "", "路牌", (0, 0, 0))) == "7 路牌"


def test_config__has_the_tables_names_and_colours() -> None:
    table = ClassTable("t", (LabelClass(1, 'a "b" <c> & d', "", (255, 0, 16)),))
    root = ET.fromstring(config(table))
    assert [tag.tag for tag in root] == ["Image", "BrushLabels", "PolygonLabels"]
    assert root[1][0].attrib == {"value": '1 a "b" <c> & d', "background": "#ff0010"}


@pytest.mark.parametrize("shape", ["brush", "polygon"])
def test_regions__are_read_back(shape: Shape) -> None:
    ids = np.repeat(np.repeat(mask(1, 5, 4, TABLE), 8, axis=0), 6, axis=1)
    ids[0, 0] = 255
    drawing = read(regions(ids, TABLE, shape), Size(30, 32), TABLE)
    assert drawing.problems == ()
    if shape == "brush":
        assert (drawing.ids == ids).all()
        assert (drawing.painted == (ids != 255)).all()
    else:
        assert (drawing.ids != ids).mean() < 0.02


def test_read__later_regions_win_and_the_overlap_is_counted() -> None:
    left, right = np.zeros((2, 2, 4), bool)
    left[:, :3] = True
    right[:, 2:] = True
    size = Size(4, 2)
    drawing = read([brush(1, left), brush(2, right)], size, TABLE)
    assert drawing.ids.tolist() == [[1, 1, 2, 2]] * 2
    assert drawing.overlap == 2
    assert read([brush(2, right), brush(1, left)], size, TABLE).ids.tolist() == [[1, 1, 1, 2]] * 2
    assert read([brush(1, left), brush(1, left)], size, TABLE).overlap == 0


def test_colored__unpainted_pixels_count_as_unknown_unless_told() -> None:
    drawn = np.array([[True, False]])
    drawing = read([brush(2, drawn)], Size(2, 1), TABLE)
    assert colored(drawing, TABLE, None).tolist() == [[[255, 255, 255], list(spare_color(TABLE))]]
    assert colored(drawing, TABLE, 3).tolist() == [[[255, 255, 255], [250, 170, 30]]]
    assert spare_color(TABLE) not in {c.color for c in TABLE.classes}


@pytest.mark.parametrize(
    ("region", "word"),
    [
        (brush(9, np.ones((1, 2), bool)), "'9 x'"),
        (brush(1, np.ones((2, 2), bool)), "2x2"),
        (brush(1, np.ones((1, 2), bool)) | {"type": "rectanglelabels"}, "rectanglelabels"),
        ({**brush(1, np.ones((1, 2), bool)), "value": {"brushlabels": ["1 x"], "rle": [1, 2]}}, "brush mask"),
        ({"type": "polygonlabels", "original_width": 2, "original_height": 1,
          "value": {"polygonlabels": ["1 x"], "points": [["a", 1]]}}, "polygon"),
    ],
)  # fmt: skip
def test_read__what_cannot_be_read_is_said(region: dict[str, Any], word: str) -> None:
    drawing = read([{"type": "relation"}, "nonsense", region], Size(2, 1), TABLE)
    assert len(drawing.problems) == 1
    assert word in drawing.problems[0].en
    assert not drawing.painted.any()
