"""The stream of changes, over a real socket: what it says, to whom, and when it ends."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from roadloop.jobs import feed, queue
from roadloop.jobs.feed import Feed
from roadloop.server import create_app
from roadloop.storage.platform import Platform
from roadloop.web.door import DoorServer

SOON = 30.0  # seconds within which what must happen happens, on any machine
MOST = 4


class Stream:
    """One that listens."""

    def __init__(self, port: int, query: str = "language=en") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON)
        self._connection.request("GET", f"/v1/events?{query}", headers={"Accept-Language": "zh"})
        self.answer = self._connection.getresponse()

    def next(self, wanted: str) -> Any:
        """The data of the next event of that name."""
        name = ""
        while line := self.answer.readline().decode():
            if line.startswith("event: "):
                name = line[7:].strip()
            if line.startswith("data: ") and name == wanted:
                return json.loads(line[6:])
        raise EOFError(wanted)

    def close(self) -> None:
        """Leave."""
        self.answer.close()
        self._connection.close()


@contextmanager
def serving(platform: Platform) -> Iterator[tuple[int, Feed, DoorServer]]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]
    told = Feed(platform, MOST)
    server = DoorServer(create_app(platform, port, feed=told), 100, leaving=told.close, timeout_graceful_shutdown=20)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield port, told, server
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "LOOK_SECONDS", 0.05)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def looked(told: Feed) -> None:
    """Wait until the rows have been looked at twice more: what changes now is news."""
    looks = told._looks
    until(lambda: told._looks >= looks + 2)


def submit(platform: Platform, *titles: str) -> list[str]:
    with platform.database.transaction() as db:
        return [queue.submit(db, queue.Submission("rehearsal", {}, title)) for title in titles]


def test_events__name_what_changes_and_how_far_it_is(platform: Platform) -> None:
    (before,) = submit(platform, "before")
    with serving(platform) as (port, told, _), ExitStack() as stack:
        english, chinese = Stream(port), Stream(port, "")
        for stream in (english, chinese):
            stack.callback(stream.close)
            assert stream.answer.getheader("content-type", "").startswith("text/event-stream")
            assert stream.next("ready") == {}
        looked(told)
        (task_id,) = submit(platform, "one")
        changed = {"changed": [{"task_id": task_id, "kind": "rehearsal", "state": "queued"}], "many": False}
        assert [stream.next("jobs") for stream in (english, chinese)] == [changed, changed]
        with platform.database.transaction() as db:
            token = queue.claim(db, task_id, (), "host").token
        assert english.next("jobs")["changed"] == [{"task_id": task_id, "kind": "rehearsal", "state": "running"}]
        assert english.next("progress") == {task_id: {"progress": 0.0, "eta_seconds": None, "note": None}}
        values = {"progress": 0.123456, "eta_seconds": 59.6, "note": ["读取", "reads"]}
        with platform.database.transaction() as db:
            queue.fenced(db, task_id, token, values)
        assert english.next("progress") == {task_id: {"progress": 0.1235, "eta_seconds": 60, "note": "reads"}}
        with platform.database.transaction() as db:
            queue.cancel(db, task_id)
        assert english.next("progress")[task_id]["stopping"] is True
        chinese.next("progress")
        assert chinese.next("progress")[task_id]["note"] == "读取"
        assert before != task_id


def test_events__of_very_many_changes_are_few(platform: Platform) -> None:
    with serving(platform) as (port, told, _), ExitStack() as stack:
        stream = Stream(port)
        stack.callback(stream.close)
        stream.next("ready")
        looked(told)
        tasks = submit(platform, *map(str, range(feed.MOST_CHANGES + 1)))
        event = stream.next("jobs")
        assert ([row["task_id"] for row in event["changed"]], event["many"]) == (tasks[:-1], True)
        looked(told)
        (later,) = submit(platform, "later")
        assert [row["task_id"] for row in stream.next("jobs")["changed"]] == [later]


def test_events__are_for_so_many_at_once_and_a_place_is_free_when_one_has_left(platform: Platform) -> None:
    with serving(platform) as (port, told, _), ExitStack() as stack:
        streams = [Stream(port) for _ in range(MOST)]
        for stream in streams:
            stack.callback(stream.close)
            stream.next("ready")
        full = Stream(port)
        assert (full.answer.status, json.loads(full.answer.read())["error"]) == (503, "busy")
        full.close()
        streams[0].close()
        until(lambda: len(told._listeners) < MOST)
        last = Stream(port)
        stack.callback(last.close)
        assert last.next("ready") == {}
    until(lambda: told._watch is None)


def test_events__end_for_who_does_not_read_and_the_others_go_on(platform: Platform) -> None:
    with serving(platform) as (port, told, _), ExitStack() as stack:
        stream = Stream(port)
        stack.callback(stream.close)
        stream.next("ready")
        looked(told)
        stuck = feed._Listener("en")
        told._listeners.add(stuck)
        for number in range(feed.BEHIND + 1):
            (task_id,) = submit(platform, str(number))
            assert stream.next("jobs")["changed"][0]["task_id"] == task_id
        assert stuck.events.get_nowait() is None
        told._listeners.discard(stuck)


def test_server__stops_at_once_though_somebody_listens(platform: Platform) -> None:
    with serving(platform) as (port, _, server), ExitStack() as stack:
        stream = Stream(port)
        stack.callback(stream.close)
        stream.next("ready")
        server.should_exit = True
        with pytest.raises(EOFError):
            stream.next("never")
        began = time.monotonic()
    assert time.monotonic() - began < 10  # of the 20 that it gives to others


def test_events__say_every_ten_looks_that_somebody_is_there(platform: Platform) -> None:
    with serving(platform) as (port, told, _), ExitStack() as stack:
        stream = Stream(port)
        stack.callback(stream.close)
        stream.next("ready")
        assert stream.next("alive") == {}
        looks = told._looks
        assert stream.next("alive") == {}
        assert told._looks - looks <= feed.ALIVE_EVERY + 1
