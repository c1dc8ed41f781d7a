"""Who somebody is at an OpenID Connect provider."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False, unique=True),
        sa.Column("by_claim", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
