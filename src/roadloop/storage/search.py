# ruff: noqa: S608 - SQL is built from the constants of this module
"""Lists that stay fast at a million rows: numbered rows, tallies, and an index for the search in names.

Triggers keep them, so that no code that adds a row can forget them. The index and the triggers are made for each kind of
database in a way of its own: `search_sqlite`, `search_postgresql`.

A list's rows are numbered from 1 in the order of their ids, without gaps: its length is its highest number, and any
page of it is a range of numbers.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.storage import search_postgresql, search_sqlite
from roadloop.storage.database import metadata

MOST: Final = 2_000  #: matches of a search that are counted and paged; `all` streams every one
ANY: Final = 2**31 - 1  #: above every id
MOST_CHARACTERS: Final = 4_000  #: of one row's texts, from their beginning

TITLE: Final = "(SELECT title FROM jobs WHERE jobs.id = {row}.task_id)"
_KINDS: Final[Mapping[str, ModuleType]] = {"sqlite": search_sqlite, "postgresql": search_postgresql}


class Numbered(NamedTuple):
    """One list.

    Attributes:
        table: Its table.
        texts: What a search looks into: columns, or SQL in which {row} stands for the row.
        key: Its primary key.
        where: SQL condition of the rows that are in it, {row} as above; empty: all of them.
    """

    table: str
    texts: tuple[str, ...]
    key: str = "id"
    where: str = ""


#: Their order is part of the index: add at the end, with a migration that calls `install`.
LISTS: Final[Mapping[str, Numbered]] = {
    "jobs": Numbered("jobs", ("title",), key="seq"),
    "jobs:import_preview": Numbered("jobs", ("title",), key="seq", where="{row}.kind = 'import_preview'"),
    "training_tasks": Numbered("training_tasks", ("name", "task_desc", "network", "data")),
    "networks": Numbered("networks", ("name", "description")),
    "datasets": Numbered("datasets", ("name", "description", "sour_data")),
    "evaluations": Numbered("evaluations", (TITLE, "sour_dir", "dest_dir")),
    "releases": Numbered("releases", ("category", "version", "env", "adcode", "description", TITLE)),
    "selections:sam": Numbered(
        "selections", (TITLE, "output_dir", "track_file"), where="{row}.task_type = 'sam'"
    ),
    "selections:sele": Numbered(
        "selections", (TITLE, "output_dir", "track_file", "weights_dir"), where="{row}.task_type = 'sele'"
    ),
    "imports": Numbered("imports", ("dest", "src", "author", "city")),
    "source_health": Numbered("source_health", ("name",)),
    "divisions": Numbered("divisions", ("version",)),
    "label_runs": Numbered("label_runs", (TITLE,)),
    "downloads": Numbered("downloads", (TITLE,)),
    "pushes": Numbered("pushes", (TITLE,)),
    "jobs:train": Numbered("jobs", ("title",), key="seq", where="{row}.kind = 'train'"),
}  # fmt: skip

PLACES: Final = {name: place for place, name in enumerate(LISTS)}  #: in the index

listed: Final = sa.Table(
    "listed",
    metadata,
    sa.Column("list", sa.Integer, primary_key=True, autoincrement=False),  # place in LISTS
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # from 1, without gaps
    sa.Column("row_id", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: Rows that somebody has taken out of a list; they have no number, and a search passes over them.
archived: Final = sa.Table(
    "archived",
    metadata,
    sa.Column("list", sa.Integer, primary_key=True, autoincrement=False),  # place in LISTS
    sa.Column("row_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Float, nullable=False),
)

#: Jobs by state, so that nobody counts them.
job_tallies: Final = sa.Table(
    "job_tallies",
    metadata,
    sa.Column("state", sa.String(20), primary_key=True),
    sa.Column("jobs", sa.Integer, nullable=False),
)

positions: Final = sa.Table("positions", metadata, sa.Column("i", sa.Integer, primary_key=True, autoincrement=False))

_LENGTH: Final = sa.select(sa.func.max(listed.c.number)).where(listed.c.list == sa.bindparam("place"))
_WINDOW: Final = (
    sa.select(listed.c.row_id)
    .where(
        listed.c.list == sa.bindparam("place"),
        listed.c.number <= sa.bindparam("last", type_=sa.BigInteger),
        listed.c.number > sa.bindparam("before", type_=sa.BigInteger),
    )
    .order_by(listed.c.number.desc())
)
_STATES: Final = ("created", "queued", "running", "succeeded", "failed", "cancelled")


def length(db: sa.Connection, name: str) -> int:
    """How many rows a list has."""
    return db.scalar(_LENGTH, {"place": PLACES[name]}) or 0


def window(db: sa.Connection, name: str, last: int, size: int) -> list[int]:
    """Ids of the rows with the number `last` and smaller ones, newest first, `size` at most."""
    return list(db.scalars(_WINDOW, {"place": PLACES[name], "last": last, "before": last - size}))


def job_counts(db: sa.Connection) -> dict[str, int]:
    """State -> jobs in it."""
    return {row.state: row.jobs for row in db.execute(sa.select(job_tallies))}


def find(db: sa.Connection, name: str, text: str, size: int = MOST, *, below: int = ANY) -> list[int]:
    """Ids of the newest rows of a list that hold `text`, newest first.

    Args:
        db: A connection.
        name: A key of LISTS.
        text: Not empty; upper and lower case are the same.
        size: So many at most.
        below: Only ids below this one.
    """
    hidden = archived_ids(db, name)
    found: list[int] = _KINDS[db.dialect.name].find(db, PLACES[name], text, size + len(hidden), below)
    return [one for one in found if one not in hidden][:size]


def archived_ids(db: sa.Connection, name: str) -> set[int]:
    """Ids of the rows that were taken out of a list."""
    return set(db.scalars(sa.select(archived.c.row_id).where(archived.c.list == PLACES[name])))


def lists_of(db: sa.Connection, table: str, row_id: int) -> list[str]:
    """The lists in which a row is numbered, or from which it was taken out."""
    found = []
    for name, one in LISTS.items():
        where = f"r.{one.key} = :id" + (f" AND {one.where.format(row='r')}" if one.where else "")
        if (
            one.table == table
            and db.execute(sa.text(f"SELECT 1 FROM {table} AS r WHERE {where}"), {"id": row_id}).first()
        ):
            found.append(name)
    return found


def archive(db: sa.Connection, name: str, row_id: int) -> None:
    """Take a row out of a list; it stays in its table."""
    _take_number(db, PLACES[name], row_id)
    db.execute(archived.insert().values(list=PLACES[name], row_id=row_id, at=time.time()))


def unarchive(db: sa.Connection, name: str, row_id: int) -> None:
    """Put a row back into a list, where it stood."""
    db.execute(archived.delete().where(archived.c.list == PLACES[name], archived.c.row_id == row_id))
    _give_number(db, PLACES[name], row_id)


def forget(db: sa.Connection, name: str, row_id: int) -> None:
    """Take a row out of a list and its index; call it before the row is deleted."""
    place, one = PLACES[name], LISTS[name]
    _take_number(db, place, row_id)
    db.execute(archived.delete().where(archived.c.list == place, archived.c.row_id == row_id))
    gone = _KINDS[db.dialect.name].forget(
        place, *_entry(one, "r"), f"FROM {one.table} AS r WHERE r.{one.key} = {int(row_id)}"
    )
    db.exec_driver_sql(gone)


def settle(db: sa.Connection, name: str, row_id: int) -> None:
    """Number a row that has come back with its old id where it belongs; it was numbered as the newest one."""
    _take_number(db, PLACES[name], row_id)
    _give_number(db, PLACES[name], row_id)


def _take_number(db: sa.Connection, place: int, row_id: int) -> None:
    one = (listed.c.list == place) & (listed.c.row_id == row_id)
    number = db.scalar(sa.select(listed.c.number).where(one))
    if number is not None:
        db.execute(listed.delete().where(one))
        _shift(db, place, number, -1)


def _give_number(db: sa.Connection, place: int, row_id: int) -> None:
    older = sa.select(sa.func.max(listed.c.number)).where(listed.c.list == place, listed.c.row_id < row_id)
    number = (db.scalar(older) or 0) + 1
    _shift(db, place, number - 1, 1)
    db.execute(listed.insert().values(list=place, number=number, row_id=row_id))


def _shift(db: sa.Connection, place: int, above: int, by: int) -> None:
    """Change the numbers above one, by way of negative ones, so that no two rows ever have the same."""
    here = listed.c.list == place
    db.execute(listed.update().where(here, listed.c.number > above).values(number=-listed.c.number))
    db.execute(listed.update().where(here, listed.c.number < 0).values(number=-listed.c.number + by))


def install(db: sa.Connection, lists: Mapping[str, Numbered] = LISTS) -> None:
    """Make the index and the triggers anew, and fill both from the rows; for migrations."""
    _KINDS[db.dialect.name].drop_triggers(db)
    _KINDS[db.dialect.name].create(db, MOST_CHARACTERS)
    _fill(db, lists)
    _make_triggers(db, lists)


@contextmanager
def filling(db: sa.Connection) -> Iterator[None]:
    """Add many rows in this transaction: they are numbered and indexed together at the end, many times as fast."""
    _KINDS[db.dialect.name].drop_triggers(db)
    yield
    rebuild(db)
    _make_triggers(db, LISTS)


def rebuild(db: sa.Connection) -> None:
    """Number and index all rows anew."""
    _KINDS[db.dialect.name].empty(db)
    _fill(db, LISTS)


def problems(db: sa.Connection) -> Iterator[Text]:
    """What is wrong with the numbers and the tallies; reads only. `rebuild` mends it."""
    jobs = sa.table("jobs", sa.column("state"))
    counted = {row[0]: row[1] for row in db.execute(sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state))}
    for state, told in job_counts(db).items():
        if told != counted.get(state, 0):
            yield _wrong(f"jobs: {state}", told, counted.get(state, 0))
    for name, one in LISTS.items():
        rows = db.exec_driver_sql(f"SELECT count(*) FROM {one.table} AS r{_condition(one, 'r')}").scalar_one()
        rows -= len(archived_ids(db, name))
        numbers = db.scalar(sa.select(sa.func.count()).where(listed.c.list == PLACES[name]))
        if {numbers, length(db, name)} != {rows}:
            yield _wrong(name, numbers, rows)
        elif misplaced := db.exec_driver_sql(
            f"SELECT count(*) FROM ({_numbers(PLACES[name], one)}) AS n"
            f" LEFT JOIN listed AS l ON l.list = {PLACES[name]} AND l.number = n.number"
            " WHERE coalesce(l.row_id, -1) <> n.row_id"
        ).scalar_one():
            yield _wrong(name, rows - misplaced, rows)


def _wrong(name: str, told: object, rows: int) -> Text:
    return Text(
        f"列表 {name} 记有 {told} 行，实有 {rows} 行；行本身没有丢失。roadloop fsck --repair 会为列表重新编号并建立索引。",
        f"The list {name} says {told} rows; there are {rows}. No row is lost; roadloop fsck --repair numbers and indexes the lists anew.",
    )


def _fill(db: sa.Connection, lists: Mapping[str, Numbered]) -> None:
    kind = _KINDS[db.dialect.name]
    db.exec_driver_sql("DELETE FROM listed")
    hides = sa.inspect(db).has_table(archived.name)  # older schemas have none
    for place, one in enumerate(lists.values()):
        rows = f"FROM {one.table} AS r{_condition(one, 'r')} ORDER BY r.{one.key}"
        db.exec_driver_sql(
            f"INSERT INTO listed(list, number, row_id)"
            f" SELECT {place}, n.number, n.row_id FROM ({_numbers(place, one, hides=hides)}) AS n ORDER BY n.number"
        )
        db.exec_driver_sql(kind.insert(place, *_entry(one, "r"), rows))
    db.exec_driver_sql("DELETE FROM job_tallies")
    for state in _STATES:
        db.exec_driver_sql(f"INSERT INTO job_tallies SELECT '{state}', count(*) FROM jobs WHERE state = '{state}'")


def _numbers(place: int, one: Numbered, *, hides: bool = True) -> str:
    """SQL of the numbers that the rows of a list have."""
    hidden = f" r.{one.key} NOT IN (SELECT row_id FROM archived WHERE list = {place})" if hides else " 1 = 1"
    shown = (_condition(one, "r") + " AND" if one.where else " WHERE") + hidden
    return (
        f"SELECT row_number() OVER (ORDER BY r.{one.key}) AS number, r.{one.key} AS row_id FROM {one.table} AS r{shown}"
    )


def _make_triggers(db: sa.Connection, lists: Mapping[str, Numbered]) -> None:
    kind = _KINDS[db.dialect.name]
    for place, one in enumerate(lists.values()):
        old, new = _entry(one, "OLD"), _entry(one, "NEW")
        number = f"(SELECT coalesce(max(number), 0) + 1 FROM listed WHERE list = {place})"
        columns = ", ".join(text for text in one.texts if "{row}" not in text)
        when = one.where.format(row="NEW")
        enter = (
            f"INSERT INTO listed(list, number, row_id) VALUES({place}, {number}, {new[0]})",
            kind.insert(place, *new),
        )
        kind.make_trigger(db, f"search_{place}_insert", "INSERT", one.table, when, enter)
        if columns:
            event, work = f"UPDATE OF {columns}", kind.change(place, old, new)
            kind.make_trigger(db, f"search_{place}_update", event, one.table, when, work)
    less = "UPDATE job_tallies SET jobs = jobs - 1 WHERE state = OLD.state"
    more = "UPDATE job_tallies SET jobs = jobs + 1 WHERE state = NEW.state"
    for event, work in (("INSERT", (more,)), ("DELETE", (less,)), ("UPDATE OF state", (less, more))):
        kind.make_trigger(db, f"search_tally_{event.split()[0].lower()}", event, "jobs", "", work)


def _condition(one: Numbered, row: str) -> str:
    return f" WHERE {one.where.format(row=row)}" if one.where else ""


def _entry(one: Numbered, row: str) -> tuple[str, tuple[str, ...]]:
    """SQL of a row's key and texts."""
    return f"{row}.{one.key}", tuple(t.format(row=row) if "{row}" in t else f"{row}.{t}" for t in one.texts)
