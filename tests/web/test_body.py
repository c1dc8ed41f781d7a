"""Budgets of bodies, and large answers."""

import contextlib
from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from roadloop.errors import BusyError, TooLargeError
from roadloop.web import body
from roadloop.web.body import FREE_BYTES, PIECE_BYTES, Budget, Claim, LargeAnswer, read_body


def test_claim__bodies_share_a_budget_and_small_ones_need_none() -> None:
    budget = Budget(1_000_000)
    with Claim(budget) as first, Claim(budget) as second, Claim(budget) as small:
        first.grow(400_000)
        first.grow(600_000)
        second.grow(400_000)
        with pytest.raises(BusyError):
            second.grow(400_001)
        small.grow(FREE_BYTES)
        assert budget.held == 1_000_000
    assert budget.held == 0
    with Claim(budget) as alone:
        alone.grow(5_000_000)  # one alone is never refused, or it would be for ever
    assert budget.held == 0


def test_claim__is_given_back_after_an_error() -> None:
    budget = Budget(100_000)
    with contextlib.suppress(ZeroDivisionError), Claim(budget) as claim:
        claim.grow(90_000)
        raise ZeroDivisionError
    assert budget.held == 0


def test_read_body__a_request_that_says_it_is_too_long_is_not_read() -> None:
    async def receive() -> Any:
        raise AssertionError("read")

    request = Request({"type": "http", "headers": [(b"content-length", b"101")]}, receive)
    with Claim(Budget(10)) as claim, pytest.raises(TooLargeError):
        anyio.run(read_body, request, 100, claim)


def test_read_body__one_that_grows_too_long_is_left() -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": bytes(60), "more_body": True}

    request = Request({"type": "http", "headers": []}, receive)
    with Claim(Budget(10)) as claim, pytest.raises(TooLargeError):
        anyio.run(read_body, request, 100, claim)


def test_large_answer__goes_out_in_pieces_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "answers", Budget(1_000_000))
    answer = JSONResponse({"data": "x" * 700_000}, headers={"x-own": "1"})
    sent: list[Any] = []

    async def send(message: Any) -> None:
        assert body.answers.held == len(answer.body)
        if not sent:
            with pytest.raises(BusyError):
                await LargeAnswer(answer)({}, receive, refuse)
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("read")

    async def refuse(_: Any) -> None:
        raise AssertionError("sent")

    anyio.run(LargeAnswer(answer).__call__, {}, receive, send)
    assert b"".join(message.get("body", b"") for message in sent) == answer.body
    assert max(len(message.get("body", b"")) for message in sent) == PIECE_BYTES
    assert sent[0]["headers"] == answer.raw_headers
    assert [message["more_body"] for message in sent[1:]] == [True, True, False]
    assert body.answers.held == 0
