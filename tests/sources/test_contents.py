"""What a source set holds, over HTTP: counts by hand, pages, pictures and labels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

import import_folders as folders
from roadloop.imaging.decode import decode_label
from roadloop.imaging.encode import encode_label
from roadloop.jobs.queue import Job
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.platform import Platform

TABLE = ClassTable(
    "town", (LabelClass(0, "road", "道路", (128, 64, 128), 0), LabelClass(3, "car", "车", (0, 0, 142), 1))
)


@pytest.fixture
def served() -> tuple[str, ...]:
    """And the routes that cut packages."""
    return "sources", "packages"


@pytest.fixture(autouse=True)
def town(platform: Platform) -> None:
    label = encode_label(folders.ids(3, 0))
    with writing_set(platform.workspace, "镇", TABLE) as w:
        w.add(NewSample("1", "a_1", folders.jpeg(1), label, city="苏州", time="2026-01-05 10:00:00"))
        w.add(NewSample("1", "a_2", folders.png(2), label, city="苏州", time="2026-02-05 10:00:00"))
        w.add(NewSample("二 2", "b#1", folders.jpeg(3), label, city="北京"))
    folders.put(platform.workspace.sources / "镇" / "1" / "alone.jpg", folders.jpeg(4))


def test_sources__names_and_where_they_came_from(client: TestClient) -> None:
    assert client.get("/v1/sources").json()["data"] == [{"name": "镇", "src": None, "mode": None, "layout": None}]


def test_source__counts(client: TestClient) -> None:
    found = client.get("/v1/sources/镇", headers={"accept-language": "en"}).json()["data"]
    assert (found["pictures"], found["tracks"], found["bad"], found["splits"]) == (3, 2, 1, False)
    assert found["packages"] == [{"name": "1", "pictures": 2}, {"name": "二 2", "pictures": 1}]
    assert found["cities"] == [{"name": "北京", "pictures": 1}, {"name": "苏州", "pictures": 2}]
    assert [row["name"] for row in found["months"]] == ["", "2026-01", "2026-02"]
    assert found["problems"][0]["file"] == "镇/1/alone.jpg"
    assert found["problems"][0]["reason"].startswith("No label")
    assert [row["name_zh"] for row in found["table"]["classes"]] == ["道路", "车"]
    assert client.get("/v1/sources/无").json()["error"] == "not_found"


def test_pictures__pages_filters_and_files(client: TestClient, platform: Platform) -> None:
    def names(**which: str | int) -> list[str]:
        answer = client.get("/v1/sources/镇/pictures", params=which).json()
        return [f"{row['package']}/{row['name']}" for row in answer["data"]] + [str(answer["total"])]

    assert names() == ["1/a_1", "1/a_2", "二 2/b#1", "3"]
    assert names(page=2, page_size=2) == ["二 2/b#1", "3"]
    assert names(city="苏州", month="2026-02") == ["1/a_2", "1"]
    assert names(package="3") == ["0"]
    rows = client.get("/v1/sources/镇/pictures").json()["data"]
    for row, image in zip(rows, (folders.jpeg(1), folders.png(2), folders.jpeg(3)), strict=True):
        assert client.get(row["image_url"]).content == image
        label = client.get(row["label_url"])
        assert label.headers["content-type"] == "image/png"
        np.testing.assert_array_equal(decode_label(label.content), folders.ids(3, 0))
    folders.put(platform.workspace.sources / "镇" / "1" / "a_3.jpg", folders.jpeg(5))
    folders.put(platform.workspace.sources / "镇" / "1" / "a_3.png", b"no label")
    assert names(package="1") == ["1/a_1", "1/a_2", "1/a_3", "3"]  # what is known of it is not what was
    assert client.get("/v1/sources/镇/pictures/1/a_3/label").json()["error"] == "broken_file"
    assert client.get("/v1/sources/镇/pictures/1/nobody/image").json()["error"] == "not_found"


def test_rework__pictures_become_a_version_that_can_be_cut(
    client: TestClient, platform: Platform, run_job: Callable[[Platform, str], Job]
) -> None:
    def ask(*pictures: str, version: str = "返工") -> dict[str, Any]:
        body = {"version": version, "pictures": list(pictures)}
        answer: dict[str, Any] = client.post("/v1/sources/镇/rework", json=body).json()
        return answer

    assert ask("1/a_1", "1/nobody")["details"]["parameter"] == "pictures"
    assert ask()["error"] == "invalid_value"
    assert ask("1/a_1", version="a,b")["error"] == "invalid_name"
    task_id = ask("1/a_1", "1/a_2", "二 2/b#1")["data"]
    assert ask("1/a_1")["details"]["task_id"] == task_id
    job = run_job(platform, task_id)
    assert (job.state, job.result) == ("succeeded", {"version": "返工", "pictures": 3}), job.reason
    folder = platform.workspace.images / "返工"
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == {
        "a/1.jpg": folders.jpeg(1), "a/2.png": folders.png(2), "b#1/b#1.jpg": folders.jpeg(3)
    }  # fmt: skip
    assert ask("1/a_1")["error"] == "name_taken"
    task_id = client.post("/task_divide", json={"version": "返工", "step": 5}).json()["data"]
    assert run_job(platform, task_id).state == "succeeded"
    assert len(list((platform.workspace.packages / "返工" / "1").glob("ext-*.*g"))) == 3
