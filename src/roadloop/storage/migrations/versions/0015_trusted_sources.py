"""Which networks' code may run although it is neither shipped nor in networks/: what was trained here so far."""

import hashlib
import time

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    table = op.create_table(
        "trusted_sources",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("revoked_at", sa.Float),
        sa.Column("revoked_by", sa.Text),
    )
    db = op.get_bind()
    trained = sa.text(
        "SELECT t.network, c.source FROM training_configs c JOIN training_tasks t ON t.task_id = c.task_id"
        " WHERE c.source IS NOT NULL"
    )
    found = {hashlib.sha256(row.source.encode()).hexdigest(): row.network for row in db.execute(trained)}
    rows = [
        {"digest": digest, "name": name, "origin": "trained", "since": time.time(), "approved_by": ""}
        for digest, name in found.items()
    ]
    if rows:
        op.bulk_insert(table, rows)
