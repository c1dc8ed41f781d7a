import re
from pathlib import Path

import roadloop
from roadloop.storage.folders import FOLDERS, Folders
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
