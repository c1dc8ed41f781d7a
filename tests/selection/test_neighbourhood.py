"""Listed track points: their pictures as a folder, and their neighbourhoods scored, from folders with known drives."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mining_data import write_drives, write_network
from roadloop.evaluation.pictures import FolderSource
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.selection.neighbourhood import covered
from roadloop.storage import publish
from roadloop.storage.platform import Platform
from roadloop.storage.removed import write_removed

RunJob = Callable[[Platform, str], queue.Job]
AROUND = "/v1/selections/neighbours"
FETCH = "/v1/selections/points"


@pytest.fixture(autouse=True)
def drives(platform: Platform) -> None:
    """Drives d0 and d1 of six pictures each, in the fourth of which the model doubts, and the model."""
    write_drives(platform, tracks=2)
    write_network(platform.workspace.tasks / "suzhou" / "output" / "models", training={"best_so_far": True})


def rows_of(folder: Path, name: str = "selection.csv") -> list[dict[str, str]]:
    with (folder / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def done(client: TestClient, platform: Platform, run_job: RunJob) -> Callable[..., tuple[Path, queue.Job]]:
    """Ask, run the job, and expect success; the folder and the job."""

    def ask(path: str, **values: Any) -> tuple[Path, queue.Job]:
        answer = client.post(path, json=values)
        assert answer.status_code == 200, answer.text
        assert answer.json()["message"] == "success"
        job = run_job(platform, answer.json()["data"])
        assert job.state is JobState.SUCCEEDED, job.reason
        place = f"images/{values['name']}" if "name" in values else values.get("output_dir") or f"selections/{job.id}"
        return platform.workspace.home / place, job

    return ask


Done = Callable[..., tuple[Path, queue.Job]]


@pytest.mark.parametrize(
    ("centres", "reach", "size", "places"),
    [
        ([25], 20, 100, list(range(5, 46))),
        ([2], 3, 100, [0, 1, 2, 3, 4, 5]),
        ([98], 3, 100, [95, 96, 97, 98, 99]),
        ([10, 12], 2, 100, [8, 9, 10, 11, 12, 13, 14]),
        ([0, 5], 0, 6, [0, 5]),
        ([0], 20, 1, [0]),
    ],
)
def test_covered__each_place_once_inside_the_track(
    centres: list[int], reach: int, size: int, places: list[int]
) -> None:
    assert covered(centres, reach, size) == places


def test_neighbours__both_sides_are_scored_and_taken_once(client: TestClient, platform: Platform, done: Done) -> None:
    values = {"points": "d0_002\nd0_003,d1_005", "reach": "1", "weights_dir": "suzhou", "classes": "blue"}
    folder, job = done(AROUND, **values)
    rows = rows_of(folder)
    taken = sorted(r["point"] for r in rows)
    assert taken == ["d0_001", "d0_002", "d0_003", "d0_004", "d1_004", "d1_005"]
    assert [r["rank"] for r in rows] == [str(n) for n in range(1, 7)]
    scores = [float(r["score"]) for r in rows]
    assert scores == sorted(scores, reverse=True)
    assert (rows[0]["point"], rows[0]["arm"]) == ("d0_003", "mined")
    why = {r["point"]: (r["reason_en"], r["reason"]) for r in rows}
    assert why["d0_003"][0].startswith("the listed track point d0_003; the model is uncertain about blue")
    assert why["d0_004"][0].startswith("1 point after the listed d0_003; ")
    assert why["d0_001"][1].startswith("列出的轨迹点 d0_002 之前第 1 点；模型对")
    assert job.result is not None
    assert {name: job.result[name] for name in ("pictures", "candidates", "points", "points_missing")} == {
        "pictures": 6, "candidates": 6, "points": 3, "points_missing": 0,
    }  # fmt: skip
    assert not job.warnings
    assert publish.verify(folder) == []
    report = json.loads((folder / "report.json").read_text())
    assert (report["points"], report["reach"], report["points_missing"]) == (["d0_002", "d0_003", "d1_005"], 1, [])
    row = client.post("/auto_sele", json={"task_id": job.id}).json()["data"]
    assert (row["status"], row["task_type"], row["track_file"]) == ("completed!", "sele", "d0_002, d0_003, d1_005")
    assert (row["points"], row["summary"]["points"]) == (3, 3)
    assert client.get(f"/v1/selections/{job.id}/pictures").json()["total"] == 6


def test_neighbours__twenty_on_either_side_unless_asked_otherwise(platform: Platform, done: Done) -> None:
    folder, job = done(AROUND, points="d0_003", weights_dir="suzhou", classes="blue")
    assert [r["track"] for r in rows_of(folder)] == ["d0"] * 6
    assert job.result is not None
    assert job.result["pictures"] == 6
    report = json.loads((folder / "report.json").read_text())
    assert report["reach"] == 20
    assert platform.workspace.selections / job.id == folder


def test_neighbours__what_is_not_found_or_not_one_alone_is_named(platform: Platform, done: Done) -> None:
    for track in ("x", "y"):
        (platform.workspace.tracks / track).mkdir()
        data = (platform.workspace.tracks / "d0" / "d0_000.jpg").read_bytes()
        (platform.workspace.tracks / track / "007.jpg").write_bytes(data)
    folder, job = done(AROUND, points="d0_003,d0_999,nowhere_1,007", reach=0, weights_dir="suzhou", classes="blue")
    assert [r["point"] for r in rows_of(folder)] == ["d0_003"]
    left = {r["point"]: r["reason_en"] for r in rows_of(folder, "left_out.csv")}
    assert set(left) == {"d0_999", "nowhere_1", "007"}
    assert left["007"].startswith("Several tracks have this point (x, y)")
    assert "write <track>/<point>" in left["d0_999"]
    report = json.loads((folder / "report.json").read_text())
    assert report["points_missing"] == ["d0_999", "nowhere_1", "007"]
    (said,) = job.warnings
    assert said.en.startswith("3 of 4 listed track points could not be found: d0_999, nowhere_1, 007; left_out.csv")
    assert said.zh.startswith("列出的 4 个轨迹点中有 3 个没有找到：d0_999、nowhere_1、007。")
    folder, _ = done(AROUND, points="x/007", reach=0, weights_dir="suzhou", classes="blue")
    assert [(r["track"], r["point"]) for r in rows_of(folder)] == [("x", "007")]
    folder, _ = done(FETCH, points="007", tracks="y", name="only-y")
    assert [(r["track"], r["point"], r["file"]) for r in rows_of(folder)] == [("y", "007", "y_007.jpg")]


def test_neighbours__none_that_is_there_fails_and_names_them(
    client: TestClient, platform: Platform, run_job: RunJob
) -> None:
    answer = client.post(AROUND, json={"points": "gone_1", "weights_dir": "suzhou", "classes": "blue"}).json()
    job = run_job(platform, answer["data"])
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert "gone_1" in job.reason.en
    assert "gone_1" in job.reason.zh
    assert not (platform.workspace.selections / job.id).exists()


def test_points__become_a_folder_that_can_be_evaluated(client: TestClient, platform: Platform, done: Done) -> None:
    folder, job = done(FETCH, points="d1_004, d0_000\r\nd1_004", name="faults")
    assert [(r["track"], r["point"], r["reason_en"]) for r in rows_of(folder)] == [
        ("d0", "d0_000", "a listed track point"), ("d1", "d1_004", "a listed track point"),
    ]  # fmt: skip
    source = (platform.workspace.tracks / "d1" / "d1_004.jpg").read_bytes()
    assert (folder / "d1_004.jpg").read_bytes() == source
    assert (folder / "contact-sheet-random.png").is_file()
    listed = FolderSource(folder, platform.workspace)
    assert [p.name for p in listed.pictures()] == ["d0_000", "d1_004"]  # not the contact sheet
    write_removed(folder, ["d0_000.jpg"])
    assert [p.name for p in listed.pictures()] == ["d1_004"]
    row = client.post("/auto_sam", json={"task_id": job.id}).json()["data"]
    assert (row["task_type"], row["output_dir"], row["track_file"]) == ("sam", "images/faults", "d1_004, d0_000")


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"points": ""}, 422, "points"),
        ({"points": " ,\n"}, 422, "points"),
        ({"points": "../d0"}, 422, "points"),
        ({"points": ",".join(f"d0_{n}" for n in range(10_001))}, 422, "10000"),
        ({"name": "../x"}, 422, "name"),
        ({"name": "a,b"}, 422, "name"),
        ({"name": ""}, 422, "name"),
        ({"name": "taken"}, 409, "taken"),
    ],
)
def test_points__refusals_say_what_is_wrong(
    client: TestClient, platform: Platform, changes: dict[str, Any], status: int, word: str
) -> None:
    (platform.workspace.images / "taken").mkdir(parents=True)
    (platform.workspace.images / "taken" / "a.jpg").write_bytes(b"x")
    for language in ("zh", "en"):
        answer = client.post(
            FETCH, json={"points": "d0_003", "name": "faults", **changes}, headers={"accept-language": language}
        )
        assert (answer.status_code, word in answer.json()["message"]) == (status, True), answer.text


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"weights_dir": "nowhere"}, 404, "nowhere"),
        ({"reach": "-1"}, 422, "reach"),
        ({"reach": "1001"}, 422, "reach"),
        ({"points": ",".join(f"p{n}" for n in range(600)), "reach": "1000"}, 422, "499"),
        ({"classes": "sad"}, 422, "sad"),
        ({"output_dir": "tracks/x"}, 409, "output_dir"),
    ],
)
def test_neighbours__refusals_say_what_is_wrong(
    client: TestClient, changes: dict[str, Any], status: int, word: str
) -> None:
    answer = client.post(AROUND, json={"points": "d0_003", "weights_dir": "suzhou", **changes})
    assert (answer.status_code, word in answer.json()["message"]) == (status, True), answer.text


def test_points__one_key_is_one_selection(client: TestClient) -> None:
    values, headers = {"points": "d0_003", "name": "faults"}, {"Idempotency-Key": "k"}
    first = client.post(FETCH, json=values, headers=headers).json()
    assert client.post(FETCH, json=values, headers=headers).json() == first
    assert client.post(FETCH, json=values).status_code == 409


def test_points__from_a_track_service_that_lists_no_tracks(
    client: TestClient, platform: Platform, run_job: RunJob, track_server: Any
) -> None:
    track_server.tracks["t3"] = ["tp_77"]
    settings = platform.settings.model_copy(update={"track_service_url": track_server.url, "track_service_timeout": 1})
    served = Platform(settings, platform.database, platform.workspace)
    answer = client.post(FETCH, json={"points": "t1_001,tp_77,t3/tp_77", "name": "served"}).json()
    job = run_job(served, answer["data"])
    assert job.state is JobState.SUCCEEDED, job.reason
    folder = platform.workspace.images / "served"
    assert [(r["track"], r["point"]) for r in rows_of(folder)] == [("t1", "t1_001"), ("t3", "tp_77")]
    assert json.loads((folder / "report.json").read_text())["points_missing"] == ["tp_77"]  # nothing says where it is
