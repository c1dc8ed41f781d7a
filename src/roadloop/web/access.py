"""Who may talk to the server: exact Host and Origin, and the headers that keep browsers honest.

Listening on loopback is not a boundary: a page from anywhere can name 127.0.0.1 (cross-site requests) or point its
own host name there (DNS rebinding). Both show in the Host and Origin headers.

Pages of the configured origins, no others and never all, may call what lies below `/api`, where the dialect of an older
client is spoken: browsers are told so (CORS), and send the page's cookie along only within one host.
"""

import re
from collections.abc import Iterable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roadloop.errors import AccessRefusedError, InvalidValueError, Text
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

#: Below it pages of configured origins may call.
CLIENTS: Final = "/api/"
#: Key in the scope of a request that a page of a configured origin on this server's own host has sent.
SAME_SITE: Final = "roadloop.same_site"
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")
_PREFLIGHT: Final = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "content-type, authorization, accept-language, idempotency-key, x-request-id",
    "access-control-max-age": "600",
}


def origins_of(said: Iterable[str]) -> frozenset[str]:
    """Origins as browsers write them in the Origin header.

    Raises:
        InvalidValueError: One is no exact origin: a star, `null`, without a scheme, or with a path.
    """
    found = set()
    for one in said:
        origin = re.sub(r"^(http://.*):80$|^(https://.*):443$", r"\1\2", one.strip().lower())
        if not _ORIGIN.fullmatch(origin):
            raise InvalidValueError(
                Text(
                    f"设置 client_origins 中的 {one[:100]!r} 不是来源；应为网页地址的开头，不带路径，例如 http://10.0.0.5:8080。",
                    f"{one[:100]!r} in the setting client_origins is no origin: write the beginning of the page's address,"
                    " without a path, such as http://10.0.0.5:8080.",
                ),
                parameter="client_origins",
            )
        found.add(origin)
    return frozenset(found)


def hosts_of(host: str, port: int, more: Iterable[str]) -> frozenset[str]:
    """The values of the Host header that this server answers to."""
    names = {host, "127.0.0.1", "localhost", "[::1]"}
    return frozenset(f"{name}:{port}" for name in names) | frozenset(names if port == 80 else ()) | frozenset(more)


class Access:
    """Refuse foreign hosts and origins; add the headers.

    Args:
        app: The application behind.
        hosts: Allowed Host values, exact.
        clients: Origins whose pages may call what lies below `/api`, exact.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str], clients: frozenset[str] = frozenset()) -> None:
        self.app: Final = app
        self.hosts: Final = hosts
        self.clients: Final = clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        asked = Headers(scope=scope)
        open_to = self.clients if scope["path"].startswith(CLIENTS) else frozenset()
        origin = asked.get("origin", "").lower()
        allowed = _allowance(origin, asked.get("host", "")) if origin in open_to else {}

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (HEADERS | allowed).items():
                    headers.setdefault(name, value)
                if open_to:
                    headers.add_vary_header("origin")
            await send(message)

        refusal = self._refusal(asked, origin if origin not in open_to else "")
        if refusal is None and allowed and scope["method"] == "OPTIONS":
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send_with_headers)
        elif refusal is None:
            scope[SAME_SITE] = "access-control-allow-credentials" in allowed
            await self.app(scope, receive, send_with_headers)
        else:
            await answer(Request(scope), refusal)(scope, receive, send_with_headers)

    def _refusal(self, headers: Headers, origin: str) -> AccessRefusedError | None:
        host = headers.get("host", "").lower()
        if host not in self.hosts:
            return AccessRefusedError(
                Text(
                    f"不接受 Host {host[:100]!r} 的请求。经反向代理访问时，请在设置 allowed_hosts 中加入它。",
                    f"Requests for host {host[:100]!r} are refused. Behind a reverse proxy, add it to the setting"
                    " allowed_hosts.",
                )
            )
        if origin and origin.partition("://")[2] not in self.hosts:
            return AccessRefusedError(
                Text(
                    f"不接受来自网页 {origin[:100]!r} 的请求。",
                    f"Requests from pages of {origin[:100]!r} are refused.",
                )
            )
        return None


def _allowance(origin: str, host: str) -> dict[str, str]:
    """What a browser is told for a page of an origin; its cookies come along where it is of the same host."""
    said = {"access-control-allow-origin": origin}
    if _name(origin.partition("://")[2]) == _name(host.lower()):
        said["access-control-allow-credentials"] = "true"
    return said


def _name(host: str) -> str:
    """A host without its port."""
    return re.sub(r":[0-9]+$", "", host)
