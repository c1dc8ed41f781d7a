"""The table of networks. No decisions here."""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.claims import Claim, succeeded
from roadloop.storage.database import metadata
from roadloop.storage.paths import Workspace

networks: Final = sa.Table(
    "networks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),  # order of creation
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),  # network_name; the folder's name
    sa.Column("template", sa.Text, nullable=False),  # src_net
    sa.Column("description", sa.Text, nullable=False),  # net_describe
    sa.Column("live", sa.Boolean, nullable=False),  # holds its name; a failed one gives it up to the next
    sa.Index(
        "ux_networks_live_name", "name", unique=True, sqlite_where=sa.text("live = 1"), postgresql_where=sa.text("live")
    ),
    sqlite_autoincrement=True,
)


def claims(db: sa.Connection, _workspace: Workspace) -> Iterator[Claim]:
    """The folders of the networks."""
    for row in succeeded(db, networks):
        if row.live:
            yield Claim(Text(f"网络 {row.name}", f"The network {row.name}"), f"networks/{row.name}")
