"""Folders that could be imported: those below imports/ and in the roots, one level at a time."""

from pathlib import Path, PurePosixPath
from typing import Any, Final

from roadloop.sources.importers.tree import ARCHIVES, PICTURES
from roadloop.sources.offimport import find_folder
from roadloop.storage.listing import list_folder
from roadloop.storage.objects import ObjectPath
from roadloop.storage.paths import Workspace, spoken

MOST: Final = 1000  #: folders in one answer


def browse(workspace: Workspace, path: str) -> dict[str, Any]:
    """What one folder holds; without a path, where folders can be.

    Args:
        workspace: Has the folders.
        path: As in an answer before: under imports/, or absolute in a root.

    Returns:
        `path`; `above`, the path of the folder that holds it (null at the top); `folders`, each with name and path, the
        first `MOST` of `total`; how many `files` and `pictures` stand in the folder itself; `archives` that would have
        to be sent or unpacked first; `imports`, where folders are put.

    Raises:
        NotFoundError: It is not there.
        PathOutsideError: It is neither under imports/ nor in a root.
    """
    answer: dict[str, Any] = {"path": path, "above": None, "files": 0, "pictures": 0, "archives": []}
    answer["imports"] = str(workspace.imports)
    if not path:
        tops = [workspace.imports, *(root.path for root in workspace.roots[1:] if root.path.is_dir())]
        folders = [{"name": workspace.store_path(top), "path": workspace.store_path(top)} for top in tops]
        return {**answer, "folders": folders, "total": len(folders)}
    folder = find_folder(workspace, path)
    if isinstance(folder, ObjectPath):  # is looked at by the job; a listing may take as long as it
        return {**answer, "path": str(folder), "folders": [], "total": 0}
    found = list_folder(folder, workspace.holds)
    endings = [PurePosixPath(name).suffix.lower() for name in found.files]
    return {
        **answer,
        "path": workspace.store_path(folder),
        "above": _above(workspace, folder),
        "folders": [
            {"name": spoken(name), "path": workspace.store_path(folder / name)} for name in found.folders[:MOST]
        ],
        "total": len(found.folders),
        "files": len(found.files),
        "pictures": sum(ending in PICTURES for ending in endings),
        "archives": [spoken(name) for name in found.files if name.lower().endswith(ARCHIVES)][:20],
    }


def _above(workspace: Workspace, folder: Path) -> str:
    """The path of what holds a folder; empty: the list of tops."""
    tops = {workspace.imports, *(root.path for root in workspace.roots)}
    return "" if folder in tops else workspace.store_path(folder.parent)
