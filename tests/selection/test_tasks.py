"""Whole samplings from folders and from a misbehaving service."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roadloop.errors import Text
from roadloop.imaging.decode import decode_image
from roadloop.jobs import queue
from roadloop.jobs.context import TaskContext
from roadloop.jobs.states import JobState
from roadloop.selection import service
from roadloop.selection.recipe import Sample
from roadloop.storage import publish
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]
WriteTrack = Callable[..., Path]


def start(platform: Platform, **changes: Any) -> str:
    values: dict[str, Any] = {"output_dir": "out", "ratio": "4", "track_file": "tracks.txt"}
    return platform.database.write(lambda: service.start_sampling(platform, Sample(**{**values, **changes})))


def sampled(platform: Platform, run_job: RunJob, **changes: Any) -> tuple[Path, queue.Job]:
    job = run_job(platform, start(platform, **changes))
    assert job.state is JobState.SUCCEEDED, job.reason
    return platform.workspace.home / str(changes.get("output_dir", "out")), job


def rows_of(folder: Path, name: str = "selection.csv") -> list[dict[str, str]]:
    with (folder / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def tracks(platform: Platform, write_track: WriteTrack) -> Path:
    """Three tracks of 10, 5 and 1 pictures, the last one with a Chinese name, and their list."""
    write_track(
        "a", 10, "point,city,adcode,longitude,latitude,time\na_000,苏州,320500,120.5,31.2,2026-03-02 07:00:00\n"
    )
    write_track("b", 5)
    write_track("路口", 1)
    path = platform.workspace.home / "tracks.txt"
    path.write_text("a\nb\n路口\n", encoding="utf-8")
    return path


@pytest.mark.usefixtures("tracks")
def test_sample__everything_with_all_tables(platform: Platform, run_job: RunJob) -> None:
    folder, job = sampled(platform, run_job, ratio="100%", isshuffle=False)
    rows = rows_of(folder)
    assert [int(r["rank"]) for r in rows] == list(range(1, 17))
    assert Counter(r["track"] for r in rows) == {"a": 10, "b": 5, "路口": 1}
    first = rows[0]
    assert (first["track"], first["point"], first["file"], first["score"]) == ("a", "a_000", "a_000.jpg", "")
    assert (first["city"], first["adcode"], first["longitude"]) == ("苏州", "320500", "120.5000000")
    assert [r["datum"] for r in rows] == ["unknown"] + [""] * 15
    assert "均匀抽取" in first["reason"]
    assert "evenly" in first["reason_en"]
    assert {p.name for p in folder.glob("*.jpg")} == {r["file"] for r in rows}
    listed = json.loads((folder / "task_list.json").read_text())["tracks"]
    assert [(t["track"], t["city"], len(t["points"])) for t in listed] == [
        ("a", "苏州", 10),
        ("b", "", 5),
        ("路口", "", 1),
    ]
    sheet = decode_image((folder / "contact-sheet-random.png").read_bytes())
    assert sheet.shape[0] > 180
    assert (folder / "random.txt").read_text().splitlines() == [r["file"] for r in rows]
    assert publish.verify(folder) == []
    assert job.result is not None
    assert (job.result["pictures"], job.result["lines"], job.result["bad_lines"]) == (16, 3, 0)
    assert not list(folder.parent.glob(".*partial"))


@pytest.mark.parametrize(
    ("listed", "ratio", "said"),
    [
        ("路口", "0.1%", ("0.1% of 1 picture is less than one", "make ratio larger")),
        ("empty", "2", ("1 track cannot be used, such as empty: The track has no pictures; put",)),
        ("png", "2", ("1 file cannot be used, such as png/1.png", "save this PNG as JPEG", "1 track")),
        ("cut", "2", ("1 picture cannot be used, such as cut_1: ", "copy it again")),
        ("nowhere", "2", ("1 track cannot be used, such as nowhere: There is no track nowhere",)),
    ],
)
def test_sample__nothing_to_take_says_why_and_what_to_do(
    platform: Platform, run_job: RunJob, tracks: Path, listed: str, ratio: str, said: tuple[str, ...]
) -> None:
    for file in ("empty/note.txt", "png/1.png", "cut/1.jpg"):
        (platform.workspace.tracks / file).parent.mkdir()
        (platform.workspace.tracks / file).write_bytes(b"\xff\xd8\xff\xe0")
    tracks.write_text(listed, encoding="utf-8")
    job = run_job(platform, start(platform, ratio=ratio))
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert [part for part in said if part not in job.reason.en] == []


@pytest.mark.usefixtures("tracks")
def test_sample__a_number_is_shared_out_over_the_tracks(platform: Platform, run_job: RunJob) -> None:
    folder, _ = sampled(platform, run_job, ratio="6", isshuffle=False)
    assert [r["point"] for r in rows_of(folder)] == ["a_001", "a_005", "a_008", "b_001", "b_003", "路口_000"]


@pytest.mark.usefixtures("tracks")
def test_sample__more_tracks_than_pictures_takes_one_of_each_drawn_track(platform: Platform, run_job: RunJob) -> None:
    folder, job = sampled(platform, run_job, ratio="2")
    assert len({r["track"] for r in rows_of(folder)}) == 2
    assert job.result is not None
    assert job.result["pictures"] == 2


@pytest.mark.usefixtures("tracks")
def test_sample__the_seed_decides(platform: Platform, run_job: RunJob) -> None:
    points = []
    for k, seed in enumerate((1, 1, 2)):
        folder, _ = sampled(platform, run_job, ratio="8", seed=seed, output_dir=f"out{k}")
        points.append([r["point"] for r in rows_of(folder)])
    assert points[0] == points[1] != points[2]
    one, two = (platform.workspace.home / f"out{k}" for k in (0, 1))
    assert (one / "selection.csv").read_bytes() == (two / "selection.csv").read_bytes()


@pytest.mark.usefixtures("tracks")
def test_sample__fewer_than_asked_is_a_warning(platform: Platform, run_job: RunJob) -> None:
    _, job = sampled(platform, run_job, ratio="50")
    assert any("16" in w.zh and "50" in w.zh for w in job.warnings)


def test_sample__what_is_broken_or_unknown_is_named_and_replaced(
    platform: Platform, run_job: RunJob, tracks: Path
) -> None:
    (platform.workspace.tracks / "a" / "a_005.jpg").write_bytes(b"no picture")
    (platform.workspace.tracks / "empty").mkdir()
    tracks.write_bytes(b"a\nnowhere\nempty\n\xff\xff\n\nb\n")
    folder, job = sampled(platform, run_job, ratio="5", isshuffle=False)
    assert len(rows_of(folder)) == 5
    left = rows_of(folder, "left_out.csv")
    assert {r["track"] for r in left} == {"a", "nowhere", "empty", "line 4"}
    assert next(r for r in left if r["track"] == "a")["point"] == "a_005"
    assert job.result is not None
    assert (job.result["lines"], job.result["blank_lines"], job.result["bad_lines"]) == (4, 1, 1)
    assert len(job.warnings) == 2


@pytest.mark.parametrize(
    ("text", "word"), [(b"nowhere\n", "nowhere"), (b"\n\n", "blank"), (b"\xff\n", "neither UTF-8 nor GBK")]
)
def test_sample__nothing_at_all_fails_with_the_reason(
    platform: Platform, run_job: RunJob, text: bytes, word: str
) -> None:
    (platform.workspace.home / "tracks.txt").write_bytes(text)
    job = run_job(platform, start(platform))
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert word in job.reason.en
    assert not (platform.workspace.home / "out").exists()
    assert not list(platform.workspace.home.glob(".out*"))


@pytest.mark.usefixtures("tracks")
def test_sample__overwrite_replaces_an_untouched_selection_only(platform: Platform, run_job: RunJob) -> None:
    folder, _ = sampled(platform, run_job)
    sampled(platform, run_job, ratio="2", overwrite=True)
    assert len(rows_of(folder)) == 2
    task_id = start(platform, overwrite=True)
    (folder / "selection.csv").write_text("mine")
    job = run_job(platform, task_id)
    assert job.state is JobState.FAILED
    assert (folder / "selection.csv").read_text() == "mine"


@pytest.mark.usefixtures("tracks")
def test_sample__takes_over_what_a_killed_attempt_had_fetched(platform: Platform, run_job: RunJob) -> None:
    folder, _ = sampled(platform, run_job, ratio="100%", output_dir="one")
    task_id = start(platform, ratio="100%", output_dir="two")
    with platform.database.transaction() as db:
        killed = queue.claim(db, task_id, (), "test")
        target = platform.workspace.home / "two"
        older = TaskContext(platform, killed).scratch(target)
        queue.requeue(db, killed, Text("丢失", "lost"), counts=True)
    older.mkdir()
    (older / "a_000.jpg").write_bytes((folder / "a_000.jpg").read_bytes())
    (older / "a_001.jpg").write_bytes((folder / "a_001.jpg").read_bytes()[:-40])  # torn
    (platform.workspace.tracks / "a" / "a_000.jpg").unlink()
    run_job(platform, task_id)
    # The list of points was read after the kill, so the picture that is gone is not asked for any more.
    assert {r["file"] for r in rows_of(target)} == {r["file"] for r in rows_of(folder)} - {"a_000.jpg"}
    assert (target / "a_001.jpg").read_bytes() == (folder / "a_001.jpg").read_bytes()
    assert not older.exists()


def test_sample__survey_tasks_from_the_service(platform: Platform, run_job: RunJob, track_server: Any) -> None:
    settings = platform.settings.model_copy(update={"track_service_url": track_server.url, "track_service_timeout": 1})
    served = Platform(settings, platform.database, platform.workspace)
    track_server.moods["t1_001"] = ["500", "truncated"]
    folder, job = sampled(served, run_job, ratio="100%", track_file="", task_file="77, 99")
    assert len(rows_of(folder)) == 6
    assert rows_of(folder, "left_out.csv")[0]["track"] == "task 99"
    assert job.result is not None
    assert job.result["tracks"] == 2


def test_sample__a_service_that_goes_down_ends_the_job_with_the_cure(
    platform: Platform, run_job: RunJob, track_server: Any
) -> None:
    track_server.always = "503"
    track_server.tracks = {f"t{i}": [f"t{i}_0"] for i in range(300)}
    changes = {"track_service_url": track_server.url, "track_service_retries": 0}
    served = Platform(platform.settings.model_copy(update=changes), platform.database, platform.workspace)
    (platform.workspace.home / "tracks.txt").write_text("".join(f"t{i}\n" for i in range(300)))
    job = run_job(served, start(served, ratio="200"))
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert "track_service_url" in job.reason.en
    assert sum(track_server.asked.values()) < 150
