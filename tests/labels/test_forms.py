import pytest

from roadloop.errors import LabelMapError
from roadloop.labels.forms import parse_declared
from roadloop.labels.table import format_csv, shipped

ROAD, CAR = (128, 64, 128), (0, 0, 142)


@pytest.mark.parametrize(
    "text",
    [
        "# R G B name\n128 64 128\tRoad\n\n64, 0, 128, Car 2\r\n0 0 0 Void\n",
        "name,r,g,b\nRoad,128,64,128\nCar 2,64,0,128\nVoid,0,0,0\n",
        "\ufefflabel, R, G, B\nRoad, 128, 64, 128\nCar 2,64,0,128\nVoid,0,0,0\n",
        "# label:color_rgb:parts:actions\r\nRoad:128,64,128::\r\nCar 2:64,0,128::\r\nVoid:0,0,0::\r\n",
        "Road 128 64 128\nCar 2 64 0 128\nVoid 0 0 0\n",
        "name;colour\nRoad;#804080\nCar 2;#400080\nVoid;#000000\n",
        "#804080 Road\n#400080 Car 2\n#000000 Void\n",
    ],
)
def test_parse_declared__names_and_colours(text: str) -> None:
    found = parse_declared(text.encode(), "x")
    assert (found.has_ids, found.has_colors) == (False, True)
    assert [(c.raw_id, c.name_en, c.color, c.train_id) for c in found.table.classes] == [
        (0, "Road", (128, 64, 128), 0),
        (1, "Car 2", (64, 0, 128), 1),
        (2, "Void", (0, 0, 0), 255),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"name\tr\tg\tb\nroad\t128\t64\t128\ncar\t0\t0\t142\n",
        "name;r;g;b\nroad;128;64;128\ncar;0;0;142\n".encode("utf-16"),
        "name|r|g|b\nroad|128|64|128\ncar|0|0|142\n".encode("utf-16-be").join([b"\xfe\xff", b""]),
        b"name,r,g,b,class_11\nroad,128,64,128,1\ncar,0,0,142,1\n",
        b'"name","r","g","b"\n"road","128","64","128"\n"car","0","0","142"\n',
    ],
)
def test_parse_declared__separators_and_encodings(data: bytes) -> None:
    found = parse_declared(data, "x")
    assert [(c.name_en, c.color) for c in found.table.classes] == [("road", ROAD), ("car", CAR)]


def test_parse_declared__ids_without_colours() -> None:
    found = parse_declared(b"Pixel Value, Class\r\n3, road\r\n1, car\r\n", "_classes.csv")
    assert (found.has_ids, found.has_colors) == (True, False)
    assert [(c.raw_id, c.name_en, c.train_id) for c in found.table.classes] == [(1, "car", 1), (3, "road", 0)]
    assert len({c.color for c in found.table.classes}) == 2


def test_parse_declared__ids_before_colours_and_255() -> None:
    found = parse_declared(b"7 128 64 128 road\n26 0 0 142 car\n255 0 0 0 none\n", "x")
    assert found.has_ids
    assert [(c.raw_id, c.train_id) for c in found.table.classes] == [(7, 0), (26, 1), (255, 255)]


def test_parse_declared__a_class_that_begins_with_a_number() -> None:
    found = parse_declared(b"128 64 128 road\n0 0 142 2 wheels\n", "x")
    assert [c.name_en for c in found.table.classes] == ["road", "2 wheels"]


def test_parse_declared__names_alone_only_where_they_are_allowed() -> None:
    found = parse_declared("road\n汽车\n".encode("gbk"), "classes.txt", names_alone=True)
    assert [(c.raw_id, c.name_en) for c in found.table.classes] == [(0, "road"), (1, "汽车")]
    assert (found.has_ids, found.has_colors) == (False, False)
    with pytest.raises(LabelMapError, match="line 1"):
        parse_declared(b"road\ncar\n", "label_colors.txt")


def test_parse_declared__our_own_form_keeps_equal_names_apart() -> None:
    assert parse_declared(format_csv(shipped()).encode("gbk"), "hd-road").table.classes == shipped().classes


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no class"),
        ("1 2 3\n", "line 1"),
        ("1 2 300 x\n", "'300'"),
        ("a b c d\n", "R G B name"),
        ("road 1 2 3\ncar\n", "line 2"),
        ("name,r,g,b\nroad,1,2,3\ncar,1,,3\n", "line 3: a colour needs"),
        ("name,r,g,b\nroad,1,2,3\ncar,,,\n", "line 3: it has no colour"),
        ("id,name\n1,road\n,car\n", "line 3: it has no id"),
        ("id,name\n300,road\n", "line 2: id is '300'"),
        ("name,color\nroad,reddish\n", "neither #rrggbb"),
        ("raw_id,name\n1,a\n1,b\n", "occur twice"),
        ("".join(f"{i % 256} 0 0 n\n" for i in range(256)), "8 bits"),
        ('name,r,g,b\n"' + "x" * 200_000, "not valid csv"),
    ],
)
def test_parse_declared__refused_with_line_and_cure(text: str, word: str) -> None:
    with pytest.raises(LabelMapError) as raised:
        parse_declared(text.encode(), "x")
    assert word in raised.value.text.en
    assert raised.value.text.zh


def test_parse_declared__bytes_of_no_encoding() -> None:
    with pytest.raises(LabelMapError, match="encoding"):
        parse_declared(b"name,r,g,b\nro\xff\xff\x81d,1,2,3\n", "x")


def test_parse_declared__quotation_marks_belong_to_a_name_unless_they_stand_around_it() -> None:
    table = parse_declared(b'1 2 3 "road"\n4 5 6 the "x"\n7 8 9 5\'\n1 1 1 "a" or b\n2 2 2 \'c\'\n', "t").table
    assert [c.name_en for c in table.classes] == ["road", 'the "x"', "5'", '"a" or b', "c"]


def test_parse_declared__ids_in_a_chinese_column() -> None:
    found = parse_declared("编号,名称,R,G,B\n1,road,1,2,3\n0,car,4,5,6\n".encode("gbk"), "x")
    assert {c.raw_id: (c.name_en, c.color) for c in found.table.classes} == {
        1: ("road", (1, 2, 3)),
        0: ("car", (4, 5, 6)),
    }


@pytest.mark.parametrize("text", ["road,1\nstop sign,0\n", "road:1\nstop sign:0\n", "road\t1\nstop sign\t0\n"])
def test_parse_declared__names_before_ids(text: str) -> None:
    found = parse_declared(text.encode(), "x", names_alone=True)
    assert found.has_ids
    assert {c.raw_id: c.name_en for c in found.table.classes} == {1: "road", 0: "stop sign"}


@pytest.mark.parametrize(
    ("text", "column"),
    [(",name,r,g,b\n2,road,1,2,3\n1,car,4,5,6\n", "''"), ("序号,name,r,g,b\n2,road,1,2,3\n1,car,4,5,6\n", "'序号'")],
)
def test_parse_declared__ids_under_an_unknown_name_are_not_counted_anew(text: str, column: str) -> None:
    with pytest.raises(LabelMapError) as refused:
        parse_declared(text.encode(), "x")
    assert f"line 1: the column {column}" in refused.value.text.en


def test_parse_declared__both_languages_and_train_ids_of_columns_in_any_order() -> None:
    text = "train_id;中文;name;r;g;b\n4;道路;road;1;2;3\n;汽车;;4;5;6\n255;;sky;7;8;9\n"
    found = parse_declared(text.encode(), "mine")
    assert found.table.name == "mine"
    assert [(c.raw_id, c.name_en, c.name_zh, c.train_id) for c in found.table.classes] == [
        (0, "road", "道路", 4),
        (1, "汽车", "汽车", 1),  # one name stands for both; a blank train id is counted
        (2, "sky", "sky", 255),
    ]


def test_parse_declared__train_ids_are_counted_past_classes_that_are_ignored() -> None:
    found = parse_declared(b"1 0 0 a\n2 0 0 void\n3 0 0 b\n4 0 0 c\n", "x")
    assert [c.train_id for c in found.table.classes] == [0, 255, 1, 2]


def test_parse_declared__a_class_without_a_name_is_called_by_its_colour_or_its_id() -> None:
    by_color = parse_declared(b"name,r,g,b\nroad,1,2,3\n,4,5,6\n", "x").table
    assert [(c.name_en, c.name_zh) for c in by_color.classes] == [("road", "road"), ("4,5,6", "4,5,6")]
    by_id = parse_declared(b"id,name\n7,road\n9,\n", "x").table
    assert [(c.raw_id, c.name_en) for c in by_id.classes] == [(7, "road"), (9, "9")]


@pytest.mark.parametrize(
    "text",
    [
        "// ours\nname, r, g, b\n // of old\nroad, 128, 64, 128\n# more\ncar, 0, 0, 142\n",
        'r, g, b, name\n128, 64, 128, "road"\n0, 0, 142, "car"\n',
        "name,r,g,b,\nroad,128,64,128\n,,,,\ncar,0,0,142,,\n",  # rows shorter and longer than the header
        "name,rgb\nroad,128 64 128\ncar,0 0 142\n",
        "name\tcolor\nroad\t128, 64, 128\ncar\t#00008E\n",
        '"name","r","g","b"\nroad,128,64,128\ncar,0,0,142\n',
    ],
)
def test_parse_declared__comments_blanks_and_ragged_rows(text: str) -> None:
    found = parse_declared(text.encode(), "x")
    assert [(c.name_en, c.color) for c in found.table.classes] == [("road", ROAD), ("car", CAR)]


def test_parse_declared__our_own_columns_have_ids_and_colours_whatever_separates_them() -> None:
    text = format_csv(shipped())
    ours = parse_declared(text.encode(), "t")
    assert (ours.table.name, ours.has_ids, ours.has_colors) == ("t", True, True)
    head, *rows = (line.replace(",", ";") for line in text.splitlines())
    assert parse_declared("\n".join([head, *rows]).encode(), "t") == ours


def test_parse_declared__255_classes_are_the_most() -> None:
    found = parse_declared("".join(f"{i} 0 0 n{i}\n" for i in range(255)).encode(), "x")
    assert [c.raw_id for c in found.table.classes] == list(range(255))


def test_parse_declared__a_list_of_names_counts_past_the_word_for_ignored() -> None:
    found = parse_declared(b"__ignore__\n_background_\nroad\n'car'\n", "labels.txt", names_alone=True)
    assert [(c.raw_id, c.name_en) for c in found.table.classes] == [(0, "_background_"), (1, "road"), (2, "car")]


def test_parse_declared__one_class_and_a_number_beside_it_is_no_list_of_ids() -> None:
    """Nothing tells an id from another number of one class, so it is counted: 0."""
    assert parse_declared(b"name,r,g,b,pixels\nroad,1,2,3,40\n", "x").table.raw_ids == (0,)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("# a\nname,r,g,b\nroad,1,2,3\ncar,4,5,300\n", 4, "r, g, b is '300'"),
        ("name,color\nroad,1 2 3\ncar,1 2 300\n", 3, "r, g, b is '300'"),
        ("name,color\nroad,#804080\ncar,#80408\n", 3, "'#80408' is neither #rrggbb"),
        ("id,name,train_id\n1,road,0\n2,car,x\n", 3, "train_id is 'x'"),
        ("1 2 3 road\n\n256 5 6 car\n", 3, "r, g, b is '256'"),
        ("5 1 2 3 road\n300 4 5 6 car\n", 2, "id is '300'"),
        pytest.param('name,r,g,b\nroad,1,2,3\n"' + "x" * 200_000, 3, "not valid csv", id="endless"),
    ],
)
def test_parse_declared__an_error_names_table_and_line(text: str, line: int, word: str) -> None:
    with pytest.raises(LabelMapError) as refused:
        parse_declared(text.encode(), "mine.csv")
    assert refused.value.text.en.startswith(f"Class table mine.csv, line {line}: ")
    assert word in refused.value.text.en
    assert (refused.value.details["table"], refused.value.details["line"]) == ("mine.csv", line)


def test_parse_declared__a_list_may_begin_with_a_word_that_is_also_a_column() -> None:
    for text in ("label\nroad\n", "red\nroad\n", "class\nvalue\n"):
        found = parse_declared(text.encode(), "classes.txt", names_alone=True).table
        assert [(c.name_en, c.name_zh) for c in found.classes] == [(name, name) for name in text.split()]


def test_parse_declared__half_a_character_of_utf_16() -> None:
    with pytest.raises(LabelMapError, match="line 1: its encoding is neither"):
        parse_declared("name,r,g,b\nroad,1,2,3\n".encode("utf-16") + b"x", "x")
