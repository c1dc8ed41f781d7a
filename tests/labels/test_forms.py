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
    table = parse_declared(b'1 2 3 "road"\n4 5 6 the "x"\n7 8 9 5\'\n', "t").table
    assert [c.name_en for c in table.classes] == ["road", 'the "x"', "5'"]


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
