"""Imports and source-set health: one row for each call of /offimport and /v1/sources/{name}/health."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("dest", sa.Text, nullable=False),
        sa.Column("src", sa.Text, nullable=False),
        sa.Column("mode", sa.String(10), nullable=False),
        sa.Column("layout", sa.String(20), nullable=False),
        sa.Column("roadelement", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("annotype", sa.Text, nullable=False),
        sa.Column("datakind", sa.Text, nullable=False),
        sa.Column("city", sa.Text, nullable=False),
        sa.Column("imgoprange", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_imports_dest", "imports", ["dest"])
    op.create_table(
        "source_health",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_source_health_name", "source_health", ["name"])
