"""The table of releases. No decisions here."""

from collections.abc import Iterator
from operator import methodcaller
from typing import Final

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.claims import Claim, succeeded
from roadloop.storage.database import metadata
from roadloop.storage.paths import Workspace

releases: Final = sa.Table(
    "releases",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("task_id", sa.String(32), sa.ForeignKey("jobs.id"), nullable=False, unique=True),
    sa.Column("category", sa.Text, nullable=False),  # one of settings.release_categories
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("env", sa.Text, nullable=False),
    sa.Column("adcode", sa.Text, nullable=False),  # six digits, or 0 = everywhere
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("time", sa.Text, nullable=False),  # as the client gave it
    sa.Column("source", sa.Text, nullable=False),  # training task or <category>/<version>
    sa.Column("file", sa.Text, nullable=False),  # of the source
    sa.Column("params_sha256", sa.String(64), nullable=False),
    sa.Column("live", sa.Boolean, nullable=False),  # holds its place; a failed one gives it up to the next
    sa.Column("answered", sa.Boolean, nullable=False),  # a call has been told that it is published
    sa.Index("ix_releases_category", "category", "id"),
    sa.Index("ix_releases_place", "category", "env", "adcode", "id"),
    sa.Index(
        "ux_releases_live",
        "category",
        "version",
        "env",
        "adcode",
        unique=True,
        sqlite_where=sa.text("live = 1"),
        postgresql_where=sa.text("live"),
    ),
    sqlite_autoincrement=True,
)


def claims(db: sa.Connection, _workspace: Workspace) -> Iterator[Claim]:
    """The bundles of the releases; one that is being made has its place already."""
    finished = {row.id for row in succeeded(db, releases)}
    for row in db.execute(sa.select(releases).where(releases.c.live).order_by(releases.c.id)):
        bundle = f"{row.category}/{row.version}/{row.env}-{row.adcode}"
        owner = Text(f"发布 {bundle}", f"The release {bundle}")
        give_up = releases.update().where(releases.c.id == row.id).values(live=False)
        yield Claim(
            owner,
            f"models/{bundle}",
            needed=row.id in finished,
            sealed=True,
            tasks=(row.task_id,),
            free=methodcaller("execute", give_up),
        )
