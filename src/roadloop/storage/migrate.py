"""Schema versions: Alembic, driven from code so that no configuration file is needed."""

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from roadloop.errors import ConflictError, Text
from roadloop.storage.database import Database

SCRIPTS = Path(__file__).parent / "migrations"


def _config(connection: sa.Connection | None = None, home: Path | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes |= {"connection": connection, "home": home, "said": []}
    return config


@cache
def newest() -> str:
    """The schema version that this program writes."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current(database: Database) -> str | None:
    """The schema version of a database; None for an empty one."""
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database, home: Path) -> tuple[Text, ...]:
    """Bring a database to this program's schema.

    Args:
        database: The workspace's.
        home: The workspace's folder, without symbolic links.

    Returns:
        What people should know about what was changed in the rows.

    Raises:
        ConflictError: The database was written by a newer roadloop.
    """
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    head = newest()
    with database.transaction() as connection:
        now = MigrationContext.configure(connection).get_current_revision()
        if now is not None and now not in known:
            raise _newer(now)
        if now == head:
            return ()
        config = _config(connection, home)
        command.upgrade(config, "head")
        return tuple(config.attributes["said"])


def check(database: Database) -> None:
    """Refuse a database whose schema is not this program's.

    Raises:
        ConflictError: With the command that mends it.
    """
    now = current(database)
    if now == newest():
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if now is not None and now not in known:
        raise _newer(now)
    raise ConflictError(
        Text(
            f"这个工作区的数据库版本是 {now or '空'}，程序需要 {newest()}。请运行 roadloop migrate --home 目录。",
            f"This home's database has schema {now or 'none'}, the program needs {newest()}."
            " Run: roadloop migrate --home DIR",
        )
    )


def _newer(now: str) -> ConflictError:
    return ConflictError(
        Text(
            f"数据库（版本 {now}）由更新的 roadloop 写成；请升级程序。数据未被改动。",
            f"The database (schema {now}) was written by a newer roadloop; update the program. Nothing was changed.",
        )
    )
