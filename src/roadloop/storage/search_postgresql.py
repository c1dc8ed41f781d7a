# ruff: noqa: S608 - SQL is built from constants
"""The index for the search in names, in PostgreSQL.

A row's entry has every one, two and three neighbouring characters of its texts, case folded, in an array with an inverted
index (GIN). A search of up to three characters asks for its own; a longer one for all of its three neighbouring
characters, and then looks into the texts that have them. Each has the list's mark in front, so that rows of other lists
cost nothing. Chinese needs no extension and no locale of the server's: case is folded by ICU, which every distribution's
PostgreSQL has.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

_INDEX: Final = sa.table(
    "search", sa.column("list", sa.Integer), sa.column("row_id", sa.Integer), sa.column("text", sa.Text),
    sa.column("grams", postgresql.ARRAY(sa.Text)),
)  # fmt: skip
_FOUND: Final = (
    sa.select(_INDEX.c.row_id)
    .where(
        _INDEX.c.list == sa.bindparam("place"),
        _INDEX.c.row_id < sa.bindparam("below", type_=sa.BigInteger),
        _INDEX.c.grams.contains(sa.bindparam("grams", type_=postgresql.ARRAY(sa.Text))),
        sa.func.strpos(_INDEX.c.text, sa.bindparam("text")) > 0,
    )
    .order_by(_INDEX.c.row_id.desc())
    .limit(sa.bindparam("size"))
)
_FOLD: Final = "lower(translate({text}, chr(9) || chr(10) || chr(13), '   ') COLLATE \"und-x-icu\")"


def create(db: sa.Connection, most: int) -> None:
    """Make the empty index anew, for texts of at most so many characters."""
    db.exec_driver_sql("DROP TABLE IF EXISTS search")
    db.exec_driver_sql(
        "CREATE TABLE search (list integer, row_id integer, text text NOT NULL, grams text[] NOT NULL,"
        " PRIMARY KEY (list, row_id))"
    )
    db.exec_driver_sql("CREATE INDEX search_grams ON search USING gin (grams)")
    db.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION search_fold(t text) RETURNS text LANGUAGE sql IMMUTABLE AS"
        f" $$ SELECT left({_FOLD.format(text='t')}, {most}) $$"
    )
    db.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION search_grams(mark text, t text) RETURNS text[] LANGUAGE sql IMMUTABLE AS"
        " $$ SELECT coalesce(array_agg(DISTINCT mark || substr(t, i, n)), '{}')"
        " FROM generate_series(1, length(t)) AS i, generate_series(1, 3) AS n WHERE i + n - 1 <= length(t) $$"
    )


def empty(db: sa.Connection) -> None:
    """Take everything out of the index."""
    db.exec_driver_sql("DELETE FROM search")


def find(db: sa.Connection, place: int, text: str, size: int, below: int) -> list[int]:
    """Ids of the newest rows of a list that hold `text`."""
    if "\0" in text:  # which no text here can hold
        return []
    folded = db.scalar(sa.select(sa.func.search_fold(text))) or ""
    width = min(3, len(folded))
    grams = {f"{_mark(place)}{folded[i : i + width]}" for i in range(len(folded) - width + 1)}
    return list(
        db.scalars(_FOUND, {"place": place, "below": below, "grams": sorted(grams), "text": folded, "size": size})
    )


def insert(place: int, key: str, texts: Sequence[str], rows: str = "") -> str:
    """SQL that puts rows into the index: those of `rows`, a FROM clause, or one whose columns are at hand."""
    return (
        f"INSERT INTO search(list, row_id, text, grams) SELECT {place}, row_key, t, search_grams('{_mark(place)}', t)"
        f" FROM (SELECT {key} AS row_key, {_text(texts)} AS t {rows}) AS entry"
    )


def forget(place: int, key: str, texts: Sequence[str], rows: str) -> str:  # noqa: ARG001 - the key is enough here
    """SQL that takes the rows of `rows`, a FROM clause, out of the index."""
    return f"DELETE FROM search WHERE list = {place} AND row_id IN (SELECT {key} {rows})"


def change(place: int, old: tuple[str, Sequence[str]], new: tuple[str, Sequence[str]]) -> tuple[str, ...]:
    """SQL that follows a row whose texts change."""
    key, _texts = old
    return f"DELETE FROM search WHERE list = {place} AND row_id = {key}", insert(place, *new)


def make_trigger(db: sa.Connection, name: str, event: str, table: str, when: str, statements: Sequence[str]) -> None:
    """Make a trigger that runs the statements after an event in each row for which `when` holds."""
    condition = f" WHEN ({when})" if when else ""
    db.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {'; '.join(statements)}; RETURN NULL; END $$"
    )
    db.exec_driver_sql(
        f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW{condition} EXECUTE FUNCTION {name}()"
    )


def drop_triggers(db: sa.Connection) -> None:
    """Drop all triggers of the lists."""
    named = (
        "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE starts_with(tgname, 'search_') AND relnamespace = current_schema()::regnamespace"
    )
    for name, table in db.exec_driver_sql(named).all():
        db.exec_driver_sql(f"DROP TRIGGER {name} ON {table}")


def _mark(place: int) -> str:
    return chr(ord("a") + place)


def _text(texts: Sequence[str]) -> str:
    return f"search_fold(concat_ws(chr(31), {', '.join(texts)}))"
