"""Routes of examinations of source sets."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import FileResponse

from roadloop.errors import Language, NotFoundError, UntrustedCodeError
from roadloop.jobs.history import JobFields, history
from roadloop.parameters import History, Parameters
from roadloop.sources import store
from roadloop.sources.health import service
from roadloop.sources.health.recipe import CheckHealth
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success

_MEDIA: Final = {".csv": "text/csv", ".json": "application/json", ".png": "image/png"}


class ExaminedSet(Parameters):
    """Names one source set."""

    name: str = Field(description="Name of a source set.")


class HealthFile(Parameters):
    """Names one file of an examination."""

    task_id: str = Field(description="Task id of the examination.")
    file: str = Field(description="health.json, coverage.png or one of the csv files.")


class HealthRow(JobFields):
    """One examination."""

    name: str = Field(description="The source set.")
    model: str = Field(description="Model file; empty: none.")
    totals: dict[str, int | None] | None = Field(description="What was found, in numbers; null before the end.")


class HealthHistory(Success):
    """Examinations; with task_id `data` is the one object."""

    data: list[HealthRow] | HealthRow
    total: int | None = None


def routes(platform: Platform) -> APIRouter:
    """All routes of examinations."""
    router = Endpoints(platform, tag="source sets")

    @router.post(
        "/v1/sources/{name}/health",
        CheckHealth,
        "work",
        reply={"message": "success", "data": "8a4f0c2e5b7d4e6f9a1b3c5d7e9f1a2b"},
        errors=(NotFoundError, UntrustedCodeError),
    )
    def check_health(call: Call, p: CheckHealth) -> Answer:
        """Examine a source set: duplicates, coverage, leaks across sets, label noise. Answers with the task id."""
        return call.write(
            lambda: service.create(platform, p),
            lambda task_id: {"message": "success", "data": task_id},
        )

    @router.get(
        "/v1/sources/{name}/health",
        ExaminedSet,
        "see",
        reply={"data": {"task_id": "8a4f0c2e"}},
        errors=(NotFoundError,),
    )
    def source_health(_call: Call, p: ExaminedSet) -> Answer:
        """The newest finished examination of a source set, with the URLs of its lists and its plot."""
        found = service.newest(platform, p.name)
        files = {file: f"/v1/source_health/{found['task_id']}/{file}" for file in found["files"]}
        return {"data": {**found, "files": files}}

    @router.get("/v1/source_health", History, "see", reply=HealthHistory, errors=(NotFoundError,))
    def health_history(call: Call, p: History) -> Answer:
        """Examinations of source sets, newest first, or one with its progress."""
        return history(call, p, table=store.health, render=_render)

    @router.get("/v1/source_health/{task_id}/{file}", HealthFile, "see", reply="text/csv", errors=(NotFoundError,))
    def health_file(_call: Call, p: HealthFile) -> Answer:
        """A file of an examination: health.json, coverage.png, or one of the csv lists."""
        path = service.find_file(platform, p.task_id, p.file)
        return FileResponse(path, media_type=_MEDIA[path.suffix])

    return router.api


def _render(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    result = row["job"].result or {}
    return {"name": row["name"], "model": row["model"], "totals": result.get("totals")}
