"""What calls say and what jobs carry: frozen records, each value checked where it comes in. Nothing here knows HTTP.

A record of a feature stands in its `recipe.py`. What a route parses is what the service checks; the job carries the same
record, or one made from it that holds what was pinned before the job was queued (decision 0034).
"""

import functools
import json
import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Final, Literal, NoReturn, TypeVar

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from roadloop.errors import InvalidValueError, OtherVersionError, RoadloopError, Text

_SECRETS: Final = (SecretStr, SecretStr | None)
MAX_DEPTH: Final = 32
MAX_VALUES: Final = 100_000  #: of one JSON text
_DEEP: Final = Text("嵌套过深", "nested too deeply")
_TEXTS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


class JsonProblemError(ValueError):
    """Text is not JSON that is taken.

    Attributes:
        text: Why, as a part of a sentence.
    """

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text: Final = text


def from_json_text(value: Any) -> Any:
    """A JSON value that may have arrived as text."""
    if not isinstance(value, str):
        return value
    try:
        return load_json(value)
    except JsonProblemError as error:
        why = error.text
        raise JsonProblemError(Text(f"不是有效的 JSON（{why.zh}）", f"not valid JSON ({why.en})")) from error


JsonObject = Annotated[dict[str, Any], BeforeValidator(from_json_text)]


class Record(BaseModel):
    """Base of what files and rows keep: numbers are finite, and keys that it does not have are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Parameters(BaseModel):
    """Base of these records: numbers may arrive as text, and keys that it does not have are refused.

    A field is named as in the rows; its alias is its word in the interface, where that is another one. A field that is
    excluded is not carried by the job: the job's row has it, or a row of the feature.
    """

    model_config = ConfigDict(coerce_numbers_to_str=True, frozen=True, extra="forbid", validate_by_name=True)

    def part(self, base: "type[Parameters]") -> dict[str, Any]:
        """The values of the fields that it shares with other records, which `base` has."""
        return {name: getattr(self, name) for name in base.model_fields}

    def payload(self) -> dict[str, Any]:
        """What the job's row holds; `stored` reads it back."""
        return self.model_dump(mode="json")


class NoParameters(Parameters):
    """An endpoint without parameters."""


#: Rows or names in one answer, where nobody asks for less.
NEWEST: Final = 1000


class Choices(Parameters):
    """What every list of names to choose from takes."""

    q: str = Field("", max_length=200, description="Only what has a name or description that contains this.")
    after: str = Field("", max_length=200, description="Go on after this name: the last one of the answer before.")
    page_size: int = Field(0, ge=0, le=NEWEST, description="Names in the answer; absent: the newest 1,000.")


class History(Parameters):
    """What every history and status endpoint takes."""

    task_id: str = Field("", description="One task's id; without it the list comes.", examples=["sasa"])
    page: int = Field(0, ge=0, le=10**9, description="Page, from 1; 0 or absent: the newest rows.")
    page_size: int = Field(0, ge=0, le=NEWEST, description="Rows a page; default 20 with page, 1,000 without.")
    q: str = Field(
        "",
        max_length=200,
        description="Only rows whose names or descriptions contain this. Of more than 2,000 the newest 2,000 are counted"
        " and paged; all=1 streams every one.",
    )
    all: bool = Field(False, description="Stream every row.")
    state: Literal["", "created", "queued", "running", "succeeded", "failed", "cancelled"] = Field(
        "", description="Only jobs in this state; of more than 2,000 rows or matches the newest 2,000 are looked at."
    )
    only: JsonObject = Field(
        {}, description="Only rows with these values, by the name of a column of text; looked at as for state."
    )
    order: str = Field(
        "",
        max_length=40,
        description="-created, the newest first, if absent; created, the oldest first; or the name of a column, with -"
        " for the largest first; looked at as for state. A name that it has not is answered with those that it has.",
    )


def load_json(text: bytes | str) -> Any:
    """What JSON text says, where that is neither deep nor much: reading it stops every thread of the process.

    Raises:
        JsonProblemError: It is not JSON, or nested more deeply than `MAX_DEPTH`, or has more than `MAX_VALUES` values.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if _count_values(raw) > MAX_VALUES and _count_values(_TEXTS.sub(b"", raw)) > MAX_VALUES:
        raise JsonProblemError(Text(f"多于 {MAX_VALUES} 个值", f"more than {MAX_VALUES} values"))
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        zh = f"第 {error.lineno} 行第 {error.colno} 个字符处不合语法"
        raise JsonProblemError(Text(zh, str(error))) from error
    except UnicodeDecodeError as error:
        raise JsonProblemError(Text("不是 UTF-8 编码的文字", "it is not text in UTF-8")) from error
    except RecursionError as error:
        raise JsonProblemError(_DEEP) from error
    if _depth(value) > MAX_DEPTH:
        raise JsonProblemError(_DEEP)
    return value


def _count_values(raw: bytes) -> int:
    """At least as many values as JSON text has, from the signs that come before them; those in texts count too."""
    return sum(raw.count(sign) for sign in (b"[", b"{", b","))


def _refuse_constant(name: str) -> NoReturn:
    raise JsonProblemError(Text(f"JSON 没有 {name}", f"{name} is not a JSON value"))


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


P = TypeVar("P", bound=Parameters)


def names(model: type[Parameters]) -> set[str]:
    """What the fields of a record are called in the interface."""
    return {field.alias or name for name, field in model.model_fields.items()}


def takes_all(model: type[Parameters]) -> bool:
    """Whether a record takes whatever is sent."""
    return model.model_config.get("extra") == "allow"


def parse(model: type[P], values: Mapping[str, Any]) -> P:
    """What a call says; null and empty text mean absent, and what the record does not have is passed over.

    Raises:
        InvalidValueError: Names the first parameter that is missing or wrong, and what would be right.
    """
    known = values.keys() if takes_all(model) else names(model)
    given = {name: value for name, value in values.items() if name in known and value is not None and value != ""}
    try:
        return model.model_validate(given, by_alias=True, by_name=False)
    except pydantic.ValidationError as error:
        secret = secrets_of(model)
        raise describe(error, "parameter", secret) from (
            None if secret else error
        )  # the cause would show what was sent


@functools.cache
def secrets_of(model: type[Parameters]) -> frozenset[str]:
    """What the fields are called that nobody may see: passwords, codes."""
    fields = model.model_fields.items()
    return frozenset(field.alias or name for name, field in fields if field.annotation in _SECRETS)


def stored(model: type[P], payload: Mapping[str, Any]) -> P:
    """What a job carries.

    Raises:
        OtherVersionError: It has a field that the record does not have, or lacks one, or one cannot be right.
    """
    try:
        return model.model_validate(payload, by_alias=False, by_name=True)
    except pydantic.ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, one["loc"])) for one in error.errors(include_url=False)})[:10])
        raise OtherVersionError(
            Text(
                f"这个任务由另一个版本的 roadloop 写入，本版本读不懂这些字段：{fields}。未作任何改动；请用原来的版本运行，"
                "或重新提交。",
                f"Another version of roadloop wrote this job; this one cannot read these fields: {fields}. Nothing was"
                " changed: run it with that version, or submit it again.",
            ),
            fields=fields,
        ) from error


def describe(error: pydantic.ValidationError, what: str, secret: Collection[str] = frozenset()) -> RoadloopError:
    """Our error for pydantic's first complaint: the field, the value (unless it is a secret), the rule."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or what
    rule = rule_of(first)
    shown = "***" if name in secret else repr(first.get("input"))[:120]
    if first["type"] == "missing":
        text = Text(f"缺少参数 {name}。", f"The parameter {name} is missing.")
    else:
        text = Text(f"参数 {name} 的值 {shown} 无效：{rule.zh}。", f"{name}: {shown} is not valid: {rule.en}.")
    return InvalidValueError(text, parameter=name)


#: pydantic's types of errors that records of ours can meet -> what it says, in Chinese; the facts are those of the error.
RULES_ZH: Final = {
    "missing": "缺少这一项",
    "extra_forbidden": "没有这一项",
    "int_parsing": "应为整数",
    "int_parsing_size": "应为整数，且不能这么大",
    "int_type": "应为整数",
    "int_from_float": "应为整数",
    "float_parsing": "应为数字",
    "float_type": "应为数字",
    "finite_number": "应为有限的数字",
    "bool_parsing": "应为 true 或 false（1 或 0）",
    "bool_type": "应为 true 或 false（1 或 0）",
    "string_type": "应为文本",
    "string_unicode": "应为能读出的文本",
    "string_too_long": "最多 {max_length} 个字符",
    "string_too_short": "至少 {min_length} 个字符",
    "string_pattern_mismatch": "应符合 {pattern}",
    "dict_type": "应为 JSON 对象",
    "model_type": "应为 JSON 对象",
    "model_attributes_type": "应为 JSON 对象",
    "dataclass_type": "应为 JSON 对象",
    "dataclass_exact_type": "应为 JSON 对象",
    "list_type": "应为列表",
    "tuple_type": "应为列表",
    "too_long": "最多 {max_length} 项，而不是 {actual_length} 项",
    "too_short": "至少 {min_length} 项，而不是 {actual_length} 项",
    "greater_than_equal": "应不小于 {ge}",
    "greater_than": "应大于 {gt}",
    "less_than_equal": "应不大于 {le}",
    "less_than": "应小于 {lt}",
    "literal_error": "应为 {expected}",
    "enum": "应为 {expected}",
    "none_required": "应为空",
    "is_instance_of": "种类不对",
    "unexpected_keyword_argument": "没有这一项",
    "unexpected_positional_argument": "项数不对",
    "missing_argument": "缺少这一项",
    "missing_keyword_only_argument": "缺少这一项",
    "recursion_loop": "不能包含自身",
    "invalid_key": "键应为文本",
}


def rule_of(complaint: Mapping[str, Any]) -> Text:
    """Why pydantic refuses a value, in both languages; what a validator of ours says is said as it says it.

    Args:
        complaint: One of `ValidationError.errors()`.
    """
    facts = complaint.get("ctx", {})
    if isinstance(own := facts.get("error"), JsonProblemError):
        return own.text
    said = str(complaint["msg"]).removeprefix("Value error, ")
    zh = RULES_ZH.get(complaint["type"], "不符合要求")
    written = {key: f"{fact:g}" if isinstance(fact, float) else str(fact) for key, fact in facts.items()}
    return Text(zh.format(**written).replace(" or ", " 或 "), said)
