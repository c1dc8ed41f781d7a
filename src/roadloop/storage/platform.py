"""What every entry point opens first: settings, database and workspace of one installation."""

import atexit
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from roadloop.errors import AccessRefusedError, NotFoundError, Text
from roadloop.settings import Settings
from roadloop.storage import installation, migrate, publish, quarantine, rows_copy, sqlite
from roadloop.storage.database import Database
from roadloop.storage.paths import Workspace
from roadloop.storage.sqlite import broken, frozen_url, sqlite_url

FILE: Final = sqlite.FILE


class Place(Protocol):
    """As much of an installation as can be had without its rows."""

    @property
    def settings(self) -> Settings:
        """Where it runs."""

    @property
    def workspace(self) -> Workspace:
        """Its folders."""


@dataclass(frozen=True)
class Platform:
    """One installation, opened.

    Attributes:
        upgraded: What bringing its database to this version's schema changed in the rows, for people.
    """

    settings: Settings
    database: Database
    workspace: Workspace
    upgraded: tuple[Text, ...] = ()


def open_platform(settings: Settings, *, upgrade: bool = False, anew: bool = False) -> Platform:
    """Open the installation that `settings` name; one on a read-only disk is opened for reading.

    Args:
        settings: Where it is.
        upgrade: Bring the database to this version's schema first; a fresh home gets one.
        anew: Begin a database although the home holds work; what stands in its place is put aside.

    Raises:
        NotFoundError: There is no installation, and `upgrade` is false.
        ConflictError: The database has another schema and `upgrade` is false, or a newer one than this program; or it is
            missing or empty in a home that holds work; or it belongs to another home.
        BrokenDatabaseError: The database is damaged.
        DiskFullError: There is no room for the folders, or for what the database needs beside it.
        AccessRefusedError: It belongs to another user of this machine.
    """
    try:
        return _open(settings, Workspace(settings.home, settings.roots), upgrade=upgrade, anew=anew)
    except PermissionError as error:
        raise _not_ours(settings.home, error) from error


def _open(settings: Settings, workspace: Workspace, *, upgrade: bool, anew: bool) -> Platform:
    home, inside = workspace.home, not settings.database_url
    if anew and inside:
        _put_aside(home)
    if inside and not (home / FILE).exists():
        if not anew:
            installation.refuse_empty(home, "is missing")
        if not upgrade:
            raise _no_workspace(home)
    worked = not anew and installation.has_work(
        home
    )  # before the look at the schema, which another server may be making
    if upgrade:
        with publish.disk_errors(home):
            workspace.create_folders()
    database = Database(settings.database_url or _url(home, upgrade=upgrade))
    with _closed_on_error(database):
        if worked and migrate.current(database) is None:
            installation.refuse_empty(home, "is empty")
        said = _agree(database, home, inside=inside, upgrade=upgrade)
    return Platform(settings, database, workspace, said)


@contextmanager
def _closed_on_error(database: Database) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        database.close()
        if isinstance(error, UnicodeDecodeError):  # SQLite shows a damaged schema in its words
            raise broken(str(error)) from error
        raise


@contextmanager
def opened(settings: Settings, *, upgrade: bool = False) -> Iterator[Platform]:
    """`open_platform` for a command: its database is closed when the block ends."""
    platform = open_platform(settings, upgrade=upgrade)
    try:
        yield platform
    finally:
        platform.database.close()


def _agree(database: Database, home: Path, *, inside: bool, upgrade: bool) -> tuple[Text, ...]:
    """See that database, program and home fit; with `upgrade` make them. Returns what was changed in the rows."""
    if not upgrade:
        migrate.check(database)
        installation.check(database, home, inside=inside)
        return ()
    kept = rows_copy.before_upgrade(database, home)
    said = migrate.upgrade(database, home)
    installation.settle(database, home, inside=inside)
    database.analyze()
    return said if kept is None else (kept, *said)


def _url(home: Path, *, upgrade: bool) -> str:
    """The home's own database; where the disk is read-only, in a way that writes nothing beside it."""
    file = home / FILE
    if file.exists() and not os.access(
        file, os.R_OK, effective_ids=True
    ):  # which SQLite does not tell from a missing one
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))
    if upgrade or os.access(home, os.W_OK, effective_ids=True):
        return sqlite_url(file)
    wal = home / f"{FILE}-wal"
    if not wal.exists() or not wal.stat().st_size:
        return frozen_url(file)
    folder = Path(tempfile.mkdtemp(prefix="roadloop-"))  # SQLite takes in what stands in the -wal by writing
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for path in (file, wal):
        shutil.copyfile(path, folder / path.name)
    return sqlite_url(folder / FILE)


def _put_aside(home: Path) -> None:
    stamp = quarantine.stamp()
    note = Text("数据库：另行新建", "The database: another one was begun")
    for end in ("", "-wal", "-shm"):  # what SQLite keeps beside it
        if (file := home / f"{FILE}{end}").exists():
            quarantine.put(home, file, note, stamp)


def _not_ours(home: Path, error: PermissionError) -> AccessRefusedError:
    try:
        owner = home.owner()
    except (OSError, KeyError):  # a folder above it is shut, or the user is gone
        owner = ""
    path = error.filename or home
    if not owner:
        return AccessRefusedError(
            Text(
                f"当前用户无权访问 {path}。请以工作区所有者的身份运行。",
                f"This user may not open {path}. Run this as the user whose workspace it is.",
            )
        )
    return AccessRefusedError(
        Text(
            f"当前用户无权访问 {path}，工作区属于 {owner}。请以该用户身份运行：runuser -u {owner} -- roadloop …",
            f"This user may not open {path}: the workspace belongs to {owner}. Run this as that user: runuser -u {owner} --"
            " roadloop ...",
        )
    )


def _no_workspace(home: Path) -> NotFoundError:
    return NotFoundError(
        Text(
            f"{home} 不是 roadloop 工作区。请用 --home（或 ROADLOOP_HOME）指定；roadloop serve 会新建一个。",
            f"{home} is no workspace of roadloop. Name it with --home (or ROADLOOP_HOME); roadloop serve makes a new one.",
        )
    )
