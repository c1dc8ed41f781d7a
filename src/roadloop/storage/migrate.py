"""Schema versions: Alembic, driven from code so that no configuration file is needed.

It is imported to migrate only: every process of a job asks which version there is, and would wait 0.2 s for it.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from roadloop.errors import ConflictError, Text
from roadloop.storage import row_sums
from roadloop.storage.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS: Final = Path(__file__).parent / "migrations"
_VERSION: Final = sa.table("alembic_version", sa.column("version_num"))


def config(connection: sa.Connection, home: Path) -> "Config":
    """What Alembic needs to migrate: a connection in a transaction, and the workspace's folder."""
    from alembic.config import Config  # noqa: PLC0415

    made = Config()
    made.set_main_option("script_location", str(SCRIPTS))
    made.attributes |= {"connection": connection, "home": home, "said": []}
    return made


@cache
def known() -> tuple[str, ...]:
    """The schema versions that this program knows, oldest first: each script is named after its own."""
    return tuple(sorted(path.name[:4] for path in (SCRIPTS / "versions").glob("[0-9]*.py")))


def newest() -> str:
    """The schema version that this program writes."""
    return known()[-1]


def current(database: Database) -> str | None:
    """The schema version of a database; None for an empty one.

    Raises:
        ConflictError: It was written by a newer roadloop.
    """
    with database.reading() as connection:
        return _current(connection)


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    now = connection.execute(sa.select(_VERSION.c.version_num)).scalar()
    if now is not None and now not in known():
        raise ConflictError(
            Text(
                f"数据库（版本 {now}）由更新的 roadloop 写成；请升级程序。数据未被改动。",
                f"The database (schema {now}) was written by a newer roadloop; update the program. Nothing was changed.",
            )
        )
    return now


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
    with database.transaction() as connection:
        if _current(connection) == newest():
            if database.is_local:
                row_sums.renew(connection)
            return ()
        from alembic import command  # noqa: PLC0415

        made = config(connection, home)
        if database.is_local:
            row_sums.leave(connection)
        command.upgrade(made, "head")
        if database.is_local:
            row_sums.forget(connection)
            row_sums.renew(connection)
    database.engine.dispose()  # connections that were opened before keep no sums
    return tuple(made.attributes["said"])


def check(database: Database) -> None:
    """Refuse a database whose schema is not this program's.

    Raises:
        ConflictError: With the command that mends it.
    """
    now = current(database)
    if now == newest():
        return
    raise ConflictError(
        Text(
            f"这个工作区的数据库版本是 {now or '空'}，程序需要 {newest()}。请运行 roadloop migrate --home 目录。",
            f"This home's database has schema {now or 'none'}, the program needs {newest()}."
            " Run: roadloop migrate --home DIR",
        )
    )
