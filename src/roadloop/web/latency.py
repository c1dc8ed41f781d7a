"""How long requests take: by the route that answers them, never by the path that the client has written.

So clients cannot make up new series, whatever they ask for.
"""

import time
from typing import Final

from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LABELS: Final = ("route", "method", "status")


class Latency:
    """Time every request.

    Args:
        app: The application behind, the one that chooses the route.
        requests: Told the seconds from a request's head to the end of its answer, by LABELS.
    """

    def __init__(self, app: ASGIApp, requests: Histogram) -> None:
        self.app: Final = app
        self._requests: Final = requests

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
            if not follows:  # its length is how long somebody looked
                route, method = _route_of(scope)
                self._requests.labels(route, method, status).observe(time.monotonic() - began)


def _route_of(scope: Scope) -> tuple[str, str]:
    """Template and method of the route, or the folder of files, that took a request; else `none` and `other`."""
    route = scope.get("route")
    method = scope["method"] if scope["method"] in (getattr(route, "methods", None) or ()) else "other"
    return str(getattr(route, "path", scope.get("root_path") or "none")), method
