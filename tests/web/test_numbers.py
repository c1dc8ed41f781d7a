"""Whole numbers larger than a database's: every endpoint refuses them, or finds nothing."""

from typing import Any, Final

import pytest

from in_process import Caller, Operation
from roadloop.storage.platform import Platform

LARGE: Final = (2**31 - 1, 2**31, 2**63 - 1, 2**63, 10**30, -(2**31) - 1, -(2**63) - 1)


def numbers(operation: Operation) -> list[str]:
    """The parameters of an endpoint that take a whole number, or may."""
    return [
        name
        for name, schema in operation.parameters.items()
        if "integer" in {schema.get("type"), *(one.get("type") for one in schema.get("anyOf", ()))}
    ]


@pytest.mark.parametrize("large", LARGE)
def test_numbers__that_are_too_large_break_no_endpoint(platform: Platform, large: int) -> None:
    bad: list[Any] = []
    asked = 0
    with Caller(platform) as call:
        for operation in call.operations():
            for name in numbers(operation):
                reply = call(operation.method, operation.path, {name: large})
                asked += 1
                if reply.status >= 500:
                    bad.append((operation.method, operation.path, name, reply.body[:200]))
    assert bad == []
    assert asked > 40
