"""Which database belongs to which home: both hold the same id, written once.

Rows without their files, and files without their rows, are both losses that nobody sees at once. So a home that holds
finished work never gets an empty database by itself, and no database serves two homes.
"""

import uuid
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from roadloop.errors import BrokenFileError, ConflictError, Text
from roadloop.storage import publish, reading
from roadloop.storage.database import Database, metadata

FILE: Final = ".installation"
#: What only jobs and servers leave in a home; people put pictures and networks into theirs before the first start.
_WORK: Final = (
    FILE, ".supervisor.lock", f"logs/{'[0-9a-f]' * 32}.log", "datasets/*", "tasks/*/checkpoints", "evaluations/*", "models/index.json",
    "packages/*/*/manifest.json",
)  # fmt: skip

installation: Final = sa.Table(
    "installation",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
)


def has_work(home: Path) -> bool:
    """Whether a home holds anything that a server or a job has left there."""
    return any(any(home.glob(pattern)) for pattern in _WORK)


def is_bare(home: Path) -> bool:
    """Whether nothing lies in a folder, or there is none: it may become a home without anybody's having asked for it.

    Hidden entries do not count, nor what a disk's own file system puts at its root.
    """
    try:
        return not home.exists() or all(
            entry.name.startswith(".") or entry.name == "lost+found" for entry in home.iterdir()
        )
    except OSError:  # a file, or another user's folder
        return False


def refuse_empty(home: Path, found: str) -> None:
    """Refuse to begin a database where there must be one.

    Args:
        home: The workspace.
        found: What stands in the database's place: `is missing` or `is empty`.

    Raises:
        ConflictError: The home holds work.
    """
    if not has_work(home):
        return
    zh = {"is missing": "不见了", "is empty": "是空的"}[found]
    raise ConflictError(
        Text(
            f"{home} 里有 roadloop 的成果，但它的数据库{zh}。没有新建数据库，文件都未被改动。请从备份恢复 roadloop.db"
            "（连同 roadloop.db-wal），或用 --home、ROADLOOP_DATABASE_URL 指对位置；没有备份时，运行 roadloop migrate"
            " --begin-anew，它会新建数据库，之后 roadloop fsck 列出新数据库不认识的文件夹。",
            f"{home} holds work of roadloop, but its database {found}. None was begun, and no file was changed. Put"
            " roadloop.db back from a backup (with roadloop.db-wal), or name the right place with --home or"
            " ROADLOOP_DATABASE_URL. Without a backup run roadloop migrate --begin-anew: it begins a new database, and"
            " roadloop fsck then lists the folders that it does not know.",
        ),
        home=str(home),
    )


def settle(database: Database, home: Path, *, inside: bool) -> None:
    """Write the id into a database and a home that have none yet, then refuse those that differ.

    Args:
        database: Of this program's schema.
        home: The workspace.
        inside: The database lies in the home, which is then its own even without the file.

    Raises:
        ConflictError: The two belong to different installations; names both.
    """
    here, there = _read(home), stored(database)
    if here is None and (there is None or inside):
        here = there or uuid.uuid4().hex
        publish.write_text(home / FILE, f"{here}\n")  # the file first: a kill in between leaves what the next one takes
    if there is None:
        with database.transaction() as db:
            there = db.scalar(sa.select(installation.c.id)) or here
            db.execute(installation.delete())
            db.execute(installation.insert().values(id=there))
    _compare(home, database, here, there)


def check(database: Database, home: Path, *, inside: bool) -> None:
    """Refuse a database and a home that belong to different installations; changes nothing.

    Raises:
        ConflictError: As `settle`.
    """
    here = _read(home)
    if here is not None or not inside:
        _compare(home, database, here, stored(database))


def stored(database: Database) -> str | None:
    """The id that a database holds; None before its first start."""
    with database.reading() as db:
        return db.scalar(sa.select(installation.c.id))


def _read(home: Path) -> str | None:
    try:
        text = reading.read_text(home / FILE).strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenFileError(
            Text(f"{home / FILE} 无法读取。", f"{home / FILE} cannot be read."), path=str(home / FILE)
        ) from error
    return text or None


def _compare(home: Path, database: Database, here: str | None, there: str | None) -> None:
    if here == there:
        return
    shown = database.engine.url.render_as_string(hide_password=True)
    raise ConflictError(
        Text(
            f"工作区 {home} 属于安装 {here or '（没有标识）'}，数据库 {shown} 属于安装 {there or '（没有标识）'}：它们不是一对，"
            "没有任何改动。请检查 --home、ROADLOOP_HOME 与 ROADLOOP_DATABASE_URL；如果它们确实属于彼此（例如分别从备份恢复），"
            f"请把数据库的标识写入 {home / FILE}。",
            f"The home {home} belongs to the installation {here or '(none)'}, the database {shown} to {there or '(none)'}: they"
            " are no pair, and nothing was changed. Look at --home, ROADLOOP_HOME and ROADLOOP_DATABASE_URL. If they do"
            f" belong together (restored from two backups, for example), write the database's id into {home / FILE}.",
        ),
        home=here,
        database=there,
    )
