"""Histories: pages from either end, searches, parts of a table, streams."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from roadloop.jobs import history, queue
from roadloop.storage import search
from roadloop.storage.platform import Platform

ROWS = 57


@pytest.fixture
def served() -> tuple[str, ...]:
    return "jobs", "sources"


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
