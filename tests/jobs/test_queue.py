import dataclasses
from pathlib import Path

import pytest
import sqlalchemy as sa

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
    first, second = submit(platform, pool="training"), submit(platform)
    third, urgent = submit(platform, gpus="0"), submit(platform, priority=5)
    with platform.database.reading() as db:
        assert [job.id for job in queue.queued(db)] == [urgent, first, second, third]


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
        if db.dialect.name == "sqlite":
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
    with pytest.raises(InvalidTransitionError, match="has just taken GPU GPU-b"):
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


def events(platform: Platform, task_id: str) -> list[tuple[str, int, object]]:
    with platform.database.reading() as db:
        rows = db.execute(sa.select(store.job_events).where(store.job_events.c.job_id == task_id))
        return [(row.state, row.token, row.text) for row in rows]


def test_submit__a_new_job_has_done_nothing_yet(platform: Platform) -> None:
    submit(platform)
    task_id = submit(
        platform, pool="training", gpus="0", priority=3, max_attempts=7, log="tasks/t/log/train.log", warnings=(WHY,)
    )
    job = read(platform, task_id)
    assert (job.seq, job.queued_seq, job.pool, job.gpus, job.priority) == (2, 2, "training", "0", 3)
    assert (job.max_attempts, job.log, job.warnings) == (7, "tasks/t/log/train.log", (WHY,))
    assert (job.token, job.attempt, job.losses, job.beat, job.progress, job.memo) == (0, 0, 0, 0, 0.0, {})
    assert (job.finishing, job.cancel_requested, job.moves, job.result, job.reason) == (False, False, (), None, None)
    assert (job.started_at, job.finished_at, job.host, job.pid) == (None, None, None, None)
    assert events(platform, task_id) == [("queued", 0, None)]


def test_get__an_unknown_id_is_said_as_far_as_it_may_be_one(platform: Platform) -> None:
    with pytest.raises(NotFoundError) as unknown:
        read(platform, "asd")
    assert unknown.value.details == {"task_id": "asd"}


def test_queued__as_many_as_are_asked_for_and_a_place_lost_is_at_the_end(platform: Platform) -> None:
    """What was started anew waits behind those that waited meanwhile, in its line as among all."""
    first, second, third = (submit(platform) for _ in range(3))
    with platform.database.transaction() as db:
        queue.cancel(db, first)
        queue.start(db, first)
    with platform.database.reading() as db:
        assert [job.id for job in queue.queued(db)] == [second, third, first]
        assert [job.id for job in queue.queued(db, 2)] == [second, third]
        assert [job.id for job in queue.queued(db, 2, queue.Line("other", "", 0))] == [second, third]
        assert [job.id for job in queue.queued(db, 9, queue.Line("other", "", 0))] == [second, third, first]


def test_running__those_that_run_in_the_order_of_their_submission(platform: Platform) -> None:
    ids = [submit(platform) for _ in range(4)]
    for task_id in (ids[3], ids[1]):
        claim(platform, task_id)
    with platform.database.reading() as db:
        assert [job.id for job in queue.running(db)] == [ids[1], ids[3]]


def test_claim__a_new_attempt_knows_nothing_of_the_processes_before(platform: Platform) -> None:
    task_id = submit(platform)
    first = claim(platform, task_id)
    assert (first.attempt, first.host, first.beat) == (1, "here", 0)
    assert first.started_at is not None
    process = {"beat": 9, "pid": 77, "pid_ticks": 5, "boot_id": "b", "eta_seconds": 3.5}
    with platform.database.transaction() as db:
        job = queue.fenced(db, task_id, first.token, process)
        assert (job.beat, job.pid, job.pid_ticks, job.boot_id) == (9, 77, 5, "b")
        queue.requeue(db, job, WHY, counts=False)
    waiting = read(platform, task_id)
    assert (waiting.reason, waiting.eta_seconds, waiting.losses) == (WHY, None, 0)
    assert (waiting.pid, waiting.pid_ticks, waiting.boot_id) == (None, None, None)
    with platform.database.transaction() as db:  # as a server that was killed between two steps leaves it
        db.execute(queue.jobs.update().values(process))
        again = queue.claim(db, task_id, ("GPU-a",), "there")
        lease = db.execute(sa.select(store.gpu_leases)).one()
    assert (again.attempt, again.token, again.host, again.reason) == (2, 2, "there", None)
    assert (again.beat, again.pid, again.pid_ticks, again.boot_id) == (0, None, None, None)
    assert again.started_at == first.started_at
    assert (lease.uuid, lease.job_id, lease.token) == ("GPU-a", task_id, 2)
    assert events(platform, task_id) == [
        ("queued", 0, None), ("running", 1, None), ("queued", 1, list(WHY)), ("running", 2, None),
    ]  # fmt: skip


def test_fenced__neither_another_job_nor_one_that_has_ended(platform: Platform) -> None:
    """Two jobs run under token 1; what is written for one does not touch the other, nor what has ended under it."""
    ids = [submit(platform) for _ in range(2)]
    one, other = (claim(platform, task_id) for task_id in ids)
    assert one.token == other.token == 1
    with platform.database.transaction() as db:
        assert queue.fenced(db, one.id, 1, {"progress": 0.5}).id == one.id
        queue.finish(db, one, JobState.SUCCEEDED)
    for write in (
        lambda db: queue.fenced(db, one.id, 1, {"progress": 0.1}),
        lambda db: queue.finish(db, one, JobState.FAILED),
        lambda db: queue.requeue(db, one, WHY, counts=True),
    ):
        with pytest.raises(StaleRunError) as stale, platform.database.transaction() as db:
            write(db)
        assert stale.value.details == {"task_id": one.id}
    assert (read(platform, one.id).progress, read(platform, one.id).state) == (1.0, JobState.SUCCEEDED)
    assert (read(platform, other.id).progress, read(platform, other.id).state) == (0.0, JobState.RUNNING)


def test_touch__changes_nothing(platform: Platform) -> None:
    ids = [submit(platform) for _ in range(2)]
    for task_id in ids:
        job = claim(platform, task_id)
        with platform.database.transaction() as db:
            queue.fenced(db, task_id, job.token, {"beat": 4})
    before = [read(platform, task_id) for task_id in ids]
    with platform.database.transaction() as db:
        queue.touch(db, ids[0])
    assert [read(platform, task_id) for task_id in ids] == before


def test_finish__a_failure_keeps_its_progress_and_says_why(platform: Platform) -> None:
    task_id = submit(platform)
    job = claim(platform, task_id)
    with platform.database.transaction() as db:
        left = {"progress": 0.4, "note": list(WHY), "eta_seconds": 9.0, "finishing": True, "moves": [["a", "b"]]}
        queue.fenced(db, task_id, job.token, left)
        queue.finish(db, job, JobState.FAILED, reason=WHY, error="job_failed")
    job = read(platform, task_id)
    assert (job.state, job.progress, job.reason, job.error) == (JobState.FAILED, 0.4, WHY, "job_failed")
    assert (job.note, job.eta_seconds, job.finishing, job.moves) == (None, None, False, ())
    assert events(platform, task_id)[-1] == ("failed", 1, list(WHY))


def test_finish__a_success_is_done_to_the_end(platform: Platform) -> None:
    job = claim(platform, submit(platform))
    with platform.database.transaction() as db:
        queue.finish(db, job, JobState.SUCCEEDED)
    assert read(platform, job.id).progress == 1.0


def test_requeue__gives_its_gpus_and_its_chosen_files_back(platform: Platform) -> None:
    lost, kept = submit(platform, gpus="0"), submit(platform, gpus="1")
    claim(platform, kept, ("GPU-b",))
    job = claim(platform, lost, ("GPU-a",))
    with platform.database.transaction() as db:
        job = queue.fenced(db, lost, job.token, {"finishing": True, "moves": [["a", "b"]]})
        queue.requeue(db, job, WHY, counts=True)
        assert queue.held_gpus(db) == {"GPU-b": kept}
    job = read(platform, lost)
    assert (job.state, job.losses, job.finishing, job.moves) == (JobState.QUEUED, 1, False, ())


def test_cancel__one_that_has_ended_is_named(platform: Platform) -> None:
    task_id = submit(platform)
    with platform.database.transaction() as db:
        queue.cancel(db, task_id)
        assert queue.queued(db) == []
    with pytest.raises(ConflictError) as refused, platform.database.transaction() as db:
        queue.cancel(db, task_id)
    assert refused.value.details == {"task_id": task_id, "state": "cancelled"}


def test_start__a_job_that_failed_begins_as_if_it_had_not(platform: Platform) -> None:
    task_id, waiting = submit(platform), submit(platform)
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "h")
        queue.cancel(db, task_id)
        queue.fenced(db, task_id, job.token, {"losses": 2, "memo": {"step": 9}})
        queue.finish(db, job, JobState.FAILED, reason=WHY, error="worker_lost")
        db.execute(queue.jobs.update().values(note=list(WHY), eta_seconds=1.0))  # as older versions have left them
        queue.start(db, task_id)
    job = read(platform, task_id)
    assert (job.losses, job.error, job.note, job.eta_seconds) == (0, None, None, None)
    assert (job.cancel_requested, job.finished_at, job.memo) == (False, None, {"step": 9})
    assert job.queued_seq > read(platform, waiting).queued_seq
    assert events(platform, task_id)[-1] == ("queued", 1, None)


def test_start__one_that_runs_is_left_alone(platform: Platform) -> None:
    job = claim(platform, submit(platform), ("GPU-a",))
    with (
        pytest.raises(InvalidTransitionError, match="cannot be started again") as refused,
        platform.database.transaction() as db,
    ):
        queue.start(db, job.id)
    assert refused.value.details["state"] == "running"
    assert read(platform, job.id) == job
