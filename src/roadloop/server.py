"""The composition root: every router named once, the page, the description, and the answers to errors."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import iter_route_contexts
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as RoutingProblem  # noqa: TID251 - what starlette's router raises
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from roadloop import __version__
from roadloop.accounts import api as accounts
from roadloop.accounts.gate import Gate
from roadloop.annotators import api as annotators
from roadloop.clients import api as clients
from roadloop.datasets import api as datasets
from roadloop.demo import api as demo
from roadloop.engines import api as engines
from roadloop.errors import MalformedRequestError, NotFoundError, RoadloopError, Text
from roadloop.evaluation import api as evaluation
from roadloop.jobs import api as jobs
from roadloop.jobs.feed import Feed
from roadloop.jobs.metrics import Metrics
from roadloop.models import api as models
from roadloop.networks import api as networks
from roadloop.notices import api as notices
from roadloop.overview import api as overview
from roadloop.packages import api as packages
from roadloop.releases import api as releases
from roadloop.selection import api as selection
from roadloop.sources import api as sources
from roadloop.sources.finding import api as finding
from roadloop.sources.health import api as health
from roadloop.storage.platform import Platform
from roadloop.training import api as training
from roadloop.trash import api as trash
from roadloop.uploads import api as uploads
from roadloop.web import errors, reference
from roadloop.web.access import Access, hosts_of, origins_of
from roadloop.web.admission import declared
from roadloop.web.endpoint import Handled, handled
from roadloop.web.head import HeadAsGet
from roadloop.web.latency import Latency, RequestId
from roadloop.web.page import Page
from roadloop.web.rounds import Turns

STATIC: Final = Path(__file__).parent / "web" / "static"

#: What is no endpoint, holds nothing of an installation, and needs no log-in: the page's files, and the description.
FILES: Final = frozenset({"/", "/docs", "/page/{path:path}", "/static", "/openapi.json"})

ROUTES: Final[tuple[Callable[[Platform], APIRouter], ...]] = (
    sources.routes,
    health.routes,
    finding.routes,
    uploads.routes,
    datasets.routes,
    networks.routes,
    training.routes,
    models.routes,
    evaluation.routes,
    releases.routes,
    engines.routes,
    selection.routes,
    packages.routes,
    annotators.routes,
    demo.routes,
    notices.routes,
    overview.routes,
    trash.routes,
    jobs.routes,
    jobs.gpu_routes,
)


def create_app(
    platform: Platform,
    port: int,
    metrics: Metrics | None = None,
    feed: Feed | None = None,
    gate: Gate | None = None,
) -> FastAPI:
    """Build the application.

    Args:
        platform: The installation.
        port: The port it is reached at; the Host header must name it.
        metrics: What it tells of itself and the installation; None: its own.
        feed: What it tells of changes; None: its own.
        gate: Finds out who calls; None: its own.

    Raises:
        RuntimeError: A route declares no right.
    """
    metrics, gate = metrics or Metrics(platform), gate or Gate(platform)
    app = _Application(
        title="roadloop",
        version=__version__,
        description=reference.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
    )
    app.state.gate = gate
    app.include_router(accounts.routes(platform, gate))
    for routes in ROUTES:
        app.include_router(routes(platform))
    app.include_router(jobs.metrics_routes(platform, metrics))
    app.include_router(jobs.event_routes(platform, feed or Feed(platform, platform.settings.max_connections // 2)))
    app.include_router(clients.routes(platform, _answered(app)))
    app.add_exception_handler(RoadloopError, _deliberate)
    app.add_exception_handler(RoutingProblem, _routing)
    app.add_exception_handler(Exception, errors.internal)
    page = Page(STATIC)
    for path in ("/", "/docs", "/page/{path:path}"):
        app.add_api_route(path, page.answer, include_in_schema=False)
    app.mount("/static", _Static(directory=STATIC), name="static")
    refuse_undeclared(app)
    app.add_middleware(
        Latency, requests=metrics.requests, aloud=platform.settings.log_requests
    )  # inside of the others: they copy what names the route
    app.add_middleware(HeadAsGet)
    settings = platform.settings
    hosts = hosts_of(settings.host, port, settings.allowed_hosts)
    app.add_middleware(Access, hosts=hosts, clients=origins_of(settings.client_origins))
    app.add_middleware(Turns)
    app.add_middleware(RequestId)
    return app


def refuse_undeclared(app: FastAPI) -> None:
    """Refuse to start with a route that does not say who may ask.

    Raises:
        RuntimeError: Names the routes.
    """
    silent = [path for path, _methods, endpoint in every_route(app) if path not in FILES and declared(endpoint) is None]
    if silent:
        raise RuntimeError(f"these routes declare no right (web/rights.py): {', '.join(silent)}")


def every_route(app: FastAPI) -> Iterator[tuple[str, frozenset[str], object]]:
    """What the application answers to: path, methods, and what answers."""
    for route in iter_route_contexts(app.routes):
        yield str(route.path), frozenset(route.methods or ()), route.endpoint


def _answered(app: FastAPI) -> dict[str, Handled]:
    """What the application's endpoints do, by method and path."""
    there = [(path, methods, handled(endpoint)) for path, methods, endpoint in every_route(app)]
    return {f"{method} {path}": found for path, methods, found in there if found for method in methods}


class _Application(FastAPI):
    """The application, whose description speaks Chinese too."""

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            api = super().openapi()
            api["components"]["schemas"] |= {errors.Failure.__name__: errors.Failure.model_json_schema()}
            self.openapi_schema = reference.add_chinese(api)
        return self.openapi_schema


class _Static(StaticFiles):
    """The page's files as they were written; asked for again each time, so that no browser mixes two versions."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, or 304 when the browser has it."""
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


def _deliberate(request: Request, error: Exception) -> Response:
    assert isinstance(error, RoadloopError)
    return errors.answer(request, error)


def _routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, RoutingProblem)
    path = request.url.path[:200]
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        text = Text(
            f"{path} 不接受 {request.method}，请用 {allowed}。",
            f"{path} does not take {request.method}; use {allowed}.",
        )
        body = errors.failure(_MethodNotAllowedError(text, allowed=allowed), errors.language_of(request))
        return JSONResponse(body, status_code=405, headers=error.headers)
    if error.status_code == 404:
        text = Text(f"没有路径 {path}；接口说明在 /docs。", f"There is no {path}; /docs describes what there is.")
        return errors.answer(request, NotFoundError(text))
    text = Text(f"请求无效（HTTP {error.status_code}）。", f"The request is not valid: {error.detail}.")
    return errors.answer(request, MalformedRequestError(text))


class _MethodNotAllowedError(RoadloopError):
    """The path exists, for another method."""

    code = "method_not_allowed"
