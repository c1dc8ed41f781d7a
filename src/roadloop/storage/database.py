"""The database: SQLite in WAL mode by default, behind SQLAlchemy Core.

`transaction()` is the only place that commits. SQLite has one writer at a time, so nothing is read from files, walked,
decoded or waited for inside. A use case that has to look at files first is a function that looks, and returns the
`Write` which then only checks what may have changed since, and writes; `Database.write` runs the two.
"""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite

from roadloop.errors import BrokenDatabaseError, BusyError, DiskFullError, OvertakenError, RoadloopError, Text
from roadloop.storage import reading

log: Final = logging.getLogger(__name__)

metadata: Final = sa.MetaData()

T = TypeVar("T")
Write = Callable[[sa.Connection], T]  #: what a transaction does, when everything else is done

BUSY_SECONDS: Final = 30
_WRITE_BYTE: Final = "120"  # of the file -shm
_PREPARATIONS: Final = 5  #: of one write, at most
#: The log of changes (`roadloop.db-wal`) is copied back every 1,000 pages, and cut to this many bytes when it is emptied.
WAL_PAGES: Final = 1000
WAL_BYTES: Final = 64 * 2**20
#: Rows of each index that `analyze` looks at, at most: it takes milliseconds, however many there are.
ANALYSED_ROWS: Final = 1000
#: What SQLite says when a file has no room, or a journal cannot be made.
_DISK_SIGNS: Final = ("full", "readonly", "disk I/O", "unable to open")
#: What SQLite says of a file that it cannot make sense of; its version says which tables and columns there are.
_BROKEN_SIGNS: Final = (
    "image is malformed", "malformed database schema", "not a database", "unsupported file format",
    "Could not decode to UTF-8", "no such table", "no such column",
)  # fmt: skip


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return str(sa.URL.create("sqlite", database=str(path)))


def frozen_url(path: Path) -> str:
    """The URL of a SQLite file that nobody changes while it is read; nothing is written beside it."""
    query = {"mode": "ro", "immutable": "1", "uri": "true"}
    return str(sa.URL.create("sqlite", database=f"file:{quote(str(path))}", query=query))


class Database:
    """Connections to one database.

    Args:
        url: SQLAlchemy URL.

    Attributes:
        patient: Transactions wait for as long as another process holds the database, instead of giving up.
        waited: Told the seconds that each transaction has waited until it could begin, or gave up.
    """

    def __init__(self, url: str) -> None:
        self.url: Final = url
        self.patient = False
        self.waited: Callable[[float], object] = lambda _seconds: None
        self.engine: Final = sa.create_engine(url, **_engine_options(url))
        if self.engine.dialect.name == "sqlite" and "immutable" not in self.engine.url.query:
            event.listen(self.engine, "connect", _prepare_sqlite)
        # SQLite lets waiting writers poll, and some starve; threads of one process queue up here instead.
        self._turn = threading.Lock()
        self._until_analysis = self._analysis_pause = 100

    @contextmanager
    def transaction(self, seconds: float | None = None) -> Iterator[sa.Connection]:
        """One unit of work: commit when the block ends, roll back when it raises.

        Args:
            seconds: Wait so long for others at most; None: 30 s for another process, or as `patient` says.

        Raises:
            BusyError: Another process held the database for so long.
            DiskFullError: The disk is full; nothing was changed.
            BrokenDatabaseError: The database is damaged; nothing was changed.
        """
        began = time.monotonic()
        with self._my_turn(seconds), _named_errors(), self.engine.connect() as connection:
            try:
                if self.engine.dialect.name == "sqlite":
                    self._begin(connection, seconds)
            finally:
                self.waited(time.monotonic() - began)
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

    def write(self, prepare: Callable[[], Write[T]]) -> T:
        """Prepare a write outside of any transaction, then do it in one; when rows have changed meanwhile, once more.

        Args:
            prepare: Reads and checks whatever it takes; what it returns is run in the transaction.

        Returns:
            What the write returned.

        Raises:
            BusyError: Another process held the database for 30 s, or others kept changing the rows.
            DiskFullError: The disk is full; nothing was changed.
        """
        for _ in range(_PREPARATIONS):
            work = prepare()
            with suppress(OvertakenError), self.transaction() as db:
                return work(db)
        raise OvertakenError

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading; it sees one state of the database and never waits for a writer."""
        with _named_errors(), self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN DEFERRED")
            yield connection

    @contextmanager
    def _my_turn(self, seconds: float | None) -> Iterator[None]:
        if not self._turn.acquire(timeout=-1 if seconds is None else seconds):
            raise _busy()
        try:
            yield
        finally:
            self._turn.release()

    def _begin(self, connection: sa.Connection, seconds: float | None) -> None:
        if seconds is not None:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(seconds * 1000)}")
        try:
            while not self._begun(connection, seconds):
                log.warning("Another process holds the database; waiting for it.")
        finally:
            if seconds is not None:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")

    def _begun(self, connection: sa.Connection, seconds: float | None) -> bool:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        except sa.exc.OperationalError as error:
            if not (self.patient and seconds is None and _is_busy(str(error.orig))):
                raise
            return False
        return True

    def holder(self) -> int | None:
        """The process that holds SQLite's lock for writing; None when no process does, or the system does not say.

        The kernel's list is read: a look at the file itself would, when it is closed, drop this process's own locks.
        Source: proc_locks(5); the byte of the lock is WAL_WRITE_LOCK of https://sqlite.org/walformat.html.
        """
        file = self.engine.url.database
        if self.engine.dialect.name != "sqlite" or file is None:
            return None
        try:
            inode = Path(f"{file}-shm").stat().st_ino
            locks = [line.split() for line in reading.read_bytes(Path("/proc/locks")).decode().splitlines()]
        except OSError:
            return None
        for lock in locks:
            if lock[1:4] == ["POSIX", "ADVISORY", "WRITE"] and lock[5].endswith(f":{inode}") and lock[6] == _WRITE_BYTE:
                return int(lock[4])
        return None

    def analyze(self) -> None:
        """Tell the query planner how many rows there are and how they differ. Also done after every so many commits."""
        with self._turn, self.engine.connect() as connection:
            _analyze(connection)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def insert_new(db: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless another has its place, be it one that somebody else adds at the same moment.

    Returns:
        Whether it was inserted.
    """
    inserts: dict[str, Callable[[sa.Table], sqlite.Insert | postgresql.Insert]] = {
        "sqlite": sqlite.insert,
        "postgresql": postgresql.insert,
    }
    return db.execute(inserts[db.dialect.name](table).values(**values).on_conflict_do_nothing()).rowcount == 1


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
    except sa.exc.DatabaseError as error:
        named = _named(str(error.orig))
        if named is None:
            raise
        raise named from error


def _named(message: str) -> RoadloopError | None:
    """Our error for what SQLite says; None for a bug of ours."""
    if any(sign in message for sign in _BROKEN_SIGNS):
        return broken(message)
    if any(sign in message for sign in _DISK_SIGNS):
        return DiskFullError(
            Text(
                f"数据库无法写入（{message}）。请腾出磁盘空间后重试，已有数据未被改动。",
                f"The database cannot be written ({message}). Free some disk space and retry; nothing was changed.",
            )
        )
    return _busy() if _is_busy(message) else None


def _is_busy(message: str) -> bool:
    return "locked" in message or "busy" in message


def _busy() -> BusyError:
    return BusyError(Text("数据库正被占用，请稍后重试。", "The database is busy; try again in a moment."))


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
