"""The table of selections. No decisions here."""

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.claims import Claim, succeeded
from roadloop.storage.database import metadata
from roadloop.storage.paths import Workspace

selections: Final = sa.Table(
    "selections",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("task_type", sa.String(10), nullable=False),  # sam | sele
    sa.Column("output_dir", sa.Text, nullable=False),  # as sent; inside the home relative
    sa.Column("output_path", sa.Text, nullable=False, index=True),  # resolved, then Workspace.store_path
    sa.Column("gpus", sa.Text, nullable=False),
    sa.Column("sele_ratio", sa.Text, nullable=False),  # as sent
    sa.Column("weights_dir", sa.Text, nullable=False),
    sa.Column("track_file", sa.Text, nullable=False),
    sa.Column("task_file", sa.Text, nullable=False),
    sa.Column("isshuffle", sa.Boolean, nullable=False),
    sqlite_autoincrement=True,
)


def find(db: sa.Connection, task_id: str) -> sa.Row[Any] | None:
    """The row of a task id."""
    return db.execute(sa.select(selections).where(selections.c.task_id == task_id)).first()


def ids_beginning(db: sa.Connection, beginning: str) -> list[str]:
    """The task ids that begin so, at most two of them."""
    begins = selections.c.task_id.startswith(beginning, autoescape=True)
    return list(db.execute(sa.select(selections.c.task_id).where(begins).limit(2)).scalars())


def claims(db: sa.Connection, _workspace: Workspace) -> Iterator[Claim]:
    """The output folders of the finished selections, of each folder the last one."""
    rows = list(succeeded(db, selections))
    for row in {row.output_path: row for row in rows}.values():
        owner = Text(f"挑图任务 {row.task_id}", f"The selection {row.task_id}")
        tasks = tuple(other.task_id for other in rows if other.output_path == row.output_path)
        yield Claim(owner, row.output_path, sealed=True, tasks=tasks)
