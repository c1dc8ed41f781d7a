"""What serves at a place is found without reading what served before."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_index("ix_releases_place", "releases", ["category", "env", "adcode", "id"])
