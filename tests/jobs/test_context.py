import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from roadloop.errors import BusyError, DiskFullError, OtherVersionError, StaleRunError, Text
from roadloop.jobs import queue, store
from roadloop.jobs.context import Eta, JobCancelled, Outcome, TaskContext, chosen_moves
from roadloop.jobs.states import JobState
from roadloop.settings import Settings
from roadloop.sources.health.recipe import HealthRecipe
from roadloop.storage import publish, sqlite
from roadloop.storage.platform import Platform, open_platform


def attempts(platform: Platform, count: int) -> list[TaskContext]:
    """Attempts of one job, oldest first; each but the last was lost."""
    found: list[TaskContext] = []
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {}, "x", max_attempts=count))
        for _ in range(count):
            if found:
                queue.requeue(db, found[-1].job, Text("丢失", "lost"), counts=True)
            found.append(TaskContext(platform, queue.claim(db, task_id, (), "here")))
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_filling__a_folder_whole_and_sealed_in_place_of_what_was_left(platform: Platform) -> None:
    first, second = attempts(platform, 2)
    target = platform.workspace.home / "deep" / "x"
    with first.filling(target) as left:
        (left / "a").write_text("1")
    with second.filling(target) as scratch:
        assert names(target.parent) == [scratch.name]
        (scratch / "a").write_text("2")
    second.succeed(Outcome(moves=[(scratch, target)]))
    assert names(target.parent) == ["x"]
    assert publish.verify(target) == []
    assert publish.read_manifest(target)["files"]["a"]["bytes"] == 1


def test_filling__keeps_what_is_taken_over_until_the_attempt_ends(platform: Platform) -> None:
    first, second, third = attempts(platform, 3)
    target, other = platform.workspace.home / "x", platform.workspace.home / "x.parts"
    for context in (second, first):
        context.scratch(target).mkdir()
    first.scratch(other).mkdir()
    with third.filling(target, take_over=True, sealed=False) as scratch:
        assert third.older_scratch(target) == [first.scratch(target), second.scratch(target)]
        (scratch / "a").write_text("3")
    assert not (scratch / publish.MANIFEST).exists()
    third.succeed(Outcome(moves=[(scratch, target)]))
    assert [path for path in platform.workspace.home.iterdir() if publish.is_scratch(path.name)] == []
    assert names(target) == ["a"]


def test_filling__what_the_block_has_written_as_a_manifest_stays(platform: Platform) -> None:
    (context,) = attempts(platform, 1)
    with context.filling(platform.workspace.home / "x") as scratch:
        (scratch / publish.MANIFEST).write_text("mine")
    assert (scratch / publish.MANIFEST).read_text() == "mine"


def test_filling__no_space_is_named_after_the_folder(platform: Platform) -> None:
    (context,) = attempts(platform, 1)
    with pytest.raises(DiskFullError, match="Cannot write x: No space"), context.filling(platform.workspace.home / "x"):
        raise OSError(28, "No space left on device")


def test_drop_scratch__takes_all_of_this_job_and_nothing_else(platform: Platform) -> None:
    first, second = attempts(platform, 2)
    (another,) = attempts(platform, 1)
    place = platform.workspace.logs / "a.txt"
    for context in (first, second, another):
        context.scratch(place).write_text("x")
    publish.write_text(first.scratch(place.with_name("b.txt")), "of another name")
    nested = place.parent / publish.hidden_name(first.scratch(place).name, "89abcdef")
    nested.write_text("a scratch file's own, cut off by the kill")
    second.drop_scratch()
    assert names(place.parent) == [another.scratch(place).name]


def row(context: TaskContext) -> queue.Job:
    with context.platform.database.reading() as db:
        return queue.get(db, context.job.id)


def test_eta__from_the_pace_since_the_attempt_began() -> None:
    """What an earlier attempt did in no time is no pace: it begins at the first word."""
    eta = Eta()
    assert eta.update(0.25, 100.0) is None
    assert eta.update(0.25, 101.0) is None
    assert eta.update(0.5, 100.0) is None
    assert eta.update(0.5, 120.0) == 40.0  # a quarter in 20 s, half is left
    assert eta.update(0.75, 120.0) == 10.0
    assert eta.update(1.0, 130.0) == 0.0


@pytest.mark.parametrize(("done", "total", "share"), [(3, 4, 0.75), (5, 4, 1.0), (1, 1, 1.0), (1, 0, 0.0), (0, 0, 0.0)])
def test_progress__is_a_share_with_the_next_sign_of_life(
    platform: Platform, done: int, total: int, share: float
) -> None:
    (context,) = attempts(platform, 1)
    context.progress(0, 100, Text("读图", "Reading"))
    context.progress(done, total)
    assert row(context).progress == 0.0
    context.beat()
    job = row(context)
    assert (job.progress, job.note, job.beat) == (share, Text("读图", "Reading"), 1)
    assert (job.eta_seconds is None) == (share == 0.0)
    context.beat()
    assert row(context).beat == 2


def test_keep__takes_nothing_from_what_is_still_to_be_said(platform: Platform) -> None:
    (context,) = attempts(platform, 1)
    context.progress(1, 2)
    context.keep(1)
    context.beat()
    assert (row(context).progress, row(context).memo) == (0.5, {"kept": 1})


def test_warn__once_each_after_those_of_earlier_attempts_and_in_the_log(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = Text("一", "one"), Text("二", "two")
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {}, "x", warnings=(first,)))
        context = TaskContext(platform, queue.claim(db, task_id, (), "here"))
    for text in (first, second, second):
        context.warn(text)
    context.beat()
    assert row(context).warnings == (first, second)
    assert capsys.readouterr().out == "WARNING two | 二\n"


def test_check_stop__only_when_somebody_asked(platform: Platform) -> None:
    (context,) = attempts(platform, 1)
    context.beat()
    context.check_stop()
    with platform.database.transaction() as db:
        queue.cancel(db, context.job.id)
    assert not context.should_stop()  # it is learnt with a sign of life
    context.beat()
    with pytest.raises(JobCancelled):
        context.check_stop()


def test_recipe__what_the_job_carries(platform: Platform) -> None:
    with platform.database.transaction() as db:
        recipes = ({"name": "s", "against": ["a"]}, {"name": "s", "other": 1})
        ids = [queue.submit(db, queue.Submission("health", recipe, "x")) for recipe in recipes]
        ours, newer = (TaskContext(platform, queue.claim(db, task_id, (), "here")) for task_id in ids)
    assert ours.recipe(HealthRecipe).against == ("a",)
    with pytest.raises(OtherVersionError, match="other"):
        newer.recipe(HealthRecipe)


def test_begin__completes_what_a_killed_attempt_had_chosen(platform: Platform) -> None:
    first, second = attempts(platform, 2)
    target = platform.workspace.logs / "a.txt"
    first.scratch(target).write_text("chosen")
    stored = [platform.workspace.store_path(path) for path in (first.scratch(target), target)]
    with platform.database.transaction() as db:
        left = {"moves": [stored], "note": ["停", "stopped"]}
        second = TaskContext(platform, queue.fenced(db, second.job.id, second.job.token, left))
    second.begin()
    try:
        assert target.read_text() == "chosen"
        assert (row(second).moves, row(second).note) == ((), None)
        deadline = time.monotonic() + 20
        while row(second).beat < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        second.close()
    beats = row(second).beat
    time.sleep(0.3)  # a lease of one second has a sign of life each fifth of one
    assert row(second).beat == beats


def test_end__says_why_and_how_far_it_came(platform: Platform) -> None:
    (context,) = attempts(platform, 1)
    context.progress(1, 4)
    context.end(JobState.FAILED, Text("坏", "bad"), "job_failed")
    job = row(context)
    assert (job.state, job.reason, job.error, job.progress) == (JobState.FAILED, Text("坏", "bad"), "job_failed", 0.25)


def test_leave_reason__stands_where_the_supervisor_looks(platform: Platform) -> None:
    (context,) = attempts(platform, 1)
    context.leave_reason(Text("走", "leaving"))
    assert row(context).note == Text("走", "leaving")


def test_succeed__the_row_has_the_output_before_anything_is_visible(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that whoever finds the job after a kill can complete it; and fsck has the sums of all that it left."""
    (context,) = attempts(platform, 1)
    target, kept = platform.workspace.models / "x", platform.workspace.models / "y.txt"
    kept.write_bytes(b"abc")
    with context.filling(target) as scratch:
        (scratch / "a").write_text("1")
    seen: list[tuple[str, bool, bool, int]] = []

    def reach(_context: TaskContext, point: str) -> None:
        job = row(context)
        seen.append((point, job.finishing, target.exists(), len(job.moves)))
        if point == "finish.chosen":
            assert chosen_moves(platform.workspace, job) == [(scratch, target)]
            assert job.moves[0][1] == "models/x"

    monkeypatch.setattr(TaskContext, "reach", reach)
    context.succeed(Outcome({"n": 1}, [(scratch, target)], [kept]))
    assert seen == [
        ("finish.before", False, False, 0), ("finish.chosen", True, False, 1), ("finish.moved", True, True, 1),
    ]  # fmt: skip
    job = row(context)
    assert (job.state, job.result, job.moves, job.finishing) == (JobState.SUCCEEDED, {"n": 1}, (), False)
    with platform.database.reading() as db:
        sums = {line.path: (line.task_id, line.sha256) for line in db.execute(sa.select(store.seals))}
    assert sums == {
        "models/x/manifest.json": (job.id, publish.sha256_file(target / "manifest.json")),
        "models/y.txt": (job.id, publish.entry(b"abc")["sha256"]),
    }


def test_publish__the_row_chooses_before_the_files_move(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    (context,) = attempts(platform, 1)
    target = platform.workspace.logs / "a.txt"
    context.scratch(target).write_text("x")
    seen: list[tuple[str, bool, int, object]] = []
    monkeypatch.setattr(
        TaskContext,
        "reach",
        lambda _context, point: seen.append((point, target.exists(), len(row(context).moves), row(context).memo)),
    )
    context.publish([(context.scratch(target), target)], {"step": 1})
    assert seen == [
        ("publish.before", False, 0, {}), ("publish.chosen", False, 1, {"step": 1}), ("publish.moved", True, 1, {"step": 1}),
    ]  # fmt: skip
    assert (row(context).moves, row(context).finishing) == ((), False)


def test_older_scratch__the_tenth_attempt_comes_after_the_second(platform: Platform) -> None:
    *older, last = attempts(platform, 12)
    target = platform.workspace.logs / "a.txt"
    for context in older:
        context.scratch(target).write_text("x")
    assert last.older_scratch(target) == [context.scratch(target) for context in older]


def test_an_attempt_that_was_given_up_writes_and_shows_nothing(platform: Platform) -> None:
    first, _second = attempts(platform, 2)
    target = platform.workspace.logs / "a.txt"
    first.scratch(target).write_text("x")
    before = row(first)
    first.progress(1, 2)
    with pytest.raises(StaleRunError):
        first.beat()
    with pytest.raises(StaleRunError):
        first.publish([(first.scratch(target), target)])
    with pytest.raises(StaleRunError):
        first.succeed(Outcome(moves=[(first.scratch(target), target)]))
    with pytest.raises(StaleRunError), first.holding() as db:
        db.execute(queue.jobs.update().values(title="changed"))
    assert not target.exists()
    assert row(first) == before


@pytest.mark.sqlite
def test_beat__what_a_locked_database_kept_back_is_said_later(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    platform = open_platform(settings, upgrade=True)
    (context,) = attempts(platform, 1)
    with closing(sqlite3.connect(platform.workspace.home / "roadloop.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        context.progress(1, 4, Text("一", "one"))
        for _ in range(2):
            with pytest.raises(BusyError):
                context.beat()
        context.progress(2, 4)
        other.execute("ROLLBACK")
    context.beat()
    assert (row(context).progress, row(context).note) == (0.5, Text("一", "one"))
    platform.database.close()
