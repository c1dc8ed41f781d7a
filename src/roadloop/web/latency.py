"""How long requests take: by the route that answers them, never by the path that the client has written.

So clients cannot make up new series, whatever they ask for. Each request has an id: the client's, or the proxy's, else a new
one; it comes back in `X-Request-ID`, and stands in every line of the log that the request leads to.
"""

import logging
import re
import time
import uuid
from typing import Final

from prometheus_client import Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roadloop.journal import REQUEST

log: Final = logging.getLogger(__name__)

LABELS: Final = ("route", "method", "status")
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestId:
    """Give every request an id; the outermost of all.

    Args:
        app: The application behind.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app: Final = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        number = given if _ID.fullmatch(given) else uuid.uuid4().hex[:12]

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = number
            await send(message)

        REQUEST.set(number)  # for this request's task; what answers our own bugs stands outside of here
        await self.app(scope, receive, send_with_id)


class Latency:
    """Time every request.

    Args:
        app: The application behind, the one that chooses the route.
        requests: Told the seconds from a request's head to the end of its answer, by LABELS.
        aloud: Whether the log gets a line for each.
    """

    def __init__(self, app: ASGIApp, requests: Histogram, *, aloud: bool = False) -> None:
        self.app: Final = app
        self._requests: Final = requests
        self._aloud: Final = aloud

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.monotonic(), "none"  # as long as nothing was answered, and when the client left before
        follows = False

        async def send_and_note(message: Message) -> None:
            nonlocal status, follows
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
                follows = any(value.startswith(b"text/event-stream") for _, value in message["headers"])
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception:  # our own bug, which is answered outside of here
            status = "5xx"
            raise
        finally:
            route, method = _route_of(scope)
            seconds = time.monotonic() - began
            if not follows:  # its length is how long somebody looked
                self._requests.labels(route, method, status).observe(seconds)
            if self._aloud:
                log.info("%s %s %s %.0f ms", method, route, status, 1000 * seconds)


def _route_of(scope: Scope) -> tuple[str, str]:
    """Template and method of the route, or the folder of files, that took a request; else `none` and `other`."""
    route = scope.get("route")
    method = scope["method"] if scope["method"] in (getattr(route, "methods", None) or ()) else "other"
    return str(getattr(route, "path", scope.get("root_path") or "none")), method
