"""Releases."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "releases",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("env", sa.Text, nullable=False),
        sa.Column("adcode", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("time", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("params_sha256", sa.String(64), nullable=False),
        sa.Column("live", sa.Boolean, nullable=False),
        sa.Column("answered", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ux_releases_live",
        "releases",
        ["category", "version", "env", "adcode"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
