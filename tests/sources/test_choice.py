from pathlib import Path
from typing import Any

import pytest

from roadloop.errors import InvalidValueError
from roadloop.sources.choice import parse_filter, passes
from roadloop.sources.layout import Pair, make_sample
from roadloop.sources.manifest import Row

SAMPLE = make_sample(
    "set",
    Path("/x/包"),
    Pair("t_1", "t_1.jpg", "t_1.png", "id"),
    Row("包", "t_1", city="苏州", author="张三", source="1", time="2026-01-15 08:00:00"),
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, True),
        ({"city": "苏州"}, True),
        ({"city": ["北京", "苏州"], "source": 1}, True),
        ({"city": "苏州", "author": "李四"}, False),
        ({"datakind": ""}, True),
        ({"track": "t", "package": "包", "set": "set"}, True),
        ({"picture": ["t_0", "t_1"]}, True),
        ({"picture": "t_1.jpg"}, False),
        ({"time": {"from": "2026-01-15", "to": "2026-01-16"}}, True),
        ({"time": {"from": "2026-01-16"}}, False),
        ({"time": {"to": "2026-01-15"}}, False),
        ({"time": ["2026-01-15 08:00:00"]}, True),
    ],
)
def test_passes__every_field(wanted: dict[str, Any], expected: bool) -> None:
    assert passes(SAMPLE, parse_filter(wanted)) is expected


@pytest.mark.parametrize(
    "wanted", [{"colour": "x"}, {"city": []}, {"city": {"a": 1}}, {"time": {"after": "x"}}, {"city": True}]
)
def test_parse_filter__refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError) as raised:
        parse_filter(wanted)
    assert raised.value.details["parameter"] == "filter"
