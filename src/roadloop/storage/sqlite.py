"""SQLite in WAL mode, the database of one machine: a file in the workspace, with one writer at a time."""

import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event

from roadloop.errors import BrokenDatabaseError, BusyError, DiskFullError, RoadloopError, Text
from roadloop.storage import reading, row_sums

FILE: Final = "roadloop.db"  #: in the workspace
BUSY_SECONDS: Final = 30
#: The log of changes (`roadloop.db-wal`) is copied back every 1,000 pages, and cut to this many bytes when it is emptied.
WAL_PAGES: Final = 1000
WAL_BYTES: Final = 64 * 2**20
#: Rows of each index that `analyze` looks at, at most: it takes milliseconds, however many there are.
ANALYSED_ROWS: Final = 1000
SELF_ANALYSING: Final = False

_WRITE_BYTE: Final = "120"  # of the file -shm
#: What SQLite says when a file has no room, or a journal cannot be made.
_DISK_SIGNS: Final = ("full", "readonly", "disk I/O", "unable to open")
#: What SQLite says of a file that it cannot make sense of; its version says which tables and columns there are, and the
#: one function of ours fails where a text is none.
_BROKEN_SIGNS: Final = (
    "image is malformed", "malformed database schema", "not a database", "unsupported file format",
    "Could not decode to UTF-8", "user-defined function raised", "no such table", "no such column",
)  # fmt: skip


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return str(sa.URL.create("sqlite", database=str(path)))


def frozen_url(path: Path) -> str:
    """The URL of a SQLite file that nobody changes while it is read; nothing is written beside it."""
    query = {"mode": "ro", "immutable": "1", "uri": "true"}
    return str(sa.URL.create("sqlite", database=f"file:{quote(str(path))}", query=query))


def connect(url: sa.URL, options: Mapping[str, Any]) -> sa.Engine:
    """An engine; nothing is opened yet."""
    # isolation_level=None: the driver starts no transaction by itself, `begin` does.
    engine = sa.create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
        pool_size=20,
        max_overflow=300,  # more than the server has threads, so that nobody waits here
        **options,
    )
    if "immutable" not in url.query:
        event.listen(engine, "connect", _prepare)
    return engine


def begin(connection: sa.Connection, seconds: float | None, *, turn: bool) -> None:  # noqa: ARG001 - there is always one
    """Become the writer, for whom others wait at most `seconds`, or 30 s."""
    if not connection.info.get(row_sums.TABLE):  # before the first transaction that writes: it takes 5 ms
        connection.info[row_sums.TABLE] = row_sums.keep(connection)
    if seconds is not None:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(seconds * 1000)}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        if seconds is not None:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")


def begin_reading(connection: sa.Connection) -> sa.Connection:
    """See one state of the database from now on, without waiting for a writer."""
    connection.exec_driver_sql("BEGIN DEFERRED")
    return connection


def named(error: sa.exc.DBAPIError) -> RoadloopError | None:
    """Our error for what SQLite says; None for a bug of ours."""
    message = str(error.orig)
    if any(sign in message for sign in _BROKEN_SIGNS):
        return broken(message)
    if any(sign in message for sign in _DISK_SIGNS):
        return DiskFullError(
            Text(
                f"数据库无法写入（{message}）。请腾出磁盘空间后重试，已有数据未被改动。",
                f"The database cannot be written ({message}). Free some disk space and retry; nothing was changed.",
            )
        )
    if "locked" in message or "busy" in message:
        return BusyError(Text("数据库正被占用，请稍后重试。", "The database is busy; try again in a moment."))
    return None


def holder(engine: sa.Engine) -> int | None:
    """The process that holds SQLite's lock for writing; None when no process does, or the system does not say.

    The kernel's list is read: a look at the file itself would, when it is closed, drop this process's own locks.
    Source: proc_locks(5); the byte of the lock is WAL_WRITE_LOCK of https://sqlite.org/walformat.html.
    """
    try:
        inode = Path(f"{engine.url.database}-shm").stat().st_ino
        locks = [line.split() for line in reading.read_bytes(Path("/proc/locks")).decode().splitlines()]
    except OSError:
        return None
    for lock in locks:
        if lock[1:4] == ["POSIX", "ADVISORY", "WRITE"] and lock[5].endswith(f":{inode}") and lock[6] == _WRITE_BYTE:
            return int(lock[4])
    return None


def analyze(connection: sa.Connection) -> None:
    """Collect statistics from a part of the rows.

    `PRAGMA optimize` does the same, but before SQLite 3.46 only for tables that this very connection has asked for.
    Without statistics plans are worse, never wrong: a busy or full disk is passed over.
    """
    with suppress(sa.exc.OperationalError):
        # A table without an index would be read as a whole, and those of the search are large.
        indexed = "SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'index' AND tbl_name NOT LIKE 'search%'"
        for table in connection.exec_driver_sql(indexed).scalars().all():
            connection.exec_driver_sql(f'ANALYZE "{table}"')


def broken(message: str) -> BrokenDatabaseError:
    """The error for a database that makes no sense; `message` says what does not."""
    return BrokenDatabaseError(
        Text(
            f"数据库已损坏（{message}）。图片、data、网络和模型都是旁边的普通文件，不受影响，也没有任何改动。请停止服务，"
            "从备份恢复工作区的 roadloop.db（连同当时的 roadloop.db-wal，没有就移走现有的）；没有备份时，"
            "roadloop migrate --begin-anew 会把损坏的文件移到一边并新建数据库。",
            f"The database is damaged ({message}). Pictures, datasets, networks and models are plain files beside it: they"
            " are safe, and nothing was changed. Stop the server and put roadloop.db back from a backup (with the"
            " roadloop.db-wal of that time; without one move away the one that is there). Without a backup, roadloop"
            " migrate --begin-anew puts the damaged file aside and begins a new database.",
        )
    )


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    cursor = connection.cursor()
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:  # the switch to WAL does not wait for other openers by itself
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    cursor.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    cursor.execute(f"PRAGMA analysis_limit = {ANALYSED_ROWS}")
    cursor.close()
