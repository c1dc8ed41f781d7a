from pathlib import Path

import pytest

from roadloop.errors import InvalidNameError, NotFoundError
from roadloop.labels.colors import ColorCoder
from roadloop.labels.library import find_table, list_tables
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
