import pytest

from roadloop.errors import LabelMapError, NotFoundError
from roadloop.labels.table import (
    ClassTable,
    LabelClass,
    different_meanings,
    format_csv,
    from_rows,
    parse_csv,
    shipped,
    target_palette,
    template_train_ids,
    union,
)

HEAD = "raw_id,name_en,name_zh,r,g,b,train_id\n"


def test_shipped__hd_road_has_81_classes_with_the_general_train_ids() -> None:
    table = shipped()
    assert len(table.classes) == 81
    assert table.raw_ids[-3:] == (97, 98, 99)
    assert table.classes[2] == LabelClass(2, "lane", "车道标线-白色", (255, 0, 0), 0)
    assert [c.raw_id for c in table.classes if c.train_id == 9] == [18, 20, 21, 22, 43, 45, 46]
    assert table.find(47) is not None
    assert table.find(47).train_id == 255  # type: ignore[union-attr]


def test_shipped__unknown_name() -> None:
    with pytest.raises(NotFoundError):
        shipped("moon-road")


def test_template_train_ids__hd_13_ignores_signs_and_moves_station_lines() -> None:
    assert template_train_ids("hd-13")[28] == 255
    assert template_train_ids("hd-13")[12] == 0
    assert template_train_ids("general")[12] == 6
    with pytest.raises(LabelMapError):
        template_train_ids("hd-99")


def test_target_palette__road() -> None:
    assert target_palette()[9] == (128, 64, 128)


def test_parse_csv__blank_train_id_bom_crlf_and_order() -> None:
    data = ("\ufeff" + HEAD + "5,b,乙,1,2,3,\n0,a,甲,4,5,6,0\n").replace("\n", "\r\n").encode()
    table = parse_csv(data, "t")
    assert table.classes == (LabelClass(0, "a", "甲", (4, 5, 6), 0), LabelClass(5, "b", "乙", (1, 2, 3), 255))


def test_parse_csv__gbk_bytes() -> None:
    table = parse_csv((HEAD + "0,a,车道,4,5,6,0\n").encode("gbk"), "t")
    assert table.classes[0].name_zh == "车道"


@pytest.mark.parametrize(
    "text",
    [
        "raw_id,name_en\n0,a\n",
        HEAD,
        HEAD + "x,a,b,1,2,3,0\n",
        HEAD + "256,a,b,1,2,3,0\n",
        HEAD + "0,a,b,1,2,300,0\n",
        HEAD + "0,a,b,1,2,3,-1\n",
        HEAD + "0,a,b,1,2\n",
        HEAD + "0,a,b,1,2,3,0\n0,c,d,1,2,4,1\n",
        HEAD + "255,a,b,1,2,3,0\n",
    ],
)
def test_parse_csv__refused(text: str) -> None:
    with pytest.raises(LabelMapError):
        parse_csv(text.encode(), "t")


def test_format_csv__round_trip() -> None:
    table = shipped()
    assert parse_csv(format_csv(table).encode(), table.name) == table
    assert from_rows(table.name, table.to_rows()) == table


def test_class_table__numbers_outside_a_byte_refused() -> None:
    with pytest.raises(LabelMapError):
        ClassTable("t", (LabelClass(0, "a", "b", (0, 0, 256)),))


def test_different_meanings_and_union() -> None:
    a = ClassTable("a", (LabelClass(0, "x", "x", (0, 0, 0)), LabelClass(1, "y", "y", (0, 0, 1))))
    b = ClassTable("b", (LabelClass(1, "z", "z", (0, 0, 1)), LabelClass(2, "w", "w", (0, 0, 2))))
    assert different_meanings(a, b) == [1]
    assert different_meanings(a, a) == []
    assert [c.name_en for c in union("u", [a, b]).classes] == ["x", "y", "w"]


def test_parse_csv__what_is_no_csv_is_named() -> None:
    endless = '"' + "x" * 200_000
    for text in (HEAD + f"0,a,{endless}", endless):
        with pytest.raises(LabelMapError, match="Class table t is not valid csv near line"):
            parse_csv(text.encode(), "t")


@pytest.mark.parametrize(
    ("text", "said", "details"),
    [
        ("raw_id,name_en,name_zh,r\n", "lacks the columns g, b, train_id; needed", {"missing": ["g", "b", "train_id"]}),
        (HEAD, "has no class", {}),
        (HEAD + "0,a,b,1,2,3,0\n1,a,b,1,2,x,0\n", "line 3: b is 'x'", {"line": 3, "column": "b"}),
        (HEAD + "3,a,b,1,2,3,0\n3,c,d,1,2,4,1\n", "raw ids [3] occur twice", {"raw_ids": [3]}),
        (HEAD + "255,a,b,1,2,3,0\n", "its train_id must be 255", {}),
        pytest.param(HEAD + '0,a,"' + "x" * 200_000, "not valid csv near line 2", {}, id="endless"),
    ],
)
def test_parse_csv__a_refusal_names_the_table_and_the_place(text: str, said: str, details: dict[str, object]) -> None:
    with pytest.raises(LabelMapError) as refused:
        parse_csv(text.encode(), "mine")
    assert "lass table mine" in refused.value.text.en
    assert said in refused.value.text.en
    assert refused.value.details == {"table": "mine", **details}


def test_parse_csv__names_may_be_blank() -> None:
    assert parse_csv((HEAD + "0,, 路 ,1,2,3,0\n1, b ,,4,5,6,\n").encode(), "t").classes == (
        LabelClass(0, "", "路", (1, 2, 3), 0),
        LabelClass(1, "b", "", (4, 5, 6), 255),
    )


def test_class_table__a_class_with_a_number_outside_a_byte_is_named() -> None:
    with pytest.raises(LabelMapError, match="table t: class 7 holds a number outside") as refused:
        ClassTable("t", (LabelClass(0, "a", "b", (0, 0, 255)), LabelClass(7, "a", "b", (0, -1, 0))))
    assert refused.value.details == {"table": "t", "raw_id": 7}


def test_format_csv__line_feeds_and_names_with_commas_and_breaks() -> None:
    table = ClassTable("t", (LabelClass(0, "a, b", "甲\r\n乙", (4, 5, 6), 0),))
    text = format_csv(table)
    assert text == HEAD + '0,"a, b","甲\r\n乙",4,5,6,0\n'
    assert parse_csv(text.encode(), "t") == table


def test_union__has_the_name_it_is_given() -> None:
    assert union("u", [shipped()]).name == "u"
