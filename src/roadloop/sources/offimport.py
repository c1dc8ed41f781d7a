"""What a caller can do with imports: start one, find its report. No pictures are read here."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from roadloop.errors import (
    ConflictError,
    InvalidValueError,
    JobError,
    LabelMapError,
    NameTakenError,
    NotFoundError,
    PathOutsideError,
    Text,
)
from roadloop.jobs import queue
from roadloop.jobs.queue import Submission
from roadloop.labels.library import find_table
from roadloop.labels.table import IGNORE, ClassTable
from roadloop.sources import store
from roadloop.sources.importers.meaning import check_tables
from roadloop.sources.importers.recognise import AUTO, LAYOUTS
from roadloop.sources.recipe import ImportJob, ImportRecipe, read_origin
from roadloop.sources.service import check_dest, open_set
from roadloop.sources.survey import legend_near
from roadloop.storage.database import Write
from roadloop.storage.objects import ObjectPath, Place
from roadloop.storage.paths import Workspace, check_name
from roadloop.storage.platform import Platform

REPORT: Final = "report.csv"  #: of a preview
CODES: Final[Mapping[str, Mapping[str, Text]]] = {
    "source": {"0": Text("线上", "online"), "1": Text("线下", "offline"), "2": Text("人工挑选", "hand-picked")},
    "annotype": {"0": Text("首次标注", "first"), "1": Text("返工", "rework"), "2": Text("二次返工", "second rework")},
    "datakind": {"0": Text("生产", "production"), "1": Text("测试", "test")},
    "imgoprange": {"0": Text("半图", "half of the picture"), "1": Text("全图", "the whole picture")},
}


def prepare(workspace: Workspace, request: ImportRecipe) -> ImportRecipe:
    """Check a request and resolve it; the folder's class table is looked at, no picture, and no object store.

    Raises:
        NotFoundError: The folder or the class table is not there.
        ConflictError: The class table beside the data is not the one that was asked for.
        InvalidValueError: A code, the layout or a name is wrong.
        PathOutsideError: The folder is neither under imports/ nor in a root.
    """
    for name in CODES:
        _check_code(name, getattr(request, name))
    layout = request.layout
    if layout != AUTO and layout not in LAYOUTS:
        known = ", ".join((AUTO, *LAYOUTS))
        raise InvalidValueError(
            Text(f"没有布局 {layout}；可用：{known}", f"There is no layout {layout}; there are {known}"),
            parameter="layout",
        )
    dest = check_dest(workspace, request.dest)
    table = find_table(workspace, request.roadelement) if request.roadelement else None
    folder = find_folder(workspace, request.src)
    if isinstance(folder, ObjectPath):
        return request.model_copy(update={"dest": dest, "src": str(folder)})
    if table is not None and not (workspace.sources / dest).exists():
        _check_table(workspace, folder, table)
    return request.model_copy(update={"dest": dest, "src": workspace.store_path(folder)})


def create(platform: Platform, recipe: ImportRecipe) -> Write[str]:
    """Hold an import against the set that it goes to.

    Returns:
        Writes the import's row and its job; answers the task id.

    Raises:
        NameTakenError: There is a source set of that name that came from elsewhere, or an import into it goes on.
        ConflictError: The set that is there has another class table.
    """
    with platform.database.reading() as db:
        check_idle(db, recipe.dest)  # before the set is looked at, which that import is changing
    check_origin(platform.workspace, recipe)
    payload = ImportJob(recipe=recipe).payload()

    def write(db: sa.Connection) -> str:
        check_idle(db, recipe.dest)
        task_id = queue.submit(db, Submission(kind="offimport", payload=payload, title=recipe.dest))
        store.insert(db, store.imports, {"task_id": task_id, **recipe.model_dump(exclude={"values"})})
        return task_id

    return write


def create_preview(recipe: ImportRecipe) -> Write[str]:
    """Writes the job of a preview; answers its task id."""
    payload = ImportJob(recipe=recipe).payload()
    return partial(queue.submit, submission=Submission(kind="import_preview", payload=payload, title=recipe.dest))


def _check_table(workspace: Workspace, folder: Path, table: ClassTable) -> None:
    try:
        legend = legend_near(folder, workspace)
    except (LabelMapError, JobError, OSError):
        return  # the job says it, with its report
    if legend is not None:
        check_tables(legend, table)


def find_folder(workspace: Workspace, text: str) -> Place:
    """The folder that `src` names: under `imports/`, with or without that word, or absolute in a root; or `s3://` in one.

    Raises:
        NotFoundError: It is not there; of an object store the job says so.
        PathOutsideError: It is in another part of the workspace, or outside.
        InvalidValueError: It holds the workspace itself, or is not a path.
    """
    path = workspace.resolve_place(text, "src")
    if isinstance(path, ObjectPath):
        return path
    if not path.exists() and not Path(text).is_absolute():
        path = workspace.resolve(f"{workspace.imports.name}/{text}", "src")
    if workspace.home.is_relative_to(path):
        raise InvalidValueError(
            Text("src 不能包含工作区本身", "src must not hold the workspace itself"), parameter="src"
        )
    if path.is_relative_to(workspace.home) and not path.is_relative_to(workspace.imports):
        raise PathOutsideError(
            Text(
                f"src：{text[:200]} 在工作区内，但不在 imports/ 下；请把要导入的目录放到 imports/ 中",
                f"src: {text[:200]} is in the workspace, but not under imports/; put the folder there",
            ),
            parameter="src",
        )
    if path.is_file():
        raise InvalidValueError(
            Text(
                f"src：{text[:200]} 是文件，不是目录；若是压缩包，请先解压到一个目录再导入",
                f"src: {text[:200]} is a file, not a folder; if it is an archive, unpack it first and import the folder",
            ),
            parameter="src",
        )
    if not path.is_dir():
        raise NotFoundError(
            Text(
                f"没有目录 {text[:200]}；请把它放入 {workspace.imports}，或给出配置的根目录内的绝对路径",
                f"There is no folder {text[:200]}; put it into {workspace.imports}, or name an absolute path in a root",
            ),
            parameter="src",
        )
    return path


def find_report(platform: Platform, task_id: str) -> Path:
    """The report of an import.

    Raises:
        NotFoundError: No such import, or it has not got that far.
    """
    with platform.database.reading() as db:
        known = store.is_task(db, store.imports, task_id)
    path = report_path(platform.workspace, task_id)
    if not known or not path.is_file():
        raise NotFoundError(
            Text(
                "没有这个导入任务的报告；任务结束后才会生成",
                "There is no report of such an import; it comes with the import's end",
            ),
            task_id=task_id[:80],
        )
    return path


def find_preview(platform: Platform, task_id: str, file: str) -> Path:
    """A file of a preview: a picture, or its report.

    Raises:
        NotFoundError: No such preview or file.
    """
    path = preview_path(platform.workspace, check_name(task_id, "task_id")) / check_name(file, "file")
    if not path.is_file():
        raise NotFoundError(Text("没有这个预览文件", "There is no such file of a preview"), task_id=task_id[:80])
    return path


def preview_path(workspace: Workspace, task_id: str) -> Path:
    """The folder of a preview's pictures and report."""
    return workspace.previews / task_id


def report_path(workspace: Workspace, task_id: str) -> Path:
    """Where an import's report stands."""
    return workspace.logs / f"{task_id}.report.csv"


def _check_code(name: str, value: str) -> None:
    codes = CODES[name]
    if value not in codes:
        zh = "，".join(f"{code} {text.zh}" for code, text in codes.items())
        en = ", ".join(f"{code} {text.en}" for code, text in codes.items())
        raise InvalidValueError(
            Text(f"{name} 的值“{value[:80]}”无效，应为：{zh}", f"{name}: '{value[:80]}' is not valid; it is {en}"),
            parameter=name,
        )


def check_idle(db: sa.Connection, dest: str) -> None:
    """Refuse an import into a set while another goes on.

    Raises:
        NameTakenError: With the other's task id.
    """
    busy = store.import_under_way(db, dest)
    if busy is not None:
        raise NameTakenError(
            Text(
                f"正在向源数据 {dest} 导入（任务 {busy}）；请等它结束",
                f"An import into {dest} goes on (job {busy}); wait for its end",
            ),
            parameter="dest",
            task_id=busy,
        )


def check_origin(workspace: Workspace, recipe: ImportRecipe) -> None:
    """Refuse an import into a set that is there, unless it is the same import again.

    Raises:
        NameTakenError: The set came from elsewhere.
        ConflictError: It has another layout or class table.
    """
    target = workspace.sources / recipe.dest
    if not target.exists():
        return
    origin = read_origin(target)
    if origin is None or (origin.src, origin.mode) != (recipe.src, recipe.mode):
        come = f"{origin.src} ({origin.mode})" if origin else "-"
        raise NameTakenError(
            Text(
                f"源数据 {recipe.dest} 已存在，来自别处（{come}），未作任何改动；请换一个 dest。"
                "只有同一目录、同一方式（copy/reference）的导入才会追加新图片",
                f"There is a source set {recipe.dest} already, from elsewhere ({come}); nothing was changed. Choose"
                " another dest: only an import of the same folder in the same way (copy/reference) adds to a set",
            ),
            parameter="dest",
            name=recipe.dest,
        )
    if recipe.layout not in (AUTO, origin.layout):
        raise ConflictError(
            Text(
                f"源数据 {recipe.dest} 按 {origin.layout} 布局导入；请用 layout=auto 追加",
                f"{recipe.dest} was imported with the layout {origin.layout}; add to it with layout=auto",
            ),
            parameter="layout",
        )
    table = find_table(workspace, recipe.roadelement) if recipe.roadelement else None
    if table is not None and _named(table) != _named(open_set(workspace, recipe.dest, "dest").table):
        raise ConflictError(
            Text(
                f"源数据 {recipe.dest} 的类别表与 {recipe.roadelement} 不同；请换一个 dest，或不填 roadelement",
                f"The class table of {recipe.dest} is not {recipe.roadelement}; choose another dest, or leave"
                " roadelement out",
            ),
            parameter="roadelement",
        )


def _named(table: ClassTable) -> list[tuple[int, str, str]]:
    """The classes of a table, without 255."""
    return [(c.raw_id, c.name_en, c.name_zh) for c in table.classes if c.raw_id != IGNORE]
