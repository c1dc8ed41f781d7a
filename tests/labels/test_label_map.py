from typing import Any

import numpy as np
import pytest

from roadloop.errors import LabelMapError
from roadloop.labels.label_map import LabelMap, MapEntry, default_map, mirrored_pairs, parse_map, saved_otherwise
from roadloop.labels.table import ClassTable, LabelClass, shipped

TABLE = ClassTable(
    "t",
    (
        LabelClass(0, "road", "道路", (1, 0, 0), 0),
        LabelClass(1, "car", "车", (0, 1, 0), 4),
        LabelClass(2, "bus", "客车", (0, 0, 1), 4),
        LabelClass(7, "void", "空", (9, 9, 9), 255),
    ),
)


def test_default_map__train_id_column_made_consecutive() -> None:
    label_map = default_map(TABLE)
    assert label_map.num_classes == 2
    assert label_map.lut()[[0, 1, 2, 7, 8, 255]].tolist() == [0, 1, 1, 255, 255, 255]
    assert label_map.lut().dtype == np.uint8
    assert label_map.names("zh") == ("道路", "车")
    assert label_map.names("en") == ("road", "car")
    assert label_map.colors(TABLE) == ((1, 0, 0), (0, 1, 0))
    assert label_map.raw_ids(1) == (1, 2)
    assert label_map.classes(TABLE) == ((0, "road", "道路", (1, 0, 0)), (1, "car", "车", (0, 1, 0)))


@pytest.mark.parametrize(("template", "road"), [("", 9), ("general", 9), ("hd-13", 9)])
def test_default_map__hd_road_has_13_classes_in_palette_colours(template: str, road: int) -> None:
    label_map = default_map(shipped(), template)
    assert label_map.num_classes == 13
    assert label_map.template == (template or "general")
    assert label_map.lut()[18] == road
    assert label_map.colors(shipped())[9] == (128, 64, 128)
    assert label_map.classes(shipped())[9][:3] == (9, "road", "道路")


def test_default_map__template_on_part_of_hd_road() -> None:
    part = ClassTable("p", tuple(c for c in shipped().classes if c.raw_id in {2, 18, 38}))
    label_map = default_map(part, "general")
    assert label_map.lut()[[2, 18, 38]].tolist() == [0, 1, 2]
    assert label_map.template == ""
    assert label_map.colors(part)[1] == (192, 192, 192)


def test_default_map__a_class_that_the_template_does_not_know_is_ignored() -> None:
    table = ClassTable("more", (*shipped().classes, LabelClass(200, "drone", "无人机", (1, 2, 3), 0)))
    label_map = default_map(table, "general")
    assert label_map.entries[200] == MapEntry(255, "drone", "无人机")
    assert (label_map.num_classes, label_map.template) == (13, "general")


def test_default_map__template_on_other_classes_refused() -> None:
    with pytest.raises(LabelMapError) as caught:
        default_map(TABLE, "general")
    assert caught.value.details["raw_ids"] == [0, 1, 2, 7]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (["auto", "汽车", "3"], MapEntry(1, "auto", "汽车")),
        (["3", "auto", "汽车"], MapEntry(1, "auto", "汽车")),
        ([3, "auto", "汽车"], MapEntry(1, "auto", "汽车")),
        ([4, "auto", "汽车", 3], MapEntry(1, "auto", "汽车")),
        (["4", "auto", "汽车", "255"], MapEntry(255, "auto", "汽车")),
        (["", "", 3], MapEntry(1, "car", "车")),
        (["auto", "2", 3], MapEntry(1, "auto", "2")),
    ],
)
def test_parse_map__forms(entry: list[Any], expected: MapEntry) -> None:
    label_map = parse_map({"0": ["road", "道路", 0], "1": entry, "2": ["bus", "客车", 7]}, TABLE)
    assert label_map.entries[1] == expected
    assert label_map.entries[7].train_id == 255


def test_parse_map__train_ids_consecutive_and_ascending() -> None:
    label_map = parse_map({"0": ["r", "路", 12], "1": ["c", "车", 5], "2": ["b", "客", "5"]}, TABLE)
    assert label_map.to_maps() == {
        "0": ["1", "r", "路"],
        "1": ["0", "c", "车"],
        "2": ["0", "b", "客"],
        "7": ["255", "void", "空"],
    }


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"0": ["road", "道路", 0]},
        {"0": ["road", "道路", 0], "1": ["car", "车", 0]},
        {"0": ["road", "道路", 0], "3": ["x", "x", 1]},
        {"0": ["road", "道路", 0], "00": ["x", "x", 1]},
        {"0": ["road", "道路", 0], "1": ["car", "车", 256]},
        {"0": ["road", "道路", 0], "1": ["car", "车", -1]},
        {"0": ["road", "道路", 0], "1": ["1", "2", "3"]},
        {"0": ["road", "道路", 0], "1": ["car", "车"]},
        {"0": ["road", "道路", 0], "1": "car"},
        {"0": ["road", "道路", 0], "1": 5},
        {"0": ["road", "道路", 0], "1": {"train_id": 5}},
        {"0": ["road", "道路", 0], "1": ["car", "车", None]},
        {"0": ["road", "道路", 0], "1": ["car", "车", 1.0]},
        {"0": ["road", "道路", 0], "1": ["car", "车", "1" * 10_000]},
        {"0": ["road", "道路", 0], "x": ["car", "车", 1]},
        {"0": ["road", "道路", 0], "1": ["car", "车", True]},
    ],
)
def test_parse_map__refused(value: dict[str, Any]) -> None:
    with pytest.raises(LabelMapError):
        parse_map(value, TABLE)


@pytest.mark.parametrize(
    ("key", "item", "zh", "en"),
    [
        ("3", ["x", "x", 1], "“3”不在类别表 t 中", "'3' of the map is not in the class table t"),
        ("1", ["car", "车"], '编号 1 的映射 ["car", "车"] 无法识别', 'The entry ["car", "车"] of raw id 1 is not'),
        ("1", ["x" * 99], f'映射 ["{"x" * 78}... 无法', f'The entry ["{"x" * 78}... of raw id 1'),
        ("1", ["x" * 76], f'映射 ["{"x" * 76}"] 无法', f'The entry ["{"x" * 76}"] of raw id 1'),
    ],
)
def test_parse_map__says_which_entry_and_what_stood_there(key: str, item: list[Any], zh: str, en: str) -> None:
    with pytest.raises(LabelMapError) as caught:
        parse_map({"0": ["road", "道路", 0], key: item}, TABLE)
    assert str(caught.value.details["raw_id"]) == key
    assert zh in caught.value.text.zh
    assert en in caught.value.text.en


def test_saved_otherwise__other_train_ids_and_classes_that_were_not_mentioned() -> None:
    value = {"0": ["road", "道路", 3], "1": ["car", "车", 5], "2": ["bus", "客车", "5"]}
    moved, unnamed = saved_otherwise(value, TABLE, parse_map(value, TABLE))
    assert moved.zh == "train id 已改为从 0 开始连续：3 → 0, 5 → 1。"
    assert moved.en == "The train ids were made consecutive from 0: 3 → 0, 5 → 1."
    assert unnamed.zh == "1 个类别没有提到，它们的像素在训练中被忽略：7 空。"
    assert unnamed.en == "1 class was not mentioned; their pixels are ignored in training: 7 void."
    same = {"0": ["road", "道路", 0], "1": ["car", "车", 1], "2": ["bus", "客车", 1], "7": ["void", "空", 255]}
    assert saved_otherwise(same, TABLE, parse_map(same, TABLE)) == []
    few = {"0": ["road", "道路", 0], "1": ["car", "车", 1]}
    (unnamed,) = saved_otherwise(few, TABLE, parse_map(few, TABLE))
    assert unnamed.zh == "2 个类别没有提到，它们的像素在训练中被忽略：2 客车、7 空。"
    assert unnamed.en == "2 classes were not mentioned; their pixels are ignored in training: 2 bus, 7 void."


def test_label_map__a_class_that_the_table_does_not_have_is_black() -> None:
    label_map = LabelMap({0: MapEntry(0, "road", "道路"), 200: MapEntry(1, "gone", "没有")})
    assert label_map.colors(TABLE) == ((1, 0, 0), (0, 0, 0))
    assert label_map.lut().shape == (256,)


def test_label_map__json_without_a_template() -> None:
    value = default_map(TABLE).to_json()
    del value["template"]
    assert LabelMap.from_json(value) == default_map(TABLE)


def test_label_map__json_round_trip() -> None:
    for label_map in (default_map(TABLE), default_map(shipped(), "hd-13")):
        assert LabelMap.from_json(label_map.to_json()) == label_map


def test_label_map__raw_255_cannot_be_a_class() -> None:
    with pytest.raises(LabelMapError):
        LabelMap({0: MapEntry(0, "a", "a"), 255: MapEntry(1, "b", "b")})


def test_label_map__gap_refused() -> None:
    with pytest.raises(LabelMapError):
        LabelMap({0: MapEntry(0, "a", "a"), 1: MapEntry(2, "b", "b")})


def test_mirrored_pairs__finds_left_and_right() -> None:
    assert mirrored_pairs(("lane", "left edge", "Right edge"), ("车道", "左", "x")) == ((1, 2), )  # fmt: skip
    assert mirrored_pairs(("a", "b"), ("右侧", "左侧")) == ((1, 0),)
    assert mirrored_pairs(("a", "left"), ("a", "b")) == ()


def test_mirrored_pairs__of_the_shipped_table_swap_edges_only() -> None:
    label_map = default_map(shipped(), "hd-13")
    names = label_map.names("zh")
    pairs = mirrored_pairs(label_map.names("en"), names)
    assert all("左" in names[a] and "右" in names[b] for a, b in pairs)
    assert (names.index("左侧道路边缘线"), names.index("右侧道路边缘线")) in pairs
