"""Rows of the datasets table. No decisions here."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.claims import Claim, succeeded
from roadloop.jobs.queue import jobs
from roadloop.storage.database import metadata
from roadloop.storage.paths import Workspace

datasets: Final = sa.Table(
    "datasets",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("live", sa.Boolean, nullable=False),  # False: the creation failed and the name was taken over
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("data_type", sa.String(10), nullable=False),  # all | aug
    sa.Column("sour_data", sa.Text, nullable=False),  # source sets, joined by commas
    sa.Column("train", sa.Float, nullable=False),  # shares as sent
    sa.Column("val", sa.Float, nullable=False),
    sa.Column("test", sa.Float, nullable=False),
    sa.Index(
        "ix_datasets_live_name",
        "name",
        unique=True,
        sqlite_where=sa.text("live = 1"),
        postgresql_where=sa.text("live"),
    ),
    sqlite_autoincrement=True,
)


def find_live(db: sa.Connection, name: str) -> sa.Row[Any] | None:
    """The row that holds `name`, with its job's state; None when the name is free."""
    return db.execute(
        sa.select(datasets, jobs.c.state)
        .join(jobs, jobs.c.id == datasets.c.task_id)
        .where(datasets.c.name == name, datasets.c.live)
    ).first()


def give_up_name(db: sa.Connection, row_id: int) -> None:
    """Let another row have this one's name."""
    db.execute(datasets.update().where(datasets.c.id == row_id).values(live=False))


def insert(db: sa.Connection, values: dict[str, Any]) -> None:
    """Add a live row."""
    db.execute(datasets.insert().values(live=True, **values))


def claims(db: sa.Connection, _workspace: Workspace) -> Iterator[Claim]:
    """The folders of the finished datasets."""
    for row in succeeded(db, datasets):
        if row.live:
            owner = Text(f"数据集 {row.name}", f"The dataset {row.name}")
            free = partial(give_up_name, row_id=row.id)
            yield Claim(owner, f"datasets/{row.name}", sealed=True, tasks=(row.task_id,), free=free)
