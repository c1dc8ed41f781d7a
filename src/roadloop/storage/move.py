"""An installation's rows from one database into another: SQLite to PostgreSQL when more machines come, or back."""

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import ConflictError, InvalidValueError, Text, many
from roadloop.storage import installation, migrate, quarantine, row_sums, search
from roadloop.storage.database import Database, metadata
from roadloop.storage.sqlite import FILE

BATCH: Final = 1000  #: rows
#: What lists and databases keep by themselves; see `search`, `row_sums`.
_DERIVED: Final = frozenset({search.listed.name, search.job_tallies.name, search.positions.name, row_sums.TABLE})

Progress = Callable[[int, int], object]


def move(
    source: Database, target: Database, home: Path, progress: Progress = lambda _done, _all: None
) -> dict[str, int]:
    """Copy all rows, compare what arrived, and leave the source as one that no home opens any more.

    Args:
        source: Of this program's schema. Nobody else writes to it: the home's lock is held.
        target: An empty one; it gets the schema.
        home: The workspace.
        progress: Told how many rows are done, and of how many.

    Returns:
        Table -> rows.

    Raises:
        ConflictError: The target holds rows, or the source has another schema.
        InvalidValueError: A row cannot be kept there; the target is as it was.
    """
    migrate.check(source)
    migrate.upgrade(target, home)
    counts = copy(source, target, progress)
    _retire(source, target, home)
    return counts


def copy(source: Database, target: Database, progress: Progress = lambda _done, _all: None) -> dict[str, int]:
    """Copy all rows, as they stand at one moment, into an empty database of the same schema, and compare what arrived.

    Returns:
        Table -> rows.

    Raises:
        As `move`.
    """
    counts, done = {}, 0
    with source.reading() as old, target.transaction() as new, search.filling(new):
        _refuse_used(new, target)
        tables = [table for table in metadata.sorted_tables if table.name not in _DERIVED]
        total = sum(old.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables)
        for table in tables:
            read = _Sum()
            passing, insert = read.over(_rows(old, table)), _insertion(new, table)
            while rows := list(islice(passing, BATCH)):
                _insert(new, table, insert, rows)
                done += len(rows)
                progress(done, total)
            arrived = _Sum()
            for _row in arrived.over(_rows(new, table)):
                pass
            if (read.rows, read.digest) != (arrived.rows, arrived.digest):
                raise ConflictError(
                    Text(
                        f"表 {table.name} 在目标库里与原来不同（{read.rows} 行，到达 {arrived.rows} 行）；没有迁移任何内容。",
                        f"The table {table.name} differs in the target ({many(read.rows, 'row')}, {arrived.rows} arrived); nothing was moved.",
                    )
                )
            counts[table.name] = read.rows
            _go_on_counting(new, table)
    return counts


def keep_tables(database: Database, schema: str) -> str:
    """Copy every table of a PostgreSQL database into another schema of it, unless that is there; the schema's name."""
    with database.transaction() as db:
        inspector = sa.inspect(db)
        if schema not in inspector.get_schema_names():
            quote = db.dialect.identifier_preparer.quote
            db.exec_driver_sql(f"CREATE SCHEMA {quote(schema)}")
            for table in inspector.get_table_names():
                db.exec_driver_sql(f"CREATE TABLE {quote(schema)}.{quote(table)} AS TABLE {quote(table)}")
    return schema


class _Sum:
    """Counts rows that pass, and sums them up."""

    def __init__(self) -> None:
        self.rows = 0
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def over(self, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for row in rows:
            self.rows += 1
            self._hash.update(repr(list(row.values())).encode("utf-8", "surrogatepass"))
            yield row


def _rows(db: sa.Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    """The rows in the order of the table's key, JSON as its text."""
    order: list[sa.ColumnElement[Any]] = list(table.primary_key)
    as_text: Callable[..., sa.ColumnElement[Any]] = sa.type_coerce
    if db.dialect.name == "postgresql":
        order = [sa.collate(key, "C") if isinstance(key.type, sa.String) else key for key in order]  # as SQLite does
        as_text = sa.cast
    columns = [as_text(c, sa.Text).label(c.name) if isinstance(c.type, sa.JSON) else c for c in table.c]
    found = db.execute(sa.select(*columns).order_by(*order).execution_options(yield_per=BATCH))
    return (dict(row) for row in found.mappings())


def _insertion(db: sa.Connection, table: sa.Table) -> sa.Insert:
    """An insertion that takes JSON as its text, in which NULL and null are two."""
    values: dict[str, sa.ColumnElement[Any]] = {}
    for column in table.c:
        value: sa.ColumnElement[Any] = sa.bindparam(column.name, type_=column.type)
        if isinstance(column.type, sa.JSON):
            value = sa.bindparam(column.name, type_=sa.Text)
            value = sa.cast(value, sa.JSON) if db.dialect.name == "postgresql" else sa.type_coerce(value, sa.Text)
        values[column.name] = value
    return table.insert().values(values)


def _insert(db: sa.Connection, table: sa.Table, insert: sa.Insert, rows: list[dict[str, Any]]) -> None:
    try:
        db.execute(insert, rows)
    except sa.exc.DataError as error:
        raise InvalidValueError(
            Text(
                f"表 {table.name} 中有一行放不进目标库（{error.orig}）；没有迁移任何内容。",
                f"A row of the table {table.name} cannot be kept in the target ({error.orig}); nothing was moved.",
            )
        ) from error


def _go_on_counting(db: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL numbers new rows from a sequence, which knows nothing of rows that came with their number."""
    key = table.autoincrement_column
    if db.dialect.name != "postgresql" or key is None or key.foreign_keys:
        return
    sequence = db.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, key.name)))
    if sequence is not None:
        highest = db.scalar(sa.select(sa.func.max(key)))
        db.execute(sa.select(sa.func.setval(sequence, highest or 1, highest is not None)))


def _refuse_used(db: sa.Connection, target: Database) -> None:
    for table in metadata.sorted_tables:
        if table.name not in _DERIVED and db.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            shown = target.engine.url.render_as_string(hide_password=True)
            raise ConflictError(
                Text(
                    f"目标数据库 {shown} 的表 {table.name} 里已有记录；请给一个空的数据库。没有迁移任何内容。",
                    f"The target {shown} has rows in the table {table.name} already; name an empty database. Nothing was moved.",
                )
            )


def _retire(source: Database, target: Database, home: Path) -> None:
    """See to it that nobody goes on with the old rows: its file is put aside, or its id is that of no home."""
    file = home / FILE
    if source.engine.dialect.name == "sqlite" and Path(str(source.engine.url.database)).resolve() == file.resolve():
        source.close()
        shown = target.engine.url.render_as_string(hide_password=True)
        why = Text(f"记录已迁移到 {shown}", f"its rows were moved to {shown}")
        stamp = quarantine.stamp()
        for end in ("", "-wal", "-shm"):
            if (one := home / f"{FILE}{end}").exists():
                quarantine.put(home, one, why, stamp)
        return
    with source.transaction() as db:
        db.execute(installation.installation.update().values(id=f"moved-{'0' * 26}"))
