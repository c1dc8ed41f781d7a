"""How far packages are while annotators work, for both annotators."""

import os
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient

from label_studio_double import Double
from package_data import mask
from roadloop.accounts import service as accounts
from roadloop.annotators import course
from roadloop.imaging.encode import encode_color
from roadloop.jobs import queue
from roadloop.labels import label_studio
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import shipped
from roadloop.packages import service as packages
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


def test_people__each_with_what_they_have_and_how_far_it_is(
    client: TestClient, platform: Platform, cut: Job, push: Job, pull: Job
) -> None:
    cut(platform, count=5, step=2)
    push(platform, "v1", 1, person="张三")
    push(platform, "v1", 2, person="li")
    push(platform, "v1", 3, person="张三")
    inbox = platform.workspace.home / "imports/annotations"
    for number, stem in ((1, "a_0"), (1, "a_1"), (3, "a_4")):
        put(inbox / str(number), stem)
    pull(platform, 1, 1, "v1")
    version = client.get("/v1/annotation/v1").json()["data"]
    assert [row["person"] for row in version["packages"]] == ["张三", "li", "张三"]
    none = {"published": 0, "rejected": 0}
    assert version["people"] == [
        {"person": "li", "packages": 1, "pictures": 2, "done": 0, "returned": 0, **none},
        {"person": "张三", "packages": 2, "pictures": 3, "done": 3, "returned": 2, **none},
    ]
    push(platform, "v1", 3, person="li")  # it went on to somebody else
    push(platform, "v1", 2)  # nobody says
    version = client.get("/v1/annotation/v1").json()["data"]
    assert [row["person"] for row in version["packages"]] == ["张三", "", "li"]
    refused = client.post("/v1/packages/v1/1/push", json={"person": "../x"}).json()
    assert (refused["error"], refused["details"]["parameter"]) == ("invalid_name", "person")


def test_people__an_account_that_a_package_was_given_to_counts_more_than_a_name(
    client: TestClient, platform: Platform, cut: Job, push: Job
) -> None:
    cut(platform)
    push(platform, "v1", 1, person="张三")
    platform.database.write(lambda: accounts.add("li", "admin", "a long enough sentence"))
    platform.database.write(lambda: accounts.add("anna", "annotator", "a long enough sentence"))
    platform.database.write(lambda: packages.give(platform, "v1", 1, "anna"))
    platform.database.write(lambda: packages.give(platform, "v1", 2, "anna"))
    version = course.of_version(platform, "v1", "en")
    assert [row["person"] for row in version["packages"]] == ["anna", "anna"]
    assert [(row["person"], row["packages"], row["pictures"]) for row in version["people"]] == [("anna", 2, 4)]


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
