"""A sum of each table's rows, by which SQLite's are checked."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.create_table(
        "row_sums",
        sa.Column("name", sa.String(60), primary_key=True),
        sa.Column("sum", sa.BigInteger, nullable=False),
    )
