"""What a job has found so far, picture by picture, in a small SQLite file beside its outputs.

It makes three things simple: memory stays constant however many pictures there are, an attempt that was killed is taken over
picture by picture, and tables come out in any order. The file is removed before the folder is published.
"""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Final, Self


class Notes:
    """The file. One thread uses it; nothing in it outlives the job.

    Args:
        path: Where it is or will be.
        schema: The statements that make its tables, each if it does not exist.
    """

    def __init__(self, path: Path, schema: str) -> None:
        self.path: Final = path
        self._db: Final = sqlite3.connect(path)
        # No waiting for the disk: a process that is killed loses nothing that was committed, and what a power cut has
        # torn is not `is_whole`, or differs from the outputs, which are compared before they count.
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.executescript(schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()


def is_whole(path: Path) -> bool:
    """Whether a killed attempt has left such a file, and it can be read; also rolls back what the kill cut off."""
    if not path.is_file():
        return False
    try:
        db = sqlite3.connect(path)
        try:
            (said,) = db.execute("PRAGMA quick_check").fetchone()
        finally:
            db.close()
    except sqlite3.DatabaseError:
        return False
    return bool(said == "ok")
