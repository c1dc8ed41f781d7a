"""Commands that back an installation up, and bring it back, here or elsewhere."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from roadloop.cli.operate import Roots
from roadloop.console import Home, language, say, settings_of, terminal
from roadloop.errors import InvalidValueError, Text, many
from roadloop.jobs import backup as backups
from roadloop.jobs import restored
from roadloop.settings import Settings
from roadloop.storage.backup import About, Shelf, newest
from roadloop.storage.database import Database
from roadloop.storage.move import move
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import FILE, open_platform, opened
from roadloop.storage.shelves import FolderShelf, open_shelf
from roadloop.storage.sqlite import sqlite_url

console = terminal()
MIB = 2**20
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())


def backup(
    place: Annotated[Path, typer.Argument(help="A folder for backups, or a new file that ends in .tar.")],
    *,
    home: Home = None,
    root: Roots = None,
    check: Annotated[bool, typer.Option("--verify", help="Read a backup again and compare every sum.")] = False,
    show: Annotated[bool, typer.Option("--list", help="List the backups that are there.")] = False,
    keep: Annotated[int, typer.Option(min=0, help="Afterwards keep only so many of the newest; 0: all.")] = 0,
) -> None:
    """Back the workspace up while the server runs 备份（服务与任务可继续运行）.

    Rows as they stand at one moment, and the files that they name; what an earlier backup in the folder has is not copied
    again. Restored jobs go on from where they were. Leaves with 1 when a file is not as its job left it.
    """
    place = place.expanduser().resolve()
    if show or check:
        shelf = open_shelf(place)
        with closing(shelf):
            _look(shelf, check=check)
        return
    with opened(settings_of(home, roots=tuple(root) if root else None)) as platform:
        if place.is_relative_to(platform.workspace.home):
            raise InvalidValueError(
                Text(
                    "备份不能放在工作区里面；请放到别的目录，最好是别的磁盘。",
                    "A backup cannot stand inside the workspace; put it elsewhere, best on another disk.",
                )
            )
        shelf = open_shelf(place, write=True)
        with closing(shelf), Progress(*_COLUMNS, console=terminal(stderr=True), transient=True) as bar:
            line = bar.add_task("files 文件", total=None)
            saved = backups.save(platform, shelf, lambda n, total: bar.update(line, completed=n, total=total))
    if keep and isinstance(shelf, FolderShelf):
        snapshots, objects = shelf.prune(keep)
        say(f"removed 已删除: {many(snapshots, 'backup')}, {many(objects, 'content')}")
    say(
        f"{saved.about.name}: {many(saved.about.files, 'file')}, {saved.about.bytes / MIB:.1f} MiB;"
        f" new 新增 {many(saved.new, 'file')}, {saved.new_bytes / MIB:.1f} MiB"
    )
    _complain(saved.problems)


def _look(shelf: Shelf, *, check: bool) -> None:
    for about in shelf.snapshots():
        say(
            f"{about.name}  {many(about.files, 'file')}  {about.bytes / MIB:.1f} MiB  roadloop {about.version}  schema {about.db_schema}"
        )
        if check:
            with Progress(*_COLUMNS, console=terminal(stderr=True), transient=True) as bar:
                line = bar.add_task(about.name, total=None)
                found = backups.verify(shelf, about, lambda n, t, line=line: bar.update(line, completed=n, total=t))  # type: ignore[misc]
            _complain(found)
            say("verified 已核对")


def _complain(problems: list[Text]) -> None:
    for text in problems[:20]:
        console.print(f"[red]✗[/] {escape(text.pick(language()))}")
    if problems:
        say(f"{len(problems)} problems 个问题")
        raise typer.Exit(1)


def restore(
    place: Annotated[Path, typer.Argument(help="The folder, or .tar file, of `roadloop backup`.")],
    *,
    home: Home = None,
    name: Annotated[str, typer.Option(help="Which backup, as --list names it; absent: the newest.")] = "",
) -> None:
    """Bring a backup back into an empty folder 还原备份到空目录: the same place or another, this machine or another.

    Every file is compared with its sum. Jobs that ran wait for the next `roadloop serve`, which goes on with them. With
    ROADLOOP_DATABASE_URL the rows go into that database, which must be empty.
    """
    settings = settings_of(home)
    target = Workspace(settings.home, ()).home
    shelf = open_shelf(place.expanduser().resolve())
    with closing(shelf), Progress(*_COLUMNS, console=terminal(stderr=True), transient=True) as bar:
        about = newest(shelf, name)
        line = bar.add_task(about.name, total=None)
        backups.restore(shelf, about, target, lambda n, total: bar.update(line, completed=n, total=total))
    _open_restored(about, settings.model_copy(update={"database_url": ""}), settings.database_url)


def _open_restored(about: About, settings: Settings, url: str) -> None:
    platform = open_platform(settings, upgrade=True)
    try:
        waiting = restored.settle(platform, about.finished_later)
        if url:
            with (
                closing(Database(sqlite_url(platform.workspace.home / FILE))) as source,
                closing(Database(url)) as there,
            ):
                move(source, there, platform.workspace.home)
    finally:
        platform.database.close()
    text = Text(
        f"已还原 {about.name}（{about.files} 个文件）到 {platform.workspace.home}；{len(waiting)} 个任务会在下次 roadloop serve 时继续。",
        f"Restored {about.name} ({many(about.files, 'file')}) to {platform.workspace.home}; {many(len(waiting), 'job goes', 'jobs go')} on with the next"
        " roadloop serve.",
    )
    console.print(escape(text.pick(language())))
