"""Requests that end otherwise than with an answer of a route are timed too."""

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Histogram
from starlette.types import Receive, Scope, Send

from roadloop.web.latency import LABELS, Latency


async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
    raise ZeroDivisionError


async def breaks_late(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ZeroDivisionError


async def never_answers(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


async def answers(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(0.06)
    await send({"type": "http.response.start", "status": 302, "headers": []})


async def nothing(*_: Any) -> Any:
    """Receive or send."""


@pytest.mark.parametrize(
    ("app", "status"), [(breaks, "5xx"), (breaks_late, "5xx"), (never_answers, "none"), (answers, "3xx")]
)
def test_latency__each_request_counts_once_with_what_became_of_it(app: Any, status: str) -> None:
    registry = CollectorRegistry()
    timed = Latency(app, Histogram("seconds", "Of requests.", LABELS, buckets=(0.05, 60), registry=registry))

    async def ask() -> None:
        scope = {"type": "http", "method": "GET", "path": "/x", "root_path": ""}
        await asyncio.wait_for(timed(scope, nothing, nothing), 0.2)

    try:
        asyncio.run(ask())
    except (ZeroDivisionError, TimeoutError):
        assert status in {"5xx", "none"}
    labels = {"route": "none", "method": "other", "status": status}
    assert registry.get_sample_value("seconds_count", labels) == 1
    quick = registry.get_sample_value("seconds_bucket", labels | {"le": "0.05"})
    assert quick == (1 if status == "5xx" else 0)


def test_latency__times_requests_only() -> None:
    registry = CollectorRegistry()
    passed = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(scope["type"])

    timed = Latency(app, Histogram("seconds", "Of requests.", LABELS, registry=registry))
    asyncio.run(timed({"type": "lifespan"}, nothing, nothing))
    assert passed == ["lifespan"]
    assert [family.samples for family in registry.collect()] == [[]]
