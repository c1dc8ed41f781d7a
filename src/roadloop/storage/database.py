"""The database: SQLite in WAL mode by default, behind SQLAlchemy Core.

`transaction()` is the only place that commits. Open it in the function that needs it, keep it short, and do no
network, decoding or torch inside: SQLite has one writer at a time.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

from roadloop.errors import BusyError, DiskFullError, Text

metadata: Final = sa.MetaData()

BUSY_SECONDS: Final = 30
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

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading; it sees one state of the database and never waits for a writer."""
        with _named_errors(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN DEFERRED")
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _engine_options(url: str) -> dict[str, Any]:
    if sa.make_url(url).get_backend_name() != "sqlite":
        return {"pool_pre_ping": True}
    # isolation_level=None: the driver starts no transaction by itself, `transaction` does.
    return {
        "connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
        "pool_size": 20,
        "max_overflow": 300,  # more than the server has threads, so that nobody waits here
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
    cursor.close()


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
