"""Temporary files of a job's process."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadloop.jobs import processes, queue
from roadloop.jobs.states import JobState
from roadloop.jobs.temporary import temporary_name
from roadloop.storage.platform import Platform


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this process and its children put temporary files; a short name, for sockets."""
    with tempfile.TemporaryDirectory(prefix="rl-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def test_main__puts_temporary_files_aside_and_removes_them_and_those_of_killed_attempts(
    platform: Platform, temporary: Path
) -> None:
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {"steps": 1, "pause": 0, "name": "r"}, "r"))
        job = queue.claim(db, task_id, (), os.uname().nodename)
    (temporary / f"{temporary_name(task_id)}killed" / "pymp-1").mkdir(parents=True)
    (temporary / f"{temporary_name('0' * 32)}other").mkdir()
    process = processes.start(platform.settings, job, (), platform.workspace.home / job.log)
    assert process.wait(timeout=300) == 0
    with platform.database.reading() as db:
        assert queue.get(db, task_id).state is JobState.SUCCEEDED
    assert [path.name for path in temporary.iterdir()] == [f"{temporary_name('0' * 32)}other"]
