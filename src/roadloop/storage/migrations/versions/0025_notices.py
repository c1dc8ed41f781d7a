"""How far each target of notices was told."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"


def upgrade() -> None:
    op.create_table(
        "notice_marks",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("until", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Float, nullable=False),
        sa.Column("told", sa.Integer, nullable=False),
        sa.Column("told_at", sa.Float),
        sa.Column("problem", sa.JSON),
    )
