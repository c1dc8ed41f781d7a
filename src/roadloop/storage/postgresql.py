"""PostgreSQL, the database of several machines.

Every transaction is serializable: whatever runs at the same time, the rows end as if one had come after the other, so
code that is right alone is right. Where two cannot both be right the later one fails, and is prepared anew. Writers
therefore first take turns at a lock (`turn`): nearly all of them number a list's newest row, and would fail each other
again and again. The lock saves work; nothing rests on it. A job's signs of life go by it, and are read committed: each
changes the row of its job where that is running under its token, and looks at nothing else.

Source: https://www.postgresql.org/docs/current/transaction-iso.html; `LOCK TABLE` takes no snapshot, so that who has
waited sees what the others wrote.
"""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event

from roadloop.errors import (
    BrokenDatabaseError,
    BusyError,
    ConflictError,
    DatabaseAwayError,
    DiskFullError,
    InvalidValueError,
    OvertakenError,
    RoadloopError,
    Text,
)

BUSY_SECONDS: Final = 30
#: Who stands still inside a transaction for so long, holding up everybody, loses it.
IDLE_SECONDS: Final = 20
CONNECT_SECONDS: Final = 5
SELF_ANALYSING: Final = True
TAKE_TURNS = True  #: saves work; a test goes without

#: A session that nobody answers for so long has ended.
KEEPALIVE_SECONDS: Final = 10

_TURN: Final = "turn"
_LEAD: Final = 0x726F6164  # "road"
_WATCHED: Final = (
    f"SET tcp_keepalives_idle = {KEEPALIVE_SECONDS // 2}; SET tcp_keepalives_interval = 1;"
    f" SET tcp_keepalives_count = {KEEPALIVE_SECONDS // 2}; SET tcp_user_timeout = {1000 * KEEPALIVE_SECONDS}"
)
_RETRY: Final = frozenset({"40001", "40P01"})  # serialization failure, deadlock
_NO_TABLE: Final = "42P01"
_READ_ONLY: Final = "25006"  # a standby: the writing server is another one now
#: The server ends, or the session was ended by it; and it has no connection left.
_GONE: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "53300", _READ_ONLY})

_BUSY: Final = (BusyError, "数据库正被占用，请稍后重试。", "The database is busy; try again in a moment.")
_BROKEN: Final = (
    BrokenDatabaseError,
    "数据库已损坏（{}），请从备份恢复 PostgreSQL。",
    "The database is damaged ({}); put PostgreSQL back from a backup.",
)
_SAID: Final[Mapping[str, tuple[type[RoadloopError], str, str]]] = {
    "55P03": _BUSY,  # a lock was not got in time
    "57014": _BUSY,  # a statement took too long
    "53100": (
        DiskFullError,
        "数据库服务器的磁盘已满（{}）。请在那里腾出空间后重试，已有数据未被改动。",
        "The database server's disk is full ({}). Free some space there and retry; nothing was changed.",
    ),
    "22003": (
        InvalidValueError,
        "数值太大，数据库放不下（{}）。",
        "A number is too large for the database ({}).",
    ),
    "XX001": _BROKEN,
    "XX002": _BROKEN,
}


def connect(url: sa.URL, options: Mapping[str, Any]) -> sa.Engine:
    """An engine; nothing is opened yet.

    Raises:
        ConflictError: psycopg is not installed.
    """
    try:
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            isolation_level="SERIALIZABLE",
            connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "roadloop"},
            pool_size=5,
            max_overflow=15,  # of the 100 connections that a server has by default
            pool_timeout=BUSY_SECONDS,
            pool_pre_ping=True,  # after a restart of the server nobody gets a connection to the old one
            **options,
        )
    except ModuleNotFoundError as error:
        raise ConflictError(
            Text(
                "使用 PostgreSQL 需要 psycopg：请运行 pip install 'roadloop[postgres]'。",
                "PostgreSQL needs psycopg: run pip install 'roadloop[postgres]'.",
            )
        ) from error
    event.listen(engine, "handle_error", _drop_dead)
    return engine


def begin(connection: sa.Connection, seconds: float | None, *, turn: bool) -> None:
    """Begin a transaction that writes: after all who came earlier, for whom it waits at most so long, or beside them.

    Without a turn it is none of the serializable ones, which would else fail for it: it changes one row under a guard.
    """
    wait = f"SET LOCAL lock_timeout = {round(1000 * (BUSY_SECONDS if seconds is None else seconds))}"
    limits = f"{wait}; SET LOCAL idle_in_transaction_session_timeout = {1000 * IDLE_SECONDS}"
    if not turn:
        connection.execution_options(isolation_level="READ COMMITTED")
    if not (turn and TAKE_TURNS):
        connection.exec_driver_sql(limits)
        return
    try:
        connection.exec_driver_sql(f"{limits}; LOCK TABLE {_TURN} IN EXCLUSIVE MODE")
    except sa.exc.ProgrammingError as error:
        if _state(error) != _NO_TABLE:
            raise
        connection.rollback()
        _make_turn(connection)
        connection.exec_driver_sql(f"{limits}; LOCK TABLE {_TURN} IN EXCLUSIVE MODE")


def begin_reading(connection: sa.Connection) -> sa.Connection:
    """See one state of the database from now on, without waiting for a writer."""
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def named(error: sa.exc.DBAPIError) -> RoadloopError | None:
    """Our error for what PostgreSQL says; None for a bug of ours.

    Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    state, message = _state(error) or "", str(error.orig).strip().split("\n", 1)[0]
    if state in _RETRY:
        return OvertakenError()
    if isinstance(error, sa.exc.DataError) and "NUL" in message:
        return InvalidValueError(Text("文字中不能有空字符（U+0000）。", "Text cannot hold the character U+0000."))
    if error.connection_invalidated or state in _GONE or state.startswith("08") or _is_unanswered(error):
        return DatabaseAwayError(
            Text(
                f"连不上数据库（{message}）；没有写入任何内容，恢复后会自动继续。",
                f"The database cannot be reached ({message}). Nothing was written; work goes on by itself when it is back.",
            )
        )
    kind, zh, en = _SAID.get(state, (None, "", ""))
    return None if kind is None else kind(Text(zh.format(message), en.format(message)))


def holder(engine: sa.Engine) -> int | None:  # noqa: ARG001 - as SQLite's
    """None: PostgreSQL itself ends who stands still in a transaction."""
    return None


def analyze(connection: sa.Connection) -> None:
    """Tell the planner of rows that came in at once; for the rest PostgreSQL does so by itself."""
    connection.exec_driver_sql("ANALYZE")


class SessionLock:
    """A lock that one session of all has, and that ends with it: with its process, its machine, or the way to it.

    Args:
        engine: Of the database whose sessions compete.

    The server looks after the session's connection every few seconds, so that a machine that is cut off loses the lock
    within KEEPALIVE_SECONDS. Source: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine: Final = engine
        self._session: sa.Connection | None = None

    def hold(self) -> bool:
        """Take it if it is free; whether this session has it, which is asked each time."""
        try:
            if self._session is None:
                session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                session.exec_driver_sql(_WATCHED)
                if not session.scalar(sa.select(sa.func.pg_try_advisory_lock(_LEAD))):
                    session.close()
                    return False
                self._session = session
            self._session.scalar(sa.select(sa.literal(1)))
        except sa.exc.DBAPIError:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Give it back."""
        session, self._session = self._session, None
        if session is not None:
            session.invalidate()  # its lock goes with it
            session.close()


def _make_turn(connection: sa.Connection) -> None:
    # Two who make it at the same moment: one of them fails, and finds it.
    try:
        connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {_TURN} ()")
        connection.commit()
    except sa.exc.DBAPIError as error:
        if isinstance(error, sa.exc.ProgrammingError):
            raise
        connection.rollback()


def _state(error: sa.exc.DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None)
    return None if state is None else str(state)


def _is_unanswered(error: sa.exc.DBAPIError) -> bool:
    """Whether there is no server that answers: the driver's own words have no state."""
    return isinstance(error, sa.exc.OperationalError) and _state(error) is None


def _drop_dead(context: sa.engine.ExceptionContext) -> None:
    """A session that the server has ended, or that is a standby's, is of no use to anybody else."""
    if getattr(context.original_exception, "sqlstate", None) in _GONE:
        context.is_disconnect = True
