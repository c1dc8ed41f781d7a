"""What the rows of packages say: of whom a picture is, what became of it, what stands on the disk for it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from package_data import annotate, mask, write_images
from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.jobs import queue
from roadloop.jobs.claims import Claim
from roadloop.jobs.history import format_time
from roadloop.jobs.states import JobState
from roadloop.packages import manifest, service, standing, store
from roadloop.storage.platform import Platform

Job = queue.Job


@pytest.fixture
def db(platform: Platform) -> Iterator[sa.Connection]:
    with platform.database.transaction() as connection:
        yield connection


def division(db: sa.Connection, version: str, types: str = "full", *, rejected: bool = False) -> str:
    """A division's row and its job, queued."""
    task_id = queue.submit(db, queue.Submission("task_divide", {}, version))
    values = {"step": 1, "overlap": "0", "gold": "0", "gold_set": "", "pre_model": ""}
    db.execute(
        store.divisions.insert().values(task_id=task_id, version=version, types=types, rejected=rejected, **values)
    )
    return task_id


def package(db: sa.Connection, task_id: str, number: int, version: str, *pictures: dict[str, Any]) -> None:
    """A package with pictures; what is not said of one is as a new one has it."""
    values = {"number": number, "task_id": task_id, "version": version, "types": "full"}
    db.execute(store.packages.insert().values(**values))
    usual = {"track": "a", "point": "", "facts": {}, "role": "base", "truth": "", "outcome": "", "label": ""}
    rows = [usual | {"number": number, "name": f"ext-{p['origin'].rpartition('/')[2]}"} | p for p in pictures]
    db.execute(store.package_pictures.insert(), rows)


def end(db: sa.Connection, task_id: str, state: JobState = JobState.SUCCEEDED) -> None:
    queue.finish(db, queue.claim(db, task_id, (), "here"), state)


def test_active__the_division_of_this_version_and_type_until_it_has_ended(db: sa.Connection) -> None:
    task_id = division(db, "v1")
    assert store.active(db, store.divisions, "v1", "full") == task_id
    assert store.active(db, store.divisions, "v2", "full") is None
    assert store.active(db, store.divisions, "v1", "remote") is None
    job = queue.claim(db, task_id, (), "here")
    assert store.active(db, store.divisions, "v1", "full") == task_id
    queue.finish(db, job, JobState.SUCCEEDED)
    assert store.active(db, store.divisions, "v1", "full") is None


def test_packed_origins__those_that_are_in_a_package_and_can_be_used(db: sa.Connection) -> None:
    done, failed, other = division(db, "v1"), division(db, "v1"), division(db, "v2")
    package(
        db, done, 1, "v1", {"origin": "images/v1/a"}, {"origin": "images/v1/b", "outcome": "broken"},
        {"origin": "images/v1/c", "role": "overlap"}, {"origin": "images/v1/d", "outcome": "rejected"},
    )  # fmt: skip
    package(db, failed, 2, "v1", {"origin": "images/v1/e"})
    package(db, other, 3, "v2", {"origin": "images/v2/f"})
    assert store.packed_origins(db, "v1", "full") == set()
    for task_id, state in ((done, JobState.SUCCEEDED), (failed, JobState.FAILED), (other, JobState.SUCCEEDED)):
        end(db, task_id, state)
    assert store.packed_origins(db, "v1", "full") == {"images/v1/a", "images/v1/d"}
    assert store.packed_origins(db, "v1", "remote") == set()


def test_rejected_pictures__of_this_version_each_once_until_it_is_sent_out_again(db: sa.Connection) -> None:
    first, other = division(db, "v1"), division(db, "v2")
    bad = {"outcome": "rejected"}
    package(
        db, first, 1, "v1", {"origin": "v1/b", "track": "b"} | bad, {"origin": "v1/a", "point": "2"} | bad,
        {"origin": "v1/good", "outcome": "published"}, {"origin": "v1/gold", "role": "gold"} | bad,
    )  # fmt: skip
    package(db, first, 2, "v1", {"origin": "v1/c", "point": "1"} | bad, {"origin": "v1/a", "point": "2"} | bad)
    package(db, other, 3, "v2", {"origin": "v2/x"} | bad)
    found = store.rejected_pictures(db, "v1")
    assert [(row.origin, row.number) for row in found] == [("v1/c", 2), ("v1/a", 2), ("v1/b", 1)]
    again = division(db, "v1", rejected=True)
    package(db, again, 4, "v1", {"origin": "v1/a"}, {"origin": "v1/b", "track": "b"})
    assert store.resent_origins(db, "v1") == {"v1/a": 4, "v1/b": 4}
    assert [row.origin for row in store.rejected_pictures(db, "v1")] == ["v1/c"]
    queue.cancel(db, again)
    assert store.resent_origins(db, "v1") == {}
    assert len(store.rejected_pictures(db, "v1")) == 3
    assert [row.origin for row in store.rejected_pictures(db, "v2")] == ["v2/x"]


def test_drop_part__forgets_what_never_became_visible_and_nothing_else(
    db: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PART", 2)
    done, failed, mine, other = (division(db, "v1") for _ in range(4))
    for number, task_id in enumerate((done, failed, mine, other), 1):
        package(db, task_id, number, "v1", {"origin": f"{number}/a"}, {"origin": f"{number}/b"})
    end(db, done)
    end(db, failed, JobState.FAILED)
    rounds = 0
    while store.drop_part(db, mine):
        rounds += 1
    assert rounds == 2
    assert list(db.scalars(sa.select(store.packages.c.number))) == [1, 4]
    assert set(db.scalars(sa.select(store.package_pictures.c.number))) == {1, 4}
    assert store.highest_number(db) == 4


def test_set_outcomes__takes_a_rejection_back(db: sa.Connection) -> None:
    package(db, division(db, "v1"), 1, "v1", {"origin": "a"}, {"origin": "b"}, {"origin": "c"})
    ids = {name: row.id for name, row in store.pictures_in(db, 1).items()}
    for name, label in (("ext-a", "released/a.png"), ("ext-b", "x")):
        store.set_rejected(db, ids[name], Text("坏", "bad"), label)
    store.set_outcomes(db, [ids["ext-b"]], "published")
    rows = store.pictures_in(db, 1)
    assert [(rows[f"ext-{x}"].outcome, rows[f"ext-{x}"].reason, rows[f"ext-{x}"].label) for x in "abc"] == [
        ("rejected", ["坏", "bad"], "released/a.png"), ("published", None, ""), ("", None, ""),
    ]  # fmt: skip


def labels(db: sa.Connection, version: str, name: str, types: str = "union") -> str:
    """A run that publishes labels."""
    task_id = queue.submit(db, queue.Submission("process_label", {}, version))
    db.execute(store.label_runs.insert().values(task_id=task_id, version=version, types=types, name=name))
    return task_id


def test_holds_name__until_the_run_fails_or_its_set_is_lost(db: sa.Connection) -> None:
    waiting, done = (labels(db, "v1", f"full-aug-{n}") for n in (1, 2))
    end(db, done)
    assert [store.holds_name(db, f"full-aug-{n}") for n in (1, 2, 3)] == [True, True, False]
    queue.cancel(db, waiting)
    db.execute(queue.jobs.update().where(queue.jobs.c.id == done).values(error="lost"))
    assert [store.holds_name(db, f"full-aug-{n}") for n in (1, 2)] == [False, False]


def test_finished_runs__of_this_version_and_type(db: sa.Connection) -> None:
    for version, types, state in (
        ("v1", "union", JobState.SUCCEEDED), ("v1", "lane", JobState.SUCCEEDED), ("v2", "union", JobState.SUCCEEDED),
        ("v1", "union", JobState.FAILED),
    ):  # fmt: skip
        end(db, labels(db, version, f"{version}-{types}-{state}", types), state)
    assert store.finished_runs(db, "v1", "union") == ["v1-union-succeeded"]


def claims(platform: Platform) -> list[Claim]:
    with platform.database.reading() as db:
        return list(store.claims(db, platform.workspace))


def test_claims__the_folders_that_must_stand(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    divide("v1", 1)
    annotate(platform, "v1", 1, lambda _stem: mask(1))
    job = publish_labels("v1", "union")
    with platform.database.transaction() as db:
        waiting = division(db, "v2")
        package(db, waiting, 3, "v2", {"origin": "/elsewhere/b/1.jpg"}, {"origin": "/elsewhere/b/2.jpg"})
        broken = division(db, "v2")
        package(db, broken, 4, "v2", {"origin": "images/v2/a", "outcome": "broken"})
        end(db, broken)
    assert [claim[:5] for claim in claims(platform)] == [
        (Text("任务包 1", "The package 1"), "packages/v1/1", True, True, ()),
        (Text("任务包 2", "The package 2"), "packages/v1/2", True, True, ()),
        (
            Text("源数据 full-aug-20261123", "The source set full-aug-20261123"),
            "sources/full-aug-20261123", True, False, (job.id,),
        ),
        (Text("任务包 3", "The package 3"), "/elsewhere/b", False, False, ()),
    ]  # fmt: skip


def test_claims__a_lost_package_gives_up_what_nobody_has_labelled(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg", "b_1.jpg"])
    divide("v1", 2)
    annotate(platform, "v1", 1, lambda _stem: mask(1), only={"a_1"})
    publish_labels("v1", "union")
    first = claims(platform)[0]
    assert first.free is not None
    with platform.database.transaction() as db:
        first.free(db)
    assert [claim.path for claim in claims(platform)] == ["packages/v1/2", "sources/full-aug-20261123"]
    divide("v1", 5)
    pictures = manifest.read(platform.workspace.packages / "v1" / "3").pictures
    assert [picture.name for picture in pictures] == ["ext-a_2.jpg"]


def test_require_and_find__a_package_by_its_number(platform: Platform, divide: Callable[..., Job]) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    divide("v1", 1)
    folder, record = service.require(platform, "v1", 2)
    assert (folder, record.number) == (platform.workspace.packages / "v1" / "2", 2)
    assert service.find(platform, 2) == record
    assert service.find(platform, 7) is None
    with pytest.raises(NotFoundError, match="v1 has no package 7; it has 1, 2") as unknown:
        service.require(platform, "v1", 7)
    assert unknown.value.details == {"version": "v1", "number": 7}


def test_overview__of_one_version(platform: Platform, divide: Callable[..., Job]) -> None:
    for version in ("v1", "v2"):
        write_images(platform, version, ["a_1.jpg"])
        divide(version, 1, "remote")
    (row,) = standing.overview(platform, "v2")
    with platform.database.reading() as db:
        job = queue.get(db, row.pop("task_id"))
    assert (job.kind, row.pop("cut_at")) == ("task_divide", format_time(job.finished_at))
    assert row == {
        "version": "v2", "number": 2, "problem": None, "type": "remote", "border": 50, "pictures": 1, "returned": 0,
        "state": "cut", "person": None, "given_at": None, "returned_at": None,
    }  # fmt: skip
    assert [row["number"] for row in standing.overview(platform)] == [1, 2]


def test_divide__rejected_pictures_of_another_version_are_not_sent_out(
    platform: Platform, divide: Callable[..., Job]
) -> None:
    write_images(platform, "v2", ["a_1.jpg"])
    with platform.database.transaction() as db:
        package(db, division(db, "v1"), 1, "v1", {"origin": "images/v1/a.jpg", "outcome": "rejected"})
    with pytest.raises(InvalidValueError, match="v2 has no rejected labels"):
        divide("v2", 1, rejected=True)
