"""The API description for people: /docs, drawn by the page's own script from /openapi.json, without a network."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

STATIC: Final = Path(__file__).parent / "static"

DESCRIPTION: Final = """\
数据闭环工具 roadloop 的接口。参数可用查询串、JSON、表单或 multipart 发送；正文优先于查询串；数字可以写成文本，JSON 值也可以写成 JSON 文本。
成功：`{"errno": 1, ...}`；失败：`{"errno": 0, "message", "error", "details"}` 并带真实的 HTTP 状态码，语言随 `Accept-Language`。
POST 可带 `Idempotency-Key`：同一个键和同样的请求只执行一次。

The interface of roadloop. Parameters come in the query, as JSON, as a form or as multipart; the body wins over the
query; numbers may be text, and JSON values JSON text. Success: `{"errno": 1, ...}`; failure: `{"errno": 0, "message",
"error", "details"}` with the true HTTP status, in the language of `Accept-Language`. A POST may carry an
`Idempotency-Key`: the same key and request are carried out once.
"""


def routes() -> APIRouter:
    """The page at /docs."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    def docs() -> Response:
        return FileResponse(STATIC / "docs.html")

    return router
