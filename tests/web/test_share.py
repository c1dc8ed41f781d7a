"""Threads and waiting, in a loop of the test's own."""

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from roadloop.errors import BusyError, RoadloopError, Text
from roadloop.web import share
from roadloop.web.share import THREADS, Share, Waiting


def request(*, left: bool = False) -> Request:
    async def receive() -> dict[str, Any]:
        if not left:
            await anyio.sleep_forever()
        return {"type": "http.disconnect"}

    return Request({"type": "http", "headers": []}, receive)


def late() -> RoadloopError:
    return BusyError(Text("晚", "late"))


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(30):
        while not true():  # noqa: ASYNC110 - threads set no event of the loop
            await anyio.sleep(0.01)


def test_share__one_endpoints_threads_are_not_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "QUEUE", 3)
    go, began, done = threading.Event(), [], []

    def work() -> None:
        began.append(threading.get_ident())
        go.wait()
        done.append(1)

    async def main() -> None:
        full, free = Share(), Share()
        async with anyio.create_task_group() as group:
            for _ in range(THREADS + 3):
                group.start_soon(full.run, work)
            await until(lambda: len(began) == THREADS and share._counts.queued == 3)
            with pytest.raises(BusyError):
                await full.run(work)
            assert await free.run(lambda: 7) == 7
            go.set()
        assert len(done) == THREADS + 3
        assert share._counts.queued == 0
        assert await full.run(lambda: 8) == 8

    anyio.run(main)


def test_share__who_waits_too_long_for_a_thread_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "QUEUE_SECONDS", 0.05)
    go = threading.Event()

    async def main() -> None:
        full = Share()
        async with anyio.create_task_group() as group:
            for _ in range(THREADS):
                group.start_soon(full.run, go.wait)
            await until(lambda: full._free.value == 0)
            with pytest.raises(BusyError):
                await full.run(go.wait)
            go.set()
        assert full._free.value == THREADS
        assert share._counts.queued == 0

    anyio.run(main)


def test_wait__holds_no_thread_and_all_get_their_answer() -> None:
    there = threading.Event()

    def look() -> str | None:
        return "answer" if there.is_set() else None

    async def main() -> None:
        one, answers = Share(), list[str | None]()

        async def ask() -> None:
            answers.append(await one.wait(request(), Waiting(look, 60, late)))

        async with anyio.create_task_group() as group:
            for _ in range(10 * THREADS):
                group.start_soon(ask)
            await until(lambda: share._counts.waiters == 10 * THREADS)
            for _ in range(20):
                assert await one.run(lambda: 7) == 7
            there.set()
        assert answers == ["answer"] * 10 * THREADS
        assert share._counts.waiters == 0

    anyio.run(main)


def test_wait__ends_when_it_is_late_when_the_client_leaves_and_when_too_many_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        one = Share()
        with pytest.raises(BusyError, match="late"):
            await one.wait(request(), Waiting(lambda: None, 0.01, late))
        nothing: Waiting[str] = Waiting(lambda: None, 60, late)
        assert await one.wait(request(left=True), nothing) is None
        monkeypatch.setattr(share, "WAITERS", 0)
        with pytest.raises(BusyError, match="late"):
            await one.wait(request(), Waiting(lambda: "there", 60, late))
        assert share._counts.waiters == 0

    anyio.run(main)
