"""Histories: pages from either end, searches, parts of a table, streams."""

import json
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from roadloop.errors import Language, Text
from roadloop.jobs import history, queue
from roadloop.sources import store as sources
from roadloop.storage import search
from roadloop.storage.platform import Platform

ROWS = 57


@pytest.fixture
def served() -> tuple[str, ...]:
    return "jobs", "sources", "sources.health"


@pytest.fixture
def client(client: TestClient, platform: Platform) -> TestClient:
    with platform.database.transaction() as db, search.filling(db):
        for number in range(ROWS):
            kind = "import_preview" if number % 3 == 0 else "rehearsal"
            queue.submit(db, queue.Submission(kind, {}, f"{'苏州' if number % 2 else '上海'} {number:03d}"))
    return client


def ask(client: TestClient, path: str = "/v1/jobs", **parameters: Any) -> tuple[list[int], int]:
    reply = client.get(path, params=parameters)
    assert reply.status_code == 200, reply.text
    body = json.loads(reply.text)
    return [row["id"] for row in body["data"]], body["total"]


def test_history__pages_are_ranges_from_the_newest(client: TestClient) -> None:
    every = list(range(ROWS, 0, -1))
    assert ask(client) == (every, ROWS)
    assert ask(client, page=1) == (every[:20], ROWS)
    assert ask(client, page=3) == (every[40:], ROWS)
    assert ask(client, page=4) == ([], ROWS)
    assert ask(client, page=10**9, page_size=1000) == ([], ROWS)
    assert ask(client, page=8, page_size=7) == (every[49:56], ROWS)


def test_history__a_search_is_paged_and_counted(client: TestClient) -> None:
    odd = [number + 1 for number in range(ROWS) if number % 2][::-1]
    assert ask(client, q="苏州") == (odd, len(odd))
    assert ask(client, q="苏州", page=2, page_size=10) == (odd[10:20], len(odd))
    assert ask(client, q="海 02") == ([29, 27, 25, 23, 21], 5)


def test_history__a_part_of_a_table(client: TestClient) -> None:
    third = [number + 1 for number in range(0, ROWS, 3)][::-1]
    path = "/v1/imports/preview"
    assert ask(client, path, page=2, page_size=5) == (third[5:10], len(third))
    assert ask(client, path, all=1) == (third, len(third))
    assert ask(client, path, q="上海", page=1, page_size=2) == ([55, 49], 10)


def test_history__all_streams_every_row(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "CHUNK", 10)
    monkeypatch.setattr(search, "MOST", 5)
    odd = [number + 1 for number in range(ROWS) if number % 2][::-1]
    assert ask(client, all=1) == (list(range(ROWS, 0, -1)), ROWS)
    assert ask(client, all=1, q="苏州") == (odd, len(odd))
    assert ask(client, q="苏州") == (odd[:5], 5)
    assert ask(client, all=1, active=1) == (list(range(ROWS, 0, -1)), ROWS)
    assert ask(client, active=1, q="苏州", page=2, page_size=20) == (odd[20:], len(odd))


def job(platform: Platform, **values: Any) -> queue.Job:
    """A queued job whose row holds these values."""
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("rehearsal", {}, "x", warnings=(Text("慢", "slow"),)))
        if values:
            db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(values))
        return queue.get(db, task_id)


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, "starting"),
        ({"state": "created"}, "starting"),
        ({"state": "running", "progress": 0.3751}, "37.5%"),
        ({"state": "running", "progress": 1.0}, "99.9%"),  # it is not done before it has ended
        ({"state": "succeeded", "progress": 1.0}, "completed!"),
        ({"state": "succeeded", "error": "lost"}, "lost"),
        ({"state": "failed", "error": "job_failed"}, "failed"),
        ({"state": "cancelled"}, "stopped"),
    ],
)
def test_status_text__one_word_for_each_end(platform: Platform, values: dict[str, Any], status: str) -> None:
    assert history.status_text(job(platform, **values)) == status


def test_job_fields__what_runs_and_was_asked_to_stop_is_stopping(platform: Platform) -> None:
    asked = {"cancel_requested": True}
    assert history.job_fields(job(platform, state="running", **asked), "en")["stopping"] is True
    assert history.job_fields(job(platform, state="running"), "en")["stopping"] is False
    assert history.job_fields(job(platform, state="cancelled", **asked), "en")["stopping"] is False


def test_job_fields__everything_in_the_language_asked_for(platform: Platform) -> None:
    at = time.mktime((2026, 11, 23, 7, 8, 9, 0, 0, -1))
    ended = job(
        platform, state="failed", progress=0.5, eta_seconds=1.26, note=["读", "reads"], reason=["坏", "bad"],
        error="job_failed", created_at=at, started_at=at + 1, finished_at=at + 2, host="gpu2",
    )  # fmt: skip
    assert history.job_fields(ended, "en") == {
        "task_id": ended.id, "status": "failed", "state": "failed", "stopping": False, "progress": 0.5, "eta_seconds": 1.3,
        "note": "reads", "reason": "bad", "error": "job_failed", "warnings": ["slow"],
        "created_at": "2026-11-23 07:08:09", "started_at": "2026-11-23 07:08:10", "finished_at": "2026-11-23 07:08:11",
        "author": None, "host": "gpu2", "log_url": f"/output_log?task_id={ended.id}",
    }  # fmt: skip
    chinese = history.job_fields(ended, "zh")
    assert (chinese["note"], chinese["reason"], chinese["warnings"]) == ("读", "坏", ["慢"])


def test_job_fields__one_that_waits_says_so_and_knows_nothing_else(platform: Platform) -> None:
    fields = history.job_fields(job(platform), "en")
    assert fields["reason"] == history.WAITING.en
    for name in ("eta_seconds", "note", "error", "started_at", "finished_at", "host"):
        assert fields[name] is None
    assert history.job_fields(job(platform, reason=["等", "for a GPU"]), "zh")["reason"] == "等"
    assert history.job_fields(job(platform, state="cancelled"), "en")["reason"] is None


def test_history__one_task_by_its_id(client: TestClient, platform: Platform) -> None:
    with platform.database.reading() as db:
        (task_id,) = [one.id for one in queue.queued(db) if one.seq == 3]
    reply = client.get("/v1/jobs", params={"task_id": task_id})
    assert (reply.json()["data"]["id"], reply.json()["data"]["task_id"]) == (3, task_id)
    unknown = client.get("/v1/jobs", params={"task_id": "f" * 99})
    assert unknown.status_code == 404
    assert repr("f" * 80) in unknown.json()["message"]
    assert unknown.json()["details"]["task_id"] == "f" * 80


@pytest.mark.parametrize("language", ["zh", "en"])
def test_history__rows_speak_the_language_of_the_request(client: TestClient, language: Language) -> None:
    row = client.get("/v1/jobs", params={"page_size": 1}, headers={"accept-language": language}).json()["data"][0]
    assert row["reason"] == history.WAITING.pick(language)


def test_history__the_rows_of_a_feature_have_numbers_of_their_own(client: TestClient, platform: Platform) -> None:
    with platform.database.transaction() as db, search.filling(db):
        ids = [one.id for one in queue.queued(db)][10:13]
        for number, task_id in enumerate(ids):
            db.execute(sources.health.insert().values(task_id=task_id, name=f"set-{number}", model=""))
    path = "/v1/source_health"
    assert ask(client, path) == ([3, 2, 1], 3)
    assert ask(client, path, all=1) == ([3, 2, 1], 3)
    assert ask(client, path, page=2, page_size=2) == ([1], 3)
    assert ask(client, path, q="set-1") == ask(client, path, q="set-1", all=1) == ([2], 1)
    row = client.get(path, params={"task_id": ids[1]}).json()["data"]
    assert (row["id"], row["task_id"], row["name"], row["status"]) == (2, ids[1], "set-1", "starting")


def test_history__rows_of_a_state_and_the_oldest_first(client: TestClient, platform: Platform) -> None:
    with platform.database.transaction() as db:
        db.execute(queue.jobs.update().where(queue.jobs.c.seq.in_([3, 10, 41])).values(state="failed"))
    assert ask(client, state="failed") == ([41, 10, 3], 3)
    assert ask(client, state="failed", order="created", page=1, page_size=2) == ([3, 10], 3)
    assert ask(client, state="failed", q="苏州") == ([10], 1)  # odd numbers, which are even ids
    assert ask(client, state="failed", active=1) == ([], 0)
    assert ask(client, order="created", page=2, page_size=20) == (list(range(21, 41)), ROWS)
    assert ask(client, order="created", page=3, page_size=20) == (list(range(41, ROWS + 1)), ROWS)
    assert ask(client, order="created", page=9, page_size=20) == ([], ROWS)
    assert ask(client, order="created", q="海 02") == ([21, 23, 25, 27, 29], 5)
    assert ask(client, order="created", active=1, page=1, page_size=3) == ([1, 2, 4], ROWS - 3)
    body = client.get("/v1/jobs", params={"state": "failed", "page_size": 1}).json()
    assert (body["total"], body["out_of"]) == (3, ROWS)
    assert "out_of" not in client.get("/v1/jobs", params={"page": 1}).json()


def test_history__it_looks_at_so_many_of_the_newest(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST", 20)  # rows 57 to 38
    with platform.database.transaction() as db:
        db.execute(queue.jobs.update().where(queue.jobs.c.seq.in_([3, 40])).values(state="failed"))
    body = client.get("/v1/jobs", params={"state": "failed"}).json()
    assert ([row["id"] for row in body["data"]], body["total"], body["out_of"]) == ([40], 1, ROWS)


def test_history__a_list_says_what_it_can_be_sorted_by(client: TestClient) -> None:
    for wrong, parameter in (({"order": "-price"}, "order"), ({"only": '{"price": "1"}'}, "only")):
        reply = client.get("/v1/jobs", params=wrong)
        assert (reply.status_code, reply.json()["details"]["parameter"]) == (422, parameter)
        assert "'price'" in reply.json()["message"]
    for more in ({"state": "failed"}, {"order": "created"}):
        reply = client.get("/v1/jobs", params={"all": 1, **more})
        assert (reply.status_code, reply.json()["details"]["parameter"]) == (422, "all")
    assert client.get("/v1/jobs", params={"state": "broken"}).status_code == 422
