import dataclasses
from pathlib import Path

import pytest

from roadloop.errors import ConflictError, InvalidTransitionError, NotFoundError, StaleRunError, Text
from roadloop.jobs import queue, store
from roadloop.jobs.context import TaskContext
from roadloop.jobs.states import ALLOWED, JobState, check_transition
from roadloop.storage.platform import Platform

WHY = Text("原因", "a reason")


def submit(platform: Platform, **changes: object) -> str:
    values = {"kind": "evaluate", "payload": {"a": 1}, "title": "苏州任务", **changes}
    with platform.database.transaction() as db:
        return queue.submit(db, queue.Submission(**values))  # type: ignore[arg-type]


def read(platform: Platform, task_id: str) -> queue.Job:
    with platform.database.reading() as db:
        return queue.get(db, task_id)


def claim(platform: Platform, task_id: str, gpus: tuple[str, ...] = ()) -> queue.Job:
    with platform.database.transaction() as db:
        return queue.claim(db, task_id, gpus, "here")


def test_check_transition__every_pair_follows_the_table() -> None:
    for now in JobState:
        for then in JobState:
            if then in ALLOWED[now]:
                check_transition(now, then)
            else:
                with pytest.raises(InvalidTransitionError):
                    check_transition(now, then)


def test_submit__starts_queued_with_its_log(platform: Platform) -> None:
    task_id = submit(platform)
    job = read(platform, task_id)
    assert (job.state, job.token, job.log) == (JobState.QUEUED, 0, f"logs/{task_id}.log")
    assert job.payload == {"a": 1}


def test_submit__rolled_back_leaves_nothing(platform: Platform) -> None:
    def submit_then_break() -> None:
        with platform.database.transaction() as db:
            queue.submit(db, queue.Submission("evaluate", {}, "x"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        submit_then_break()
    with platform.database.reading() as db:
        assert queue.queued(db) == []


def test_get__unknown_id(platform: Platform) -> None:
    with pytest.raises(NotFoundError, match="asd"):
        read(platform, "asd")


def test_queued__priority_then_first_in_first_out(platform: Platform) -> None:
    first, second, urgent = submit(platform), submit(platform), submit(platform, priority=5)
    with platform.database.reading() as db:
        assert [job.id for job in queue.queued(db)] == [urgent, first, second]


def test_claim__raises_the_token_and_refuses_a_second_one(platform: Platform) -> None:
    task_id = submit(platform)
    assert claim(platform, task_id).token == 1
    with pytest.raises(InvalidTransitionError):
        claim(platform, task_id)


def test_fenced__an_older_token_changes_nothing(platform: Platform) -> None:
    task_id = submit(platform)
    old = claim(platform, task_id)
    with platform.database.transaction() as db:
        queue.requeue(db, old, WHY, counts=True)
    new = claim(platform, task_id)
    assert new.token == 2
    for write in (
        lambda db: queue.fenced(db, task_id, old.token, {"progress": 0.9}),
        lambda db: queue.finish(db, old, JobState.SUCCEEDED),
        lambda db: queue.requeue(db, old, WHY, counts=True),
    ):
        with pytest.raises(StaleRunError), platform.database.transaction() as db:
            write(db)
    assert read(platform, task_id).progress == 0.0
    assert read(platform, task_id).state is JobState.RUNNING


def test_requeue__keeps_its_place_and_fails_after_too_many_losses(platform: Platform) -> None:
    task_id, later = submit(platform, max_attempts=2), submit(platform)
    with platform.database.transaction() as db:
        assert queue.requeue(db, queue.claim(db, task_id, (), "h"), WHY, counts=True) is JobState.QUEUED
        assert [job.id for job in queue.queued(db)] == [task_id, later]
        assert queue.requeue(db, queue.claim(db, task_id, (), "h"), WHY, counts=False) is JobState.QUEUED
        assert queue.requeue(db, queue.claim(db, task_id, (), "h"), WHY, counts=True) is JobState.FAILED
    job = read(platform, task_id)
    assert job.error == "worker_lost"
    assert job.reason is not None
    assert "a reason" in job.reason.en


def test_publish__forgives_losses_only_where_the_job_gets_further(platform: Platform) -> None:
    """What every attempt writes anew is no progress: a worker that always dies after it would be started for ever."""
    task_id = submit(platform)
    target = platform.workspace.logs / "written.txt"

    def attempt(names: list[Path], memo: dict[str, int] | None) -> int:
        """Losses after a loss, and then a publication."""
        with platform.database.transaction() as db:
            queue.requeue(db, queue.claim(db, task_id, (), "h"), WHY, counts=True)
            job = queue.claim(db, task_id, (), "h")
        context = TaskContext(platform, job)
        moves = [(context.scratch(name), name) for name in names]
        for scratch, _ in moves:
            scratch.write_text("x")
        context.publish(moves, memo)
        with platform.database.transaction() as db:
            queue.requeue(db, read(platform, task_id), WHY, counts=False)
        return read(platform, task_id).losses

    assert attempt([target], None) == 0
    assert attempt([target], None) == 1
    assert attempt([target.with_name("other.txt")], None) == 0
    assert attempt([], {"step": 10}) == 0
    assert attempt([target], {"step": 10}) == 1
    assert attempt([], {"step": 20}) == 0


def test_keep__only_more_than_any_attempt_has_left_forgives_losses(platform: Platform) -> None:
    task_id = submit(platform)

    def attempt(done: int) -> int:
        """Losses after a loss, and then so much kept."""
        with platform.database.transaction() as db:
            queue.requeue(db, queue.claim(db, task_id, (), "h"), WHY, counts=True)
            job = queue.claim(db, task_id, (), "h")
        context = TaskContext(platform, job)
        for n in range(done + 1):
            context.keep(n)
        context.beat()
        with platform.database.transaction() as db:
            queue.requeue(db, read(platform, task_id), WHY, counts=False)
        return read(platform, task_id).losses

    assert [attempt(3), attempt(3), attempt(4), attempt(2)] == [0, 1, 0, 1]


def test_lines__hundreds_that_cannot_start_hide_nobody(platform: Platform) -> None:
    """Each pool, choice of GPUs and priority is looked at by itself, first in first out."""
    ids: dict[queue.Line, list[str]] = {}
    with platform.database.transaction() as db:
        for n in range(400):
            line = queue.Line("training" if n % 2 else "other", ("", "0")[n // 2 % 2], n // 4 % 2)
            task_id = queue.submit(db, queue.Submission("train", {}, "x", line.pool, line.gpus, line.priority))
            ids.setdefault(line, []).append(task_id)
    with platform.database.reading() as db:
        assert set(queue.lines(db)) == set(ids)
        assert {line: [job.id for job in queue.queued(db, 100, line)] for line in ids} == ids
        plan = db.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT * FROM jobs WHERE state = 'queued' AND pool = 'other' AND gpus = ''"
            " AND priority = 0 ORDER BY queued_seq LIMIT 1"
        ).all()
    assert [row.detail for row in plan] == [
        "SEARCH jobs USING INDEX ix_jobs_queue (state=? AND pool=? AND gpus=? AND priority=?)"
    ]


def test_claim__gpus_are_leased_once_and_freed_at_the_end(platform: Platform) -> None:
    task_id, other = submit(platform, gpus="0,1"), submit(platform, gpus="1")
    job = claim(platform, task_id, ("GPU-a", "GPU-b"))
    with platform.database.reading() as db:
        assert queue.held_gpus(db) == {"GPU-a": task_id, "GPU-b": task_id}
    with pytest.raises(Exception, match="UNIQUE"):
        claim(platform, other, ("GPU-b",))
    assert read(platform, other).state is JobState.QUEUED
    with platform.database.transaction() as db:
        queue.finish(db, job, JobState.SUCCEEDED)
    with platform.database.reading() as db:
        assert queue.held_gpus(db) == {}


def test_cancel__queued_at_once_running_by_request_ended_refused(platform: Platform) -> None:
    waiting, active = submit(platform), submit(platform)
    claim(platform, active)
    with platform.database.transaction() as db:
        assert queue.cancel(db, waiting) is JobState.CANCELLED
        assert queue.cancel(db, active) is JobState.RUNNING
    assert read(platform, active).cancel_requested
    with pytest.raises(ConflictError), platform.database.transaction() as db:
        queue.cancel(db, waiting)


def test_start__goes_on_with_a_new_attempt(platform: Platform) -> None:
    task_id = submit(platform, state=JobState.CREATED)
    with platform.database.transaction() as db:
        queue.start(db, task_id, payload={"b": 2}, gpus="0")
        queue.finish(db, queue.claim(db, task_id, (), "h"), JobState.FAILED, reason=WHY, error="job_failed")
    assert read(platform, task_id).finished_at is not None
    with platform.database.transaction() as db:
        queue.start(db, task_id)
    job = read(platform, task_id)
    assert (job.state, job.payload, job.gpus, job.token, job.reason) == (JobState.QUEUED, {"b": 2}, "0", 1, None)
    with pytest.raises(InvalidTransitionError), platform.database.transaction() as db:
        queue.start(db, task_id)


def test_job__its_fields_are_the_columns() -> None:
    assert tuple(field.name for field in dataclasses.fields(queue.Job)) == store.NAMES
