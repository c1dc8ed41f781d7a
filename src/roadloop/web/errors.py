"""One place turns an error into an answer: class -> HTTP status, and the envelope of a failure."""

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse

from roadloop import errors
from roadloop.errors import Language, RoadloopError, Text
from roadloop.journal import REQUEST

log: Final = logging.getLogger(__name__)

MOST_REPEATED: Final = 200  #: characters of a request's value that an answer repeats
MOST_SAID: Final = 2000  #: characters of one text of a failure

STATUS: Final[Mapping[type[RoadloopError], HTTPStatus]] = {
    errors.MalformedRequestError: HTTPStatus.BAD_REQUEST,
    errors.LogInNeededError: HTTPStatus.UNAUTHORIZED,
    errors.AccessRefusedError: HTTPStatus.FORBIDDEN,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.InvalidValueError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BrokenDatabaseError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.TooManyAttemptsError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.BusyError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.JobError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ObjectStoreError: HTTPStatus.SERVICE_UNAVAILABLE,
}


class Failure(BaseModel):
    """The envelope of a failure: what is wrong, and what to do."""

    errno: int = 0
    message: str
    error: str
    details: dict[str, Any] = {}


#: How the description has it: named, since a schema made anew for each status of each endpoint delays every start.
FAILURE: Final = {"application/json": {"schema": {"$ref": f"#/components/schemas/{Failure.__name__}"}}}

#: What goes with a status, to tell programs what to do.
HEADERS: Final[Mapping[HTTPStatus, Mapping[str, str]]] = {
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": "2"},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "60"},
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="roadloop"'},
}


def status_of(kind: type[RoadloopError]) -> HTTPStatus:
    """The status of the nearest ancestor in STATUS; 500 when there is none."""
    return next((STATUS[c] for c in kind.__mro__ if c in STATUS), HTTPStatus.INTERNAL_SERVER_ERROR)


def language_of(request: Request) -> Language:
    """The first of zh and en that `Accept-Language` names, by weight; zh without one."""
    best: tuple[float, Language] = (0.0, "zh")
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, weight = part.strip().lower().partition(";q=")
        try:
            q = float(weight) if weight else 1.0
        except ValueError:
            continue
        language: Language | None = "zh" if tag.startswith("zh") else "en" if tag.startswith("en") else None
        if language is not None and q > best[0]:
            best = (q, language)
    return best[1]


def failure(error: RoadloopError, language: Language, sent: Iterable[str] = ()) -> dict[str, Any]:
    """The body of a failed request.

    Args:
        error: What is wrong.
        language: Of the message.
        sent: Texts of the request; the answer repeats no more than the beginning of each.
    """
    long = {
        text: f"{text[:MOST_REPEATED]}…" for text in sorted(sent, key=len, reverse=True) if len(text) > MOST_REPEATED
    }
    long |= {repr(text)[1:-1]: short for text, short in long.items()}
    return {
        "errno": 0,
        "message": _cut(error.text.pick(language), long),
        "error": error.code,
        "details": _cut(error.details, long),
    }


def answer(request: Request, error: RoadloopError) -> JSONResponse:
    """The whole answer to a failed request."""
    status = status_of(type(error))
    return JSONResponse(told(request, error), status_code=status, headers=HEADERS.get(status))


def told(request: Request, error: RoadloopError) -> dict[str, Any]:
    """The body of the answer to a failed request."""
    sent = texts_in([request.url.path, getattr(request.state, "parameters", {})])
    return failure(error, language_of(request), sent)


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value, the names of its fields too."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            waiting += [*one, *one.values()]
        elif isinstance(one, list | tuple):
            waiting += one


def _cut(value: Any, long: Mapping[str, str]) -> Any:
    """A JSON value whose texts repeat nothing long, are not long themselves, and can be written as UTF-8."""
    if isinstance(value, str):
        for text, short in long.items():
            value = value.replace(text, short)
        if len(value) > MOST_SAID:
            value = f"{value[: MOST_SAID * 3 // 4]} … {value[-MOST_SAID // 4 :]}"
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {_cut(key, long): _cut(inner, long) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(inner, long) for inner in value]
    return value


def internal(request: Request, error: Exception) -> JSONResponse:
    """The answer to our own bug: an id that stands in the server's log, nothing else."""
    number = REQUEST.get() or uuid.uuid4().hex[:12]
    log.error("internal error %s at %s %s", number, request.method, request.url.path, exc_info=error)
    text = Text(
        f"服务内部错误（编号 {number}，详情见服务日志）。数据未受影响，可以重试。",
        f"Internal error (number {number}, see the server's log). Your data is safe; you can retry.",
    )
    body = {
        "errno": 0,
        "message": text.pick(language_of(request)),
        "error": "internal_error",
        "details": {"id": number},
    }
    headers = {"x-request-id": number}
    return JSONResponse(body, status_code=HTTPStatus.INTERNAL_SERVER_ERROR, headers=headers)
