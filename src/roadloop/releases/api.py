"""HTTP routes of releases."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roadloop.errors import (
    BrokenFileError,
    ConflictError,
    JobError,
    Language,
    NameTakenError,
    NotFoundError,
    UntrustedCodeError,
)
from roadloop.jobs.arrange import Fields
from roadloop.jobs.history import JobFields, JobRows, history
from roadloop.parameters import History, Parameters
from roadloop.releases import service
from roadloop.releases.recipe import Release
from roadloop.releases.request import warnings_of
from roadloop.releases.store import releases
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success
from roadloop.web.share import Waiting

_FIELDS: Final[Fields] = {
    "type": releases.c.category,
    "version": releases.c.version,
    "env": releases.c.env,
    "adcode": releases.c.adcode,
    "source": releases.c.source,
    "model": releases.c.file,
}


class ReleaseTab(Parameters):
    """What `/release_tab` takes."""

    page: int = Field(1, description="Number of the category, from 1.", examples=[1])
    before: int = Field(
        0, ge=0, le=2**53, description="Only releases older than the one with this id; absent: the newest."
    )


class ReleaseRecord(BaseModel):
    """One release."""

    id: int
    task_id: str
    type: str = Field(description="Category.")
    version: str
    env: str
    adcode: str
    desc: str
    time: str
    source: str = Field(description="Where the model came from: training task, or release.")
    model: str = Field(description="The `.params` of the source.")
    params_sha256: str
    folder: str | None = Field(description="The bundle, relative to the workspace; null until it is published.")
    files: list[str] | None = Field(description="What the bundle holds; null until it is published.")
    metrics: dict[str, Any] | None = Field(
        description="Of training; `quoted` says whose mIoU the release quotes: `evaluation` (then with its task id, its"
        " pictures and how many), `validation` (the model's own while training), or null for none."
    )


class ReleaseAnswer(Success):
    """A published release."""

    data: ReleaseRecord
    warnings: list[str]


class ReleaseTabAnswer(Success):
    """The releases of one category."""

    data: dict[str, list[str]] = Field(description="Version -> model files, newest version first.")
    name: str = Field(description="The category.")
    total: int = Field(description="Number of categories, which are the pages.")
    items: list[ReleaseRecord]


class ReleaseRow(JobFields, ReleaseRecord):
    """One release with the state of its job."""

    id: int
    task_id: str


class ReleaseList(JobRows[ReleaseRow]):
    """Releases, newest first; one object with a task id."""


def routes(platform: Platform) -> APIRouter:
    """The router of this feature."""
    router = Endpoints(platform, tag="releases")

    @router.get("/release_tab", ReleaseTab, reply=ReleaseTabAnswer, errors=(NotFoundError,))
    def release_tab(_call: Call, p: ReleaseTab) -> Answer:
        """List the newest 1,000 releases of one category (已存在模型展示); `before` goes on from there."""
        categories = platform.settings.release_categories
        category = service.category_of(categories, p.page)
        items = service.published(platform, category, p.before)
        return {"data": _by_version(items), "name": category, "total": len(categories), "items": items}

    @router.post(
        "/release",
        Release,
        reply=ReleaseAnswer,
        errors=(NotFoundError, NameTakenError, ConflictError, BrokenFileError, UntrustedCodeError, JobError),
    )
    def release(call: Call, p: Release) -> Waiting[Answer]:
        """Publish a model under category, version, environment and place (开始发布模型).

        The answer comes when the bundle is in place. When that takes too long the answer is 503 with the task id;
        the same request again goes on waiting.
        """
        started = call.write(lambda: service.submit(platform, p), lambda task_id: {"data": task_id})
        task_id, warnings = started["data"], [text.pick(call.language) for text in warnings_of(p.adcode)]

        def look() -> Answer | None:
            data = service.result(platform, task_id)
            return None if data is None else {"data": data, "warnings": warnings}

        return Waiting(look, platform.settings.release_wait_seconds, lambda: service.still_at_work(task_id))

    @router.get("/v1/releases", History, reply=ReleaseList, errors=(NotFoundError,))
    def release_history(call: Call, p: History) -> Answer:
        """List the releases of all categories and how their jobs went."""
        return history(call, p, table=releases, render=_row, fields=_FIELDS)

    return router.api


def _row(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    return service.record(row, row["job"].result)


def _by_version(items: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Version -> the model files of its bundles, each name once."""
    found: dict[str, list[str]] = {}
    for item in items:
        files = found.setdefault(item["version"], [])
        names = [name for name in item["files"] if name.endswith(".params")]
        for name in names:
            files += [n for n in (name, f"{name.removesuffix('.params')}.json") if n not in files]
    return found
