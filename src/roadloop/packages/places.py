"""Where pictures to be labelled, packages and returned labels stand in the workspace.

`images/<version>/` pictures, `packages/<version>/<n>/` what an annotator gets, `released/<version>/<n>/` what comes
back. Package numbers are unique over all versions.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from roadloop.errors import NotFoundError, Text
from roadloop.storage.folders import Folders
from roadloop.storage.paths import Workspace, spoken

IMAGES: Final = Folders.images.name
PACKAGES: Final = Folders.packages.name
RELEASED: Final = Folders.released.name
REJECTED: Final = "rejected"
REPORTS: Final = "reports"


def folder_of(workspace: Workspace, kind: str, version: str, parameter: str = "version") -> Path:
    """The folder `<kind>/<version>`; it need not exist.

    Raises:
        InvalidNameError: `version` cannot be a name, or several folders read like it.
        PathOutsideError: It is a link that leads out of the workspace.
    """
    return workspace.follow(workspace.entry(workspace.home / kind, version, parameter))


def existing(workspace: Workspace, kind: str, version: str) -> Path:
    """The folder `<kind>/<version>`.

    Raises:
        NotFoundError: There is none; the text says which there are.
    """
    folder = folder_of(workspace, kind, version)
    if not folder.is_dir():
        there = ", ".join(versions(workspace, kind)[:10]) or "-"
        raise NotFoundError(
            Text(
                f"没有 {kind}/{version} 目录；现有：{there}（目录 {workspace.home / kind}）",
                f"There is no folder {kind}/{version}; there are: {there} (in {workspace.home / kind})",
            ),
            parameter="version",
            version=version,
        )
    return folder


def versions(workspace: Workspace, kind: str) -> list[str]:
    """Names of the folders in `<kind>/`, in order."""
    folder = workspace.home / kind
    if not folder.is_dir():
        return []
    return sorted(spoken(p.name) for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def numbered(folder: Path) -> dict[int, Path]:
    """The package folders in a version's folder: number -> folder, ascending."""
    if not folder.is_dir():
        return {}
    found = {
        int(p.name): p
        for p in folder.iterdir()
        if p.name.isascii() and p.name.isdigit() and len(p.name) <= 9 and p.is_dir()
    }
    return dict(sorted(found.items()))


def all_packages(workspace: Workspace) -> Iterator[tuple[str, int, Path]]:
    """(version, number, folder) of every package folder."""
    for version in versions(workspace, PACKAGES):
        for number, folder in numbered(workspace.packages / version).items():
            yield version, number, folder


def find_package(workspace: Workspace, number: int, version: str = "") -> Path | None:
    """The folder of a package by its number, in `version` if it stands there, else wherever it is."""
    first = workspace.packages / version / str(number)
    if version and first.is_dir():
        return first
    found = [workspace.packages / v / str(number) for v in versions(workspace, PACKAGES)]
    return next((p for p in found if p.is_dir()), None)
