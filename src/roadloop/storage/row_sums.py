# ruff: noqa: S608 - SQL is built from the constants of this module, and from the names of tables and columns
"""A sum of each table's rows, which SQLite keeps by itself: a bit that flips on the disk, or another program's hand, shows.

SQLite has no sums of its pages, so that a flipped bit inside a value is a value. Triggers of each connection, which no other
program sees, add what is written to a number of the table and take away what was there before. `fsck` adds the rows up and
compares. PostgreSQL has sums of its pages (`initdb --data-checksums`).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import sqlalchemy as sa

TABLE: Final = "row_sums"
#: What is made from other rows, and compared with them elsewhere; what SQLite and Alembic keep for themselves.
_APART: Final = ("alembic_version", TABLE, "listed", "job_tallies", "positions")
_COLUMNS: Final = (
    "SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c"
    f" WHERE t.type = 'table' AND t.name NOT IN ({', '.join(map(repr, _APART))})"
    " AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND t.name NOT LIKE 'search%' ORDER BY t.name, c.cid"
)
#: Tables, indexes and triggers; what SQLite adds when it analyses is no part of it.
_SCHEMA: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\'"
_BITS: Final = 60  # two sums and a difference of two stay whole numbers in SQLite
_CHANGES: Final = {"INSERT": ("0", "NEW"), "DELETE": ("OLD", "0"), "UPDATE": ("OLD", "NEW")}

Value = str | bytes | int | float | None


def keep(db: sa.Connection) -> bool:
    """Keep the sums of what this connection is going to write; whether there is a table for them."""
    if not db.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = ?", (TABLE,)).first():
        return False
    driver: Any = db.connection.driver_connection
    driver.create_function("row_sum", -1, _row_sum, deterministic=True)
    for table, columns in _tables(db):
        for event, (gone, come) in _CHANGES.items():
            less, more = (
                f"row_sum({', '.join(f'{row}.{_quoted(column)}' for column in columns)})" if row != "0" else row
                for row in (gone, come)
            )
            db.exec_driver_sql(
                f"CREATE TEMP TRIGGER IF NOT EXISTS {TABLE}_{table}_{event} AFTER {event} ON main.{_quoted(table)} BEGIN"
                f" UPDATE {TABLE} SET sum = (sum - {less} + {more}) & {2**_BITS - 1} WHERE name = '{table}'; END"
            )
    return True


def leave(db: sa.Connection) -> None:
    """Keep no sums of what this connection writes from now on, while tables are made anew."""
    for name in db.exec_driver_sql("SELECT name FROM sqlite_temp_master WHERE type = 'trigger'").scalars().all():
        db.exec_driver_sql(f"DROP TRIGGER temp.{name}")


def begin(db: sa.Connection) -> None:
    """Write the sums of all rows as they are, where people say that the rows are right."""
    db.exec_driver_sql(f"DELETE FROM {TABLE}")
    for table, found in _added_up(db):
        db.exec_driver_sql(f"INSERT INTO {TABLE}(name, sum) VALUES(?, ?)", (table, found))


def renew(db: sa.Connection) -> None:
    """Begin the sums, if there are none; not while a job runs: its process may be one of an older program, which keeps none."""
    if not has_begun(db) and not db.exec_driver_sql("SELECT 1 FROM jobs WHERE state = 'running'").first():
        begin(db)


def forget(db: sa.Connection) -> None:
    """Have no sums; for migrations, after which `renew` begins them."""
    db.exec_driver_sql(f"DELETE FROM {TABLE}")


def has_begun(db: sa.Connection) -> bool:
    """Whether there are sums to compare with."""
    return db.exec_driver_sql(f"SELECT 1 FROM {TABLE}").first() is not None


def differing(db: sa.Connection) -> list[str]:
    """The tables of which the rows are not as they were written; reads every row, unless there are no sums."""
    written = {row[0]: row[1] for row in db.exec_driver_sql(f"SELECT name, sum FROM {TABLE}")}
    found = dict(_added_up(db)) if written else {}
    return sorted(table for table in written.keys() | found.keys() if written.get(table) != found.get(table))


def _added_up(db: sa.Connection) -> Iterator[tuple[str, int]]:
    yield "sqlite_master", _total(db.exec_driver_sql(_SCHEMA))
    for table, columns in _tables(db):
        yield table, _total(db.exec_driver_sql(f"SELECT {', '.join(map(_quoted, columns))} FROM {_quoted(table)}"))


def _total(rows: Iterable[Sequence[Value]]) -> int:
    total = 0
    for row in rows:
        total = (total + _row_sum(*row)) & (2**_BITS - 1)
    return total


def _tables(db: sa.Connection) -> Iterator[tuple[str, list[str]]]:
    """The tables that have a sum, and their columns."""
    rows = db.exec_driver_sql(_COLUMNS).all()
    for table, found in groupby(rows, key=itemgetter(0)):
        yield str(table), [row[1] for row in found]


def _row_sum(*values: Value) -> int:
    """The sum of one row, from the values in the order of its columns."""
    plain = [value + 0.0 if isinstance(value, float) else value for value in values]  # -0.0 is kept as 0.0
    digest = hashlib.blake2b(repr(plain).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - _BITS)


def _quoted(name: str) -> str:
    return f'"{name}"'
