"""What was deleted and can come back, and what was taken out of the lists."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0021"


def upgrade() -> None:
    op.create_table(
        "trash",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("rows", sa.JSON, nullable=False),
        sa.Column("moves", sa.JSON, nullable=False),
        sa.Column("bytes", sa.BigInteger),
        sa.Column("at", sa.Float, nullable=False),
        sa.CheckConstraint("state IN ('deleting', 'deleted', 'restoring', 'purging')", name="trash_state_known"),
        sa.Index("ix_trash_state", "state", "at"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "archived",
        sa.Column("list", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("row_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.Float, nullable=False),
    )
