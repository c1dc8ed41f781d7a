"""Packages, what is in them, where they were pushed, and what came back."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    _packages()
    _annotators()


def _packages() -> None:
    op.create_table(
        "divisions",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("types", sa.String(10), nullable=False),
        sa.Column("rejected", sa.Boolean, nullable=False),
        sa.Column("overlap", sa.Text, nullable=False),
        sa.Column("gold", sa.Text, nullable=False),
        sa.Column("gold_set", sa.Text, nullable=False),
        sa.Column("pre_model", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "packages",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("divisions.task_id"), nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("types", sa.String(10), nullable=False),
    )
    op.create_index("ix_packages_task_id", "packages", ["task_id"])
    op.create_index("ix_packages_version", "packages", ["version"])
    op.create_table(
        "package_pictures",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("number", sa.Integer, sa.ForeignKey("packages.number"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("track", sa.Text, nullable=False),
        sa.Column("point", sa.Text, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("role", sa.String(10), nullable=False),
        sa.Column("truth", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("reason", sa.JSON),
        sa.Column("label", sa.Text, nullable=False),
        sa.UniqueConstraint("number", "name", name="uq_package_pictures_number_name"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_package_pictures_number", "package_pictures", ["number"])
    op.create_table(
        "label_runs",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("types", sa.String(10), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_label_runs_name", "label_runs", ["name"])


def _annotators() -> None:
    op.create_table(
        "downloads",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("taskid_start", sa.BigInteger, nullable=False),
        sa.Column("taskid_end", sa.BigInteger, nullable=False),
        sa.Column("dest", sa.Text, nullable=False),
        sa.Column("annotator", sa.String(20), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "pushes",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("annotator", sa.String(20), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "annotation_tasks",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("remote_id", sa.BigInteger, nullable=False),
        sa.Column("project", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("pulled", sa.JSON, nullable=False),
        sa.UniqueConstraint("server", "remote_id", name="uq_annotation_tasks_server_remote_id"),
        sqlite_autoincrement=True,
    )
