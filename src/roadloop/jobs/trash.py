"""Deleting and bringing back: rows leave their tables, folders move into the workspace's trash, both in one step to the eye.

A row of `trash` is committed first and says all that is going to happen, with the rows that were taken out; then folders
are renamed, which is finished at the next start when a kill comes between. Nothing that others refer to is deleted, and
what is deleted comes back until it is purged. The names of the features' functions are text, because features stand above.
"""

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import BrokenFileError, ConflictError, NameTakenError, NotFoundError, OvertakenError, Text
from roadloop.jobs import queue, trash_moves
from roadloop.jobs.claims import all_claims
from roadloop.jobs.states import JobState
from roadloop.jobs.store import ACTIVE, jobs
from roadloop.storage import publish
from roadloop.storage.database import Write
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform
from roadloop.storage.trash import trash

#: What can be deleted -> the module that finds it (`find`).
KINDS: Final[Mapping[str, str]] = {
    "source": "roadloop.sources.disposal",
    "dataset": "roadloop.datasets.disposal",
    "task": "roadloop.training.disposal",
    "model": "roadloop.models.disposal",
    "evaluation": "roadloop.evaluation.disposal",
    "release": "roadloop.releases.disposal",
    "selection": "roadloop.selection.disposal",
    "package": "roadloop.packages.disposal",
    "engine": "roadloop.engines.disposal",
}
#: Rows of one feature that go with a thing of another.
BELONGINGS: Final = ("roadloop.packages.disposal:belongings",)
#: Modules that know what refers to a thing (`references`).
REFERRERS: Final = tuple(
    f"roadloop.{feature}.disposal"
    for feature in (
        "sources",
        "datasets",
        "training",
        "evaluation",
        "releases",
        "selection",
        "packages",
        "annotators",
        "engines",
        "sweeps",
    )
)
_HOLDING: Final = frozenset({"source", "evaluation", "selection"})
MOST: Final = 20  #: references that a refusal names
_COUNTED: Final = 20_000  # files of a folder without a manifest whose sizes are added up, at most


class Reference(NamedTuple):
    """Something that needs a thing.

    Attributes:
        text: What it is, in words.
        place: Where the page shows it; empty: nowhere.
    """

    text: Text
    place: str = ""


@dataclass(frozen=True)
class Thing:
    """What can be deleted.

    Attributes:
        kind: Key of KINDS.
        name: As the interface calls it: a name, or a task id.
        key: As others' rows call it.
        title: What people read.
        rows: Which rows go with it, those that others refer to first.
        places: Its files and folders.
        tasks: The jobs that made it; none of them may be at work.
        remarks: What one should know before.
    """

    kind: str
    name: str
    key: str
    title: str
    rows: tuple[tuple[sa.Table, sa.ColumnElement[bool]], ...] = ()
    places: tuple[Path, ...] = ()
    tasks: tuple[str, ...] = ()
    remarks: tuple[Text, ...] = ()

    def names(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """Whether a column names this task, or one of its models, or this model: `<task>` or `<task>/<file>`."""
        if self.kind == "model":
            return column == self.key
        return sa.or_(column == self.key, column.startswith(f"{self.key}/", autoescape=True))


def find(db: sa.Connection, workspace: Workspace, kind: str, name: str) -> Thing:
    """The thing of that name.

    Raises:
        NotFoundError: There is none.
    """
    thing: Thing | None = resolve_name(f"{KINDS[kind]}:find")(db, workspace, name)
    if thing is None:
        raise NotFoundError(
            Text(f"没有名为 {name[:80]} 的条目可以删除。", f"There is no {kind} {name[:80]} to be deleted."),
            parameter="name",
        )
    more = [one for name in BELONGINGS for one in resolve_name(name)(db, thing)]
    return replace(thing, rows=(*thing.rows, *more))


def outputs(
    db: sa.Connection, workspace: Workspace, column: sa.Column[str], stored: str, task_id: str
) -> tuple[tuple[Path, ...], tuple[Text, ...]]:
    """The folder that goes with a job's row, and what is to be said where it stays.

    Args:
        db: A connection.
        workspace: Of the folder.
        column: Where the rows of this kind name theirs.
        stored: This row's.
        task_id: This row's job.
    """
    table = column.table
    others = sa.select(table.c.task_id).join(jobs, jobs.c.id == table.c.task_id)
    newer = others.where(column == stored, table.c.task_id != task_id, jobs.c.state == JobState.SUCCEEDED.value)
    place = workspace.find_path(stored)
    if not stored or db.scalar(newer.limit(1)) is not None:
        return (), (
            Text("它的文件夹还属于另一次结果，会保留。", "Its folder belongs to another result, too, and stays."),
        )
    if not place.is_relative_to(workspace.home):
        return (), (
            Text(f"{place} 在工作区之外，会原样保留。", f"{place} is outside the workspace and stays as it is."),
        )
    return (place,), ()


def references(db: sa.Connection, thing: Thing) -> Iterator[Reference]:
    """What needs a thing, by the rows."""
    for module in REFERRERS:
        yield from resolve_name(f"{module}:references")(db, thing)


def uses(platform: Platform, kind: str, name: str) -> tuple[Thing, list[Reference]]:
    """A thing, and what protects it: at most `MOST` + 1 references, and the jobs at work on it."""
    with platform.database.reading() as db:
        thing = find(db, platform.workspace, kind, name)
        held = [*_within(db, platform.workspace, thing), *_protecting(db, thing)]
    return thing, held


def _protecting(db: sa.Connection, thing: Thing) -> list[Reference]:
    found = []
    for row in db.execute(sa.select(jobs.c.id, jobs.c.title).where(jobs.c.id.in_(thing.tasks), ACTIVE)):
        text = Text(
            f"任务 {row.title} 正在排队或运行；请先停止它",
            f"the job {row.title} waits or runs; stop it first",
        )
        found.append(Reference(text, "/jobs"))
    for one in references(db, thing):
        found.append(one)
        if len(found) > MOST:
            break
    return found


def _within(db: sa.Connection, workspace: Workspace, thing: Thing) -> list[Reference]:
    """Other people's finished work that stands inside the thing's folders, or pictures that others refer to there."""
    if (
        thing.kind not in _HOLDING
    ):  # the others' folders hold nothing of others, and claims read every source set's manifest
        return []
    own = set(thing.places)
    found = {}
    for claim in all_claims(db, workspace):
        place = workspace.find_path(claim.path)
        mine = bool(set(claim.tasks) & set(thing.tasks)) or place in own
        if claim.needed and not mine and not own.isdisjoint(place.parents):
            found[claim.owner] = Reference(
                Text(f"{claim.owner.zh} 用到其中的文件", f"{claim.owner.en} uses what is in it")
            )
    return list(found.values())[:MOST]


def delete(platform: Platform, kind: str, name: str) -> Write[int]:
    """Check a deletion.

    Returns:
        Takes the rows out and writes the trash's row; answers its number, which `carry_out` takes.

    Raises:
        NotFoundError: There is no such thing.
        ConflictError: Something refers to it, or a job is at work on it; names all that.
    """
    workspace = platform.workspace
    with platform.database.reading() as db:
        thing = find(db, workspace, kind, name)
        within, seen = _within(db, workspace, thing), rows_of(db, thing)
    places = [place for place in thing.places if os.path.lexists(place)]
    size, mark = sum(map(_size, places)), uuid.uuid4().hex
    stored = [workspace.store_path(place, raw=True) for place in places]
    moves = [[path, f"{workspace.trash.name}/{mark}/{path}"] for path in stored]

    def write(db: sa.Connection) -> int:
        if rows_of(db, thing) != seen:
            raise OvertakenError
        held = [*within, *_protecting(db, thing)]
        if held:
            raise protected(thing, held)
        for task_id in thing.tasks:
            if queue.get(db, task_id).state is JobState.CREATED:
                queue.cancel(db, task_id)
        rows = [*seen, *trash_moves.sums(db, stored), *trash_moves.marks(db, seen, () if thing.rows else thing.tasks)]
        done = db.execute(
            trash.insert().values(
                kind=kind, name=thing.title, state="deleting", rows=rows, moves=moves, bytes=size, at=time.time()
            )
        )
        trash_moves.take_out(db, rows)
        assert done.inserted_primary_key is not None
        return int(done.inserted_primary_key[0])

    return write


def protected(thing: Thing, held: list[Reference]) -> ConflictError:
    """What is said when something refers to what is to be deleted."""
    some, more = held[:5], "" if len(held) <= 5 else " …"
    zh, en = "；".join(one.text.zh for one in some), "; ".join(one.text.en for one in some)
    return ConflictError(
        Text(
            f"{thing.title} 还在使用中，没有删除：{zh}{more}。请先处理它们。",
            f"{thing.title} is in use and was not deleted: {en}{more}. See to these first.",
        ),
        places=[one.place for one in some],
    )


def restore(platform: Platform, number: int) -> Write[int]:
    """Check that something can come back.

    Returns:
        Puts its rows back; answers the number, which `carry_out` takes.

    Raises:
        NotFoundError: It is not in the trash.
        NameTakenError: Its name, or the place of its files, has been taken meanwhile.
        BrokenFileError: Its files are gone from the trash.
    """
    with platform.database.reading() as db:
        row = _require(db, number)
    for path, kept in row.moves:
        if os.path.lexists(platform.workspace.home / path):
            raise _taken(row)
        if not os.path.lexists(platform.workspace.home / kept):
            raise BrokenFileError(
                Text(
                    f"{row.name} 在回收站里的文件 {kept} 不见了，无法还原；请从备份恢复它。",
                    f"The files of {row.name} are gone from the trash ({kept}), so it cannot come back; put them back from a"
                    " backup.",
                )
            )

    def write(db: sa.Connection) -> int:
        if _require(db, number).state != "deleted":
            raise OvertakenError
        try:
            with db.begin_nested():
                trash_moves.put_back(db, row.rows)
        except sa.exc.IntegrityError as error:
            raise _taken(row) from error
        db.execute(trash.update().where(trash.c.id == number).values(state="restoring"))
        return number

    return write


def purge(platform: Platform, number: int) -> Write[int]:
    """Check that something can go for ever; answers the number, which `carry_out` takes.

    Raises:
        NotFoundError: It is not in the trash.
    """
    with platform.database.reading() as db:
        _require(db, number)

    def write(db: sa.Connection) -> int:
        _require(db, number)
        db.execute(trash.update().where(trash.c.id == number).values(state="purging"))
        return number

    return write


def rows_of(db: sa.Connection, thing: Thing) -> list[list[Any]]:
    """The rows that go with a thing, as plain values: [[table, {column: value}], ...]."""
    return [
        [table.name, dict(row._mapping)]  # noqa: SLF001 - SQLAlchemy's public name
        for table, where in thing.rows
        for row in db.execute(sa.select(table).where(where).order_by(*table.primary_key))
    ]


def _size(place: Path) -> int:
    """Bytes of a file or folder: by its manifest, else by looking at its files, at the first `_COUNTED` of them."""
    if not place.is_dir():
        return place.lstat().st_size
    with suppress(BrokenFileError):
        files = publish.read_manifest(place)["files"].values()
        return sum(one["bytes"] for one in files if isinstance(one.get("bytes"), int))
    found = islice((p for p in place.rglob("*") if p.is_file() and not p.is_symlink()), _COUNTED)
    return sum(p.stat().st_size for p in found)


def _require(db: sa.Connection, number: int) -> sa.Row[Any]:
    row = db.execute(sa.select(trash).where(trash.c.id == number, trash.c.state == "deleted")).first()
    if row is None:
        raise NotFoundError(
            Text(
                "回收站里没有这一项；它可能已还原或已过期。",
                "That is not in the trash; it may have come back, or its time is over.",
            ),
            id=number,
        )
    return row


def _taken(row: sa.Row[Any]) -> NameTakenError:
    return NameTakenError(
        Text(
            f"{row.name} 的名称或位置现在已被别的占用；请先移走或删除那一个，再还原。",
            f"The name or place of {row.name} is taken by something else now; delete or move that first, then restore.",
        ),
        kind=row.kind,
    )
