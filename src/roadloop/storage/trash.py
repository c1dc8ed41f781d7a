"""Rows of the trash: what was deleted, with the rows and the places it had, so that it can come back. No decisions here."""

from typing import Final

import sqlalchemy as sa

from roadloop.storage.database import metadata

#: A row is written before anything moves, and says what is going to happen: a kill in between is finished from it.
trash: Final = sa.Table(
    "trash",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(20), nullable=False),  # key of jobs.trash.KINDS
    sa.Column("name", sa.Text, nullable=False),  # what people call it
    sa.Column("state", sa.String(12), nullable=False),  # deleting | deleted | restoring | purging
    sa.Column("rows", sa.JSON, nullable=False),  # [[table, {column: value}], ...], those that others refer to first
    sa.Column(
        "moves", sa.JSON, nullable=False
    ),  # [[place, place in the trash], ...], as Workspace.store_path names them
    sa.Column("bytes", sa.BigInteger),  # of its files, where that was known without reading every folder
    sa.Column("at", sa.Float, nullable=False),
    sa.CheckConstraint("state IN ('deleting', 'deleted', 'restoring', 'purging')", name="trash_state_known"),
    sa.Index("ix_trash_state", "state", "at"),
    sqlite_autoincrement=True,
)


def stamp(db: sa.Connection) -> int:
    """Changes with every deletion: what was looked at before may be gone."""
    return int(db.scalar(sa.select(sa.func.coalesce(sa.func.max(trash.c.id), 0))) or 0)
