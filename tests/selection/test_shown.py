"""What people look at of a selection, and what they take out again before packages are cut."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mining_data import write_drives, write_network
from roadloop.imaging.decode import decode_image, decode_label
from roadloop.jobs import queue
from roadloop.packages import choose, standing
from roadloop.selection.score_maps import NAME
from roadloop.storage import publish
from roadloop.storage.platform import Platform
from roadloop.storage.removed import REMOVED, read_removed, write_removed

RunJob = Callable[[Platform, str], queue.Job]


@pytest.fixture
def take(client: TestClient, platform: Platform, run_job: RunJob) -> Callable[..., str]:
    """Take three pictures of two drives at random; the address of the selection."""
    write_drives(platform, tracks=2)

    def go(path: str = "/sam_value", **values: Any) -> str:
        sent = {
            "output_dir": "images/v1",
            "ratio": "3",
            **({} if "track_file" in values else {"tracks": "*"}),
            **values,
        }
        reply = client.post(path, json=sent)
        assert reply.status_code == 200, reply.text
        job = run_job(platform, reply.json()["data"])
        assert job.result is not None, job.reason
        return f"/v1/selections/{reply.json()['data']}"

    return go


def test_tracks__are_listed_with_their_pictures_and_named_in_a_request(
    client: TestClient, take: Callable[..., str]
) -> None:
    assert client.get("/v1/tracks").json()["data"] == [{"track": "d0", "pictures": 6}, {"track": "d1", "pictures": 6}]
    assert client.get("/v1/tracks", params={"q": "D1"}).json()["total"] == 1
    base = take(tracks="d1\n d1")
    rows = client.get(f"{base}/pictures").json()["data"]
    assert {row["track"] for row in rows} == {"d1"}
    assert client.post("/auto_sam").json()["data"][0]["track_file"] == "d1"
    for body, word in (
        ({"tracks": "d1", "track_file": "tracks.txt"}, "tracks"),
        ({"tracks": " ,"}, "tracks"),
        ({"tracks": "../d1"}, "tracks"),
    ):
        refused = client.post("/sam_value", json={"ratio": "1", **body})
        assert (refused.status_code, word in refused.json()["message"]) == (422, True), refused.text


def test_remove__keeps_the_files_and_is_honoured_where_packages_are_cut(
    client: TestClient, platform: Platform, take: Callable[..., str]
) -> None:
    base = take()
    found = client.get(f"{base}/pictures").json()
    assert (found["total"], found["removed"], found["may_remove"]) == (3, 0, True)
    files = [row["file"] for row in found["data"]]
    assert [(row["width"], row["height"], row["removed"]) for row in found["data"]] == [(64, 64, False)] * 3
    assert client.get(found["data"][0]["image_url"]).headers["content-type"] == "image/jpeg"
    assert client.post(f"{base}/remove", json={"files": files[:2]}).json()["removed"] == 2
    folder = platform.workspace.home / "images/v1"
    assert publish.verify(folder) == []
    assert [one.name for one in choose.of_version(platform.workspace, "v1", set())[0]] == [files[2]]
    assert standing.uncut(platform, "v1", "full", "zh")["pictures"] == 1
    assert [row["removed"] for row in client.get(f"{base}/pictures").json()["data"]] == [True, True, False]
    assert client.post(f"{base}/remove", json={"files": files[:1], "back": True}).json()["removed"] == 1
    assert standing.uncut(platform, "v1", "full", "zh")["pictures"] == 2
    assert client.post(f"{base}/remove", json={"files": ["x.jpg"]}).status_code == 404
    assert client.get(f"{base}/image/{REMOVED}").status_code == 404
    take(overwrite=True, seed=1)  # what was taken out belongs to the selection that is replaced
    assert not (folder / REMOVED).exists()


def test_remove__says_so_where_nothing_is_cut(client: TestClient, take: Callable[..., str]) -> None:
    base = take(output_dir="selections/a")
    found = client.get(f"{base}/pictures").json()
    assert found["may_remove"] is False
    assert client.post(f"{base}/remove", json={"files": [found["data"][0]["file"]]}).status_code == 409


def test_pictures__blind_tell_no_arm_and_come_in_the_order_of_the_tracks(
    client: TestClient, platform: Platform, take: Callable[..., str]
) -> None:
    write_network(platform.workspace.tasks / "suzhou" / "output" / "models")
    base = take("/sele_value", weights_dir="suzhou", control="2", ratio="2", labelled="none")
    told = client.get(f"{base}/pictures").json()["data"]
    assert [row["arm"] for row in told] == ["mined"] * 2 + ["control"] * 2
    blind = client.get(f"{base}/pictures", params={"blind": 1}).json()["data"]
    assert [(row["track"], row["point"]) for row in blind] == sorted((row["track"], row["point"]) for row in told)
    told_apart = ("arm", "rank", "score", "reason", "map_url")
    assert {tuple(row[name] for name in told_apart) for row in blind} == {(None,) * 5}


def test_map__shows_where_the_model_doubts(client: TestClient, platform: Platform, take: Callable[..., str]) -> None:
    write_network(platform.workspace.tasks / "suzhou" / "output" / "models")
    sent = {"weights_dir": "suzhou", "classes": "blue", "labelled": "none"}
    base = take("/sele_value", control="1", ratio="1", **sent)
    mined, control = client.get(f"{base}/pictures").json()["data"]
    assert mined["point"].endswith("_003")  # has purple, of which red and blue are as likely
    reply = client.get(mined["map_url"])
    assert reply.headers["content-type"] == "image/png"
    percent = decode_label(reply.content)
    image = decode_image(client.get(mined["image_url"]).content)
    assert percent.shape == image.shape[:2] == (64, 64)
    purple = (image[..., 0] > 100) & (image[..., 2] > 100)
    assert percent[purple].min() > 50
    assert percent[~purple].mean() < percent[purple].mean() / 4
    assert client.get(control["map_url"]).status_code == 200
    (platform.workspace.home / "images" / "v1" / NAME).unlink()
    assert client.get(mined["map_url"]).json()["error"] == "not_found"
    assert [row["map_url"] for row in client.get(f"{base}/pictures").json()["data"]] == [None, None]
    sampled = take(output_dir="selections/b")
    assert {row["map_url"] for row in client.get(f"{sampled}/pictures").json()["data"]} == {None}


def test_track__places_are_given_where_their_datum_is_declared(
    client: TestClient, platform: Platform, take: Callable[..., str]
) -> None:
    lines = ["point,longitude,latitude,datum", "d0_000,120.5,31.2,wgs84", "d0_001,120.6,31.3,"]
    (platform.workspace.tracks / "d0" / "track.csv").write_text("\n".join(lines))
    base = take(tracks="d0")
    track = client.get(f"{base}/track", params={"track": "d0"}).json()["data"]
    assert [p["point"] for p in track["points"]] == [f"d0_{n:03d}" for n in range(6)]
    assert sum(p["file"] is not None for p in track["points"]) == 3
    places = [(p["longitude"], p["latitude"], p["datum"]) for p in track["points"][:2]]
    assert places == [(120.5, 31.2, "wgs84"), (None, None, None)]
    (platform.workspace.tracks / "d0").rename(platform.workspace.home / "gone")
    assert len(client.get(f"{base}/track", params={"track": "d0"}).json()["data"]["points"]) == 3


def test_removed__a_strange_file_takes_nothing_out(platform: Platform) -> None:
    folder = platform.workspace.home / "images" / "v"
    folder.mkdir(parents=True)
    for text in ("", "[1]", '{"format": "other", "files": ["a"]}', '{"format": "roadloop-removed/1", "files": 3}'):
        (folder / REMOVED).write_text(text)
        assert read_removed(folder) == set()
    write_removed(folder, {"b", "a"})
    assert read_removed(folder) == {"a", "b"}
