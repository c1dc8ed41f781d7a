"""A job may run on several hosts: what it has on each, and where its process waits for the others'."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("seats", sa.JSON))
    op.add_column("jobs", sa.Column("meeting", sa.JSON))
