from pathlib import Path

import pytest

from roadloop.errors import DiskFullError, Text
from roadloop.jobs import queue
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.storage import publish
from roadloop.storage.platform import Platform


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
