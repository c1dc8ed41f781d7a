"""Routes of the dialect: every record of the table below /api. HTTP is known here alone."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.requests import Request

from roadloop.clients.dialect import Ask, Path, Reply, Whatever, each_text, escape
from roadloop.clients.table import PATHS
from roadloop.errors import BusyError, RoadloopError
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Handled, Handler
from roadloop.web.errors import HEADERS, status_of, told
from roadloop.web.rights import HOLDERS
from roadloop.web.share import Waiting

log: Final = logging.getLogger(__name__)

PREFIX: Final = "/api"
_BY_PATH: Final = {f"{PREFIX}{one.path}": one for one in PATHS}


def routes(platform: Platform, ours: Mapping[str, Handled]) -> APIRouter:
    """The router of this feature.

    Args:
        platform: The installation.
        ours: Our own endpoints, by method and path.

    Raises:
        RuntimeError: A path would let somebody do what our own endpoint refuses them, or leads to none.
    """
    router = Endpoints(platform, tag="clients", refuse=let_go)
    for one in PATHS:
        _check_right(one, ours)
        register = router.get if one.method == "GET" else router.post
        register(f"{PREFIX}{one.path}", Whatever, one.right, reply={"data": one.nothing})(_handler(one, ours))
    return router.api


def let_go(request: Request, error: RoadloopError) -> JSONResponse:
    """The answer to a failed call: HTTP 200, because that client reads no other answers, and waits for ever at some.

    One that asks again and again, and finds us busy, is told so by the status, and asks again.
    """
    one = _BY_PATH[request.scope["route"].path]
    body = told(request, error)
    log.warning("%s %s: %s", one.method, request.url.path[:200], body["message"])
    status, busy = status_of(type(error)), one.polled and isinstance(error, BusyError)
    answer = {**each_text(body, escape), "data": one.nothing}
    return JSONResponse(answer, status_code=status if busy else 200, headers=HEADERS.get(status))


def _handler(one: Path, ours: Mapping[str, Handled]) -> Handler[Whatever]:
    its = {name: ours[name] for name in (*one.calls, *one.also)}  # what it does not name it cannot ask

    def answer(call: Call, p: Whatever) -> Answer | Waiting[Answer]:
        found = one.ask(Ask(call, its), p.sent)
        if not isinstance(found, Waiting):
            return _safe(found)
        look = found.look
        return Waiting(lambda: None if (late := look()) is None else _safe(late), found.seconds, found.late)

    answer.__name__ = f"client_{one.path.removeprefix('/')}"
    answer.__doc__ = f"What an older front-end asks for as {one.path}."
    return answer


def _safe(reply: Reply) -> dict[str, Any]:
    safe: dict[str, Any] = each_text(reply, escape)
    return safe


def _check_right(one: Path, ours: Mapping[str, Handled]) -> None:
    for name in (*one.calls, *one.also):
        if name not in ours:
            message = f"{PREFIX}{one.path} leads to {name}, which is not there"
            raise RuntimeError(message)
        if name in one.calls and not HOLDERS[one.right] <= HOLDERS[ours[name].right]:
            message = f"{PREFIX}{one.path} is open to more people than {name}"
            raise RuntimeError(message)
