# ruff: noqa: S608 - SQL is built from constants
"""The index for the search in names, in SQLite.

It holds, for each row, every three neighbouring characters of its texts as one word of FTS5, which folds case. A search
of three or more characters is a phrase of such words; one of one or two characters is the beginning of some word, for
which the index keeps lists of its own: Chinese words are that short. The first character of a word is its list's, so
that rows of other lists cost nothing. This is exact, and finds what `LIKE '%text%'` finds.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

_SPREAD: Final = 32  # rowid of the index = row id * 32 + number of the list
#: Everything but control characters makes words; these stand between them.
_TOKENIZER: Final = "unicode61 remove_diacritics 0 categories ''L* M* N* P* S* Z* Co Cs Cn Cf''"
_BREAKS: Final = "\n\r\t"
_INDEX: Final = sa.table("search", sa.column("rowid", sa.Integer))
_FOUND: Final = (
    sa.select(_INDEX.c.rowid)
    .where(sa.literal_column("search").op("MATCH")(sa.bindparam("words")), _INDEX.c.rowid < sa.bindparam("below"))
    .order_by(_INDEX.c.rowid.desc())
    .limit(sa.bindparam("size"))
)


def create(db: sa.Connection, most: int) -> None:
    """Make the empty index anew, for texts of at most so many characters."""
    db.exec_driver_sql("DROP TABLE IF EXISTS search")
    db.exec_driver_sql(
        f"CREATE VIRTUAL TABLE search USING fts5"
        f"(grams, content='', columnsize=0, tokenize='{_TOKENIZER}', prefix='2 3')"
    )
    db.exec_driver_sql("DELETE FROM positions")
    db.exec_driver_sql(
        "INSERT INTO positions WITH RECURSIVE n(i) AS"
        f" (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most}) SELECT i FROM n"
    )


def empty(db: sa.Connection) -> None:
    """Take everything out of the index."""
    db.exec_driver_sql("INSERT INTO search(search) VALUES('delete-all')")


def find(db: sa.Connection, place: int, text: str, size: int, below: int) -> list[int]:
    """Ids of the newest rows of a list that hold `text`."""
    if "\0" in text:  # where FTS5's language ends
        return []
    values = {"words": phrase(place, text), "below": below * _SPREAD, "size": size}
    return [rowid // _SPREAD for rowid in db.scalars(_FOUND, values)]


def phrase(place: int, text: str) -> str:
    """What FTS5 is asked for."""
    for character in _BREAKS:
        text = text.replace(character, " ")
    ends = max(1, len(text) - 2)
    words = "\n".join(f"{_mark(place)}{text[i : i + 3]}" for i in range(ends)).replace('"', '""')
    return f'"{words}"' if len(text) > 2 else f'"{words}" *'


def insert(place: int, key: str, texts: Sequence[str], rows: str = "") -> str:
    """SQL that puts rows into the index: those of `rows`, a FROM clause, or one whose columns are at hand."""
    entry = _entry(place, key, texts)
    return "INSERT INTO search(rowid, grams) " + (f"SELECT {entry} {rows}" if rows else f"VALUES({entry})")


def forget(place: int, key: str, texts: Sequence[str], rows: str) -> str:
    """SQL that takes the rows of `rows`, a FROM clause, out of the index."""
    return f"INSERT INTO search(search, rowid, grams) SELECT 'delete', {_entry(place, key, texts)} {rows}"


def make_trigger(db: sa.Connection, name: str, event: str, table: str, when: str, statements: Sequence[str]) -> None:
    """Make a trigger that runs the statements after an event in each row for which `when` holds."""
    condition = f" WHEN {when}" if when else ""
    db.exec_driver_sql(f"CREATE TRIGGER {name} AFTER {event} ON {table}{condition} BEGIN {'; '.join(statements)}; END")


def change(place: int, old: tuple[str, Sequence[str]], new: tuple[str, Sequence[str]]) -> tuple[str, ...]:
    """SQL that follows a row whose texts change."""
    gone = f"INSERT INTO search(search, rowid, grams) VALUES('delete', {_entry(place, *old)})"
    return gone, insert(place, *new)


def drop_triggers(db: sa.Connection) -> None:
    """Drop all triggers of the lists."""
    named = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'search\\_%' ESCAPE '\\'"
    for name in db.exec_driver_sql(named).scalars().all():
        db.exec_driver_sql(f"DROP TRIGGER {name}")


def _mark(place: int) -> str:
    return chr(ord("a") + place)


def _entry(place: int, key: str, texts: Sequence[str]) -> str:
    """SQL of a row's rowid and words in the index."""
    text = " || char(31) || ".join(texts)
    for character in _BREAKS:
        text = f"replace({text}, char({ord(character)}), ' ')"
    words = (
        f"(SELECT group_concat('{_mark(place)}' || substr(t, i, 3), char(10))"
        f" FROM (SELECT {text} AS t) CROSS JOIN positions WHERE i <= length(t))"
    )
    return f"{key} * {_SPREAD} + {place}, {words}"
