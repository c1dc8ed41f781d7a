"""Folders with links: followed inside, named where they lead out, nowhere or to what is walked already."""

from pathlib import Path

import pytest

from roadloop.storage.listing import LEADS_NOWHERE, TWICE, list_folder, walk
from roadloop.storage.paths import LEADS_OUT, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Home with `v/` (a.jpg, sub/b.jpg), a root with `r/c.jpg` and `r/deep/d.jpg`, and `outside/x.jpg`."""
    for file in ("home/v/a.jpg", "home/v/sub/b.jpg", "root/r/c.jpg", "root/r/deep/d.jpg", "outside/x.jpg"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return Workspace(tmp_path / "home", (f"{tmp_path / 'root'}:ro",))


def seen(workspace: Workspace) -> tuple[list[str], dict[str, object]]:
    top = workspace.home / "v"
    files: list[str] = []
    left: dict[str, object] = {}
    for folder in walk(top, workspace.holds):
        place = folder.path.relative_to(top)
        files += [(place / name).as_posix() for name in folder.files]
        left |= {(place / name).as_posix(): reason for name, reason in folder.left_out}
    return files, left


def test_list_folder__files_folders_links_and_hidden_names(workspace: Workspace, tmp_path: Path) -> None:
    top = workspace.home / "v"
    (top / ".hidden").touch()
    (top / "in.jpg").symlink_to(tmp_path / "root" / "r" / "c.jpg")
    (top / "indeed").symlink_to(tmp_path / "root" / "r")
    (top / "out.jpg").symlink_to(tmp_path / "outside" / "x.jpg")
    (top / "gone.jpg").symlink_to(tmp_path / "root" / "nothing")
    (top / "loop.jpg").symlink_to(top / "loop.jpg")
    found = list_folder(top, workspace.holds)
    assert found.files == ["a.jpg", "in.jpg"]
    assert found.folders == ["indeed", "sub"]
    assert found.left_out == [("gone.jpg", LEADS_NOWHERE), ("loop.jpg", LEADS_NOWHERE), ("out.jpg", LEADS_OUT)]


def test_walk__links_to_folders_are_followed_once(workspace: Workspace, tmp_path: Path) -> None:
    top = workspace.home / "v"
    (top / "all").symlink_to(tmp_path / "root" / "r")
    (top / "deep").symlink_to(tmp_path / "root" / "r" / "deep")
    (top / "home").symlink_to(workspace.home)
    (top / "out").symlink_to(tmp_path / "outside")
    (top / "sub" / "again").symlink_to(top / "sub")
    files, left = seen(workspace)
    assert files == ["a.jpg", "all/c.jpg", "all/deep/d.jpg", "sub/b.jpg"]
    assert left == {"deep": TWICE, "home": TWICE, "out": LEADS_OUT, "sub/again": TWICE}


def test_walk__a_folder_that_cannot_be_listed_is_named(workspace: Workspace) -> None:
    (workspace.home / "v").rename(workspace.home / "w")
    assert [folder.left_out[0].name for folder in walk(workspace.home / "v", workspace.holds)] == [""]
