"""Tables made by hand, and what is the same class in both."""

from typing import Any

import numpy as np
import pytest

from roadloop.errors import LabelMapError, Text
from roadloop.labels.matching import changes, match_tables, parse_mapping, same_class
from roadloop.labels.table import ClassTable, LabelClass, shipped

RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)
WHAT, CURE = Text("两张表", "The tables"), Text("改正", "Mend it")


def table(*rows: tuple[int, str, str, tuple[int, int, int]]) -> ClassTable:
    return ClassTable("t", tuple(LabelClass(*row) for row in rows))


MODEL = table(
    (1, "road", "道路", RED), (2, "line", "车道线", GREEN), (3, "line", "虚线", BLUE), (7, "sky", "天空", GREY)
)


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (("road", "道路", RED), ("road", "路面", GREEN), True),  # a name in common; colours do not decide
        (("road", "道路", RED), ("Straße", "道路", RED), True),
        (("road", "", RED), (" Road ", "路", RED), True),
        (("road", "道路", RED), ("sky", "天空", RED), False),  # nor does a colour in common
        (("", "", RED), ("sky", "天空", RED), True),  # where one has no name, the colour decides
        (("", "", RED), ("sky", "天空", GREEN), False),
        (("road", "", RED), ("", "道路", GREEN), False),  # no language in common
        (("Cafe\u0301", "", RED), ("CAF\u00c9", "", GREEN), True),
    ],
)
def test_same_class__names_then_colours(ours: Any, theirs: Any, same: bool) -> None:
    assert same_class(LabelClass(1, *ours), LabelClass(1, *theirs)) is same


def test_match_tables__equal_classes_by_id_and_name_never_by_name_alone() -> None:
    data = table((1, "road", "路面", GREEN), (3, "line", "虚线", BLUE), (9, "sky", "天空", GREY))
    found = match_tables(MODEL, data)
    assert [(m.how, m.data.raw_id if m.data else None, m.model.raw_id if m.model else None) for m in found.matches] == [
        ("same", 1, 1),
        ("same", 3, 3),
        ("only_data", 9, None),
        ("only_model", None, 2),
        ("only_model", None, 7),
    ]
    lut = found.lut()
    assert [lut[i] for i in (1, 2, 3, 7, 9, 255)] == [1, 255, 3, 255, 255, 255]
    found.require(WHAT, CURE)


def test_require__ids_that_mean_different_things_are_listed_with_both_meanings() -> None:
    data = table((1, "road", "道路", RED), (2, "kerb", "路缘", GREEN), (7, "tree", "树", GREY))
    with pytest.raises(LabelMapError) as caught:
        match_tables(MODEL, data).require(WHAT, CURE)
    assert caught.value.details["conflicts"] == [
        {
            "id": 2,
            "model": {"name_en": "line", "name_zh": "车道线", "color": [0, 255, 0]},
            "data": {"name_en": "kerb", "name_zh": "路缘", "color": [0, 255, 0]},
        },
        {
            "id": 7,
            "model": {"name_en": "sky", "name_zh": "天空", "color": [9, 9, 9]},
            "data": {"name_en": "tree", "name_zh": "树", "color": [9, 9, 9]},
        },
    ]
    assert "2 is line to the model, kerb in the data; 7 is sky" in caught.value.text.en
    assert "2 模型为 车道线，数据为 路缘" in caught.value.text.zh


def test_match_tables__a_mapping_wins_and_resolves_conflicts() -> None:
    data = table(
        (1, "road", "道路", RED), (2, "kerb", "路缘", GREEN), (7, "tree", "树", GREY), (9, "sky", "天空", GREY)
    )
    mapping = parse_mapping({"2": "255", "7": 1, "9": "7"}, MODEL, data)
    found = match_tables(MODEL, data, mapping)
    found.require(WHAT, CURE)
    assert [m.how for m in found.matches] == ["same", "ignored", "mapped", "mapped", "only_model", "only_model"]
    assert [found.lut()[i] for i in (1, 2, 7, 9)] == [1, 255, 1, 7]
    with pytest.raises(LabelMapError, match="1 ids different meanings"):
        match_tables(MODEL, data, {2: 255}).require(WHAT, CURE)


def test_require__nothing_in_common_is_refused() -> None:
    with pytest.raises(LabelMapError, match="no class in common"):
        match_tables(MODEL, table((40, "road", "道路", RED))).require(WHAT, CURE)


def test_match_tables__255_is_ignored_whatever_it_is_called() -> None:
    own, theirs = table((1, "road", "", RED), (255, "void", "", GREY)), table((1, "road", "", RED), (255, "x", "", RED))
    found = match_tables(own, theirs)
    found.require(WHAT, CURE)
    assert found.of("conflict") == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"40": "1"}, "'40' is not in the labels'"),
        ({"x": "1"}, "'x'"),
        ({"1": "40"}, "'40' is not in the class table of t"),
        ({"1": None}, "'None'"),
        ({"1": [2]}, "'[2]'"),
        ({"1": True}, "'True'"),
        ({"1": "-1"}, "'-1'"),
        ({"1": "1", "01": "2"}, "'01'"),
    ],
)
def test_parse_mapping__what_is_no_id_is_named(value: dict[str, Any], said: str) -> None:
    with pytest.raises(LabelMapError) as caught:
        parse_mapping(value, MODEL, MODEL)
    assert said in caught.value.text.en
    assert caught.value.details["parameter"] == "mapping"


def test_to_json__has_both_sides() -> None:
    line = match_tables(MODEL, table((1, "road", "路面", GREEN))).to_json()[0]
    assert line == {
        "how": "same", "data_id": 1, "data_en": "road", "data_zh": "路面", "data_color": [0, 255, 0],
        "model_id": 1, "model_en": "road", "model_zh": "道路", "model_color": [255, 0, 0],
    }  # fmt: skip


def test_changes__ids_names_and_colours() -> None:
    now = table((1, "road", "道路", GREEN), (2, "line", "实线", GREEN), (7, "sky", "天空", GREY), (8, "new", "", RED))
    said = changes(MODEL, now)
    assert said is not None
    same = "1 road 道路 → road 道路 [255, 0, 0] → [0, 255, 0]; 2 line 车道线 → line 实线"
    assert said.en == f"3 line → none; 8 new: new; {same}"
    assert said.zh.startswith("3 虚线 → 无；8 新增 new；1 road 道路")
    assert changes(MODEL, MODEL) is None


def test_match_tables__the_shipped_table_is_itself() -> None:
    found = match_tables(shipped(), shipped())
    assert {m.how for m in found.matches} == {"same"}
    assert all(found.lut()[i] == i for i in shipped().raw_ids)


def test_lut__is_one_byte_for_each_of_256_ids() -> None:
    lut = match_tables(MODEL, MODEL).lut()
    assert lut.shape == (256,)
    assert lut.dtype == np.uint8


def test_require__classes_in_common_only_by_the_mapping_will_do() -> None:
    match_tables(MODEL, table((40, "road", "道路", RED)), {40: 1}).require(WHAT, CURE)
    with pytest.raises(LabelMapError) as refused:
        match_tables(MODEL, table((40, "road", "道路", RED)), {40: 255}).require(WHAT, CURE)
    assert refused.value.details["conflicts"] == []


def test_require__a_class_without_a_name_is_called_by_the_other_language_or_its_colour() -> None:
    ours = table((1, "road", "", RED), (2, "", "路缘", GREEN), (3, "", "", BLUE))
    theirs = table((1, "", "天空", GREY), (2, "tree", "", GREEN), (3, "", "", GREY))
    with pytest.raises(LabelMapError) as refused:
        match_tables(ours, theirs).require(WHAT, CURE)
    assert "1 is road to the model, 天空 in the data" in refused.value.text.en
    assert "2 is 路缘 to the model, tree in the data" in refused.value.text.en
    assert "3 is [0, 0, 255] to the model, [9, 9, 9] in the data" in refused.value.text.en
    assert "1 模型为 road，数据为 天空；2 模型为 路缘，数据为 tree" in refused.value.text.zh
    assert "3 模型为 [0, 0, 255]，数据为 [9, 9, 9]" in refused.value.text.zh


def test_require__twenty_of_many_conflicts_are_written_out_and_all_are_listed() -> None:
    ours = table(*((i, f"a{i}", "", RED) for i in range(30)))
    theirs = table(*((i, f"b{i}", "", RED) for i in range(30)))
    with pytest.raises(LabelMapError, match="give 30 ids different meanings") as refused:
        match_tables(ours, theirs).require(WHAT, CURE)
    assert "19 is a19 to" in refused.value.text.en
    assert "20 is a20 to" not in refused.value.text.en
    assert [line["id"] for line in refused.value.details["conflicts"]] == list(range(30))


def test_to_json__a_class_that_is_ignored_is_named() -> None:
    line = match_tables(MODEL, table((2, "kerb", "路缘", GREEN)), {2: 255}).to_json()[0]
    assert line == {
        "how": "ignored", "data_id": 2, "data_en": "kerb", "data_zh": "路缘", "data_color": [0, 255, 0],
        "model_id": None, "model_en": None, "model_zh": None, "model_color": None,
    }  # fmt: skip


def test_parse_mapping__a_refusal_says_the_ids_that_there_are() -> None:
    with pytest.raises(LabelMapError) as refused:
        parse_mapping({"40" * 30: "1"}, MODEL, MODEL)
    assert "the ids are: 1, 2, 3, 7." in refused.value.text.en
    assert refused.value.details == {"parameter": "mapping", "id": "40" * 20}


def test_changes__a_new_name_in_one_language_is_told_in_both_texts() -> None:
    said = changes(table((1, "road", "道路", RED)), table((1, "road", "路面", RED)))
    assert said == Text("1 road 道路 → road 路面", "1 road 道路 → road 路面")
