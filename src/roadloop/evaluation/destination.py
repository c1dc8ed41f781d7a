"""Where an evaluation may write: a new or empty folder, away from everything that is a source.

Results never mix with what is already there, and a slip of the pen never overwrites labels. With `overwrite` the
folder of an earlier evaluation is replaced, if it holds nothing but what that evaluation wrote.
"""

from pathlib import Path
from typing import Any, Final

from roadloop.errors import BrokenFileError, ConflictError, Text
from roadloop.storage import publish
from roadloop.storage.paths import Workspace, check_name

#: Folders of the workspace that hold what evaluations read, or what other work owns.
RESERVED: Final = (
    "sources", "datasets", "networks", "tasks", "weights", "models", "imports", "logs",
    "tracks", "selections", "images", "packages", "released",
)  # fmt: skip


def check_destination(workspace: Workspace, target: Path, source: Path | None, *, overwrite: bool) -> None:
    """Refuse an output folder that could harm something.

    Args:
        workspace: Its folders are out of bounds, `evaluations/<name>` excepted.
        target: The resolved output folder.
        source: The resolved picture folder; None for a dataset.
        overwrite: The folder may hold an earlier evaluation.

    Raises:
        ConflictError: It is not empty, or lies inside or above a source.
        InvalidNameError: Its last part cannot be a name.
    """
    check_name(target.name, "dest_dir")
    reserved = [workspace.home / name for name in RESERVED]
    for folder in [*reserved, *([source] if source is not None else [])]:
        if target.is_relative_to(folder) or folder.is_relative_to(target):
            raise _refused(
                target,
                f"它与 {folder} 相互包含，结果不能写在数据目录之内或之上",
                f"it lies inside or above {folder}, which holds other data",
            )
    if workspace.evaluations.is_relative_to(target):
        raise _refused(target, "它包含其他评估的结果", "it holds the results of all evaluations")
    if target.exists() and not target.is_dir():
        raise _refused(target, "它是一个文件", "it is a file")
    if not target.exists() or not any(target.iterdir()):
        return
    if not overwrite:
        raise _refused(
            target,
            "它不是空目录；请换一个目录，或用 overwrite=1 替换先前的评估结果",
            "it is not empty; choose another one, or replace an earlier evaluation with overwrite=1",
        )
    extra = foreign_files(target)
    if extra:
        raise _refused(
            target, f"其中有不属于评估结果的文件：{extra[:5]}", f"it holds files that no evaluation wrote: {extra[:5]}"
        )


def foreign_files(folder: Path) -> list[str]:
    """What stands in a folder without being in the manifest of an evaluation; all of it when there is none."""
    present = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())
    try:
        manifest: dict[str, Any] = publish.read_manifest(folder)
        files = set(manifest["files"])
    except (BrokenFileError, KeyError, TypeError):
        return present
    if "report.json" not in files or "pictures.csv" not in files:
        return present
    return [name for name in present if name not in files and name != publish.MANIFEST]


def _refused(target: Path, zh: str, en: str) -> ConflictError:
    return ConflictError(
        Text(f"dest_dir {target} 不能使用：{zh}。", f"dest_dir {target} cannot be used: {en}."), parameter="dest_dir"
    )
