"""Requests at the gate: what each shows of who sends it, and the right that its route declares."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from time import monotonic
from typing import Any, Final, cast

from starlette.requests import Request

from roadloop.errors import AccessRefusedError, LogInNeededError
from roadloop.web.access import SAME_SITE
from roadloop.web.rights import RIGHTS, Caller, Gate, Right, Visit
from roadloop.web.share import Share

_LOOK_AGAIN: Final = 5.0  # seconds between two looks whether who listens may still do so
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


def visit_of(request: Request) -> Visit:
    """What a request shows of who sends it."""
    headers = request.headers
    address = request.client.host if request.client else ""
    proxied = address in _LOOPBACK
    if proxied and (forwarded := headers.get("x-forwarded-for", "")):
        address = forwarded.rpartition(",")[2].strip()[:64]
    kind, _, token = headers.get("authorization", "").partition(" ")
    origin = headers.get("origin", "").lower()
    site = headers.get("sec-fetch-site", "")
    return Visit(
        reads=request.method in {"GET", "HEAD"},
        address=address,
        secure=request.url.scheme == "https" or (proxied and headers.get("x-forwarded-proto", "") == "https"),
        bearer=token.strip() if kind.lower() == "bearer" else None,
        cookies=request.cookies,
        ours=_of_ours(request, origin) if origin else site == "same-origin",
        package=request.path_params.get("n"),
        host=headers.get("host", "").lower(),
    )


def _of_ours(request: Request, origin: str) -> bool:
    """Whether a page of this server, or of a configured origin on its host, sends a request."""
    own = origin.partition("://")[2] == request.headers.get("host", "").lower()
    return own or bool(request.scope.get(SAME_SITE))


def admit_at_once(request: Request, right: Right) -> Caller | None:
    """Find out who calls, where no row has to be looked at for that; what is found is kept with the request."""
    caller = _gate(request).at_once(visit_of(request), right)
    request.state.caller = caller
    return caller


def admit_here(request: Request, right: Right) -> Caller:
    """Find out who calls, and whether they may, in this thread; what is found is kept with the request.

    Raises:
        LogInNeededError: It is not known who calls.
        AccessRefusedError: They may not.
    """
    caller = _gate(request).admit(visit_of(request), right)
    request.state.caller = caller
    return caller


async def admit(request: Request, right: Right, share: Share) -> Caller:
    """`admit_here`, from the server's loop, which waits for no row."""
    known = admit_at_once(request, right)
    return known if known is not None else await share.run(partial(admit_here, request, right))


def has_body(request: Request) -> bool:
    """Whether a body follows, which is not read before it is known who sends it."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _gate(request: Request) -> Gate:
    return cast("Gate", request.app.state.gate)


async def while_admitted(
    events: AsyncIterable[Any], request: Request, right: Right, share: Share
) -> AsyncIterator[Any]:
    """A stream, which ends when who listens may not do so any more: logged out, disabled, another role."""
    looked = monotonic()
    async with aclosing(cast("AsyncGenerator[Any]", events)):
        async for one in events:
            if monotonic() - looked > _LOOK_AGAIN:
                looked = monotonic()
                try:
                    await admit(request, right, share)
                except (LogInNeededError, AccessRefusedError):
                    return
            yield one


def declare(endpoint: Callable[..., Awaitable[Any]], right: Right, path: str) -> None:
    """Note the right that a route declares.

    Raises:
        ValueError: There is no such right.
    """
    if right not in RIGHTS:
        message = f"{path} declares the right {right!r}; there are {', '.join(RIGHTS)}"
        raise ValueError(message)
    endpoint.right = right  # type: ignore[attr-defined]  # beside the function that the router keeps


def declared(endpoint: object) -> Right | None:
    """The right that a route declares; None where it declares none."""
    return getattr(endpoint, "right", None)
