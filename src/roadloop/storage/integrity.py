"""Whether the database is sound in itself: SQLite's own checks. Other databases check themselves."""

import re
from typing import Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.storage.database import Database

_INDEX: Final = re.compile(
    r"missing from index|entries in index|non-unique entry in index|of index \S+|index .*ordering"
)


class Flaw(NamedTuple):
    """One thing that the database says of itself.

    Attributes:
        text: What.
        index_only: Only an index is wrong, and can be made anew from the rows.
    """

    text: Text
    index_only: bool = False


def flaws(database: Database, *, quick: bool) -> list[Flaw]:
    """What is wrong inside the database.

    Args:
        database: The workspace's.
        quick: Leave out whether the indexes hold what the rows do.

    Raises:
        BrokenDatabaseError: It cannot be read at all.
    """
    if database.engine.dialect.name != "sqlite":
        return []
    with database.reading() as db:
        check = "quick_check" if quick else "integrity_check"
        said = [str(row[0]) for row in db.exec_driver_sql(f"PRAGMA {check}(50)")]
        strays = db.exec_driver_sql("PRAGMA foreign_key_check").all()
    found = [
        Flaw(
            Text(f"数据库内部有误：{line}", f"The database is not sound: {line}"), index_only=bool(_INDEX.search(line))
        )
        for line in said
        if line != "ok"
    ]
    found += [
        Flaw(
            Text(
                f"数据库中 {row[0]} 的第 {row[1]} 行所指的 {row[2]} 行不见了；请从备份恢复数据库。",
                f"The database has lost the row of {row[2]} that row {row[1]} of {row[0]} belongs to; put the database back"
                " from a backup.",
            )
        )
        for row in strays
    ]
    return found


def reindex(database: Database) -> list[Flaw]:
    """Make all indexes anew from the rows; returns what is wrong afterwards.

    Raises:
        BrokenDatabaseError: The rows cannot be read either.
    """
    try:
        with database.transaction() as db:
            db.exec_driver_sql("REINDEX")
    except sa.exc.IntegrityError as error:
        what = str(error.orig)
        return [Flaw(Text(f"数据库有两行重复（{what}），请从备份恢复。", f"Two rows of the database are the same ({what});"
                          " put it back from a backup."))]  # fmt: skip
    return flaws(database, quick=False)
