from pathlib import Path

import pytest

from roadloop.errors import InvalidNameError, LabelMapError, NotFoundError
from roadloop.labels.colors import ColorCoder
from roadloop.labels.library import find_table, list_tables, parse_table
from roadloop.labels.table import SHIPPED, format_csv, shipped


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped__colours_name_one_class_each(name: str) -> None:
    ColorCoder(shipped(name))


def test_shipped__cityscapes_has_19_train_ids_in_order() -> None:
    learned = [c.train_id for c in shipped("cityscapes").classes if c.train_id != 255]
    assert learned == list(range(19))


def test_find_table__files_win_and_are_listed(tmp_path: Path) -> None:
    (tmp_path / "class-tables").mkdir()
    (tmp_path / "class-tables" / "voc.csv").write_text(format_csv(shipped("camvid")))
    (tmp_path / "class-tables" / "本队.txt").write_bytes("1 2 3 道路\n".encode("gbk"))
    (tmp_path / "class-tables" / ".x.txt").touch()
    assert list_tables(tmp_path) == sorted({*SHIPPED, "本队"})
    assert find_table(tmp_path, "voc").classes == shipped("camvid").classes
    assert find_table(tmp_path, "本队").classes[0].name_zh == "道路"
    with pytest.raises(NotFoundError) as raised:
        find_table(tmp_path, "sad")
    assert "本队" in raised.value.text.zh
    with pytest.raises(InvalidNameError):
        find_table(tmp_path, "../voc")


@pytest.mark.parametrize(
    "text",
    [
        "# R G B name\n128 64 128\tRoad\n\n64, 0, 128, Car 2\r\n0 0 0 Void\n",
        "name,r,g,b\nRoad,128,64,128\nCar 2,64,0,128\nVoid,0,0,0\n",
        "\ufefflabel, R, G, B\nRoad, 128, 64, 128\nCar 2,64,0,128\nVoid,0,0,0\n",
    ],
)
def test_parse_table__lines_and_named_columns(text: str) -> None:
    assert [(c.raw_id, c.name_en, c.color, c.train_id) for c in parse_table(text.encode(), "x").classes] == [
        (0, "Road", (128, 64, 128), 0),
        (1, "Car 2", (64, 0, 128), 1),
        (2, "Void", (0, 0, 0), 255),
    ]


@pytest.mark.parametrize(
    "text", ["", "1 2 3\n", "1 2 300 x\n", "a b c d\n", "".join(f"{i % 256} 0 0 n\n" for i in range(256))]
)
def test_parse_table__refused(text: str) -> None:
    with pytest.raises(LabelMapError):
        parse_table(text.encode(), "x")


def test_parse_table__named_columns_that_are_no_csv_are_named() -> None:
    with pytest.raises(LabelMapError, match="not valid csv"):
        parse_table(b'name,r,g,b\n"' + b"x" * 200_000, "t")
