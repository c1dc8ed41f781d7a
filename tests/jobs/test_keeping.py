import os
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from roadloop.cli.main import app
from roadloop.jobs import keeping, queue
from roadloop.jobs.keeping import DAY, Removed, remove_old
from roadloop.jobs.states import JobState
from roadloop.jobs.temporary import temporary_name
from roadloop.storage.platform import Platform
from roadloop.web.call import idempotency


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No pauses, small batches, and a temporary folder of its own."""
    monkeypatch.setattr(keeping, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(keeping, "BATCH", 2)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def make_job(platform: Platform, state: JobState, days: float = 0, size: int = 10) -> Path:
    """A job and its log, which ended so many days ago."""
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {}, "r", state=state))
        db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(started_at=1.0))
    path = platform.workspace.logs / f"{task_id}.log"
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - days * DAY,) * 2)
    return path


def with_settings(platform: Platform, **changes: float) -> Platform:
    return Platform(platform.settings.model_copy(update=changes), platform.database, platform.workspace)


def test_remove_old__replies(platform: Platform) -> None:
    ages = {"a": 31.0, "b": 30.5, "c": 400.0, "d": 29.5, "e": 0.0}
    with platform.database.transaction() as db:
        for key, days in ages.items():
            row = {"key": key, "request": "", "reply": {}, "created_at": time.time() - days * DAY}
            db.execute(idempotency.insert().values(**row))

    def kept() -> set[str]:
        with platform.database.reading() as db:
            return set(db.scalars(sa.select(idempotency.c.key)))

    assert remove_old(platform, dry_run=True).replies == 3
    assert kept() == set(ages)
    assert remove_old(with_settings(platform, idempotency_days=0.0)) == Removed()
    assert remove_old(platform).replies == 3
    assert kept() == {"d", "e"}


def test_remove_old__logs_of_ended_jobs_by_age(platform: Platform) -> None:
    old = [make_job(platform, state, 366) for state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)]
    young = [make_job(platform, JobState.SUCCEEDED, 364), make_job(platform, JobState.RUNNING, 400)]
    others = [platform.workspace.logs / name for name in ("serve.log", f"{'0' * 32}.log", f"{old[0].stem}.report.csv")]
    for path in others:
        path.touch()
        os.utime(path, (0, 0))
    assert remove_old(platform, dry_run=True) == Removed(logs=3, log_bytes=30)
    assert all(path.exists() for path in old)
    assert remove_old(platform) == Removed(logs=3, log_bytes=30)
    assert [path.exists() for path in (*old, *young, *others)] == [False] * 3 + [True] * 5
    assert remove_old(platform) == Removed()


def test_remove_old__the_oldest_of_too_many_logs(platform: Platform) -> None:
    third = 2**20 // 3
    paths = [make_job(platform, JobState.SUCCEEDED, days, third) for days in (1, 4, 2, 3)]
    found = remove_old(with_settings(platform, log_keep_mib=1, log_keep_days=0.0))
    assert (found.logs, [path.exists() for path in paths]) == (1, [True, False, True, True])


def test_remove_old__temporary_folders_of_ended_jobs(platform: Platform, tmp_path: Path) -> None:
    ended, running = (make_job(platform, state).stem for state in (JobState.FAILED, JobState.RUNNING))
    names = [f"{temporary_name(task_id)}x" for task_id in (ended, running, "0" * 32)] + ["roadloop-other"]
    for name in names:
        (tmp_path / "temporary" / name / "pymp-1").mkdir(parents=True)
    assert remove_old(platform, dry_run=True).temporary == 1
    assert remove_old(platform).temporary == 1
    assert {path.name for path in (tmp_path / "temporary").iterdir()} == set(names[1:])


def test_tidy__says_what_it_would_remove(platform: Platform) -> None:
    path = make_job(platform, JobState.SUCCEEDED, 366)
    asked = ["tidy", "--home", str(platform.workspace.home)]
    said = CliRunner().invoke(app, [*asked, "--dry-run"]).output
    assert "would be removed" in said
    assert "1 logs" in said
    assert path.exists()
    assert "1 logs" in CliRunner().invoke(app, asked).output
    assert not path.exists()
