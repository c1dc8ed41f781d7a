"""What a deletion, or a return, does to rows and folders, step by step, so that any step can be the last one before a kill."""

import errno
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pkgutil import resolve_name
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import BusyError, ConflictError, RoadloopError, Text
from roadloop.jobs.claims import ROWS
from roadloop.jobs.store import DELETED, jobs, seals
from roadloop.storage import publish, search
from roadloop.storage.database import metadata
from roadloop.storage.platform import Platform
from roadloop.storage.trash import trash

log: Final = logging.getLogger(__name__)

#: Kinds that leave something to be written anew when their places have moved: a function of the workspace.
AFTER: Final[Mapping[str, str]] = {"release": "roadloop.releases.disposal:write_index"}

_GONE: Final = Text(
    "它的结果已被删除；在回收站里可以还原，直到期限结束。",
    "What it made was deleted; the trash can bring it back until its days are over.",
)

Rows = Sequence[Sequence[Any]]


def carry_out(platform: Platform, number: int) -> None:
    """Do what a row of the trash says is going to happen. Calling it again does no harm.

    Raises:
        DiskFullError: The folders could not be moved; all is as it was before.
        ConflictError: Likewise, for another reason, which it names.
    """
    with platform.database.reading() as db:
        row = db.execute(sa.select(trash).where(trash.c.id == number)).first()
    if row is None or row.state == "deleted":
        return
    if row.state == "purging":
        _purge(platform, row)
        return
    deleting = row.state == "deleting"
    _reach(platform, row, "chosen")
    try:
        _rename(platform, row, forward=deleting)
    except OSError as error:
        _undo(platform, row, deleting=deleting)
        with publish.disk_errors(platform.workspace.home):
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
                raise
        raise _cannot_move(row, error) from error
    _reach(platform, row, "moved")
    _tell(platform, row)
    _end(platform, number, row.state, deleted=deleting)


def settle(platform: Platform) -> None:
    """Finish, or undo, what a killed server had begun."""
    with platform.database.reading() as db:
        left = db.scalars(sa.select(trash.c.id).where(trash.c.state != "deleted").order_by(trash.c.id)).all()
    for number in left:
        try:
            carry_out(platform, number)
        except BusyError as error:
            log.warning("trash: %s", error.text.en)
        except RoadloopError as error:  # it was undone, and says why
            log.warning("trash: %s", error.text.en)


def sums(db: sa.Connection, places: Sequence[str]) -> list[list[Any]]:
    """The rows of `seals` of all that stands at stored paths, or below them."""
    found = []
    for path in places:
        here = sa.or_(seals.c.path == path, seals.c.path.startswith(f"{path}/", autoescape=True))
        found += [[seals.name, dict(row._mapping)] for row in db.execute(sa.select(seals).where(here))]  # noqa: SLF001
    return found


def marks(db: sa.Connection, rows: Rows, tasks: Sequence[str] = ()) -> list[list[Any]]:
    """What the jobs say whose own rows are among `rows`, and those of `tasks`, which have none: it is put back with them."""
    tasks = [*tasks, *(values["task_id"] for _name, values in rows if {"id", "task_id"} <= values.keys())]
    said = sa.select(jobs.c.id, jobs.c.error, jobs.c.reason).where(jobs.c.id.in_(tasks)).order_by(jobs.c.id)
    return [[jobs.name, dict(row._mapping)] for row in db.execute(said)]  # noqa: SLF001


def take_out(db: sa.Connection, rows: Rows) -> None:
    """Delete rows, those that refer to others first, and take them out of the lists; jobs say that it was done."""
    for name, values in reversed(rows):
        table = _table(name)
        if table is jobs:
            changed = {"error": DELETED, "reason": list(_GONE)}
            db.execute(jobs.update().where(jobs.c.id == values["id"]).values(**changed))
            continue
        for one in _lists(db, table, values):
            search.forget(db, one, values["id"])
        key = sa.and_(*(column == values[column.name] for column in table.primary_key))
        db.execute(table.delete().where(key))


def put_back(db: sa.Connection, rows: Rows) -> None:
    """Insert rows that were taken out, into the lists where they stood.

    Raises:
        sqlalchemy.exc.IntegrityError: Others have their place.
    """
    for name, values in rows:
        table = _table(name)
        if table is jobs:
            db.execute(jobs.update().where(jobs.c.id == values["id"]).values(**values))
            continue
        known = {key: value for key, value in values.items() if key in table.c and value is not None}
        db.execute(table.insert().values(**known))
        for one in _lists(db, table, values):
            search.settle(db, one, values["id"])


def _table(name: str) -> sa.Table:
    """A table by its name, of a feature that this process may not have used yet."""
    if name not in metadata.tables:
        for place in ROWS.values():
            resolve_name(place)
    return metadata.tables[name]


def _lists(db: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> list[str]:
    return search.lists_of(db, table.name, values["id"]) if "id" in table.c else []


def _reach(platform: Platform, row: sa.Row[Any], step: str) -> None:
    """A named fail point, `trash.<state>.<step>`: where the tests kill."""
    if platform.settings.fail_point == f"trash.{row.state}.{step}":
        os.kill(os.getpid(), signal.SIGKILL)


def _rename(platform: Platform, row: sa.Row[Any], *, forward: bool) -> None:
    home = platform.workspace.home
    for path, kept in row.moves:
        source, target = (home / path, home / kept) if forward else (home / kept, home / path)
        if not os.path.lexists(target):  # else it was moved before; what stands at `source` now is something new
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                source.rename(target)
            publish.fsync(source.parent)
            publish.fsync(target.parent)
        elif not forward and os.path.lexists(source):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        _reach(platform, row, "half")
    if not forward:
        _clear(platform, row)


def _undo(platform: Platform, row: sa.Row[Any], *, deleting: bool) -> None:
    with suppress(OSError):
        _rename_back(platform, row, deleting=deleting)
    with platform.database.transaction() as db:
        if deleting:
            put_back(db, row.rows)
            db.execute(trash.delete().where(trash.c.id == row.id))
        else:
            take_out(db, row.rows)
            db.execute(trash.update().where(trash.c.id == row.id).values(state="deleted"))


def _rename_back(platform: Platform, row: sa.Row[Any], *, deleting: bool) -> None:
    home = platform.workspace.home
    for path, kept in row.moves:
        source, target = (home / kept, home / path) if deleting else (home / path, home / kept)
        if os.path.lexists(source) and not os.path.lexists(target):
            source.rename(target)
    if deleting:
        _clear(platform, row)


def _end(platform: Platform, number: int, state: str, *, deleted: bool) -> None:
    this = (trash.c.id == number) & (trash.c.state == state)
    with platform.database.transaction() as db:
        db.execute(trash.update().where(this).values(state="deleted") if deleted else trash.delete().where(this))


def _purge(platform: Platform, row: sa.Row[Any]) -> None:
    _reach(platform, row, "chosen")
    _clear(platform, row)
    _reach(platform, row, "moved")
    _end(platform, row.id, "purging", deleted=False)


def _clear(platform: Platform, row: sa.Row[Any]) -> None:
    """Remove the folders that a row had in the trash."""
    for mark in {kept.split("/")[1] for _path, kept in row.moves}:
        publish.remove(platform.workspace.trash / mark)


def _tell(platform: Platform, row: sa.Row[Any]) -> None:
    if row.kind in AFTER:
        resolve_name(AFTER[row.kind])(platform.workspace)


def _cannot_move(row: sa.Row[Any], error: OSError) -> ConflictError:
    why = error.strerror or type(error).__name__
    return ConflictError(
        Text(
            f"{row.name} 的文件无法移动（{why}），一切保持原样。它若在别的磁盘上，请先移到工作区的磁盘。",
            f"The files of {row.name} cannot be moved ({why}); all is as it was. If they lie on another disk, move them to"
            " the workspace's first.",
        )
    )
