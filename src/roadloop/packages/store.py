"""Rows of packages. No decisions here."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import PurePath
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.claims import Claim, succeeded
from roadloop.jobs.queue import JobState, jobs
from roadloop.jobs.states import ENDED, GIVEN_UP
from roadloop.storage.database import metadata
from roadloop.storage.paths import Workspace
from roadloop.storage.trash import trash

T = TypeVar("T")

divisions: Final = sa.Table(
    "divisions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("version", sa.Text, nullable=False, index=True),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("types", sa.String(10), nullable=False),  # full | remote
    sa.Column("rejected", sa.Boolean, nullable=False),  # sends rejected pictures out again
    sa.Column("overlap", sa.Text, nullable=False),  # as sent
    sa.Column("gold", sa.Text, nullable=False),  # as sent
    sa.Column("gold_set", sa.Text, nullable=False),
    sa.Column("pre_model", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

packages: Final = sa.Table(
    "packages",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("divisions.task_id"), nullable=False, index=True),
    sa.Column("version", sa.Text, nullable=False, index=True),
    sa.Column("types", sa.String(10), nullable=False),
    sa.Column("lost", sa.Boolean, nullable=False, default=False, server_default=sa.false()),  # its folder is gone
)

package_pictures: Final = sa.Table(
    "package_pictures",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("number", sa.Integer, sa.ForeignKey("packages.number"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),  # in the package, ext-<name>
    sa.Column("origin", sa.Text, nullable=False),  # relative to the workspace
    sa.Column("track", sa.Text, nullable=False),
    sa.Column("point", sa.Text, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("role", sa.String(10), nullable=False),  # base | overlap | gold
    sa.Column("truth", sa.Text, nullable=False),  # gold: the sample's key in the gold set
    sa.Column("outcome", sa.String(10), nullable=False),  # "" | published | rejected | broken | resent
    sa.Column("reason", sa.JSON),  # [zh, en] of a rejection
    sa.Column("label", sa.Text, nullable=False),  # rejected: where the label is kept, relative to the workspace
    sa.UniqueConstraint("number", "name"),
    sqlite_autoincrement=True,
)

label_runs: Final = sa.Table(
    "label_runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("version", sa.Text, nullable=False, index=True),
    sa.Column("types", sa.String(10), nullable=False),  # remote | lane | union
    sa.Column("name", sa.Text, nullable=False, index=True),  # of the source set
    sqlite_autoincrement=True,
)

#: Pictures that one transaction writes or forgets: others wait for it.
PART: Final = 2000


def active(db: sa.Connection, table: sa.Table, version: str, types: str) -> str | None:
    """The task of `divisions` or `label_runs` that is at work on a version just now, if there is one."""
    return db.scalar(
        sa.select(table.c.task_id)
        .join(jobs, jobs.c.id == table.c.task_id)
        .where(table.c.version == version, table.c.types == types, jobs.c.state.not_in(ENDED))
    )


def packed_origins(db: sa.Connection, version: str, types: str) -> set[str]:
    """Pictures of a version that are in packages of a type already, relative to the workspace."""
    p = package_pictures
    query = (
        sa.select(p.c.origin)
        .join(packages, packages.c.number == p.c.number)
        .join(jobs, jobs.c.id == packages.c.task_id)
        .where(packages.c.version == version, packages.c.types == types)
        .where(p.c.role == "base", p.c.outcome != "broken", jobs.c.state == JobState.SUCCEEDED)
    )
    return set(db.scalars(query))


def resent_origins(db: sa.Connection, version: str) -> dict[str, int]:
    """Pictures of a version that were sent out again: origin -> newest package number that has them."""
    query = (
        sa.select(package_pictures.c.origin, sa.func.max(package_pictures.c.number))
        .join(packages, packages.c.number == package_pictures.c.number)
        .join(divisions, divisions.c.task_id == packages.c.task_id)
        .join(jobs, jobs.c.id == packages.c.task_id)
        .where(packages.c.version == version, divisions.c.rejected, jobs.c.state.not_in(GIVEN_UP))
        .group_by(package_pictures.c.origin)
    )
    return {row[0]: row[1] for row in db.execute(query)}


def rejected_pictures(db: sa.Connection, version: str) -> list[sa.Row[Any]]:
    """Rejected pictures of a version that have not been sent out again, in track order, each once."""
    p = package_pictures
    rows = db.execute(
        sa.select(p)
        .join(packages, packages.c.number == p.c.number)
        .where(packages.c.version == version, p.c.outcome == "rejected", p.c.role != "gold")
        .order_by(p.c.track, p.c.point, p.c.name, p.c.id)
    )
    resent = resent_origins(db, version)
    found = {row.origin: row for row in rows if resent.get(row.origin, 0) <= row.number}
    return list(found.values())


def tallies(db: sa.Connection) -> list[tuple[str, int, str, int]]:
    """(version, number, outcome, pictures) of the packages that stand; what broke while they were made is not counted."""
    p = package_pictures
    query = (
        sa.select(packages.c.version, packages.c.number, p.c.outcome, sa.func.count())
        .join(p, p.c.number == packages.c.number)
        .join(jobs, jobs.c.id == packages.c.task_id)
        .where(jobs.c.state == JobState.SUCCEEDED, ~packages.c.lost, p.c.outcome != "broken", p.c.role != "gold")
        .group_by(packages.c.version, packages.c.number, p.c.outcome)
    )
    return [(row[0], row[1], row[2], row[3]) for row in db.execute(query)]


def cut(db: sa.Connection) -> dict[int, tuple[str, float | None]]:
    """Of every package the division that cut it, and when that had ended (Unix seconds)."""
    # An outer join, so that each package's job is looked up: an inner one may walk over all jobs.
    query = sa.select(packages.c.number, jobs.c.id, jobs.c.finished_at).outerjoin(jobs, jobs.c.id == packages.c.task_id)
    return {row[0]: (row[1], row[2]) for row in db.execute(query) if row[1] is not None}


def drop_part(db: sa.Connection, task_id: str) -> bool:
    """Forget some packages that never became visible: this division's, and those of divisions that failed or were cancelled.

    Returns:
        Whether there may be more.
    """
    p = package_pictures
    over = sa.or_(jobs.c.state.in_(GIVEN_UP), jobs.c.id == task_id)
    dead = sa.select(packages.c.number).join(jobs, jobs.c.id == packages.c.task_id).where(over)
    some = sa.select(p.c.id).where(p.c.number.in_(dead)).limit(PART)
    if db.execute(p.delete().where(p.c.id.in_(some))).rowcount:
        return True
    db.execute(packages.delete().where(packages.c.number.in_(dead)))
    return False


def highest_number(db: sa.Connection) -> int:
    """The highest package number that any row has, or one in the trash, which can come back; 0 without rows."""
    deleted = db.scalars(sa.select(trash.c.name).where(trash.c.kind == "package"))
    highest = db.scalar(sa.select(sa.func.max(packages.c.number))) or 0
    return max([int(highest), *(int(name.rpartition("/")[2]) for name in deleted)])


def pictures_of(db: sa.Connection, task_id: str) -> list[sa.Row[Any]]:
    """What a division planned, by package and place."""
    p = package_pictures
    query = sa.select(p).join(packages, packages.c.number == p.c.number).where(packages.c.task_id == task_id)
    return list(db.execute(query.order_by(p.c.number, p.c.id)))


def pictures_in(db: sa.Connection, number: int) -> dict[str, sa.Row[Any]]:
    """What the rows know of a package's pictures: name in the package -> row."""
    rows = db.execute(sa.select(package_pictures).where(package_pictures.c.number == number))
    return {row.name: row for row in rows}


def parts(rows: Iterable[T]) -> Iterator[list[T]]:
    """Rows, as many at a time as one transaction writes."""
    waiting = iter(rows)
    while part := list(islice(waiting, PART)):
        yield part


def set_outcomes(db: sa.Connection, ids: Sequence[int], outcome: str) -> None:
    """Note what became of pictures, of `PART` at most."""
    changed = package_pictures.update().where(package_pictures.c.id.in_(ids))
    db.execute(changed.values(outcome=outcome, reason=None, label=""))


def set_rejected(db: sa.Connection, row_id: int, reason: Text, label: str) -> None:
    """Note that a picture's label was rejected, and where it is kept."""
    changed = package_pictures.update().where(package_pictures.c.id == row_id)
    db.execute(changed.values(outcome="rejected", reason=list(reason), label=label))


def set_lost(db: sa.Connection, number: int) -> None:
    """Note that a package is gone: its pictures that nobody has labelled can be packed again."""
    p = package_pictures
    db.execute(packages.update().where(packages.c.number == number).values(lost=True))
    db.execute(p.update().where(p.c.number == number, p.c.outcome == "").values(outcome="broken"))


def gold_set_of(db: sa.Connection, number: int) -> str:
    """The source set that a package's gold pictures come from."""
    query = sa.select(divisions.c.gold_set).join(packages, packages.c.task_id == divisions.c.task_id)
    return db.scalar(query.where(packages.c.number == number)) or ""


def holds_name(db: sa.Connection, name: str) -> bool:
    """Whether a run has made, or is going to make, the source set of that name."""
    rows = sa.select(label_runs.c.id).join(jobs, jobs.c.id == label_runs.c.task_id)
    held = rows.where(label_runs.c.name == name, jobs.c.state.not_in(GIVEN_UP), jobs.c.error.is_(None))
    return db.scalar(held.limit(1)) is not None


def finished_runs(db: sa.Connection, version: str, types: str) -> list[str]:
    """Names of the source sets that were made of a version, by type."""
    r = label_runs
    query = sa.select(r.c.name).join(jobs, jobs.c.id == r.c.task_id)
    return list(db.scalars(query.where(r.c.version == version, r.c.types == types, jobs.c.state == JobState.SUCCEEDED)))


def origins_by_stem(db: sa.Connection, number: int) -> dict[str, str]:
    """Origin of each picture of a package by its stem without `ext-`."""
    p = package_pictures
    rows = db.execute(sa.select(p.c.name, p.c.origin).where(p.c.number == number))
    return {PurePath(row.name).stem.removeprefix("ext-"): row.origin for row in rows}


def claims(db: sa.Connection, _workspace: Workspace) -> Iterator[Claim]:
    """The folders of the packages, one whose pictures were all broken has none; and of originals elsewhere."""
    finished = {row.task_id for row in succeeded(db, divisions)}
    filled = sa.select(package_pictures.c.number).where(package_pictures.c.outcome != "broken")
    standing = sa.select(packages).where(packages.c.number.in_(filled), ~packages.c.lost)
    for row in db.execute(standing.order_by(packages.c.number)):
        if row.task_id in finished:
            owner = Text(f"任务包 {row.number}", f"The package {row.number}")
            free = partial(set_lost, number=row.number)
            yield Claim(owner, f"packages/{row.version}/{row.number}", sealed=True, free=free)
    for row in succeeded(db, label_runs):
        owner = Text(f"源数据 {row.name}", f"The source set {row.name}")
        yield Claim(owner, f"sources/{row.name}", tasks=(row.task_id,))
    elsewhere = sa.select(package_pictures.c.number, package_pictures.c.origin).where(
        package_pictures.c.origin.startswith("/")
    )
    for number, folder in sorted({(row.number, str(PurePath(row.origin).parent)) for row in db.execute(elsewhere)}):
        yield Claim(Text(f"任务包 {number}", f"The package {number}"), folder, needed=False)
