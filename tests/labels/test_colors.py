import numpy as np
import pytest

from roadloop.errors import LabelMapError
from roadloop.labels.colors import ColorCoder, UnknownColor, describe_unknown, distinct_colors, with_ignore
from roadloop.labels.table import ClassTable, Color, LabelClass, shipped


def test_to_ids__every_hd_road_colour_round_trips() -> None:
    coder = ColorCoder(shipped())
    ids = np.array([shipped().raw_ids], dtype=np.uint8)
    decoded = coder.to_ids(coder.to_rgb(ids))
    assert np.array_equal(decoded.ids, ids)
    assert decoded.ids.dtype == np.uint8
    assert decoded.unknown_pixels == 0


def test_to_ids__random_labels_equal_a_plain_loop() -> None:
    rng = np.random.default_rng(1)
    ids = rng.choice(np.array(shipped().raw_ids, dtype=np.uint8), (40, 30))
    coder = ColorCoder(shipped())
    assert np.array_equal(coder.to_ids(coder.to_rgb(ids)).ids, ids)


def test_to_ids__unknown_colours_are_255_and_counted() -> None:
    coder = ColorCoder(shipped())
    rgb = np.full((10, 10, 3), (255, 0, 0), dtype=np.uint8)
    rgb[0, :3] = (1, 2, 3)
    rgb[9, 9] = (9, 9, 9)
    decoded = coder.to_ids(rgb)
    assert decoded.unknown_pixels == 4
    assert decoded.unknown == (UnknownColor((1, 2, 3), 3), UnknownColor((9, 9, 9), 1))
    assert decoded.ids[0].tolist() == [255] * 3 + [2] * 7
    assert describe_unknown(decoded.unknown) == "(1,2,3) x 3, (9,9,9) x 1"


def test_to_ids__a_class_with_raw_id_255_is_known() -> None:
    table = ClassTable("t", (LabelClass(0, "a", "a", (1, 1, 1)), LabelClass(255, "void", "void", (0, 0, 0))))
    decoded = ColorCoder(table).to_ids(np.zeros((2, 2, 3), dtype=np.uint8))
    assert decoded.ids.tolist() == [[255, 255], [255, 255]]
    assert decoded.unknown_pixels == 0


def test_color_coder__shared_colour_refused() -> None:
    table = ClassTable("t", (LabelClass(0, "a", "a", (1, 1, 1)), LabelClass(3, "b", "b", (1, 1, 1))))
    with pytest.raises(LabelMapError) as caught:
        ColorCoder(table)
    assert caught.value.details["raw_ids"] == [[0, 3]]


def test_distinct_colors__are_those_of_pascal_voc() -> None:
    voc = [
        (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128), (128, 128, 128), (64, 0, 0),
        (192, 0, 0), (64, 128, 0), (192, 128, 0), (64, 0, 128), (192, 0, 128), (64, 128, 128), (192, 128, 128), (0, 64, 0),
        (128, 64, 0), (0, 192, 0), (128, 192, 0), (0, 64, 128),
    ]  # fmt: skip
    assert distinct_colors(20) == voc
    every = distinct_colors(255)
    assert (every[:20], every[63], every[254]) == (voc, (32, 0, 0), (224, 224, 192))
    assert len({(0, 0, 0), *every}) == 256


@pytest.mark.parametrize(
    ("colors", "free"),
    [
        ([(1, 2, 3)], (0, 0, 0)),
        ([(0, 0, 0)], (224, 224, 192)),
        ([(0, 0, 0), (224, 224, 192)], (96, 224, 192)),
    ],
)
def test_with_ignore__adds_255_in_a_colour_of_its_own(colors: list[Color], free: Color) -> None:
    table = ClassTable("t", tuple(LabelClass(n, f"c{n}", f"类{n}", color, n) for n, color in enumerate(colors)))
    whole = with_ignore(table)
    assert (whole.name, whole.classes[:-1]) == ("t", table.classes)
    assert whole.classes[-1] == LabelClass(255, "ignore", "忽略", free, 255)
    assert with_ignore(whole) is whole
