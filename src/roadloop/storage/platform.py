"""What every entry point opens first: settings, database and workspace of one installation."""

from dataclasses import dataclass

from roadloop.errors import NotFoundError, Text
from roadloop.settings import Settings
from roadloop.storage import migrate, publish
from roadloop.storage.database import Database, sqlite_url
from roadloop.storage.paths import Workspace


@dataclass(frozen=True)
class Platform:
    """One installation, opened.

    Attributes:
        upgraded: What bringing its database to this version's schema changed in the rows, for people.
    """

    settings: Settings
    database: Database
    workspace: Workspace
    upgraded: tuple[Text, ...] = ()


def open_platform(settings: Settings, *, upgrade: bool = False) -> Platform:
    """Open the installation that `settings` name.

    Args:
        settings: Where it is.
        upgrade: Bring the database to this version's schema first; a fresh home gets one.

    Raises:
        NotFoundError: There is no installation, and `upgrade` is false.
        ConflictError: The database has another schema and `upgrade` is false, or a newer one than this program.
        DiskFullError: There is no room for the folders, or for what the database needs beside it.
    """
    workspace = Workspace(settings.home, settings.roots)
    if not (upgrade or settings.database_url or (workspace.home / "roadloop.db").exists()):
        raise NotFoundError(
            Text(
                f"{workspace.home} 不是 roadloop 工作区。请用 --home（或 ROADLOOP_HOME）指定；roadloop serve 会新建一个。",
                f"{workspace.home} is no workspace of roadloop. Name it with --home (or ROADLOOP_HOME);"
                " roadloop serve makes a new one.",
            )
        )
    if upgrade:
        with publish.disk_errors(workspace.home):
            workspace.create_folders()
    database = Database(settings.database_url or sqlite_url(workspace.home / "roadloop.db"))
    if upgrade:
        said = migrate.upgrade(database, workspace.home)
        database.analyze()
        return Platform(settings, database, workspace, said)
    migrate.check(database)
    return Platform(settings, database, workspace)
