from pathlib import Path

import pytest

from roadloop.errors import BrokenFileError, NotFoundError
from roadloop.packages import manifest, places
from roadloop.packages.manifest import PackageManifest
from roadloop.storage import publish
from roadloop.storage.paths import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """With packages of two versions, and what is none."""
    for place in ("b/2", "b/10", "b/007", "a/3", ".hidden/4", "a/x", "a/٣", "a/1234567890", "a/123456789"):
        (tmp_path / "packages" / place).mkdir(parents=True)
    (tmp_path / "packages" / "a" / "5").write_text("a file")
    (tmp_path / "packages" / "c").write_text("a file")
    return Workspace(tmp_path)


def test_versions_and_numbers__in_order_and_nothing_else(workspace: Workspace) -> None:
    assert places.versions(workspace, "packages") == ["a", "b"]
    assert places.versions(workspace, "images") == []
    assert list(places.numbered(workspace.packages / "b")) == [2, 7, 10]
    assert places.numbered(workspace.packages / "none") == {}
    assert list(places.all_packages(workspace)) == [
        ("a", 3, workspace.packages / "a" / "3"),
        ("a", 123456789, workspace.packages / "a" / "123456789"),
        ("b", 2, workspace.packages / "b" / "2"),
        ("b", 7, workspace.packages / "b" / "007"),
        ("b", 10, workspace.packages / "b" / "10"),
    ]


def test_find_package__of_the_version_asked_for_else_wherever_it_is(workspace: Workspace) -> None:
    (workspace.packages / "a" / "2").mkdir()
    assert places.find_package(workspace, 2) == workspace.packages / "a" / "2"
    assert places.find_package(workspace, 2, "b") == workspace.packages / "b" / "2"
    assert places.find_package(workspace, 10, "a") == workspace.packages / "b" / "10"
    assert places.find_package(workspace, 4, ".hidden") == workspace.packages / ".hidden" / "4"
    assert [places.find_package(workspace, number) for number in (4, 5, 99)] == [None, None, None]


def test_existing__says_which_there_are(workspace: Workspace) -> None:
    assert places.existing(workspace, "packages", "b") == workspace.packages / "b"
    with pytest.raises(NotFoundError, match=r"There is no folder packages/x; there are: a, b \(in ") as refused:
        places.existing(workspace, "packages", "x")
    assert refused.value.details == {"parameter": "version", "version": "x"}
    for number in range(12):
        (workspace.home / "images" / f"v{number:02d}").mkdir(parents=True)
    with pytest.raises(NotFoundError, match=r"there are: v00, .*, v09 \(in "):
        places.existing(workspace, "images", "x")
    with pytest.raises(NotFoundError, match=r"there are: - \(in "):
        places.existing(workspace, "released", "x")


def test_manifest__what_is_none_is_named_by_its_package(tmp_path: Path) -> None:
    folder = tmp_path / "v1" / "7"
    folder.mkdir(parents=True)
    table = [{"raw_id": 1, "name_en": "road", "name_zh": "道路", "color": [1, 2, 3], "train_id": 0}]
    good = PackageManifest(
        version="v1", number=7, type="full", border=0, origin="images/v1", class_table_name="t", class_table=table, pictures=[]
    )  # fmt: skip
    (folder / "a").write_text("1")
    manifest.write(folder, good)
    assert manifest.read(folder) == good
    assert publish.verify(folder) == []
    text = (folder / publish.MANIFEST).read_text()
    for damaged in (None, "{", "[]", text.replace('"border": 0', '"border": -1'), text.replace("-package/1", "-package/2"),
                    text.replace('"raw_id": 1', '"raw_id": 999')):  # fmt: skip
        if damaged is None:
            (folder / publish.MANIFEST).unlink()
        else:
            assert damaged != text
            (folder / publish.MANIFEST).write_text(damaged)
        with pytest.raises(BrokenFileError, match=r"Package v1/7 has no valid manifest\.json") as refused:
            manifest.read(folder)
        assert refused.value.details == {"package": "v1/7"}
