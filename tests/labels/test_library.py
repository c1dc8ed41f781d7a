from pathlib import Path

import pytest

from roadloop.errors import InvalidNameError, NotFoundError, PathOutsideError
from roadloop.labels.colors import ColorCoder
from roadloop.labels.library import find_table, list_tables
from roadloop.labels.table import SHIPPED, format_csv, shipped
from roadloop.storage.paths import Workspace


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped__colours_name_one_class_each(name: str) -> None:
    ColorCoder(shipped(name))


def test_shipped__cityscapes_has_19_train_ids_in_order() -> None:
    learned = [c.train_id for c in shipped("cityscapes").classes if c.train_id != 255]
    assert learned == list(range(19))


def test_find_table__files_win_and_are_listed(tmp_path: Path) -> None:
    tables, workspace = tmp_path / "home" / "class-tables", Workspace(tmp_path / "home")
    tables.mkdir(parents=True)
    (tables / "voc.csv").write_text(format_csv(shipped("camvid")))
    (tables / "本队.txt").write_bytes("1 2 3 道路\n".encode("gbk"))
    (tables / ".x.txt").touch()
    assert list_tables(workspace) == sorted({*SHIPPED, "本队"})
    assert find_table(workspace, "voc").classes == shipped("camvid").classes
    assert find_table(workspace, "本队").classes[0].name_zh == "道路"
    assert find_table(workspace, "本队").name == "本队"
    with pytest.raises(NotFoundError) as raised:
        find_table(workspace, "sad")
    assert f"现有：{', '.join(list_tables(workspace))}。" in raised.value.text.zh
    assert raised.value.details == {"parameter": "roadelement", "name": "sad"}
    with pytest.raises(InvalidNameError) as refused:
        find_table(workspace, "../voc", "classes")
    assert refused.value.details["parameter"] == "classes"
    (tmp_path / "out.csv").write_text(format_csv(shipped("camvid")))
    (tables / "linked.csv").symlink_to(tmp_path / "out.csv")
    with pytest.raises(PathOutsideError, match=r"linked\.csv"):
        find_table(workspace, "linked")
