"""What a dataset would be is what it becomes; and the pictures of a finished one, by class, doubled and left out."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from roadloop.datasets import pictures, preview, service
from roadloop.datasets.reader import DatasetReader
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.jobs.queue import Job
from roadloop.storage.platform import Platform

MakeSet = Callable[..., Path]
RunJob = Callable[[Platform, str], Job]
TRACKS = {"a": 8, "b": 7, "c": 5, "d": 4, "e": 3}


@pytest.fixture
def served() -> tuple[str, ...]:
    return "datasets", "sources"


def ask(client: TestClient, **values: Any) -> dict[str, Any]:
    reply = client.post("/v1/datasets/preview", json={"sour_data": "镇", **values}, headers={"accept-language": "en"})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()["data"]
    return found


def add(folder: Path, package: str, *stems: str, raw_id: int = 0) -> None:
    """Put pictures into a set as people do."""
    (folder / package).mkdir(exist_ok=True)
    for k, stem in enumerate(stems):
        (folder / package / f"{stem}.jpg").write_bytes(encode_jpeg(np.full((16, 24, 3), 9 * k + 5, np.uint8)))
        (folder / package / f"{stem}.png").write_bytes(encode_label(np.full((16, 24), raw_id, np.uint8)))


def build(client: TestClient, platform: Platform, run_job: RunJob, name: str, **values: Any) -> None:
    sent = {"data_name": name, "sour_data": "镇", "thread": 1, **values}
    task_id = client.post("/create_data", json=sent).json()["data"]
    assert run_job(platform, task_id).state == "succeeded"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"seed": 7, "train": 0.5, "val": 0.3, "test": 0.2},
        {"split_by": "picture", "seed": 3},
        {"train": 0.4, "val": 0.2, "test": 0},
        {"filter": {"track": ["a", "b", "c"]}},
    ],
)
def test_preview__is_the_split_that_the_job_makes(
    client: TestClient, platform: Platform, make_set: MakeSet, run_job: RunJob, values: dict[str, Any]
) -> None:
    make_set(platform, tracks=TRACKS)
    told = ask(client, **values)["parts"]
    build(client, platform, run_job, "d", **values)
    reader = DatasetReader(platform.workspace.dataset("d"))
    for split, part in told.items():
        tracks = Counter(reader.split(split).column("track"))
        assert (part["pictures"], part["tracks"]) == (tracks.total(), len(tracks)), split
        assert {one["track"]: one["pictures"] for one in part["largest"]} == tracks
        statistics = reader.info.statistics[split]  # few pictures: every label was looked at
        assert part["looked_at"] == part["pictures"]
        assert part["classes"] == [{"raw_id": i, "pictures": n.pictures} for i, n in statistics.items()]


def test_preview__warns_of_what_is_too_small(client: TestClient, platform: Platform, make_set: MakeSet) -> None:
    make_set(platform, tracks={"long": 40, "one": 1})  # 41 pictures that become 40, 1, 0
    told = ask(client)
    assert [told["parts"][split]["pictures"] for split in ("train", "val", "test")] == [40, 1, 0]
    assert told["warnings"][0].startswith("No pictures in test")
    assert any("val has 1 picture only: scores on so few say nothing" in text for text in told["warnings"])
    assert told["warnings"][2].startswith("None of the 1 label of val that were looked at shows car:")
    assert told["sources"] == [{"name": "镇", "pictures": 41, "tracks": 2, "chosen": 41, "new": 41, "lists": False}]
    assert ask(client, split_by="picture", train=0.5, val=0.5)["warnings"] == []
    uneven = ask(client, train=0.5, val=0.5)["warnings"]
    assert any("train gets 98% where 50% were asked for" in text for text in uneven)


def test_preview__filters_and_what_they_can_tell_apart(
    client: TestClient, platform: Platform, make_set: MakeSet
) -> None:
    add(make_set(platform, tracks={"a": 3}), "2", "b_1", "b_2")
    told = ask(client, filter={"package": "2"})
    assert told["fields"]["package"] == [{"name": "1", "pictures": 3}, {"name": "2", "pictures": 2}]
    assert told["fields"]["city"] == [{"name": "苏州", "pictures": 3}, {"name": "", "pictures": 2}]
    assert "author" not in told["fields"]  # no picture says one
    assert told["left_out"] == {"filter": 3, "split": 0, "bad": 0}
    assert told["possible"]
    none = ask(client, filter={"city": "上海"})
    assert (none["possible"], none["left_out"]["filter"]) == (False, 5)
    assert none["warnings"] == [
        "The filter leaves out all 5 (new) pictures of 镇; compare its values with the sets' manifest.csv"
    ]


def test_preview__an_increment_names_its_base_and_what_is_new(
    client: TestClient, platform: Platform, make_set: MakeSet, run_job: RunJob
) -> None:
    folder = make_set(platform, tracks={"a": 6, "b": 4, "c": 4})
    build(client, platform, run_job, "base")
    assert not ask(client, data_type="aug")["possible"]
    add(folder, "2", "d_1", "d_2", "d_3", "d_4", "d_5", "a_8", "a_9")
    told = ask(client, data_type="aug")
    build(client, platform, run_job, "more", data_type="aug")
    before, after = (service.require(platform, name).counts for name in ("base", "more"))
    assert told["base"] == {"name": "base", "counts": dict(before)}
    assert told["sources"][0] | {"chosen": 21, "new": 7} == told["sources"][0]
    for split, part in told["parts"].items():
        assert (part["base"], part["base"] + part["pictures"]) == (before[split], after[split])


def test_preview__looks_at_some_labels_and_says_how_many(
    client: TestClient, platform: Platform, make_set: MakeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_set(platform, tracks={"a": 30, "b": 30})
    monkeypatch.setattr(preview, "LOOKED_AT", 4)
    (folder / "1" / "a_0003.png").write_bytes(b"no label")  # the first that is looked at: 3, 11, 18, 26 of 30
    part = ask(client, train=0.5, val=0.5)["parts"]
    assert sorted((p["looked_at"], p["unusable"]) for p in part.values()) == [(0, 0), (3, 1), (4, 0)]
    reply = client.post("/v1/datasets/preview", json={"sour_data": "nowhere"})
    assert (reply.status_code, reply.json()["error"]) == (404, "not_found")


def test_pictures__by_split_and_class_from_any_place(
    client: TestClient, platform: Platform, make_set: MakeSet, run_job: RunJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_set(platform, tracks={"a": 9, "b": 1})
    build(client, platform, run_job, "d", train=0.9, val=0.1)

    def listed(**values: Any) -> tuple[list[int], int, int | None]:
        reply = client.get("/v1/datasets/d/pictures", params={"split": "train", **values})
        assert reply.status_code == 200, reply.text
        body = reply.json()
        return [one["index"] for one in body["data"]], body["total"], body["next"]

    assert listed() == (list(range(9)), 9, None)
    assert listed(start=2, limit=3) == ([2, 3, 4], 9, 5)
    assert listed(start=99) == ([], 9, None)
    assert listed(raw_id=3) == ([1, 3, 5, 7], 4, None)  # every second has a car
    assert listed(raw_id=3, limit=2) == ([1, 3], 4, 4)
    assert listed(raw_id=3, start=4) == ([5, 7], 4, None)
    assert listed(raw_id=9) == ([], 0, None)
    monkeypatch.setattr(pictures, "LOOKED_AT", 3)
    assert listed(raw_id=3) == ([1], 4, 3)
    first = client.get("/v1/datasets/d/pictures", params={"split": "val"}).json()["data"][0]
    assert (first["name"], first["track"], first["width"]) == ("1/b_0000", "b", 24)
    assert client.get(first["label_url"]).status_code == 200


def test_doubles_and_problems__are_named(
    client: TestClient, platform: Platform, make_set: MakeSet, run_job: RunJob
) -> None:
    folder = make_set(platform, tracks={"a": 4, "b": 2})
    same = (folder / "1" / "a_0000.jpg").read_bytes()
    for stem in ("b_0000", "a_0002"):
        (folder / "1" / f"{stem}.jpg").write_bytes(same)
    (folder / "manifest.csv").unlink()  # it has the sums of the pictures that were there
    (folder / "1" / "a_0003.jpg").write_bytes(b"broken")
    build(client, platform, run_job, "d", train=0.5, val=0.5, max_bad=0.5)
    found = client.get("/v1/datasets/d/doubles").json()
    assert found["total"] == 1
    assert {(one["split"], one["name"]) for one in found["data"][0]} == {
        ("train", "1/a_0000"),
        ("train", "1/a_0002"),
        ("val", "1/b_0000"),
    }
    left = client.get("/v1/datasets/d/problems", params={"page": 1, "page_size": 1}).json()
    assert (left["total"], left["data"][0]["file"]) == (1, "镇/1/a_0003.jpg")
    assert client.get("/v1/datasets/d/problems", params={"page": 2, "page_size": 1}).json()["data"] == []


def test_preview__a_set_of_few_classes(client: TestClient, platform: Platform, make_set: MakeSet) -> None:
    """Ignored pixels are of no class."""
    add(make_set(platform, tracks={"a": 1}), "1", "z_0", raw_id=255)
    assert ask(client, train=1)["parts"]["train"]["classes"] == [{"raw_id": 0, "pictures": 1}]
