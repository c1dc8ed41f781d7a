"""What SQLite says of itself, and indexes that are made anew."""

import pytest

from damaged_database import change_id
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
    change_id(settings.home, ids[1], ids[0] if twice else ids[1][::-1])
    platform = open_platform(settings)
    found = integrity.flaws(platform.database, quick=False)
    assert any(flaw.index_only and "missing from index" in flaw.text.en for flaw in found), found
    left = [flaw.text.en for flaw in integrity.reindex(platform.database)]
    if twice:
        assert any("Two rows of the database are the same (UNIQUE" in line for line in left), left
    else:  # its event speaks of the former id
        lost = "The database has lost the row of jobs that row 2 of job_events belongs to; put the database back from a backup."
        assert left == [lost]
    platform.database.close()
