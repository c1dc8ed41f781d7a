"""Processes of jobs are known by start ticks and boot id; each pool, choice of GPUs and priority is a queue.

A job that runs meanwhile has neither: the mark in its process's environment says whether it lives.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.drop_index("ix_jobs_queue", "jobs")
    op.add_column("jobs", sa.Column("pid_ticks", sa.BigInteger))
    op.add_column("jobs", sa.Column("boot_id", sa.String(36)))
    op.drop_column("jobs", "pid_started")
    op.create_index("ix_jobs_queue", "jobs", ["state", "pool", "gpus", "priority", "queued_seq"])
