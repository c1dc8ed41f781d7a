"""The tables of evaluations. No decisions here."""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.claims import Claim, succeeded
from roadloop.storage.database import metadata
from roadloop.storage.paths import Workspace

evaluations: Final = sa.Table(
    "evaluations",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("type", sa.String(20), nullable=False),  # as sent: full | remote | lane | union
    sa.Column("sour_dir", sa.Text, nullable=False),  # as sent; inside the home relative
    sa.Column("dest_dir", sa.Text, nullable=False),  # as sent; inside the home relative
    sa.Column("dest_path", sa.Text, nullable=False, index=True),  # resolved, then Workspace.store_path
    sa.Column("gpus", sa.Text, nullable=False),
    sa.Column("single_gpu", sa.Integer, nullable=False),  # pictures at once on each device
    sa.Column("dicts", sa.JSON, nullable=False),  # as sent: {source: [files]}
    sqlite_autoincrement=True,
)

evaluation_models: Final = sa.Table(
    "evaluation_models",
    metadata,
    sa.Column("task_id", sa.String(32), sa.ForeignKey("evaluations.task_id"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),  # order in la_data, from 0
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("folder", sa.Text, nullable=False),  # where its outputs stand in dest_dir
    sa.Column("params_sha256", sa.String(64), nullable=False, index=True),
)


def claims(db: sa.Connection, _workspace: Workspace) -> Iterator[Claim]:
    """The output folders of the finished evaluations, of each folder the last one, and where the pictures stand."""
    rows = list(succeeded(db, evaluations))
    for row in {row.dest_path: row for row in rows}.values():
        owner = Text(f"评估 {row.task_id}", f"The evaluation {row.task_id}")
        tasks = tuple(other.task_id for other in rows if other.dest_path == row.dest_path)
        yield Claim(owner, row.dest_path, sealed=True, tasks=tasks)
        yield Claim(owner, row.sour_dir, needed=False)
