"""The rows of an installation as one SQLite file, as they stand at one moment, while others go on writing."""

import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

from roadloop.errors import Text
from roadloop.storage import migrate, move, publish, sqlite
from roadloop.storage.database import Database
from roadloop.storage.folders import Folders


def save(database: Database, target: Path) -> None:
    """Write all rows of a database into a new SQLite file.

    SQLite does it by itself (`VACUUM INTO`), in a read transaction that keeps no writer waiting. PostgreSQL's rows are
    read in one repeatable-read transaction and copied into the same schema.

    Raises:
        ConflictError: PostgreSQL has another schema than this program's.
        DiskFullError: No space is left.
    """
    with publish.disk_errors(target):
        target.unlink(missing_ok=True)
        if database.is_local:
            source = Path(str(database.engine.url.database))
            with contextlib.closing(sqlite3.connect(source, timeout=sqlite.BUSY_SECONDS)) as connection:
                connection.execute("VACUUM INTO ?", (str(target),))
        else:
            migrate.check(database)
            _copy(database, target)
        target.chmod(0o600)


def _copy(database: Database, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="roadloop-rows-") as folder:
        file = Path(folder) / "rows.db"
        with contextlib.closing(Database(sqlite.sqlite_url(file))) as copy:
            migrate.upgrade(copy, Path(folder))
            move.copy(database, copy)
        with contextlib.closing(sqlite3.connect(file)) as connection:  # what stands beside the file comes into it
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode = DELETE")
        shutil.copyfile(file, target)


def before_upgrade(database: Database, home: Path) -> Text | None:
    """Save the rows of an older schema before they are migrated; what people are told of it.

    In SQLite a file of the home's `backups/`; in PostgreSQL a schema `before_<version>` of the same database, with a copy
    of every table.
    """
    now = migrate.current(database)
    if now is None or now == migrate.newest():
        return None
    if database.is_local:
        target = Folders(home).backups / f"roadloop-{now}.db"
        target.parent.mkdir(mode=0o700, exist_ok=True)
        if not target.exists():
            scratch = target.with_name(publish.hidden_name(target.name, "rows"))
            save(database, scratch)
            publish.move(scratch, target)
        place = str(target.relative_to(home))
    else:
        place = move.keep_tables(database, f"before_{now}")
    return Text(
        f"升级前的记录（版本 {now}）已保存在 {place}；退回上一版本的步骤见 docs/backup.zh.md。",
        f"The rows as they were before the upgrade (schema {now}) are kept in {place}; docs/backup.md says how to go back.",
    )
