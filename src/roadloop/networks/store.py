"""The tables of networks and of sources that may run. No decisions here."""

from collections.abc import Iterator
from operator import methodcaller
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.claims import Claim, succeeded
from roadloop.storage.database import insert_new, metadata
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

#: Code that may run wherever a model file brings it, although it is neither a template's nor in networks/.
trusted_sources: Final = sa.Table(
    "trusted_sources",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),  # sha256 of the source
    sa.Column("name", sa.Text, nullable=False),  # what the network was called
    sa.Column("origin", sa.Text, nullable=False),  # trained | imported | approved
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("approved_by", sa.Text, nullable=False),  # the operator's account on this host, or ""
    sa.Column("revoked_at", sa.Float),
    sa.Column("revoked_by", sa.Text),
)


def find_source(db: sa.Connection, digest: str) -> sa.Row[Any] | None:
    """The row of a source."""
    return db.execute(sa.select(trusted_sources).where(trusted_sources.c.digest == digest)).first()


def add_source(db: sa.Connection, digest: str, **values: Any) -> bool:
    """Add a source's row; False where there is one."""
    return insert_new(db, trusted_sources, {"digest": digest, **values})


def change_source(db: sa.Connection, digest: str, **values: Any) -> None:
    """Change a source's row."""
    db.execute(trusted_sources.update().where(trusted_sources.c.digest == digest).values(**values))


def claims(db: sa.Connection, _workspace: Workspace) -> Iterator[Claim]:
    """The folders of the networks."""
    for row in succeeded(db, networks):
        if row.live:
            owner = Text(f"网络 {row.name}", f"The network {row.name}")
            give_up = networks.update().where(networks.c.id == row.id).values(live=False)
            yield Claim(owner, f"networks/{row.name}", tasks=(row.task_id,), free=methodcaller("execute", give_up))
