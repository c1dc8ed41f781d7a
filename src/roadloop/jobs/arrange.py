"""Which of a list's rows, and in which order, where it is not simply the newest first: by state, values and columns.

Nothing here has an index of its own: it looks at the newest rows of a list, or the newest matches of a search,
`search.MOST` of them at most, so that it costs the same with a million rows; the answer says how many there are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import InvalidValueError, Text
from roadloop.jobs.store import jobs
from roadloop.parameters import History

OLDEST: Final = "created"  #: the oldest first; it needs no column, rows are numbered so
NEWEST_FIRST: Final = frozenset({"", "-created"})

#: What a list can be sorted by, and told apart by where it is text: the name in its rows -> SQL.
Fields = Mapping[str, sa.ColumnElement[Any]]


class Arrangement(NamedTuple):
    """What was asked for, checked.

    Attributes:
        state: Only jobs in this state; empty: all.
        only: Only rows with these values.
        by: What they are sorted by; None: their age.
        descending: Large values, or the newest, first.
    """

    state: str
    only: tuple[tuple[sa.ColumnElement[Any], str], ...]
    by: sa.ColumnElement[Any] | None
    descending: bool

    @property
    def chooses(self) -> bool:
        """Whether rows are left out, or sorted by something else than their age."""
        return bool(self.state or self.only) or self.by is not None


def arrangement(parameters: History, fields: Fields) -> Arrangement:
    """What a request asks for.

    Raises:
        InvalidValueError: A column that the list cannot be sorted or told apart by, or any of it together with `all`.
    """
    texts = {name: column for name, column in fields.items() if isinstance(column.type, sa.String)}
    only = tuple((_column(texts, name, "only"), str(value)) for name, value in parameters.only.items())
    name = parameters.order.removeprefix("-")
    by = None if name in ("", OLDEST) else _column(fields, name, "order")
    descending = parameters.order.startswith("-") or not name
    asked = Arrangement(parameters.state, only, by, descending)
    if parameters.all and (asked.chooses or not descending):
        raise InvalidValueError(
            Text(
                "all=1 按从新到旧给出每一行，不能与 state、only 或 order 同用；请去掉其中之一",
                "all=1 streams every row, newest first, and takes no state, only or order; leave one of them out",
            ),
            parameter="all",
        )
    return asked


def arrange(
    db: sa.Connection, key: sa.Column[int], table: sa.Table | None, ids: Sequence[int], asked: Arrangement
) -> list[int]:
    """Those of the rows `ids` that were asked for, in order; rows without the value come last, equal ones newest first.

    Args:
        db: A connection.
        key: The list's primary key.
        table: Its table with a `task_id`; None: the jobs themselves.
        ids: Not more than a few thousand.
        asked: What for.
    """
    found = sa.select(key).where(key.in_(ids))
    if table is not None:
        found = found.join(jobs, jobs.c.id == table.c.task_id)
    if asked.state:
        found = found.where(jobs.c.state == asked.state)
    for column, value in asked.only:
        found = found.where(column == value)
    if asked.by is None:
        return list(db.scalars(found.order_by(key.desc() if asked.descending else key)))
    by = sa.func.lower(asked.by) if isinstance(asked.by.type, sa.String) else asked.by
    return list(db.scalars(found.order_by((by.desc() if asked.descending else by.asc()).nulls_last(), key.desc())))


def _column(fields: Fields, name: str, parameter: str) -> sa.ColumnElement[Any]:
    if name in fields:
        return fields[name]
    there = ", ".join([*([OLDEST] if parameter == "order" else []), *fields]) or "-"
    raise InvalidValueError(
        Text(
            f"{parameter} 不支持 {name[:80]!r}；这个列表支持：{there}",
            f"{parameter}: this list has no {name[:80]!r} for it; it has: {there}",
        ),
        parameter=parameter,
    )
