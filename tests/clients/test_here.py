"""What becomes of that client's requests, in this process, where jobs end when a test says so."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mining_data import write_drives
from old_journey import SIZE
from roadloop.clients import selection
from roadloop.demo.write import Drives, write_source_set
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.server import create_app
from roadloop.storage.platform import Platform
from signed_in import URL

RunJob = Callable[[Platform, str], queue.Job]
Post = Callable[..., dict[str, Any]]


@pytest.fixture
def post(platform: Platform) -> Iterator[Post]:
    """Send JSON to a path below /api, as that client does."""
    with TestClient(create_app(platform, 8600), base_url=URL) as client:

        def send(path: str, **values: Any) -> dict[str, Any]:
            answer = client.post(f"/api{path}", json=values)
            assert answer.status_code in {200, 503}, answer.text
            return dict(answer.json())

        yield send


def waiting(platform: Platform) -> list[str]:
    """Ids of the jobs that wait, the oldest first."""
    with platform.database.reading() as db:
        found = db.execute(queue.jobs.select().where(queue.jobs.c.state == "queued").order_by(queue.jobs.c.seq))
        return [str(row.id) for row in found.all()]


def fetched(post: Post, platform: Platform, run_job: RunJob, points: str) -> dict[str, Any]:
    """The answer to a fetch whose job runs meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, "/track_down", dir_name="listed", trackpointids=points)
        while not (begun := waiting(platform)):
            assert not answer.done(), answer.result()
        run_job(platform, begun[0])
        return answer.result(60)


def test_track_down__answers_when_the_pictures_are_there(post: Post, platform: Platform, run_job: RunJob) -> None:
    write_drives(platform, tracks=1)
    answer = fetched(post, platform, run_job, "d0_001\nd0_002\nd0_999\n")
    assert answer["errno"] == 1
    assert "d0_999" in answer["message"]
    assert sorted(p.name for p in (platform.workspace.home / "images" / "listed").glob("d0*.jpg")) == [
        "d0_001.jpg",
        "d0_002.jpg",
    ]


def test_track_down__that_fails_says_why(post: Post, platform: Platform, run_job: RunJob) -> None:
    answer = fetched(post, platform, run_job, "no-such-point")
    assert answer["errno"] == 0
    assert "no-such-point" in answer["message"]


def test_track_down__that_takes_too_long_says_where_the_pictures_will_be(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "_FETCH_SECONDS", 0.2)
    answer = post("/track_down", dir_name="listed", trackpointids="d0_001")
    assert answer["errno"] == 0
    assert "images/listed" in answer["message"]


def test_query_data__says_that_not_everything_is_found_yet(post: Post, platform: Platform, run_job: RunJob) -> None:
    for name in ("a", "b"):
        write_source_set(platform.workspace, name, [Drives("suzhou", range(1), 1, size=SIZE)], processes=1)
    form = {"imgrange": 0, "tag_info": "", "city": "", "pag_id": 1}
    nothing = post("/query_data", **form, label_info="a")
    assert (nothing["errno"], nothing["details"]["unread"]) == (0, ["a"])
    (reading,) = waiting(platform)
    assert run_job(platform, reading).state is JobState.SUCCEEDED
    some = post("/query_data", **form, label_info="")
    assert (some["errno"], some["count"]) == (1, 1)
    assert "b" in some["message"]
    assert "正在读取" in some["message"]
    assert run_job(platform, waiting(platform)[0]).state is JobState.SUCCEEDED
    both = post("/query_data", **form, label_info="hd-road")  # all sets whose classes are those
    assert (both["errno"], both["count"]) == (1, 2)
    assert "message" not in both or "读取" not in both["message"]


def test_progress__of_what_was_stopped_lets_the_client_go(post: Post, platform: Platform) -> None:
    write_source_set(platform.workspace, "a", [Drives("suzhou", range(1), 1, size=SIZE)], processes=1)
    form = {
        "data_type": "all",
        "types": "semantic-segmentation",
        "thread": "1",
        "train": "0.8",
        "val": "0.2",
        "test": "0",
    }
    task_id = post("/create_data", data_name="d", sour_data="a", l_value="", **form)["data"]["task_id"]
    assert post("/data_history", task_id=task_id)["errno"] == 1
    with platform.database.transaction() as db:
        queue.cancel(db, task_id)
    stopped = post("/data_history", task_id=task_id)
    assert stopped["errno"] == 0
    assert stopped["message"]


def test_tensor_w__both_precisions_are_refused_by_name(post: Post) -> None:
    refused = post("/tensor_w", dicts={"suzhou": ["kd_ep-0001.params"]}, shape="96x72", fp16=True, int8=True)
    assert refused["errno"] == 0
    assert "int8" in refused["message"]
