"""What SQLite says of itself, and indexes that are made anew."""

import sqlite3
from contextlib import closing

import pytest

from roadloop.jobs import queue
from roadloop.settings import Settings
from roadloop.storage import integrity
from roadloop.storage.platform import open_platform


@pytest.mark.sqlite
@pytest.mark.parametrize("twice", [False, True])
def test_reindex__makes_an_index_of_the_rows_unless_two_are_the_same(settings: Settings, twice: bool) -> None:
    platform = open_platform(settings, upgrade=True)
    ids = []
    for _ in range(2):
        with platform.database.transaction() as db:
            ids.append(queue.submit(db, queue.Submission("rehearsal", {}, "x")))
    platform.database.close()
    file = settings.home / "roadloop.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        (table, size) = (
            db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'jobs'").fetchone()[0],
            db.execute("PRAGMA page_size").fetchone()[0],
        )
    data, start = bytearray(file.read_bytes()), (table - 1) * size
    place = data.index(ids[1].encode(), start, start + size)
    data[place : place + 32] = ids[0].encode() if twice else ids[1][::-1].encode()
    file.write_bytes(data)
    platform = open_platform(settings)
    found = integrity.flaws(platform.database, quick=False)
    assert any(flaw.index_only and "missing from index" in flaw.text.en for flaw in found), found
    left = [flaw.text.en for flaw in integrity.reindex(platform.database)]
    if twice:
        assert any("Two rows of the database are the same (UNIQUE" in line for line in left), left
    else:  # its event speaks of the former id
        assert [line.partition(" that ")[0] for line in left] == ["The database has lost the row of jobs"], left
    platform.database.close()
