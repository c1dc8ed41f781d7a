"""What every entry point opens first: settings, database and workspace of one installation."""

from dataclasses import dataclass

from roadloop.settings import Settings
from roadloop.storage import migrate, publish
from roadloop.storage.database import Database, sqlite_url
from roadloop.storage.paths import Workspace


@dataclass(frozen=True)
class Platform:
    """One installation, opened."""

    settings: Settings
    database: Database
    workspace: Workspace


def open_platform(settings: Settings, *, upgrade: bool = False) -> Platform:
    """Open the installation that `settings` name.

    Args:
        settings: Where it is.
        upgrade: Bring the database to this version's schema first; a fresh home gets one.

    Raises:
        ConflictError: The database has another schema and `upgrade` is false, or a newer one than this program.
        DiskFullError: There is no room for the folders, or for what the database needs beside it.
    """
    workspace = Workspace(settings.home, settings.roots)
    if upgrade:
        with publish.disk_errors(workspace.home):
            workspace.create_folders()
    database = Database(settings.database_url or sqlite_url(workspace.home / "roadloop.db"))
    if upgrade:
        migrate.upgrade(database)
    else:
        migrate.check(database)
    return Platform(settings, database, workspace)
