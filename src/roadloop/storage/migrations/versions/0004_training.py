"""Training tasks."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "training_tasks",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("base_task", sa.Text, nullable=False),
        sa.Column("task_desc", sa.Text, nullable=False),
        sa.Column("net_desc", sa.Text, nullable=False),
        sa.Column("data_desc", sa.Text, nullable=False),
        sa.Column("shown", sa.JSON, nullable=False),
        sa.Column("start_date", sa.Text, nullable=False),
        sa.Column("end_date", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "training_configs",
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("label_map", sa.JSON, nullable=False),
        sa.Column("train_con", sa.JSON, nullable=False),
        sa.Column("data_con", sa.JSON, nullable=False),
        sa.Column("recipe", sa.JSON),
        sa.Column("source", sa.Text),
    )
