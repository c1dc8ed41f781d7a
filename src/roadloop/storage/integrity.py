"""Whether the database is sound in itself: SQLite's own checks. Other databases check themselves."""

import re
from typing import Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.storage import row_sums
from roadloop.storage.database import Database, metadata

row_sums_table: Final = sa.Table(
    row_sums.TABLE,
    metadata,
    sa.Column("name", sa.String(60), primary_key=True),
    sa.Column("sum", sa.BigInteger, nullable=False),
)

_INDEX: Final = re.compile(
    r"missing from index|entries in index|non-unique entry in index|of index \S+|index .*ordering"
)


class Flaw(NamedTuple):
    """One thing that the database says of itself.

    Attributes:
        text: What.
        index_only: Only an index is wrong, and can be made anew from the rows.
        sums_only: All is sound, but rows are not as roadloop wrote them.
    """

    text: Text
    index_only: bool = False
    sums_only: bool = False


def flaws(database: Database, *, quick: bool) -> list[Flaw]:
    """What is wrong inside the database.

    Args:
        database: The workspace's.
        quick: Leave out whether the indexes hold what the rows do, and whether these are as they were written.

    Raises:
        BrokenDatabaseError: It cannot be read at all.
    """
    if database.engine.dialect.name != "sqlite":
        return []
    with database.reading() as db:
        check = "quick_check" if quick else "integrity_check"
        said = [str(row[0]) for row in db.exec_driver_sql(f"PRAGMA {check}(50)")]
        strays = db.exec_driver_sql("PRAGMA foreign_key_check").all()
        changed = [] if quick else row_sums.differing(db)
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
    found += [
        Flaw(
            Text(
                f"数据库中表 {table} 的行与 roadloop 写入的不同：磁盘上有位翻转，或被别的程序改过；请从备份恢复数据库。",
                f"The rows of the table {table} are not as roadloop wrote them: a bit has flipped on the disk, or another program"
                " has changed them. Put the database back from a backup.",
            ),
            sums_only=True,
        )
        for table in changed
    ]
    return found


def has_sums(database: Database) -> bool:
    """Whether the rows can be compared with sums; other databases have sums of their own."""
    if not database.is_local:
        return True
    with database.reading() as db:
        return row_sums.has_begun(db)


def take_rows(database: Database) -> None:
    """Take the rows for right, as they are."""
    with database.transaction() as db:
        row_sums.begin(db)


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
    return [flaw for flaw in flaws(database, quick=False) if not flaw.sums_only]
