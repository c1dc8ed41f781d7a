"""Choice lists: names of what is finished, newest first, so many at a time."""

from typing import Any

import sqlalchemy as sa

from roadloop.errors import NotFoundError, Text
from roadloop.jobs.states import JobState
from roadloop.jobs.store import jobs
from roadloop.parameters import NEWEST, Choices
from roadloop.storage import search


def state_of(task_id: sa.Column[str]) -> sa.ScalarSelect[str]:
    """The state of a row's job, looked up row by row: the rows come in the order that the query asks for."""
    its = jobs.alias()
    return sa.select(its.c.state).where(its.c.id == task_id).scalar_subquery()


def ready(db: sa.Connection, table: sa.Table, choices: Choices) -> list[str]:
    """Names of the rows that hold their name and whose job has succeeded, newest first.

    Args:
        db: A connection.
        table: With `id`, `name`, `live` and `task_id`; its list has the table's name.
        choices: Which.

    Raises:
        NotFoundError: Nothing is named as `after` says.
    """
    size = choices.page_size or NEWEST
    below = search.ANY
    if choices.after:
        found = db.scalar(sa.select(table.c.id).where(table.c.name == choices.after, table.c.live))
        if found is None:
            raise unknown(choices.after)
        below = found
    query = sa.select(table.c.id, table.c.name).where(
        table.c.live,
        state_of(table.c.task_id) == JobState.SUCCEEDED.value,
        table.c.id.not_in(search.archived_ids(db, table.name)),
    )
    query = query.order_by(table.c.id.desc())
    if not choices.q:
        return list(db.scalars(query.with_only_columns(table.c.name).where(table.c.id < below).limit(size)))
    rows: list[sa.Row[Any]] = []
    while len(rows) < size and (ids := search.find(db, table.name, choices.q, 2 * size, below=below)):
        rows += db.execute(query.where(table.c.id.in_(ids)))
        below = ids[-1]
    return [row.name for row in rows[:size]]


def unknown(name: str) -> NotFoundError:
    """Nothing has the name that `after` says."""
    return NotFoundError(
        Text(f"没有名为 {name[:80]!r} 的条目可以接着列。", f"Nothing is named {name[:80]!r}, after which to go on."),
        parameter="after",
    )
