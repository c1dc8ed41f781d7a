"""Endpoints: a plain function, the record of its parameters, and what it answers.

The kit reads the parameters, calls the function in a thread, adds `errno`, and turns errors into answers; from the
same declarations it writes the OpenAPI description. Whatever takes time with the size of a request or an answer is
done in that thread: the loop that serves everybody only moves bytes.
"""

import errno
import hashlib
import json
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeVar, cast

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from roadloop import errors
from roadloop.errors import InvalidValueError, RoadloopError, Text
from roadloop.parameters import Parameters, names, parse, secrets_of, takes_all
from roadloop.storage.platform import Platform
from roadloop.web import body
from roadloop.web.admission import (
    admit,
    admit_at_once,
    admit_here,
    declare,
    declared,
    has_body,
    while_admitted,
)
from roadloop.web.body import Claim, LargeAnswer, read_body
from roadloop.web.call import Call
from roadloop.web.errors import FAILURE, language_of, status_of
from roadloop.web.packing import packed
from roadloop.web.parameters import read_parameters
from roadloop.web.rights import WRITING, Caller, Right
from roadloop.web.share import Share, Waiting

log: Final = logging.getLogger(__name__)

P = TypeVar("P", bound=Parameters)
#: Text in pieces is JSON that is streamed.
Answer = Mapping[str, Any] | Iterator[str] | Response
Handler = Callable[[Call, P], Answer | Waiting[Answer]]
RawHandler = Callable[[Request], Awaitable[Response]]
Refuse = Callable[[Request, RoadloopError], Response]
Reply = type[BaseModel] | Mapping[str, Any] | str

#: What each endpoint does, in English, by its name.
SUMMARIES: Final[dict[str, str]] = {}
#: The right that each call needs, by method and path.
RIGHT_OF: Final[dict[tuple[str, str], Right]] = {}
_FAILURES: Final = 400  # statuses from here on

ALWAYS: Final = (
    errors.MalformedRequestError,
    errors.LogInNeededError,
    errors.AccessRefusedError,
    errors.TooLargeError,
    InvalidValueError,
    errors.BusyError,
)


class Endpoints:
    """The endpoints of one feature.

    Args:
        platform: The installation, handed to each call.
        tag: Heading in the API description.
        refuse: Answers where a call fails, in the words of another interface, which the description leaves out; None: ours.
    """

    def __init__(self, platform: Platform, tag: str, refuse: Refuse | None = None) -> None:
        self.platform: Final = platform
        self.api: Final = APIRouter(tags=[tag], include_in_schema=refuse is None)
        self._refuse: Final = refuse

    def get(
        self, path: str, parameters: type[P], right: Right, *, reply: Reply, errors: Sequence[type[RoadloopError]] = ()
    ) -> Callable[[Handler[P]], Handler[P]]:
        """Register a function that answers GET `path` to those who have the right."""
        return self._register(_Route("GET", path, right), parameters, reply, errors)

    def post(
        self, path: str, parameters: type[P], right: Right, *, reply: Reply, errors: Sequence[type[RoadloopError]] = ()
    ) -> Callable[[Handler[P]], Handler[P]]:
        """Register a function that answers POST `path` to those who have the right."""
        return self._register(_Route("POST", path, right), parameters, reply, errors)

    def raw(
        self,
        method: str,
        path: str,
        right: Right,
        *,
        headers: Mapping[str, str],
        status: HTTPStatus,
        errors: Sequence[type[RoadloopError]],
    ) -> Callable[[RawHandler], RawHandler]:
        """Register a coroutine that reads a request itself, such as a body that may be longer than memory.

        Args:
            method: HTTP's.
            path: Parameters in it are texts.
            right: Who may ask.
            headers: What the request's own headers mean, by name.
            status: Of success; its answer has headers and no body.
            errors: What it may raise.
        """
        named = [{"name": name, "in": "path", "description": "Its id."} for name in re.findall(r"{(\w+)}", path)]
        named += [{"name": name, "in": "header", "description": text} for name, text in headers.items()]
        answers = _describe_answers("application/octet-stream", (*ALWAYS, *errors))
        del answers[200]
        answers[int(status)] = {"description": "Success."}
        described = [{**one, "required": one["in"] == "path", "schema": {"type": "string"}} for one in named]

        share = Share()

        def decorate(handler: RawHandler) -> RawHandler:
            async def endpoint(request: Request) -> Response:
                caller = await admit(request, right, share)
                answer = await handler(request)
                if right in WRITING and method != "PATCH" and answer.status_code < _FAILURES:
                    facts = {**request.path_params, "location": answer.headers.get("location", "")}
                    call = Call(self.platform, "en", "", "", caller, handler.__name__, facts)
                    await share.run(call.note)
                return answer

            more = {"openapi_extra": {"parameters": described}, "responses": answers, "status_code": int(status)}
            self._add(_Route(method, path, right), handler, endpoint, more)
            return handler

        return decorate

    def _add(
        self, route: "_Route", named: Callable[..., Any], endpoint: Callable[..., Any], more: Mapping[str, Any]
    ) -> None:
        """Add a route that is called and described as a function says."""
        declare(endpoint, route.right, route.path)
        summary = (named.__doc__ or named.__name__).partition("\n")[0]
        SUMMARIES[named.__name__] = summary
        RIGHT_OF[route.method, route.path] = route.right
        more = {**more, "openapi_extra": {**more["openapi_extra"], "x-right": route.right}}
        self.api.add_api_route(
            route.path,
            endpoint,
            methods=[route.method],
            name=named.__name__,
            operation_id=named.__name__,
            summary=summary,
            description=named.__doc__,
            response_model=None,
            **more,
        )

    def _register(
        self,
        route: "_Route",
        parameters: type[P],
        reply: Reply,
        raised: Sequence[type[RoadloopError]],
    ) -> Callable[[Handler[P]], Handler[P]]:
        share = Share()

        def decorate(handler: Handler[P]) -> Handler[P]:
            async def answered(request: Request) -> Response:
                # Without a body that is asked where the answer is made: a thread less.
                if admit_at_once(request, route.right) is None and has_body(request):
                    await share.run(partial(admit_here, request, route.right))
                with Claim(body.requests) as claim:
                    sent = await read_body(request, self.platform.settings.max_body_mib * 2**20, claim)
                    answer = await share.run(partial(_answer, self.platform, request, sent, parameters, handler))
                if isinstance(answer, EventSourceResponse):
                    answer.body_iterator = while_admitted(answer.body_iterator, request, route.right, share)
                if not isinstance(answer, Waiting):
                    return answer
                awaited = await share.wait(request, answer)
                return Response() if awaited is None else awaited  # the client has left

            endpoint = answered if self._refuse is None else _refusing(answered, self._refuse)
            endpoint.handled = Handled(route.right, parameters, handler)  # type: ignore[attr-defined]  # as in `declare`
            described = _describe_parameters(route.method, route.path, parameters)
            answers = _describe_answers(reply, (*ALWAYS, *raised))
            self._add(route, handler, endpoint, {"openapi_extra": described, "responses": answers})
            return handler

        return decorate


def _refusing(answered: RawHandler, refuse: Refuse) -> RawHandler:
    async def endpoint(request: Request) -> Response:
        try:
            return await answered(request)
        except RoadloopError as error:
            return refuse(request, error)

    return endpoint


class _Route(NamedTuple):
    method: str
    path: str
    right: Right


class Handled(NamedTuple):
    """What an endpoint does, for another one that leads to it."""

    right: Right
    parameters: type[Parameters]
    handler: Handler[Any]

    def ask(self, call: Call, values: Mapping[str, Any]) -> Answer | Waiting[Answer]:
        """Answer another endpoint's call as this one does: the same checks, and the same lines in the record.

        Args:
            call: The other one's, whose caller has this one's right, too.
            values: Parameters as this endpoint takes them.
        """
        parameters = parse(self.parameters, values)
        facts = _facts(self.parameters, values)
        inner = replace(call, what=self.handler.__name__, facts=facts, recorded=False)
        answer = self.handler(inner, parameters)
        if self.right in WRITING and not inner.recorded:
            inner.note()
        call.recorded |= inner.recorded
        return answer


def handled(endpoint: object) -> Handled | None:
    """What an endpoint does; None where it reads requests itself."""
    return getattr(endpoint, "handled", None)


def _facts(model: type[Parameters], values: Mapping[str, Any]) -> dict[str, Any]:
    """What the record says of parameters."""
    return {name: value for name, value in values.items() if name in names(model) - secrets_of(model)}


def _answer(
    platform: Platform, request: Request, sent: bytes, model: type[P], handler: Handler[P]
) -> Response | Waiting[Response]:
    right = cast("Right", declared(request.scope["endpoint"]))
    if request.state.caller is None:
        admit_here(request, right)
    values = read_parameters(request, sent)
    if secret := secrets_of(model) & request.query_params.keys():
        raise _in_address(secret)
    # What stands in the path wins: it says which thing is meant.
    values |= request.path_params
    request.state.parameters = values
    unknown = [] if takes_all(model) else sorted(set(values) - names(model))
    if unknown:
        some = ", ".join(repr(name[:80]) for name in unknown[:10])
        log.warning(
            "%s %.200s: %d unknown parameters ignored: %s", request.method, request.url.path, len(unknown), some
        )
    parameters = parse(model, values)
    call = _call(platform, request, values, model, handler)
    try:
        answer = handler(call, parameters)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        text = Text(
            "参数中的名称或路径对文件系统来说太长。", "A name or path of the request is longer than files can have."
        )
        raise InvalidValueError(text) from error
    if right in WRITING and request.method == "POST" and not call.recorded:
        call.note()
    if not isinstance(answer, Waiting):
        return _rendered(request, answer)
    look = answer.look
    return Waiting(
        lambda: None if (found := look()) is None else _rendered(request, found), answer.seconds, answer.late
    )


def _call(platform: Platform, request: Request, values: Mapping[str, Any], model: type[P], handler: Handler[P]) -> Call:
    """What the handler is told of the request besides its parameters."""
    secret, caller = secrets_of(model), cast("Caller", request.state.caller)
    key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
    if len(key) > 200:
        raise InvalidValueError(
            Text("Idempotency-Key 最长 200 个字符。", "An Idempotency-Key has at most 200 characters.")
        )
    if secret:
        key = ""  # neither they nor what is answered to them is kept
    facts = _facts(model, values)
    digest = _digest(request, values, caller.name) if key else ""
    return Call(platform, language_of(request), key, digest, caller, handler.__name__, facts)


def _in_address(secret: Collection[str]) -> InvalidValueError:
    names_ = ", ".join(sorted(secret))
    return InvalidValueError(
        Text(
            f"{names_} 不能写在网址里（网址会留在日志中）；请放在请求正文里。",
            f"{names_} cannot stand in the address, which logs keep; send it in the body.",
        )
    )


def _rendered(request: Request, answer: Answer) -> Response:
    if isinstance(answer, Iterator):
        return StreamingResponse(answer, media_type="application/json")
    response = answer if isinstance(answer, Response) else packed(request, JSONResponse({"errno": 1, **answer}))
    return LargeAnswer(response) if len(getattr(response, "body", b"")) > body.FREE_BYTES else response


def _digest(request: Request, values: Mapping[str, Any], who: str) -> str:
    said = [request.method, request.url.path, values, *([who] if who else ())]
    text = json.dumps(said, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _describe_parameters(method: str, path: str, model: type[Parameters]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="validation")
    fields, required = schema.get("properties", {}), schema.get("required", [])
    in_path = {name for name in fields if "{" + name + "}" in path}
    query = [
        {
            "name": name,
            "in": "path" if name in in_path else "query",
            # A POST's parameters may come in the body instead, so none is required in the query.
            "required": name in in_path or (method == "GET" and name in required),
            "description": field.get("description", ""),
            "schema": {k: v for k, v in field.items() if k != "description"},
        }
        for name, field in fields.items()
    ]
    if method == "GET":
        return {"parameters": query}
    described: dict[str, Any] = {"parameters": [q for q in query if q["in"] == "path"]}
    body_fields = {name: field for name, field in fields.items() if name not in in_path}
    if body_fields:
        needed = [name for name in required if name not in in_path]
        shape = {"type": "object", "properties": body_fields, "required": needed}
        kinds = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
        described["requestBody"] = {"required": bool(needed), "content": {kind: {"schema": shape} for kind in kinds}}
    return described


def _describe_answers(reply: Reply, raised: Sequence[type[RoadloopError]]) -> dict[int | str, dict[str, Any]]:
    answers: dict[int | str, dict[str, Any]] = {200: _describe_success(reply)}
    by_status: dict[HTTPStatus, list[str]] = {}
    for kind in raised:
        line = f"`{kind.code}`: {(kind.__doc__ or '').partition(chr(10))[0]}"
        lines = by_status.setdefault(status_of(kind), [])
        if line not in lines:
            lines.append(line)
    for status, lines in sorted(by_status.items()):
        answers[int(status)] = {"description": " ".join(lines), "content": FAILURE}
    return answers


def _describe_success(reply: Reply) -> dict[str, Any]:
    if isinstance(reply, str):  # the media type of bytes
        return {"description": "The bytes.", "content": {reply: {}}}
    if isinstance(reply, Mapping):
        example = {"errno": 1, **reply}
        properties = {name: _schema_of(value) for name, value in example.items()}
        schema = {"type": "object", "properties": properties, "required": list(properties), "example": example}
        return {"description": "Success.", "content": {"application/json": {"schema": schema}}}
    return {"description": "Success.", "model": reply}


def _schema_of(value: Any) -> dict[str, Any]:
    kinds: list[tuple[type, str]] = [
        (bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"), (dict, "object"),
    ]  # fmt: skip
    name = next((text for kind, text in kinds if isinstance(value, kind)), None)
    schema: dict[str, Any] = {} if name is None else {"type": name}
    if isinstance(value, list):
        schema["items"] = _schema_of(value[0]) if value else {}
    return schema


class Success(BaseModel):
    """The envelope of an answer."""

    errno: int = 1
