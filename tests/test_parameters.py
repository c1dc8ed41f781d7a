"""Records of calls and jobs: the interface's words on one side, the rows' names on the other."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

import roadloop
from roadloop.errors import InvalidValueError, OtherVersionError
from roadloop.parameters import RULES_ZH, JsonObject, Parameters, Record, names, parse, rule_of, stored


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


#: What a type of pydantic's core schemas can complain of; one that is not here must be thought about.
COMPLAINTS = {
    "str": {"string_type", "string_unicode", "string_too_long", "string_too_short", "string_pattern_mismatch"},
    "int": {"int_type", "int_parsing", "int_parsing_size", "int_from_float", "greater_than_equal", "greater_than", "less_than", "less_than_equal"},
    "float": {"float_type", "float_parsing", "finite_number", "greater_than_equal", "greater_than", "less_than", "less_than_equal"},
    "bool": {"bool_type", "bool_parsing"},
    "literal": {"literal_error"},
    "dict": {"dict_type", "invalid_key"},
    "list": {"list_type", "too_long", "too_short"},
    "tuple": {"tuple_type", "too_long", "too_short", "missing"},
    "model": {"model_type", "model_attributes_type"},
    "model-fields": {"missing", "extra_forbidden", "model_attributes_type", "invalid_key"},
    "dataclass": {"dataclass_type", "dataclass_exact_type"},
    "dataclass-args": {"missing", "unexpected_keyword_argument", "unexpected_positional_argument"},
    "is-instance": {"is_instance_of"},
    "definitions": {"recursion_loop"},
    "none": {"none_required"},
}  # fmt: skip
#: These complain of nothing themselves, or (functions) in the words of ours; JSON values are described by what is in them.
SILENT = {
    "any", "default", "nullable", "model-field", "dataclass-field", "union", "definition-ref", "json-or-python", "no-info",
    "with-info", "function-before", "function-after", "function-wrap", "function-plain", "function-ser", "function", "to-string",
    "function-wrap-ser", "function-plain-ser", "lax-or-strict", "chain", "tagged-union",
}  # fmt: skip


def records() -> list[type[Parameters | Record]]:
    """Every record that reads what somebody sent or wrote."""
    for module in pkgutil.walk_packages(roadloop.__path__, "roadloop."):
        if module.name.rpartition(".")[2] in {"api", "recipe", "forms", "meaning", "names", "rehearsal"}:
            importlib.import_module(module.name)

    def below(kind: type[Any]) -> Iterator[type[Any]]:
        for one in kind.__subclasses__():
            yield one
            yield from below(one)

    return [one for one in [*below(Parameters), *below(Record)] if one.__module__.startswith("roadloop.")]


def types_in(schema: Any) -> Iterator[str]:
    """Every type of a core schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema["type"]
        for key, inner in schema.items():
            if key not in {"metadata", "serialization", "default"}:
                yield from types_in(inner)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            yield from types_in(inner)


def test_rules__every_complaint_that_a_record_can_meet_has_words_in_chinese() -> None:
    found = {name for record in records() for name in types_in(record.__pydantic_core_schema__)}
    assert {"str", "int", "literal", "tuple"} <= found
    assert found - COMPLAINTS.keys() - SILENT == set()
    assert {kind for name in found & COMPLAINTS.keys() for kind in COMPLAINTS[name]} - RULES_ZH.keys() == set()


WRONG: tuple[Any, ...] = (
    "x" * 3000,
    "x",
    -(10**30),
    10**30,
    1.5,
    "1.5",
    float("nan"),
    [],
    ["x"] * 3000,
    {},
    {"a": "b"},
    True,
    "{x",
    b"\xff",
)


def complaints() -> Iterator[dict[str, Any]]:
    """What pydantic says of wrong values for every field of every record."""
    for record in records():
        keys = names(record) if issubclass(record, Parameters) else set(record.model_fields)
        for value in WRONG:
            try:
                record.model_validate(dict.fromkeys(keys, value))
            except ValidationError as error:
                yield from error.errors(include_url=False)  # type: ignore[misc] # a TypedDict is a dict
            except InvalidValueError:
                continue  # words of ours, in both languages


def test_rules__no_language_stands_in_the_other() -> None:
    met: set[str] = set()
    for complaint in complaints():
        met.add(complaint["type"])
        rule, facts = rule_of(complaint), complaint.get("ctx", {})
        choices, pattern = str(facts.get("expected", "-")), str(facts.get("pattern", "-"))
        zh = rule.zh.replace(choices.replace(" or ", " 或 "), "").replace(pattern, "").replace("true 或 false", "")
        assert re.search("[\u4e00-\u9fff]", zh), complaint
        assert re.findall(r"[a-z]{3,}", zh) == [], complaint
        assert not re.search("[\u4e00-\u9fff]", rule.en.replace(choices, "")), complaint
    assert {
        "literal_error",
        "int_parsing",
        "too_long",
        "dict_type",
        "value_error",
        "string_too_long",
        "finite_number",
    } <= met


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("{x", "第 1 行第 2 个字符处不合语法", "line 1 column 2"),
        ("[" * 40 + "]" * 40, "嵌套过深", "nested too deeply"),
        ("[" * 100_000, "嵌套过深", "nested too deeply"),
        ("[NaN]", "JSON 没有 NaN", "NaN is not a JSON value"),
        (f"[{'1,' * 100_001}1]", "多于 100000 个值", "more than 100000 values"),
    ],
)
def test_json__what_is_refused_is_said_in_both_languages(text: str, zh: str, en: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse(Order, {"order_name": "7", "more": text})
    assert (f"不是有效的 JSON（{zh}）" in caught.value.text.zh, en in caught.value.text.en) == (True, True)
