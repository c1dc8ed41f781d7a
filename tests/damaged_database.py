"""A row of the workspace's database that is not as its index says."""

import sqlite3
from contextlib import closing
from pathlib import Path


def change_id(home: Path, old: str, new: str) -> None:
    """Change a job's id in the page of its table alone; the database must be closed, and have few jobs."""
    file = home / "roadloop.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        (table, size) = (
            db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs'").fetchone()[0],
            db.execute("PRAGMA page_size").fetchone()[0],
        )
    data, start = bytearray(file.read_bytes()), (table - 1) * size
    place = data.index(old.encode(), start, start + size)
    data[place : place + 32] = new.encode()
    file.write_bytes(data)
