"""Evaluations and the models of each."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("sour_dir", sa.Text, nullable=False),
        sa.Column("dest_dir", sa.Text, nullable=False),
        sa.Column("dest_path", sa.Text, nullable=False),
        sa.Column("gpus", sa.Text, nullable=False),
        sa.Column("single_gpu", sa.Integer, nullable=False),
        sa.Column("dicts", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_evaluations_dest_path", "evaluations", ["dest_path"])
    op.create_table(
        "evaluation_models",
        sa.Column("task_id", sa.String(32), sa.ForeignKey("evaluations.task_id"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("params_sha256", sa.String(64), nullable=False),
    )
    op.create_index("ix_evaluation_models_params_sha256", "evaluation_models", ["params_sha256"])
