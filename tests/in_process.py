"""Requests to the application in this process: no sockets, so that tens of thousands take seconds."""

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import quote, unquote

from fastapi import FastAPI

from roadloop.server import create_app
from roadloop.storage.platform import Platform

PORT = 8600


class Reply(NamedTuple):
    """An answer: its status and its body."""

    status: int
    body: bytes

    @property
    def value(self) -> Any:
        """The JSON of the body."""
        return json.loads(self.body)


class Operation(NamedTuple):
    """One endpoint as /openapi.json describes it: parameter -> schema."""

    method: str
    path: str
    parameters: dict[str, dict[str, Any]]


class Caller:
    """The application of an installation, and calls of it.

    Use it in a `with` block.

    Args:
        platform: The installation.
        token: Of the program that calls; "": none.
    """

    def __init__(self, platform: Platform, token: str = "") -> None:
        self.app: FastAPI = create_app(platform, PORT)
        self._who = [(b"authorization", f"Bearer {token}".encode())] if token else []
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the loop and its threads."""
        self._runner.close()

    def operations(self) -> list[Operation]:
        """All endpoints."""
        found = []
        for path, item in self.app.openapi()["paths"].items():
            for method, one in item.items():
                known = {p["name"]: p["schema"] for p in one.get("parameters", ())}
                body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
                found.append(Operation(method.upper(), path, known | body.get("properties", {})))
        return found

    def __call__(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> Reply:
        """Call an endpoint; parameters in braces are taken out of `values` into the path.

        Values of a GET go out as a query, those of a POST as JSON.
        """
        given = dict(values or {})
        path = re.sub(r"\{(\w+)\}", lambda m: str(given.pop(m[1], "-")), path)
        return self._runner.run(self._call(method, path, given))

    async def _call(self, method: str, path: str, values: dict[str, Any]) -> Reply:
        body, query = b"", b""
        if method == "POST":
            body = json.dumps(values).encode()
        else:
            texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
            query = "&".join(f"{k}={quote(v, safe='', errors='surrogatepass')}" for k, v in texts.items()).encode()
        raw = quote(path, errors="surrogatepass")
        headers = [(b"host", f"127.0.0.1:{PORT}".encode()), (b"content-type", b"application/json"), *self._who]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(raw), "raw_path": raw.encode(), "query_string": query, "root_path": "",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", PORT), "state": {},
        }  # fmt: skip
        sent = [{"type": "http.request", "body": body, "more_body": False}]
        status, chunks = 0, []

        async def receive() -> dict[str, Any]:
            if sent:
                return sent.pop()
            await asyncio.Event().wait()  # a client that stays
            raise AssertionError

        async def send(message: Mapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                chunks.append(message.get("body", b""))

        with contextlib.suppress(Exception):  # our own bugs are answered with 500, then raised once more
            await self.app(scope, receive, send)
        return Reply(status, b"".join(chunks))
