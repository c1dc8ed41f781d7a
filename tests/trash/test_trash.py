"""Deleting and bringing back, of every kind of thing, and what a kill at any point leaves."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

import roadloop
from job_cases import build_dataset, tree_of
from roadloop.datasets import service as datasets
from roadloop.errors import BrokenFileError, ConflictError, DiskFullError, NameTakenError, NotFoundError, OvertakenError
from roadloop.jobs import queue
from roadloop.jobs.findings import Repair
from roadloop.jobs.fsck import inspect
from roadloop.jobs.trash import delete, purge, restore, uses
from roadloop.jobs.trash_moves import carry_out, settle
from roadloop.storage import search
from roadloop.storage.database import metadata
from roadloop.storage.platform import Platform, open_platform
from roadloop.storage.trash import trash
from roadloop.training import create as creating
from roadloop.training.forms import CreateTrain
from roadloop.trash import service

Made = tuple[Platform, dict[str, str]]
RunJob = Callable[[Platform, str], queue.Job]
#: In an order in which nothing refers to what goes next.
NAMES = {
    "release": "release", "engine": "convert", "evaluation": "evaluate", "package": "4", "selection": "select", "model": "任务/m_ep-0001.params",
    "task": "任务", "dataset": "d2", "source": "苏州",
}  # fmt: skip


def _named(kind: str, jobs: dict[str, str]) -> str:
    return jobs.get(NAMES[kind], NAMES[kind])


def _delete(platform: Platform, kind: str, name: str) -> int:
    number = platform.database.write(lambda: delete(platform, kind, name))
    carry_out(platform, number)
    return number


def _restore(platform: Platform, number: int) -> None:
    carry_out(platform, platform.database.write(lambda: restore(platform, number)))


def _rows(platform: Platform) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but those that only say when something was at work."""
    with platform.database.reading() as db:
        tables = [t for t in metadata.sorted_tables if t.name not in {"trash", "positions", "installation", "row_sums"}]
        return {t.name: [tuple(row) for row in db.execute(sa.select(t).order_by(*t.primary_key))] for t in tables}


def _sound(platform: Platform) -> None:
    report = inspect(platform, hashes=True)
    assert report.problems == []


@pytest.mark.parametrize("kind", NAMES)
def test_delete__comes_back_as_it_was(made: Made, kind: str) -> None:
    platform, jobs = made
    name = _named(kind, jobs)
    for user in _users(kind):
        _delete(platform, user, _named(user, jobs))
    _sound(platform)
    rows, tree = _rows(platform), tree_of(platform.workspace.home)
    number = _delete(platform, kind, name)
    with pytest.raises(NotFoundError):
        uses(platform, kind, name)
    assert tree_of(platform.workspace.home) != tree
    _sound(platform)
    _restore(platform, number)
    _sound(platform)
    assert _rows(platform) == rows
    assert tree_of(platform.workspace.home) == tree


def _users(kind: str) -> list[str]:
    """What must go before."""
    return {"task": [], "model": [], "dataset": [], "source": [], "selection": []}.get(kind, [])


def test_uses__names_what_refers_to_a_thing(made: Made) -> None:
    platform, jobs = made
    said = {
        (kind, name): [one.text.en for one in uses(platform, kind, name)[1]]
        for kind, name in [
            ("source", "镇"),
            ("dataset", "d"),
            ("selection", jobs["sample"]),
            ("model", "任务/m_ep-0002.params"),
        ]
    }
    assert "the dataset d was built from it" in said["source", "镇"]
    assert said["dataset", "d"] == ["the training task 任务 trains, or was trained, on it"]
    assert said["selection", jobs["sample"]] == []
    with pytest.raises(ConflictError, match=r"the training task 任务 trains"):
        _delete(platform, "dataset", "d")
    assert platform.workspace.dataset("d").is_dir()


def test_delete__a_job_that_waits_or_runs_protects_it(made: Made, run_job: RunJob) -> None:
    platform, _jobs = made
    task_id = build_dataset(platform, name="d3")
    with pytest.raises(ConflictError, match="d3 waits or runs"):
        _delete(platform, "dataset", "d3")
    with platform.database.transaction() as db:
        queue.cancel(db, task_id)
    _delete(platform, "dataset", "d3")
    run_job(platform, build_dataset(platform, name="d3"))
    _sound(platform)


def test_delete__the_name_is_free_and_what_has_it_now_is_in_the_way_of_the_old_one(made: Made, run_job: RunJob) -> None:
    platform, _jobs = made
    number = _delete(platform, "dataset", "d2")
    run_job(platform, build_dataset(platform, name="d2"))
    _sound(platform)
    with pytest.raises(NameTakenError, match="d2 is taken"):
        _restore(platform, number)
    _delete(platform, "dataset", "d2")
    _restore(platform, number)
    _sound(platform)


def test_delete__a_failed_task_frees_its_name(made: Made) -> None:
    platform, _jobs = made

    def create() -> str:
        new = CreateTrain(train_name="x", network="n", data="d")
        return platform.database.write(lambda: creating.draft(platform, new).write)

    first = create()
    with pytest.raises(NameTakenError, match="delete that task"):
        create()
    number = _delete(platform, "task", "x")
    with platform.database.reading() as db:
        assert queue.get(db, first).state is queue.JobState.CANCELLED
    create()
    _sound(platform)
    with pytest.raises(NameTakenError):
        _restore(platform, number)
    _delete(platform, "task", "x")
    _restore(platform, number)
    _sound(platform)


def test_delete__what_was_prepared_before_it_is_prepared_again(made: Made) -> None:
    platform, _jobs = made
    write = delete(platform, "dataset", "d2")
    _delete(platform, "dataset", "d2")
    with platform.database.transaction() as db, pytest.raises(OvertakenError):
        write(db)
    _sound(platform)


def test_delete__a_job_begins_on_it_at_the_same_moment(made: Made) -> None:
    """Whoever is second sees what the first one wrote."""
    platform, _jobs = made
    write = delete(platform, "source", "苏州")
    build_dataset(platform, name="late", source="苏州")
    with (
        platform.database.transaction() as db,
        pytest.raises(ConflictError, match="the dataset late was built from it"),
    ):
        write(db)


def test_purge__goes_for_ever(made: Made) -> None:
    platform, _jobs = made
    number = _delete(platform, "dataset", "d2")
    carry_out(platform, platform.database.write(lambda: purge(platform, number)))
    assert list(platform.workspace.trash.iterdir()) == []
    with pytest.raises(NotFoundError):
        _restore(platform, number)
    _sound(platform)


def test_archive__out_of_the_lists_and_back_where_it_stood(made: Made) -> None:
    platform, jobs = made
    with platform.database.reading() as db:
        length = search.length(db, "datasets")
        before = search.window(db, "datasets", length, 100)
    hidden = before[-1]  # the oldest one, d
    for on in (True, True, False):
        platform.database.write(partial(service.archive, platform, "dataset", "d", on=on))
        with platform.database.reading() as db:
            assert list(search.problems(db)) == []
            assert search.length(db, "datasets") == length - on
            assert (hidden in search.find(db, "datasets", "d")) is not on
            assert (search.window(db, "datasets", length, 100) == before) is not on
        assert ("d" in datasets.finished_names(platform)) is not on
        assert [one["name"] for one in service.archived(platform)] == (["d"] if on else [])
    assert uses(platform, "evaluation", jobs["evaluate"])[0].title


def test_delete__on_a_full_disk_changes_nothing(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    platform, _jobs = made
    rows, tree = _rows(platform), tree_of(platform.workspace.home)

    def full(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", full)
        with pytest.raises(DiskFullError):
            _delete(platform, "task", "任务")
    assert (_rows(platform), tree_of(platform.workspace.home)) == (rows, tree)
    _sound(platform)


def test_fsck__damage_in_the_trash_is_found_and_given_up(made: Made) -> None:
    platform, _jobs = made
    number = _delete(platform, "dataset", "d2")
    shard = next(platform.workspace.trash.rglob("*.arrow"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    (problem,) = inspect(platform, hashes=True).problems
    assert "d2 in the trash" in problem.text.en
    assert problem.cure is not None
    problem.cure.apply(Repair(platform))
    _sound(platform)
    with pytest.raises(NotFoundError):
        _restore(platform, number)
    number = _delete(platform, "source", "苏州")
    shutil.rmtree(next(platform.workspace.trash.iterdir()))
    with pytest.raises(BrokenFileError):
        _restore(platform, number)


_CODE = """
import sys
from roadloop.jobs import trash
from roadloop.jobs.trash_moves import carry_out
from roadloop.settings import Settings
from roadloop.storage.platform import open_platform
platform = open_platform(Settings.model_validate_json(sys.argv[1]))
what, kind, name = sys.argv[2:5]
check = getattr(trash, what)
given = (kind, name) if what == "delete" else (int(name),)
carry_out(platform, platform.database.write(lambda: check(platform, *given)))
"""
POINTS = [
    f"trash.{state}.{step}"
    for state, steps in {
        "deleting": ("chosen", "half", "moved"), "restoring": ("chosen", "half", "moved"), "purging": ("chosen", "moved"),
    }.items()
    for step in steps
]  # fmt: skip


@pytest.mark.parametrize("kind", ["release", "model"])
@pytest.mark.parametrize("point", POINTS)
def test_kill__at_every_point_is_finished_at_the_next_start(made: Made, kind: str, point: str) -> None:
    """R03 for what is no job: rows and files are those of a deletion, or return, that nobody has killed."""
    platform, jobs = made
    name, what = _named(kind, jobs), {"d": "delete", "r": "restore", "p": "purge"}[point.split(".")[1][0]]
    rows, tree = _rows(platform), tree_of(platform.workspace.home)
    if what != "delete":
        name = str(_delete(platform, kind, name))
    platform.database.close()
    settings = platform.settings.model_copy(update={"fail_point": point})
    command = [sys.executable, "-P", "-c", _CODE, settings.model_dump_json(), what, kind, name]
    killed = subprocess.run(command, check=False, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    again = open_platform(platform.settings)
    try:
        _sound(again)
        settle(again)
        _sound(again)
        with again.database.reading() as db:
            left = db.execute(sa.select(trash.c.id, trash.c.state)).all()
        if what == "delete":
            assert [row.state for row in left] == ["deleted"]
            _restore(again, left[0].id)
        else:
            assert left == []
        if what == "purge":
            assert list(again.workspace.trash.iterdir()) == []
        else:
            assert (_rows(again), tree_of(again.workspace.home)) == (rows, tree)
    finally:
        again.database.close()


def test_points__every_one_of_the_source_is_in_the_table() -> None:
    source = (Path(roadloop.__file__).parent / "jobs" / "trash_moves.py").read_text()
    steps = set(re.findall(r'_reach\(platform, row, "(\w+)"\)', source))
    assert {point.split(".")[2] for point in POINTS} == steps


def test_settle__a_return_whose_place_was_taken_is_undone(made: Made) -> None:
    platform, _jobs = made
    number = _delete(platform, "dataset", "d2")
    platform.database.write(lambda: restore(platform, number))
    platform.workspace.dataset("d2").mkdir()
    settle(platform)
    with platform.database.reading() as db:
        assert db.scalar(sa.select(trash.c.state)) == "deleted"
    platform.workspace.dataset("d2").rmdir()
    _restore(platform, number)
    _sound(platform)
