"""What a release can be asked with."""

from typing import Any

import pytest

from roadloop.errors import InvalidNameError, InvalidValueError
from roadloop.parameters import parse
from roadloop.releases.recipe import Release
from roadloop.releases.request import check_request, check_time, choose_pair, warnings_of

CATEGORIES = ("车道线", "路牌", "灯杆")


def asked(**changes: Any) -> Release:
    """The document's own example."""
    values = {
        "dicts": {"20180427": ["kdss.params", "kdss.json"]},
        "page": 1,
        "version": "20180731",
        "env": "北京",
        "adcode": "1110000",
        "desc": "北京模型",
        "type": "车道线",
        "time": "2018-07-31 12:22:30",
    }
    return parse(Release, values | changes)


def test_check_request__document_s_example_is_accepted_with_a_warning() -> None:
    request = check_request(asked(), CATEGORIES)
    assert request.folder == "车道线/20180731/北京-1110000"
    assert choose_pair(request.dicts) == ("20180427", "kdss.params")
    assert "110000" in warnings_of(request.adcode)[0].en


@pytest.mark.parametrize("adcode", ["110000", "310000", "0"])
def test_warnings_of__real_codes(adcode: str) -> None:
    assert warnings_of(adcode) == ()


@pytest.mark.parametrize(("adcode", "inside"), [("320599", "江苏省苏州市"), ("810001", "香港特别行政区")])
def test_warnings_of__a_county_that_the_list_lacks(adcode: str, inside: str) -> None:
    (warning,) = warnings_of(adcode)
    assert inside in warning.zh


@pytest.mark.parametrize("adcode", ["990000", "329900", "110299"])
def test_warnings_of__no_such_province_or_city(adcode: str) -> None:
    with pytest.raises(InvalidValueError, match="no such province or city"):
        warnings_of(adcode)


@pytest.mark.parametrize("adcode", ["", "00", "12345", "1110001", "011000", "11000a", "１１００００"])
def test_warnings_of__anything_else_is_refused(adcode: str) -> None:
    with pytest.raises(InvalidValueError):
        warnings_of(adcode)


@pytest.mark.parametrize(
    "dicts",
    [
        {},
        {"a": []},
        {"a": ["x.params"]},
        {"a": ["x.params", "y.json"]},
        {"a": ["x.json", "x.json"]},
        {"a": ["x.params", "x.json", "y.params"]},
        {"a": ["x.params", "x.json"], "b": ["x.params", "x.json"]},
        {"a": "x.params"},
        {"a": [".params", ".json"]},
        {"a": [1, 2]},
    ],
)
def test_choose_pair__exactly_one_pair(dicts: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        choose_pair(dicts)


def test_choose_pair__order_does_not_matter() -> None:
    assert choose_pair({"a": ["x.json", "x.params"]}) == ("a", "x.params")


def test_check_time__what_can_be_read_or_nothing() -> None:
    check_time("2018-07-31 12:22:30")
    check_time("")
    with pytest.raises(InvalidValueError):
        check_time("ss")


@pytest.mark.parametrize(
    ("changes", "error"), [({"type": "ss"}, InvalidValueError), ({"env": "a/b"}, InvalidNameError)]
)
def test_check_request__unknown_category_and_bad_names(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        check_request(asked(**changes), CATEGORIES)
