"""Where a version stands: counts, rejected labels with their place, and nothing that an annotator must not know."""

from collections.abc import Callable

import numpy as np
import pytest
from fastapi.testclient import TestClient

from package_data import TABLE, annotate, mask, write_images
from roadloop.imaging.encode import encode_color
from roadloop.jobs import queue
from roadloop.packages import manifest
from roadloop.storage.platform import Platform

Divided = Callable[..., queue.Job]
NAMES = [f"a_{n}.jpg" for n in range(4)]


def test_uncut__counts_what_is_in_no_package_of_the_type(
    client: TestClient, platform: Platform, divide: Divided
) -> None:
    write_images(platform, "v1", NAMES)
    (platform.workspace.home / "images/v1/clip.gif").write_bytes(b"GIF89a")
    uncut = client.get("/v1/packages/v1/uncut").json()["data"]
    assert [uncut[name] for name in ("pictures", "uncut", "tracks", "bad")] == [4, 4, 1, 1]
    assert uncut["problems"][0]["file"] == "clip.gif"
    divide("v1", 3)
    assert client.get("/v1/packages/v1/uncut").json()["data"]["uncut"] == 0
    assert client.get("/v1/packages/v1/uncut", params={"types": "remote"}).json()["data"]["uncut"] == 4
    assert client.get("/v1/packages/none/uncut").status_code == 404
    (platform.workspace.home / "images/later").mkdir()
    assert client.get("/v1/packages/versions").json()["data"] == [
        {"version": "v1", "images": True, "packages": 2, "pictures": 4, "published": 0, "open": 4, "waiting": 0},
        {"version": "later", "images": True, "packages": 0, "pictures": 0, "published": 0, "open": 0, "waiting": 0},
    ]


def test_rejected__is_seen_with_its_reason_place_and_files_until_it_was_sent_out_again(
    client: TestClient, platform: Platform, divide: Divided, publish_labels: Divided
) -> None:
    write_images(platform, "v1", NAMES)
    divide("v1", 3)
    annotate(platform, "v1", 1, lambda _stem: mask(1))
    back = platform.workspace.home / "released/v1/1"
    colours = np.zeros((9, 12, 3), np.uint8)
    colours[2:5, 3:7] = (1, 2, 3)
    (back / "ext-label-a_1.png").write_bytes(encode_color(colours))
    (back / "ext-label-a_2.png").unlink()
    states = client.get("/v1/packages/v1/1/pictures").json()
    assert [p["state"] for p in states["data"]] == ["returned", "returned", "waiting"]
    assert (states["total"], states["data"][0]["width"], states["data"][0]["height"]) == (3, 12, 9)
    publish_labels("v1", "union")
    states = client.get("/v1/packages/v1/1/pictures").json()["data"]
    assert [p["state"] for p in states] == ["published", "rejected", "waiting"]
    found = client.get("/v1/packages/v1/rejected", headers={"accept-language": "en"}).json()
    assert found["total"] == 1
    bad = found["data"][0]
    assert (bad["number"], bad["name"], bad["state"]) == (1, "ext-a_1.jpg", "rejected")
    assert "colour" in bad["reason"]
    assert {"color": [1, 2, 3], "pixels": 12, "box": [3, 2, 6, 4]}.items() <= bad["spots"][0].items()
    (back / "ext-label-a_1.png").unlink()  # what was rejected is kept
    assert client.get(bad["label_url"]).content == encode_color(colours)
    assert client.get(bad["image_url"]).headers["content-type"] == "image/jpeg"
    assert client.get("/v1/packages/versions").json()["data"][0] == {
        "version": "v1",
        "images": True,
        "packages": 2,
        "pictures": 4,
        "published": 1,
        "open": 2,
        "waiting": 1,
    }
    divide("v1", 3, rejected=True)
    assert client.get("/v1/packages/v1/rejected").json()["total"] == 0
    again = client.get("/v1/packages/v1/3/pictures").json()["data"]
    assert [(p["name"], p["state"], p["reason"]) for p in again] == [("ext-a_1.jpg", "waiting", "")]


def test_pictures__do_not_say_which_are_tests(
    client: TestClient, platform: Platform, divide: Divided, publish_labels: Divided, gold_set: str
) -> None:
    write_images(platform, "v1", NAMES)
    divide("v1", 5, gold="1", gold_set=gold_set)
    annotate(platform, "v1", 1, lambda _stem: mask(1, table=TABLE))
    rows = client.get("/v1/packages/v1/1/pictures").json()["data"]
    assert (len(rows), {p["state"] for p in rows}) == (5, {"returned"})
    publish_labels("v1", "union")
    rows = client.get("/v1/packages/v1/1/pictures").json()["data"]
    assert {p["state"] for p in rows} == {"published"}
    assert len({tuple(sorted(p)) for p in rows}) == 1


@pytest.mark.parametrize(
    "path", ["v1/1/picture/manifest.json", "v1/1/picture/ext-b.jpg", "v1/1/label/ext-a_0.jpg", "v1/9/pictures"]
)
def test_files__only_pictures_of_the_package_and_their_labels(
    client: TestClient, platform: Platform, divide: Divided, path: str
) -> None:
    write_images(platform, "v1", NAMES)
    divide("v1", 3)
    assert manifest.read(platform.workspace.home / "packages/v1/1").pictures
    assert client.get(f"/v1/packages/{path}").status_code == 404
