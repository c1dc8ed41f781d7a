"""Records of calls and jobs: the interface's words on one side, the rows' names on the other."""

from typing import Literal

import pytest
from pydantic import Field

from roadloop.errors import InvalidValueError, OtherVersionError
from roadloop.parameters import JsonObject, Parameters, parse, stored


class Inner(Parameters):
    place: str


class Order(Parameters):
    name: str = Field(alias="order_name")
    pieces: int = Field(1, ge=1)
    kind: Literal["whole", "part"] = "whole"
    note: str = Field("", exclude=True)
    more: JsonObject = Field({})
    inner: Inner | None = None


def test_parse__takes_the_words_of_the_interface_and_text_for_numbers() -> None:
    order = parse(Order, {"order_name": 7, "pieces": "2", "kind": "", "note": None, "more": '{"a": 1}', "unknown": 1})
    assert order == Order(name="7", pieces=2, more={"a": 1})
    with pytest.raises(InvalidValueError, match="order_name is missing"):
        parse(Order, {"name": "7"})  # a row's name is no word of the interface
    with pytest.raises(InvalidValueError, match="pieces: '0' is not valid") as caught:
        parse(Order, {"order_name": "7", "pieces": "0"})
    assert (caught.value.details, "应不小于 1" in caught.value.text.zh) == ({"parameter": "pieces"}, True)


def test_stored__reads_back_what_the_job_carries() -> None:
    order = Order(name="七", pieces=3, note="for people", inner=Inner(place="here"))
    carried = {"name": "七", "pieces": 3, "kind": "whole", "more": {}, "inner": {"place": "here"}}
    assert order.payload() == carried
    assert stored(Order, carried) == Order(name="七", pieces=3, inner=Inner(place="here"))
    assert stored(Order, {"name": "an older row's"}).pieces == 1


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"name": "a", "newer": 1}, "newer"),
        ({"order_name": "a"}, "name, order_name"),
        ({"name": "a", "inner": {"place": "b", "floor": 3}}, "inner.floor"),
        ({"name": "a", "kind": "twice"}, "kind"),
    ],
)
def test_stored__refuses_what_another_version_wrote(payload: dict[str, object], field: str) -> None:
    with pytest.raises(OtherVersionError) as caught:
        stored(Order, payload)
    assert caught.value.details == {"fields": field}
    assert field in caught.value.text.en
    assert field in caught.value.text.zh
