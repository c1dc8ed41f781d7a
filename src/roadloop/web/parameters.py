"""Parameters as they arrive: one reader for query, JSON, form and multipart."""

import asyncio
import json
import urllib.parse
from collections.abc import AsyncGenerator
from typing import Any, Final

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from roadloop.errors import MalformedRequestError, Text
from roadloop.parameters import JsonProblemError, load_json

MAX_FIELDS: Final = 1000


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
    except JsonProblemError as error:
        why = error.text
        raise _malformed(f"正文不是有效的 JSON（{why.zh}）", f"the body is not valid JSON ({why.en})") from error
    except UnicodeEncodeError as error:
        zh, en = "正文不是有效的 JSON（有半个代理对）", "the body is not valid JSON (it has half a surrogate pair)"
        raise _malformed(zh, en) from error
    if not isinstance(values, dict):
        raise _malformed("正文应是一个 JSON 对象", "the body must be a JSON object")
    return values


def _malformed(zh: str, en: str) -> MalformedRequestError:
    return MalformedRequestError(Text(f"无法读取请求：{zh}。", f"The request cannot be read: {en}."))
