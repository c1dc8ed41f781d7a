"""Who may talk to the server: exact Host and Origin, and the headers that keep browsers honest.

Listening on loopback is not a boundary: a page from anywhere can name 127.0.0.1 (cross-site requests) or point its
own host name there (DNS rebinding). Both show in the Host and Origin headers.
"""

from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roadloop.errors import AccessRefusedError, Text
from roadloop.web.errors import answer

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; object-src 'none';"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def hosts_of(host: str, port: int, more: Iterable[str]) -> frozenset[str]:
    """The values of the Host header that this server answers to."""
    names = {host, "127.0.0.1", "localhost", "[::1]"}
    return frozenset(f"{name}:{port}" for name in names) | frozenset(names if port == 80 else ()) | frozenset(more)


class Access:
    """Refuse foreign hosts and origins; add the headers.

    Args:
        app: The application behind.
        hosts: Allowed Host values, exact.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self.app: Final = app
        self.hosts: Final = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(Headers(scope=scope))
        if refusal is None:
            await self.app(scope, receive, send_with_headers)
        else:
            await answer(Request(scope), refusal)(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers) -> AccessRefusedError | None:
        host = headers.get("host", "").lower()
        if host not in self.hosts:
            return AccessRefusedError(
                Text(
                    f"不接受 Host {host[:100]!r} 的请求。经反向代理访问时，请在设置 allowed_hosts 中加入它。",
                    f"Requests for host {host[:100]!r} are refused. Behind a reverse proxy, add it to the setting"
                    " allowed_hosts.",
                )
            )
        origin = headers.get("origin", "").lower()
        if origin and origin.partition("://")[2] not in self.hosts:
            return AccessRefusedError(
                Text(
                    f"不接受来自网页 {origin[:100]!r} 的请求。",
                    f"Requests from pages of {origin[:100]!r} are refused.",
                )
            )
        return None
