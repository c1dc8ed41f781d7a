"""Selections."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "selections",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("task_type", sa.String(10), nullable=False),
        sa.Column("output_dir", sa.Text, nullable=False),
        sa.Column("output_path", sa.Text, nullable=False),
        sa.Column("gpus", sa.Text, nullable=False),
        sa.Column("sele_ratio", sa.Text, nullable=False),
        sa.Column("weights_dir", sa.Text, nullable=False),
        sa.Column("track_file", sa.Text, nullable=False),
        sa.Column("task_file", sa.Text, nullable=False),
        sa.Column("isshuffle", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_selections_output_path", "selections", ["output_path"])
