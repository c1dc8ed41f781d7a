"""What a caller can do with what is deleted or put away: see it, take it out of the lists, put it back."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.jobs import trash as things
from roadloop.jobs.history import format_time
from roadloop.jobs.store import jobs
from roadloop.storage import search
from roadloop.storage.database import Write, metadata
from roadloop.storage.platform import Platform
from roadloop.storage.trash import trash

DAY: Final = 86_400.0
NEWEST: Final = 1000


class Shelf(NamedTuple):
    """Where a kind of thing is listed.

    Attributes:
        lists: Names of its lists; a row is in one of them.
        named: Whether the interface calls it by its name; else by its task id.
    """

    lists: tuple[str, ...]
    named: bool


#: What can be taken out of the lists without being deleted.
SHELVES: Final[Mapping[str, Shelf]] = {
    "dataset": Shelf(("datasets",), named=True),
    "task": Shelf(("training_tasks",), named=True),
    "evaluation": Shelf(("evaluations",), named=False),
    "release": Shelf(("releases",), named=False),
    "selection": Shelf(("selections:sam", "selections:sele"), named=False),
}


def deleted(platform: Platform) -> list[dict[str, Any]]:
    """What is in the trash, newest first."""
    days = platform.settings.trash_keep_days
    with platform.database.reading() as db:
        columns = (trash.c.id, trash.c.kind, trash.c.name, trash.c.bytes, trash.c.at)
        query = sa.select(*columns).where(trash.c.state == "deleted").order_by(trash.c.id.desc()).limit(NEWEST)
        rows = db.execute(query).all()
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "name": row.name,
            "bytes": row.bytes,
            "deleted_at": format_time(row.at),
            "goes_at": format_time(row.at + days * DAY) if days else None,
        }
        for row in rows
    ]


def archived(platform: Platform) -> list[dict[str, Any]]:
    """What was taken out of the lists, newest first."""
    found = []
    with platform.database.reading() as db:
        for kind, shelf in SHELVES.items():
            for name in shelf.lists:
                table, put = metadata.tables[search.LISTS[name].table], search.archived.c
                query = (
                    sa.select(table.c.task_id, jobs.c.title, put.at)
                    .join_from(table, jobs, jobs.c.id == table.c.task_id)
                    .join(search.archived, (put.row_id == table.c.id) & (put.list == search.PLACES[name]))
                    .order_by(put.at.desc())
                    .limit(NEWEST)
                )
                for task_id, title, at in db.execute(query):
                    key = title if shelf.named else task_id
                    found.append({"kind": kind, "name": key, "title": title, "archived_at": format_time(at), "at": at})
    found.sort(key=lambda one: -one["at"])
    return [{key: value for key, value in one.items() if key != "at"} for one in found]


def archive(platform: Platform, kind: str, name: str, *, on: bool) -> Write[None]:
    """Check that a thing can be taken out of the lists, or put back into them.

    Raises:
        NotFoundError: There is no such thing.
        InvalidValueError: Things of this kind stand in no list.
    """
    if kind not in SHELVES:
        raise InvalidValueError(
            Text(
                f"kind {kind} 不能归档，只能删除；可归档：{'、'.join(SHELVES)}。",
                f"kind: a {kind} cannot be archived, only deleted; these can: {', '.join(SHELVES)}.",
            ),
            parameter="kind",
        )
    with platform.database.reading() as db:
        things.find(db, platform.workspace, kind, name)

    def write(db: sa.Connection) -> None:
        place, row_id = _row(db, kind, name)
        if (row_id in search.archived_ids(db, place)) != on:
            (search.archive if on else search.unarchive)(db, place, row_id)

    return write


def _row(db: sa.Connection, kind: str, name: str) -> tuple[str, int]:
    """The list that a thing is in, and its id there."""
    shelf = SHELVES[kind]
    table = metadata.tables[search.LISTS[shelf.lists[0]].table]
    named = (table.c.name == name) if shelf.named else (table.c.task_id == name)
    if "live" in table.c and shelf.named:
        named &= table.c.live
    row_id = db.scalar(sa.select(table.c.id).where(named))
    places = search.lists_of(db, table.name, row_id) if row_id is not None else []
    if row_id is None or not places:
        raise NotFoundError(Text(f"没有 {name[:80]}。", f"There is no {name[:80]}."), parameter="name")
    return places[0], row_id
