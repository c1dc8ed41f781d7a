"""Keeping rules by kind, and the count of what takes the room."""

import os
import time
from collections.abc import Callable

import sqlalchemy as sa

from job_cases import CASES
from roadloop.jobs import measuring, queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.keeping import DAY, remove_old
from roadloop.storage.platform import Platform
from roadloop.storage.trash import trash


def with_settings(platform: Platform, **changes: float) -> Platform:
    return Platform(platform.settings.model_copy(update=changes), platform.database, platform.workspace)


def test_rules__what_each_would_free_is_said_and_removed(
    platform: Platform, run_job: Callable[[Platform, str], queue.Job]
) -> None:
    CASES["evaluate"].prepare(platform, lambda task_id: run_job(platform, task_id))
    evaluation = run_job(platform, CASES["evaluate"].submit(platform))
    CASES["offimport"].prepare(platform, lambda task_id: run_job(platform, task_id))
    preview = run_job(platform, CASES["import_preview"].submit(platform))
    with platform.database.transaction() as db:
        db.execute(queue.jobs.update().values(finished_at=time.time() - 40 * DAY))
    scratch = platform.workspace.datasets / ".d.abcdef12-1.partial"
    scratch.mkdir()
    (scratch / "a").write_bytes(b"12345")
    for path in (scratch, platform.workspace.datasets / f".d.{'0' * 8}-1.partial"):
        path.mkdir(exist_ok=True)
        os.utime(path, (time.time() - 8 * DAY,) * 2)
    kept = with_settings(platform, evaluation_keep_days=30, log_keep_days=0.0)
    found = remove_old(kept, dry_run=True)
    assert set(found.more) == {"scratch", "preview", "evaluation"}
    assert found.more["scratch"] == (2, 5)
    assert scratch.exists()
    assert remove_old(kept) == found
    assert not scratch.exists()
    assert not (platform.workspace.previews / preview.id).exists()
    assert inspect(platform, hashes=True).problems == []
    with platform.database.reading() as db:
        assert db.scalars(sa.select(trash.c.state)).all() == ["deleted"]
        assert queue.get(db, evaluation.id).error == "deleted"
    with platform.database.transaction() as db:
        db.execute(trash.update().values(at=time.time() - 31 * DAY))
    assert remove_old(kept).more.keys() == {"trash"}
    assert list(platform.workspace.trash.iterdir()) == []
    assert inspect(platform, hashes=True).problems == []


def test_measure__counts_by_kind_and_says_what_would_go(
    platform: Platform, run_job: Callable[[Platform, str], queue.Job]
) -> None:
    CASES["train"].prepare(platform, lambda task_id: run_job(platform, task_id))
    run_job(platform, CASES["train"].submit(platform))
    with platform.database.transaction() as db:
        db.execute(queue.jobs.update().values(finished_at=time.time() - 40 * DAY))
    kept = with_settings(platform, checkpoint_keep_days=30, log_keep_days=0.0)
    task_id = kept.database.write(lambda: lambda db: measuring.submit(db, measuring.Measure()))
    assert kept.database.write(lambda: lambda db: measuring.submit(db, measuring.Measure())) == task_id
    result = run_job(kept, task_id).result
    assert result is not None
    sizes = {row["name"]: row["bytes"] for row in result["kinds"]}
    assert {"sources", "datasets", "checkpoints", "task-models", "task-logs"} <= sizes.keys()
    assert ("rows" in sizes) == platform.database.is_local
    assert sizes["checkpoints"] == result["freed"]["checkpoint"]
    there = sum(p.stat().st_size for p in platform.workspace.datasets.rglob("*") if p.is_file())
    assert sizes["datasets"] == there
    tidy = kept.database.write(lambda: lambda db: measuring.submit(db, measuring.Measure(tidy=True)))
    assert run_job(kept, tidy).result["removed"] == result["freed"]  # type: ignore[index]
    assert list(platform.workspace.task("任务").glob("checkpoints/epoch-*")) == []
    assert inspect(platform, hashes=True).problems == []
    with platform.database.reading() as db:
        newest = measuring.newest(db)
    assert newest is not None
    assert newest["at"]
    measuring.submit_if_old(platform)
    with platform.database.reading() as db:
        assert measuring.at_work(db) is None
