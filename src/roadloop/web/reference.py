"""The API description for people: /docs, drawn by the page's own script from /openapi.json, without a network.

The code says everything in English, once. What it says in Chinese stands in `reference.zh.json`, by the English words;
a test holds that nothing is missing there and nothing is left over.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

DESCRIPTION: Final = """\
数据闭环工具 roadloop 的接口。参数可用查询串、JSON、表单或 multipart 发送；正文优先于查询串；数字可以写成文本，JSON 值也可以写成 JSON 文本。
成功：`{"errno": 1, ...}`；失败：`{"errno": 0, "message", "error", "details"}` 并带真实的 HTTP 状态码，语言随 `Accept-Language`。
POST 可带 `Idempotency-Key`：同一个键和同样的请求只执行一次。

The interface of roadloop. Parameters come in the query, as JSON, as a form or as multipart; the body wins over the
query; numbers may be text, and JSON values JSON text. Success: `{"errno": 1, ...}`; failure: `{"errno": 0, "message",
"error", "details"}` with the true HTTP status, in the language of `Accept-Language`. A POST may carry an
`Idempotency-Key`: the same key and request are carried out once.
"""


CHINESE: Final = Path(__file__).parent / "reference.zh.json"
_SAID: Final = ("summary", "description")
_VALUES: Final = frozenset({"example", "examples", "default"})
_ERROR: Final = re.compile(r"(?:^|(?<=\.) )(`\w+`): ")  # `code`: what it means.


@cache
def chinese() -> Mapping[str, str]:
    """The Chinese of every text of the description, by its English."""
    words: dict[str, str] = json.loads(CHINESE.read_text(encoding="utf-8"))
    return words


def in_chinese(english: str) -> str:
    """A text of the description in Chinese; as it is where nobody has said it in Chinese."""
    return chinese().get(english, english)


def add_chinese(api: dict[str, Any]) -> dict[str, Any]:
    """Put `x-summary-zh` and `x-description-zh` beside each summary and description, and name the tags.

    Args:
        api: An OpenAPI description; it is changed.
    """
    for place in list(_places(api)):
        for key in _SAID:
            text = place.get(key)
            if isinstance(text, str) and text and place is not api["info"]:
                place[f"x-{key}-zh"] = _translated(text)
    used = dict.fromkeys(tag for item in api["paths"].values() for one in item.values() for tag in one.get("tags", ()))
    api["tags"] = [{"name": tag, "x-name-zh": in_chinese(tag)} for tag in used]
    return api


def _places(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of the description, those in examples excepted."""
    if isinstance(value, dict):
        yield value
        for key, inner in value.items():
            if key not in _VALUES:
                yield from _places(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _places(inner)


def _translated(text: str) -> str:
    said = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        # What comes before an error, the error's code and meaning, and so on.
        first, *rest = _ERROR.split(" ".join(paragraph.split()))
        about = [f"{code}：{in_chinese(meaning)}" for code, meaning in zip(rest[::2], rest[1::2], strict=True)]
        said.append(in_chinese(first) + "".join(about))
    return "\n\n".join(said)
