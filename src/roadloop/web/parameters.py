"""Parameters: one reader for query, JSON, form and multipart, and the record that describes and checks them."""

import asyncio
import json
import re
import urllib.parse
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final, NoReturn, TypeVar

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from roadloop.errors import InvalidValueError, MalformedRequestError, RoadloopError, Text

MAX_DEPTH: Final = 32
MAX_FIELDS: Final = 1000
MAX_VALUES: Final = 100_000  #: of one JSON text
_TEXTS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def from_json_text(value: Any) -> Any:
    """A JSON value that may have arrived as text."""
    if not isinstance(value, str):
        return value
    try:
        return load_json(value)
    except (ValueError, RecursionError) as error:
        message = "not valid JSON"
        raise ValueError(message) from error


JsonObject = Annotated[dict[str, Any], BeforeValidator(from_json_text)]
JsonList = Annotated[list[Any], BeforeValidator(from_json_text)]


class Parameters(BaseModel):
    """Base of every endpoint's parameters: text numbers are read, empty text means absent."""

    model_config = ConfigDict(coerce_numbers_to_str=True, frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, values: Any) -> Any:
        return {k: v for k, v in values.items() if v is not None and v != ""} if isinstance(values, dict) else values


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


def read_parameters(request: Request, body: bytes) -> dict[str, Any]:
    """Merge the query and the body of a request; the body wins. Takes time: not for the server's loop.

    Raises:
        MalformedRequestError: The body is not what its content type says.
    """
    values: dict[str, Any] = _read_urlencoded(request.scope["query_string"])
    if not body.strip():
        return values
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return values | _read_urlencoded(body)
    if kind == "multipart/form-data":
        return values | _read_multipart(request.headers, body)
    return values | _read_json(body)


def _read_urlencoded(text: bytes) -> dict[str, Any]:
    """Names and values of a query or a form; text that is not percent-encoded is taken as it is, as UTF-8."""
    try:
        pairs = urllib.parse.parse_qsl(
            text.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except UnicodeDecodeError as error:
        raise _malformed("参数不是 UTF-8 编码的文字", "the parameters are not text in UTF-8") from error
    except ValueError as error:
        raise _malformed(f"参数多于 {MAX_FIELDS} 个", f"there are more than {MAX_FIELDS} parameters") from error
    return dict(pairs)


def _read_multipart(headers: Headers, body: bytes) -> dict[str, Any]:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, pieces(), max_files=0, max_fields=MAX_FIELDS, max_part_size=len(body))
    try:
        form = asyncio.run(parser.parse())
    except (MultiPartException, UnicodeDecodeError) as error:
        raise _malformed("表单无法解析", "the form cannot be parsed") from error
    return {key: value for key, value in form.multi_items() if not isinstance(value, UploadFile)}


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        values = load_json(body)
        if b"\\u" in body:
            json.dumps(values, ensure_ascii=False).encode()  # half a surrogate pair is not text
    except (ValueError, RecursionError) as error:
        said = str(error)[:200]
        raise _malformed(f"正文不是有效的 JSON（{said}）", f"the body is not valid JSON ({said})") from error
    if not isinstance(values, dict):
        raise _malformed("正文应是一个 JSON 对象", "the body must be a JSON object")
    return values


def load_json(text: bytes | str) -> Any:
    """What JSON text says, where that is neither deep nor much: reading it stops every thread of the process.

    Raises:
        ValueError: It is not JSON, or nested more deeply than `MAX_DEPTH`, or has more than `MAX_VALUES` values.
        RecursionError: It is nested very deeply.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if _count_values(raw) > MAX_VALUES and _count_values(_TEXTS.sub(b"", raw)) > MAX_VALUES:
        message = f"more than {MAX_VALUES} values"
        raise ValueError(message)
    value = json.loads(text, parse_constant=_refuse_constant)
    if _depth(value) > MAX_DEPTH:
        message = "nested too deeply"
        raise ValueError(message)
    return value


def _count_values(raw: bytes) -> int:
    """At least as many values as JSON text has, from the signs that come before them; those in texts count too."""
    return sum(raw.count(sign) for sign in (b"[", b"{", b","))


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is not a JSON value"
    raise ValueError(message)


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


def _malformed(zh: str, en: str) -> MalformedRequestError:
    return MalformedRequestError(Text(f"无法读取请求：{zh}。", f"The request cannot be read: {en}."))


P = TypeVar("P", bound=Parameters)


def parse(model: type[P], values: dict[str, Any]) -> P:
    """Check parameters against their record.

    Raises:
        InvalidValueError: Names the first parameter that is missing or wrong, and what would be right.
    """
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        raise describe(error, "parameter") from error


def describe(error: pydantic.ValidationError, what: str) -> RoadloopError:
    """Our error for pydantic's first complaint: the field, the value, the rule."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or what
    kind, rule = first["type"], first["msg"].removeprefix("Value error, ")
    shown = repr(first.get("input"))[:120]
    if kind == "missing":
        text = Text(f"缺少参数 {name}。", f"The parameter {name} is missing.")
    elif kind == "extra_forbidden":
        text = Text(
            f"不认识的字段 {name}；请检查拼写或删除它。", f"Unknown field {name}; check its spelling or remove it."
        )
    else:
        text = Text(
            f"参数 {name} 的值 {shown} 无效：{_rule_zh(first) or rule}。", f"{name}: {shown} is not valid: {rule}."
        )
    return InvalidValueError(text, parameter=name)


_RULES_ZH: Final = {
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "int_from_float": "应为整数",
    "float_parsing": "应为数字",
    "float_type": "应为数字",
    "finite_number": "应为有限的数字",
    "bool_parsing": "应为 1 或 0",
    "bool_type": "应为 1 或 0",
    "string_type": "应为文本",
    "dict_type": "应为 JSON 对象",
    "list_type": "应为列表",
    "greater_than_equal": "应不小于 {ge}",
    "greater_than": "应大于 {gt}",
    "less_than_equal": "应不大于 {le}",
    "less_than": "应小于 {lt}",
    "string_too_long": "最多 {max_length} 个字符",
    "string_too_short": "至少 {min_length} 个字符",
    "literal_error": "应为 {expected} 之一",
    "enum": "应为 {expected} 之一",
}


def _rule_zh(first: Any) -> str | None:
    rule = _RULES_ZH.get(first["type"])
    if rule is None:
        return "不是有效的 JSON" if "not valid JSON" in first["msg"] else None
    return rule.format(**first.get("ctx", {}))
