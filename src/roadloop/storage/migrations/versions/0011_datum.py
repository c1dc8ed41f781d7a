"""Imports say in which datum the positions of their pictures are; nobody has said it of those that are there."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("imports", sa.Column("datum", sa.Text, nullable=False, server_default="unknown"))
