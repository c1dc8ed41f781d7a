"""Rare classes more often: pictures that show one stand once more in an increment. Counted by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from roadloop.datasets.info import ClassCount, DatasetInfo
from roadloop.datasets.reader import DatasetReader
from roadloop.datasets.recipe import DatasetJob, Repeat
from roadloop.datasets.repeat import repeat
from roadloop.datasets.service import require
from roadloop.errors import ConflictError, InvalidValueError, NameTakenError, NotFoundError
from roadloop.jobs.queue import Job
from roadloop.parameters import stored
from roadloop.storage.platform import Platform
from roadloop.storage.publish import verify
from roadloop.training.increment import count_new, new_indices

MakeSet = Callable[..., Path]
Submit = Callable[..., str]
RunJob = Callable[[Platform, str], Job]
BASE = "20180801"


@pytest.fixture
def base(platform: Platform, make_set: MakeSet, submit: Submit, run_job: RunJob) -> DatasetInfo:
    """Twelve training pictures of two tracks, of which every second shows a car of four pixels (3)."""
    make_set(platform)
    job = run_job(platform, submit())
    assert job.state == "succeeded", job.reason
    return require(platform, BASE)


def ask(platform: Platform, **changes: Any) -> str:
    request = Repeat(**{"name": BASE, "raw_ids": [3]} | changes)
    return platform.database.write(lambda: repeat(platform, request))


def again(platform: Platform, run_job: RunJob, **changes: Any) -> DatasetInfo:
    job = run_job(platform, ask(platform, **changes))
    assert job.state == "succeeded", job.reason
    return require(platform, job.title)


def train_of(platform: Platform, name: str) -> list[str]:
    return DatasetReader(platform.workspace.datasets / name).split("train").names()


def test_repeat__every_training_picture_that_shows_the_class_once_more(
    platform: Platform, base: DatasetInfo, run_job: RunJob
) -> None:
    info = again(platform, run_job)
    assert info.name == "20180801-again-3"
    assert dict(base.counts) == {"train": 12, "val": 4, "test": 4}
    assert dict(info.counts) == {"train": 18, "val": 4, "test": 4}
    assert info.statistics["train"] == {
        0: ClassCount(18 * 384 - 12 * 4, 18, 2),
        3: ClassCount(12 * 4, 12, 2),
    }
    assert info.statistics["val"] == base.statistics["val"]
    assert dict(info.tracks) == dict(base.tracks)
    assert (info.leaks, info.identical, info.bad) == ((), 0, 0)
    assert (info.again, info.base_data, info.data_type, info.sources) == ((3,), BASE, "aug", base.sources)
    assert info.digest != base.digest
    assert verify(platform.workspace.datasets / info.name) == []

    names, old = train_of(platform, info.name), train_of(platform, BASE)
    assert names[:12] == old
    copies = [name.removesuffix("+1") for name in names[12:]]
    reader = DatasetReader(platform.workspace.datasets / info.name).split("train")
    shown = [name for name in old if int(name[-4:]) % 2]
    assert sorted(copies) == sorted(shown)
    for place, name in enumerate(copies, 12):
        one, other = reader.encoded(place), reader.encoded(names.index(name))
        assert (one.image, one.label) == (other.image, other.label)
        assert reader.values(place, ("track", "stem")) == reader.values(names.index(name), ("track", "stem"))
    folders = [platform.workspace.datasets / name for name in (info.name, BASE)]
    assert count_new(*folders) == 6  # a training with data_type=aug learns these alone
    assert new_indices(reader, folders[1]) == list(range(12, 18))


def test_repeat__of_an_increment_adds_each_picture_once(platform: Platform, base: DatasetInfo, run_job: RunJob) -> None:
    """A copy is no picture of its own: three of each stand there then, not four."""
    first = again(platform, run_job)
    second = again(platform, run_job, name=first.name, data_name="twice", data_desc="车")
    assert dict(second.counts) == {"train": 24, "val": 4, "test": 4}
    assert second.statistics["train"][3] == ClassCount(18 * 4, 18, 2)
    names = train_of(platform, "twice")
    assert len(set(names)) == 24
    assert sum(name.endswith("+2") for name in names) == 6
    assert base.digest == require(platform, BASE).digest


def test_repeat__the_same_call_gives_the_same_content(platform: Platform, base: DatasetInfo, run_job: RunJob) -> None:
    one, other = (again(platform, run_job, raw_ids=[3, 9], data_name=name) for name in ("x", "y"))
    assert one.digest == other.digest
    assert one.again == (3, 9)  # 9 occurs nowhere: the pictures of 3 alone
    assert dict(one.counts) == {"train": 18, "val": 4, "test": 4}
    assert again(platform, run_job).name == f"{BASE}-again-3"
    assert again(platform, run_job).name == f"{BASE}-again-3-2"
    assert base.again == ()


def test_repeat__refuses(platform: Platform, base: DatasetInfo) -> None:
    with pytest.raises(InvalidValueError, match=r"the class table of 20180801 has no \[7\]"):
        ask(platform, raw_ids=[3, 7])
    with pytest.raises(InvalidValueError, match="No training picture of 20180801 shows the classes"):
        ask(platform, raw_ids=[9])
    with pytest.raises(NotFoundError):
        ask(platform, name="nothing")
    with pytest.raises(NameTakenError):
        ask(platform, data_name=base.name)
    waiting = ask(platform, data_name="z")
    with pytest.raises(ConflictError, match=waiting):
        ask(platform, name="z")


def test_recipe__of_older_datasets_is_written_as_it_was() -> None:
    recipe = {"name": "d", "sources": ["s"], "shares": {"train": 1.0}}
    job = stored(DatasetJob, {"recipe": recipe, "thread": 1})
    assert "again" not in job.payload()["recipe"]


@pytest.mark.usefixtures("base")
def test_route__answers_with_the_task(client: TestClient, platform: Platform, run_job: RunJob) -> None:
    reply = client.post(f"/v1/datasets/{BASE}/again", json={"raw_ids": "3"}).json()
    run_job(platform, reply["data"])
    row = client.post("/data_history", json={"task_id": reply["data"]}).json()["data"]
    assert (row["data_name"], row["data_type"], row["counts"]["train"]) == (f"{BASE}-again-3", "aug", 18)
    found = client.get(f"/v1/datasets/{row['data_name']}").json()["data"]
    assert found["again"] == [3]
