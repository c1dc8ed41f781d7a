"""Database and home say that they belong together, and each job what it has left on the disk."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table("installation", sa.Column("id", sa.String(32), primary_key=True))
    op.create_table(
        "seals",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, index=True),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.add_column("packages", sa.Column("lost", sa.Boolean, nullable=False, server_default=sa.false()))
