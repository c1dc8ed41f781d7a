import re
from pathlib import Path

import roadloop
from roadloop.storage.folders import FOLDERS, Folder, Folders
from roadloop.storage.paths import Workspace


def test_folders__are_paths_of_a_workspace(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.class_tables == workspace.home / "class-tables"
    assert Folders.class_tables.name == "class-tables"
    assert len({folder.name for folder in FOLDERS}) == len(FOLDERS)


def test_create_folders__those_that_a_workspace_begins_with(tmp_path: Path) -> None:
    Workspace(tmp_path).create_folders()
    assert {path.name for path in tmp_path.iterdir()} == {folder.name for folder in FOLDERS if folder.begun}


def test_folders__are_named_nowhere_else() -> None:
    """`home / "datasets"` would be a second list, which the first does not know of."""
    source = Path(roadloop.__file__).parent
    named = re.compile(r"""home / "(""" + "|".join(re.escape(folder.name) for folder in FOLDERS) + r""")\"""")
    found = [p.relative_to(source).as_posix() for p in source.rglob("*.py") if named.search(p.read_text())]
    assert found == []


def test_folders__code_never_runs_in_those_into_which_pictures_and_labels_come() -> None:
    """And no manifest among what people put there is taken for roadloop's."""
    assert {folder.name for folder in FOLDERS if folder.inbox} == {
        "sources", "imports", "tracks", "images", "packages", "released", "uploads", "trash", "backups",
    }  # fmt: skip
    assert {folder.name for folder in FOLDERS if folder.filled == "people"} == {
        "networks", "weights", "imports", "tracks", "images", "released", "class-tables", "quarantine", "uploads", "trash",
        "backups",
    }  # fmt: skip
    assert {folder.name for folder in FOLDERS if folder.filled == "both"} == {"sources"}


def test_folder__is_begun_and_no_inbox_unless_it_is_said() -> None:
    one = Folder("x", "jobs")
    assert (one.name, one.filled, one.begun, one.inbox) == ("x", "jobs", True, False)
    other = Folder("y", "people", begun=False, inbox=True)
    assert (other.name, other.filled, other.begun, other.inbox) == ("y", "people", False, True)


def test_create_folders__again_and_in_a_home_that_is_not_there_yet(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "new" / "home")
    for _ in range(2):
        workspace.create_folders()
    assert workspace.datasets.is_dir()
