"""The composition root: every router named once, the page, the description, and the answers to errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as RoutingProblem  # noqa: TID251 - what starlette's router raises
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from roadloop import __version__
from roadloop.annotators import api as annotators
from roadloop.datasets import api as datasets
from roadloop.demo import api as demo
from roadloop.errors import MalformedRequestError, NotFoundError, RoadloopError, Text
from roadloop.evaluation import api as evaluation
from roadloop.jobs import api as jobs
from roadloop.jobs.feed import Feed
from roadloop.jobs.metrics import Metrics
from roadloop.models import api as models
from roadloop.networks import api as networks
from roadloop.overview import api as overview
from roadloop.packages import api as packages
from roadloop.releases import api as releases
from roadloop.selection import api as selection
from roadloop.sources import api as sources
from roadloop.sources.health import api as health
from roadloop.storage.platform import Platform
from roadloop.training import api as training
from roadloop.uploads import api as uploads
from roadloop.web import errors, reference
from roadloop.web.access import Access, hosts_of
from roadloop.web.head import HeadAsGet
from roadloop.web.latency import Latency
from roadloop.web.page import Page
from roadloop.web.rounds import Turns

STATIC: Final = Path(__file__).parent / "web" / "static"

ROUTES: Final[tuple[Callable[[Platform], APIRouter], ...]] = (
    sources.routes,
    health.routes,
    uploads.routes,
    datasets.routes,
    networks.routes,
    training.routes,
    models.routes,
    evaluation.routes,
    releases.routes,
    selection.routes,
    packages.routes,
    annotators.routes,
    demo.routes,
    overview.routes,
    jobs.routes,
    jobs.gpu_routes,
)


def create_app(platform: Platform, port: int, metrics: Metrics | None = None, feed: Feed | None = None) -> FastAPI:
    """Build the application.

    Args:
        platform: The installation.
        port: The port it is reached at; the Host header must name it.
        metrics: What it tells of itself and the installation; None: its own.
        feed: What it tells of changes; None: its own.
    """
    metrics = metrics or Metrics(platform)
    app = _Application(
        title="roadloop",
        version=__version__,
        description=reference.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
    )
    for routes in ROUTES:
        app.include_router(routes(platform))
    app.include_router(jobs.metrics_routes(platform, metrics))
    app.include_router(jobs.event_routes(platform, feed or Feed(platform, platform.settings.max_connections // 2)))
    app.add_exception_handler(RoadloopError, _deliberate)
    app.add_exception_handler(RoutingProblem, _routing)
    app.add_exception_handler(Exception, errors.internal)
    page = Page(STATIC)
    for path in ("/", "/docs", "/page/{path:path}"):
        app.add_api_route(path, page.answer, include_in_schema=False)
    app.mount("/static", _Static(directory=STATIC), name="static")
    app.add_middleware(Latency, requests=metrics.requests)  # inside of the others: they copy what names the route
    app.add_middleware(HeadAsGet)
    app.add_middleware(Access, hosts=hosts_of(platform.settings.host, port, platform.settings.allowed_hosts))
    app.add_middleware(Turns)
    return app


class _Application(FastAPI):
    """The application, whose description speaks Chinese too."""

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = reference.add_chinese(super().openapi())
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
