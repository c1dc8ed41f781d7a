"""First replies, kept under their Idempotency-Key in the transaction that did the work."""

from typing import Final

import sqlalchemy as sa

from roadloop.storage.database import metadata

idempotency: Final = sa.Table(
    "idempotency",
    metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("request", sa.String(64), nullable=False),  # sha256 of method, path and parameters
    sa.Column("reply", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)
