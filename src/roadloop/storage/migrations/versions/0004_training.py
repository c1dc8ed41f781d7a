"""Placeholder until its owner writes it."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    pass
