"""The database: SQLite by default, PostgreSQL by URL, behind SQLAlchemy Core.

`transaction()` is the only place that commits. A writer may keep all others waiting, so nothing is read from files,
walked, decoded or waited for inside. A use case that has to look at files first is a function that looks, and returns
the `Write` which then only checks what may have changed since, and writes; `Database.write` runs the two.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as postgresql_dialect
from sqlalchemy.dialects import sqlite as sqlite_dialect

from roadloop.errors import BusyError, DatabaseAwayError, OvertakenError, RoadloopError, Text
from roadloop.storage import postgresql, sqlite

log: Final = logging.getLogger(__name__)

metadata: Final = sa.MetaData()

T = TypeVar("T")
Write = Callable[[sa.Connection], T]  #: what a transaction does, when everything else is done

_PREPARATIONS: Final = 5  #: of one write, at most
_ANALYSIS_SECONDS: Final = 1.0  #: it waits for others at most so long, for it helps only
_AWAY_SECONDS: Final = 0.5  #: between two looks whether the database is there again


class Kind(Protocol):
    """What is done in a way of its own for each kind of database: the modules `sqlite` and `postgresql`."""

    SELF_ANALYSING: bool

    def connect(self, url: sa.URL, options: Mapping[str, Any]) -> sa.Engine:
        """An engine; nothing is opened yet."""

    def begin(self, connection: sa.Connection, seconds: float | None, *, turn: bool) -> None:
        """Begin a transaction that writes."""

    def begin_reading(self, connection: sa.Connection) -> sa.Connection:
        """See one state of the database from now on, without waiting for a writer."""

    def named(self, error: sa.exc.DBAPIError) -> RoadloopError | None:
        """Our error for what it says; None for a bug of ours."""

    def holder(self, engine: sa.Engine) -> int | None:
        """The process of this machine that keeps all writers waiting, where that can be known."""

    def analyze(self, connection: sa.Connection) -> None:
        """Tell the query planner how many rows there are and how they differ."""


_KINDS: Final[Mapping[str, Kind]] = {"sqlite": sqlite, "postgresql": postgresql}


class Database:
    """Connections to one database.

    Args:
        url: SQLAlchemy URL.

    Attributes:
        patient: Whoever writes or reads waits for as long as others hold the database or it is away, and does not give up.
        waited: Told the seconds that each transaction has waited until it could begin, or gave up.
    """

    def __init__(self, url: str) -> None:
        self.url: Final = url
        self.patient = False
        self.waited: Callable[[float], object] = lambda _seconds: None
        parsed = sa.make_url(url)
        self._kind: Final = _KINDS[parsed.get_backend_name()]
        self.engine: Final = self._kind.connect(parsed, {"json_deserializer": _from_json})
        # Waiting writers poll in SQLite, and need a connection each in PostgreSQL; threads of one process queue up here.
        self._turn = threading.Lock()
        self._until_analysis = self._analysis_pause = 100

    @property
    def is_local(self) -> bool:
        """Whether processes of this machine alone can have it."""
        return self._kind is sqlite

    @contextmanager
    def transaction(self, seconds: float | None = None, *, turn: bool = True) -> Iterator[sa.Connection]:
        """One unit of work: commit when the block ends, roll back when it raises.

        Args:
            seconds: Wait so long for others at most; None: 30 s for another process, or as `patient` says.
            turn: Others wait until this one is done. Without it a transaction that changes one row under a guard, and
                looks at nothing else, goes beside them, where the database can do that.

        Raises:
            BusyError: Another process held the database for so long.
            OvertakenError: It does not fit what others wrote at the same time; nothing was changed.
            DatabaseAwayError: It cannot be reached.
            DiskFullError: The disk is full; nothing was changed.
            BrokenDatabaseError: The database is damaged; nothing was changed.
        """
        began = time.monotonic()
        with self._my_turn(seconds, turn=turn), self._named_errors():
            try:
                connection = self._begun(seconds, turn=turn)
            finally:
                self.waited(time.monotonic() - began)
            with connection:
                try:
                    yield connection
                except BaseException:
                    connection.rollback()
                    raise
                self._commit(connection)
                self._until_analysis -= 1
                if self._until_analysis <= 0 and not self._kind.SELF_ANALYSING:
                    self._until_analysis = self._analysis_pause = min(2 * self._analysis_pause, 50_000)
                    self._kind.analyze(connection)

    def write(self, prepare: Callable[[], Write[T]], *, turn: bool = True) -> T:
        """Prepare a write outside of any transaction, then do it in one; when rows have changed meanwhile, once more.

        Args:
            prepare: Reads and checks whatever it takes; what it returns is run in the transaction. When the database
                went away at its end, a patient one does it again: it must then see for itself that it is done.
            turn: As in `transaction`.

        Returns:
            What the write returned.

        Raises:
            BusyError: Another process held the database for 30 s, or others kept changing the rows.
            DatabaseAwayError: It cannot be reached, and this is no patient one.
            DiskFullError: The disk is full; nothing was changed.
        """
        overtaken = 0
        while True:
            try:
                work = prepare()
                with self.transaction(turn=turn) as db:
                    return work(db)
            except OvertakenError:
                overtaken += 1
                if overtaken == _PREPARATIONS:
                    raise
            except DatabaseAwayError:
                if not self.patient:
                    raise

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading; it sees one state of the database and never waits for a writer."""
        with self._named_errors():
            connection = self._waited_for(lambda: self._kind.begin_reading(self.engine.connect()), None)
            with connection:
                yield connection

    def holder(self) -> int | None:
        """The process of this machine that keeps all writers waiting; None when no process does, or nobody can say."""
        return self._kind.holder(self.engine)

    def analyze(self) -> None:
        """Tell the query planner how many rows there are and how they differ. Also done after every so many commits."""
        with suppress(BusyError), self.transaction(_ANALYSIS_SECONDS) as connection:
            self._kind.analyze(connection)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _my_turn(self, seconds: float | None, *, turn: bool) -> Iterator[None]:
        if not turn and not self.is_local:
            yield
            return
        if not self._turn.acquire(timeout=-1 if seconds is None else seconds):
            raise BusyError(Text("数据库正被占用，请稍后重试。", "The database is busy; try again in a moment."))
        try:
            yield
        finally:
            self._turn.release()

    def _begun(self, seconds: float | None, *, turn: bool) -> sa.Connection:
        def begin() -> sa.Connection:
            connection = self.engine.connect()
            try:
                self._kind.begin(connection, seconds, turn=turn)
            except BaseException:
                connection.close()
                raise
            return connection

        return self._waited_for(begin, seconds)

    def _waited_for(self, begin: Callable[[], sa.Connection], seconds: float | None) -> sa.Connection:
        """What `begin` gives; a patient one asks again and again for as long as others are in the way."""
        while True:
            try:
                with self._named_errors():
                    return begin()
            except BusyError as error:
                if not self.patient or seconds is not None or type(error) not in {BusyError, DatabaseAwayError}:
                    raise
                log.warning("%s Waiting for it.", error.text.en)
                time.sleep(_AWAY_SECONDS if isinstance(error, DatabaseAwayError) else 0)

    def _commit(self, connection: sa.Connection) -> None:
        try:
            with self._named_errors():
                connection.commit()
        except DatabaseAwayError as error:
            raise DatabaseAwayError(
                Text(
                    "与数据库的连接在提交时中断，最后的改动可能已写入，也可能没有；请先查看，再重试（带上同一个 Idempotency-Key 最稳妥）。",
                    "The connection to the database broke while the last change was committed: it may be written or not."
                    " Look first, then try again (safest with the same Idempotency-Key).",
                )
            ) from error

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            named = self._kind.named(error)
            if named is None:
                raise
            raise named from error
        except sa.exc.TimeoutError as error:
            raise BusyError(
                Text(
                    "数据库连接都在使用中，请稍后重试。",
                    "All connections to the database are in use; try again in a moment.",
                )
            ) from error


def sign(db: sa.Connection, who: str) -> None:
    """Say whose doing the rest of a transaction is; rows that have an author get it."""
    db.execution_options(roadloop_author=who)


def author(db: sa.Connection) -> str:
    """Whose doing a transaction is; "" where nobody said so."""
    return str(db.get_execution_options().get("roadloop_author", ""))


def insert_new(db: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless another has its place, be it one that somebody else adds at the same moment.

    Returns:
        Whether it was inserted.
    """
    inserts: dict[str, Callable[[sa.Table], sqlite_dialect.Insert | postgresql_dialect.Insert]] = {
        "sqlite": sqlite_dialect.insert,
        "postgresql": postgresql_dialect.insert,
    }
    statement = inserts[db.dialect.name](table).values(**values).on_conflict_do_nothing()
    return db.execute(statement, execution_options={"preserve_rowcount": True}).rowcount == 1


def _from_json(text: str) -> Any:
    """A JSON value; most columns of most rows are empty, and need no parser."""
    if text == "{}":
        return {}
    return [] if text == "[]" else json.loads(text)
