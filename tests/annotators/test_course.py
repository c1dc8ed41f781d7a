"""How far packages are while annotators work, for both annotators."""

import os
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient

from label_studio_double import Double
from package_data import mask
from roadloop.annotators import course
from roadloop.imaging.encode import encode_color
from roadloop.jobs import queue
from roadloop.labels import label_studio
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import shipped
from roadloop.storage.platform import Platform

Job = Callable[..., queue.Job]


def put(folder: Path, stem: str, at: float = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"ext-label-{stem}.png"
    file.write_bytes(encode_color(ColorCoder(shipped()).to_rgb(mask(1))))
    if at:
        os.utime(file, (at, at))


def test_folder__labels_in_the_inbox_count_before_they_are_fetched(
    client: TestClient, platform: Platform, cut: Job, push: Job, pull: Job
) -> None:
    cut(platform)
    push(platform, "v1", 1)
    inbox = platform.workspace.home / "imports/annotations/1"
    put(inbox, "a_0", at=1_800_000_000)
    put(inbox, "a_1", at=1_700_000_000)
    put(inbox, "stranger")
    version = client.get("/v1/annotation/v1").json()["data"]
    first, second = version["packages"]
    assert (version["annotator"], version["images"], version["waiting"]) == ("folder", True, 0)
    assert version["inbox"] == str(inbox.parent)
    assert version["outbox"] == str(platform.workspace.packages)
    names = ("number", "type", "pictures", "pushed", "done", "first", "last", "returned", "problem")
    assert [first[name] for name in names] == [1, "full", 3, "folder", 2, 1, 1, 0, None]
    assert [second[name] for name in names] == [2, "full", 1, None, None, None, None, 0, None]
    assert first["newest"].startswith("2027-01-15")
    pull(platform, 1, 1, "v1")
    assert client.get("/v1/annotation/v1").json()["data"]["packages"][0]["returned"] == 2
    (platform.workspace.home / "packages/v1/2/manifest.json").write_text("{}")
    broken = client.get("/v1/annotation/v1").json()["data"]["packages"][1]
    assert broken["problem"] is not None
    assert client.get("/v1/annotation/none").status_code == 404


def test_label_studio__is_asked_for_its_count_and_named_when_it_does_not_answer(
    studio: Platform, double: Double, cut: Job, push: Job
) -> None:
    cut(studio)
    push(studio, "v1", 1)
    double.annotate(101, label_studio.regions(mask(1), shipped(), "brush"))
    version = course.of_version(studio, "v1", "en")
    assert [(p["done"], p["first"], p["last"]) for p in version["packages"]] == [(1, 100, 102), (None, None, None)]
    double.close()
    version = course.of_version(studio, "v1", "en")
    assert "cannot be reached" in version["unreachable"]
    assert [p["done"] for p in version["packages"]] == [None, None]
