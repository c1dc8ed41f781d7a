"""What happens to jobs is counted, from now on; the jobs that wait are counted by pool and kind from an index."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

WAITING = sa.text("state = 'queued'")


def upgrade() -> None:
    op.create_table(
        "job_totals",
        sa.Column("measure", sa.String(10), primary_key=True),
        sa.Column("whose", sa.String(40), primary_key=True),
        sa.Column("outcome", sa.String(40), primary_key=True),
        sa.Column("bound", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_jobs_waiting", "jobs", ["pool", "kind", "state"], sqlite_where=WAITING, postgresql_where=WAITING
    )
