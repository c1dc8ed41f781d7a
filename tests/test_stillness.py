"""The watch over transactions finds what it must, where it must, and nothing else."""

import os
import subprocess
import time
from pathlib import Path

import pytest

import stillness
from roadloop.jobs import queue
from roadloop.storage import listing, publish, reading
from roadloop.storage.platform import Platform

PROGRAM = """
import sys
from pathlib import Path
from roadloop.storage import reading
from roadloop.storage.database import Database

database = Database(sys.argv[1])
with database.transaction():
    reading.read_bytes(Path(sys.argv[2]))
database.close()
"""


def test_found__a_file_read_in_a_transaction_with_its_place(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with platform.database.transaction():
        reading.read_bytes(tmp_path / "a")
    found = stillness.found()
    assert found.startswith("open (")
    assert "roadloop/storage/reading.py" in found
    assert f"{Path(__file__).name}" in found
    assert not stillness.found()


def test_found__a_folder_listed_and_a_file_written(platform: Platform, tmp_path: Path) -> None:
    with platform.database.transaction():
        listing.list_folder(tmp_path, lambda _path: True)
        publish.write_bytes(tmp_path / "b", b"x")
    found = stillness.found()
    assert "os.scandir" in found or "os.listdir" in found
    assert "os.rename" in found


def test_found__nothing_outside_nor_of_a_test_s_own(platform: Platform, tmp_path: Path) -> None:
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {}, "x"))
        (tmp_path / "a").write_bytes(b"x")
        time.sleep(0.001)
    with platform.database.reading() as db:
        assert queue.get(db, task_id).title == "x"
    reading.read_bytes(tmp_path / "a")


def test_found__long_work_in_a_transaction(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stillness, "MOST_SECONDS", 0.0)
    platform.database.write(lambda: lambda db: queue.submit(db, queue.Submission("rehearsal", {}, "x")))
    assert "s of processor time in a transaction" in stillness.found()


def test_watched__a_process_of_its_own_reports_here(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [*stillness.watched("program"), platform.database.url, __file__]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(tmp_path)}, check=True)
    assert "program.py" in stillness.found()
