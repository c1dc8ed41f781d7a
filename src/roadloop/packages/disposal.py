"""Packages as things that can be deleted, and what of this feature refers to others."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.states import ENDED, GIVEN_UP
from roadloop.jobs.store import jobs
from roadloop.jobs.trash import Reference, Thing
from roadloop.packages.store import divisions, label_runs, package_pictures, packages
from roadloop.storage.paths import Workspace


def find(db: sa.Connection, workspace: Workspace, name: str) -> Thing | None:
    """The package of that number."""
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 10 else -1
    row = db.execute(sa.select(packages).where(packages.c.number == number)).first()
    if row is None:
        return None
    return Thing(
        kind="package",
        name=name,
        key=name,
        title=f"{row.version}/{number}",
        rows=((packages, packages.c.number == number), (package_pictures, package_pictures.c.number == number)),
        places=(workspace.packages / row.version / name,),
        tasks=(row.task_id,),
    )


def belongings(_db: sa.Connection, thing: Thing) -> Iterator[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """The rows that say how a source set was made of labels that came back."""
    if thing.kind == "source":
        yield label_runs, label_runs.c.name == thing.key


def references(db: sa.Connection, thing: Thing) -> Iterator[Reference]:
    """Packages that were cut from a selection, or painted with a model, or hold gold pictures of a source set."""
    d, p = divisions.c, package_pictures.c
    cut = sa.select(d.version, d.task_id).join(jobs, jobs.c.id == d.task_id).where(jobs.c.state.not_in(GIVEN_UP))
    if thing.kind == "selection":
        inside = p.origin.startswith(f"{thing.key}/", autoescape=True)
        numbers = sa.select(packages.c.version, packages.c.number).join(package_pictures, p.number == packages.c.number)
        for version, number in db.execute(numbers.where(inside).distinct().order_by(packages.c.number)):
            text = Text(f"任务包 {version}/{number} 由它切分", f"the package {version}/{number} was cut from it")
            yield Reference(text, f"/annotation/{version}")
    if thing.kind == "source":
        yield from _of(db, cut.where(d.gold_set == thing.key), "以它为金标", "has gold pictures of it")
        making = sa.select(label_runs.c.version, label_runs.c.task_id).join(jobs, jobs.c.id == label_runs.c.task_id)
        at_work = making.where(label_runs.c.name == thing.key, jobs.c.state.not_in(ENDED))
        yield from _of(db, at_work, "正在写入它", "is writing it")
    if thing.kind in {"task", "model"}:
        painting = cut.where(jobs.c.state.not_in(ENDED), thing.names(d.pre_model))
        yield from _of(db, painting, "正用它预标注", "is being painted with it")
    if thing.kind == "package":
        number = int(thing.key)
        version = sa.select(packages.c.version).where(packages.c.number == number).scalar_subquery()
        runs = sa.select(label_runs.c.version, label_runs.c.task_id).join(jobs, jobs.c.id == label_runs.c.task_id)
        yield from _of(
            db,
            runs.where(label_runs.c.version == version, jobs.c.state.not_in(ENDED)),
            "正在发布标注",
            "is being published",
        )


def _of(db: sa.Connection, query: sa.Select[Any], zh: str, en: str) -> Iterator[Reference]:
    for version, _task_id in db.execute(query):
        yield Reference(Text(f"标注版本 {version} {zh}", f"the version {version} {en}"), f"/annotation/{version}")
