"""The database: SQLite in WAL mode by default, behind SQLAlchemy Core.

`transaction()` is the only place that commits. Open it in the function that needs it, keep it short, and do no
network, decoding or torch inside: SQLite has one writer at a time.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

from roadloop.errors import BusyError, DiskFullError, Text

metadata: Final = sa.MetaData()

BUSY_SECONDS: Final = 30
#: The log of changes (`roadloop.db-wal`) is copied back every 1,000 pages, and cut to this many bytes when it is emptied.
WAL_PAGES: Final = 1000
WAL_BYTES: Final = 64 * 2**20
#: Rows of each index that `analyze` looks at, at most: it takes milliseconds, however many there are.
ANALYSED_ROWS: Final = 1000
#: What SQLite says when a file has no room, or a journal cannot be made.
_DISK_SIGNS: Final = ("full", "readonly", "disk I/O", "unable to open")


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return str(sa.URL.create("sqlite", database=str(path)))


class Database:
    """Connections to one database.

    Args:
        url: SQLAlchemy URL.
    """

    def __init__(self, url: str) -> None:
        self.url: Final = url
        self.engine: Final = sa.create_engine(url, **_engine_options(url))
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
        # SQLite lets waiting writers poll, and some starve; threads of one process queue up here instead.
        self._turn = threading.Lock()
        self._until_analysis = self._analysis_pause = 100

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """One unit of work: commit when the block ends, roll back when it raises.

        Raises:
            BusyError: Another process held the database for 30 s.
            DiskFullError: The disk is full; nothing was changed.
        """
        with self._turn, _named_errors(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            self._until_analysis -= 1
            if self._until_analysis <= 0:
                self._until_analysis = self._analysis_pause = min(2 * self._analysis_pause, 50_000)
                _analyze(connection)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading; it sees one state of the database and never waits for a writer."""
        with _named_errors(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN DEFERRED")
            yield connection

    def analyze(self) -> None:
        """Tell the query planner how many rows there are and how they differ. Also done after every so many commits."""
        with self._turn, self.engine.connect() as connection:
            _analyze(connection)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _analyze(connection: sa.Connection) -> None:
    """Collect statistics from a part of the rows.

    `PRAGMA optimize` does the same, but before SQLite 3.46 only for tables that this very connection has asked for.
    Without statistics plans are worse, never wrong: a busy or full disk is passed over.
    """
    if connection.dialect.name == "sqlite":
        with suppress(sa.exc.OperationalError):
            # A table without an index would be read as a whole, and those of the search are large.
            indexed = "SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'index' AND tbl_name NOT LIKE 'search%'"
            for table in connection.exec_driver_sql(indexed).scalars().all():
                connection.exec_driver_sql(f'ANALYZE "{table}"')


def _engine_options(url: str) -> dict[str, Any]:
    if sa.make_url(url).get_backend_name() != "sqlite":
        return {"pool_pre_ping": True}
    # isolation_level=None: the driver starts no transaction by itself, `transaction` does.
    return {
        "json_deserializer": _from_json,
        "connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
        "pool_size": 20,
        "max_overflow": 60,
    }


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
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


def _from_json(text: str) -> Any:
    """A JSON value; most columns of most rows are empty, and need no parser."""
    if text == "{}":
        return {}
    return [] if text == "[]" else json.loads(text)


@contextmanager
def _named_errors() -> Iterator[None]:
    try:
        yield
    except sa.exc.OperationalError as error:
        message = str(error.orig)
        if any(sign in message for sign in _DISK_SIGNS):
            raise DiskFullError(
                Text(
                    f"数据库无法写入（{message}）。请腾出磁盘空间后重试，已有数据未被改动。",
                    f"The database cannot be written ({message}). Free some disk space and retry; nothing was changed.",
                )
            ) from error
        if "locked" in message or "busy" in message:
            raise BusyError(
                Text("数据库正被占用，请稍后重试。", "The database is busy; try again in a moment.")
            ) from error
        raise
