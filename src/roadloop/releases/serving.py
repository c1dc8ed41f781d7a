"""What serves where: the newest release of each environment and place, and those before it."""

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import NotFoundError, Text
from roadloop.jobs import queue
from roadloop.jobs.choices import state_of
from roadloop.jobs.states import JobState
from roadloop.releases.store import releases
from roadloop.storage.platform import Platform

_COLUMNS: Final = releases.c
_PUBLISHED: Final = (_COLUMNS.live, state_of(_COLUMNS.task_id) == JobState.SUCCEEDED.value)


@dataclass(frozen=True, order=True)
class Place:
    """Where a release serves; places are listed in this order."""

    env: str = ""
    adcode: str = ""


@dataclass(frozen=True)
class Serving:
    """What serves at a place.

    Attributes:
        now: The newest published release, with its job's `result`.
        before: The one that it took over from; None when it is the first.
    """

    now: dict[str, Any]
    before: dict[str, Any] | None


def serving(platform: Platform, category: str, after: Place, limit: int) -> list[Serving]:
    """The places of a category, `limit` at most, behind the place `after`; the empty place is before all."""
    found: list[Serving] = []
    with platform.database.reading() as db:
        while len(found) < limit and (place := _next(db, category, after)) is not None:
            now, *before = _newest(db, category, place, 2)
            found.append(Serving(now, before[0] if before else None))
            after = place
    return found


def history(platform: Platform, category: str, place: Place, before: int, limit: int) -> list[dict[str, Any]]:
    """The releases at a place with their jobs' results, newest first: `limit` at most, older than release `before`."""
    with platform.database.reading() as db:
        return _newest(db, category, place, limit, before)


def published(platform: Platform, release: int) -> dict[str, Any]:
    """One published release, with its job's `result`.

    Raises:
        NotFoundError: There is none of this number, or it is not published.
    """
    with platform.database.reading() as db:
        found = _rows(db, _published().where(_COLUMNS.id == release))
    if not found:
        raise NotFoundError(
            Text(f"没有编号为 {release} 的发布。", f"There is no release number {release}."), id=release
        )
    return found[0]


def _next(db: sa.Connection, category: str, after: Place) -> Place | None:
    """The first place behind another one at which something is published.

    Two questions, as SQLite compares a pair by an index with its first half alone, and walks all releases of a place.
    """
    query = sa.select(_COLUMNS.env, _COLUMNS.adcode).where(_COLUMNS.category == category, *_PUBLISHED)
    query = query.order_by(_COLUMNS.env, _COLUMNS.adcode).limit(1)
    beside = query.where(_COLUMNS.env == after.env, _COLUMNS.adcode > after.adcode)
    row = db.execute(beside).first() or db.execute(query.where(_COLUMNS.env > after.env)).first()
    return None if row is None else Place(*row)


def _newest(db: sa.Connection, category: str, place: Place, limit: int, before: int = 0) -> list[dict[str, Any]]:
    query = _published().where(
        _COLUMNS.category == category, _COLUMNS.env == place.env, _COLUMNS.adcode == place.adcode
    )
    if before:
        query = query.where(_COLUMNS.id < before)
    return _rows(db, query.order_by(_COLUMNS.id.desc()).limit(limit))


def _published() -> sa.Select[Any]:
    joined = sa.select(releases, queue.jobs.c.result).join_from(
        releases, queue.jobs, queue.jobs.c.id == _COLUMNS.task_id
    )
    return joined.where(*_PUBLISHED)


def _rows(db: sa.Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in db.execute(query).mappings()]
