"""HTTP routes of releases."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from roadloop.errors import (
    BrokenFileError,
    ConflictError,
    JobError,
    Language,
    NameTakenError,
    NotFoundError,
    Text,
    UntrustedCodeError,
)
from roadloop.jobs.arrange import Fields
from roadloop.jobs.history import JobFields, JobRows, history
from roadloop.parameters import History, Parameters
from roadloop.releases import adcodes, bundle, service, serving
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
    place: str = Field(description="What the code is called, such as 江苏省苏州市; empty for 0 and for unknown codes.")
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


class ServingPlaces(Parameters):
    """Which places of a category."""

    category: str = Field("", alias="type", description="Category; absent: the first one.", examples=["车道线"])
    env: str = Field("", description="With `adcode`: only places behind this one; absent: from the first one on.")
    adcode: str = Field("", description="With `env`.")
    limit: int = Field(50, ge=1, le=200, description="How many at most.")


class OnePlace(Parameters):
    """Names one place of a category."""

    category: str = Field(alias="type", description="Category.", examples=["车道线"])
    env: str = Field(description="Environment.", examples=["北京"])
    adcode: str = Field("0", description="Administrative code, or 0 for everywhere.", examples=["110000"])
    before: int = Field(
        0, ge=0, le=2**53, description="Only releases older than the one with this id; absent: the newest."
    )
    limit: int = Field(50, ge=1, le=200, description="How many at most.")


class OneRelease(Parameters):
    """Names one release."""

    release: int = Field(ge=1, le=2**53, description="Its `id`.")


class FindAdcodes(Parameters):
    """Which administrative codes."""

    q: str = Field(
        "", max_length=100, description="The first digits of a code, or a part of its name.", examples=["苏州"]
    )
    limit: int = Field(20, ge=1, le=200, description="How many at most.")


class AdcodeName(BaseModel):
    """One administrative code."""

    adcode: str
    name: str = Field(description="Province, city and county in one.")


class AdcodeList(Success):
    """Administrative codes."""

    data: list[AdcodeName]
    as_of: str = Field(description="The date of the list.")


class PlaceServed(BaseModel):
    """What serves at one place."""

    now: ReleaseRecord
    before: ReleaseRecord | None = Field(description="What served there before; null when it is the first.")


class PlacesServed(Success):
    """What serves where."""

    data: list[PlaceServed]
    categories: list[str] = Field(description="All of them.")


class PlaceHistory(Success):
    """The releases at one place, newest first."""

    data: list[ReleaseRecord]


def routes(platform: Platform) -> APIRouter:
    """The router of this feature."""
    router = Endpoints(platform, tag="releases")

    @router.get("/release_tab", ReleaseTab, "see", reply=ReleaseTabAnswer, errors=(NotFoundError,))
    def release_tab(_call: Call, p: ReleaseTab) -> Answer:
        """List the newest 1,000 releases of one category (已存在模型展示); `before` goes on from there."""
        categories = platform.settings.release_categories
        category = service.category_of(categories, p.page)
        items = service.published(platform, category, p.before)
        return {"data": _by_version(items), "name": category, "total": len(categories), "items": items}

    @router.post(
        "/release",
        Release,
        "work",
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

    @router.get("/v1/releases", History, "see", reply=ReleaseList, errors=(NotFoundError,))
    def release_history(call: Call, p: History) -> Answer:
        """List the releases of all categories and how their jobs went."""
        return history(call, p, table=releases, render=_row, fields=_FIELDS)

    _add_places(router, platform)
    return router.api


def _add_places(router: Endpoints, platform: Platform) -> None:
    @router.get("/v1/releases/serving", ServingPlaces, "see", reply=PlacesServed)
    def releases_serving(_call: Call, p: ServingPlaces) -> Answer:
        """What serves in each environment and place of a category, and what served there before."""
        categories = platform.settings.release_categories
        found = serving.serving(platform, p.category or categories[0], serving.Place(p.env, p.adcode), p.limit)
        shown = [{"now": _served(one.now), "before": one.before and _served(one.before)} for one in found]
        return {"data": shown, "categories": list(categories)}

    @router.get("/v1/releases/place", OnePlace, "see", reply=PlaceHistory)
    def releases_of_place(_call: Call, p: OnePlace) -> Answer:
        """What has served at one place of a category, newest first."""
        found = serving.history(platform, p.category, serving.Place(p.env, p.adcode), p.before, p.limit)
        return {"data": list(map(_served, found))}

    @router.get("/v1/releases/{release}/bundle", OneRelease, "see", reply="application/zip", errors=(NotFoundError,))
    def release_bundle(_call: Call, p: OneRelease) -> Answer:
        """The bundle of a published release as a zip."""
        found = _served(serving.published(platform, p.release))
        folder = platform.workspace.home / found["folder"]
        missing = [name for name in found["files"] if not (folder / name).is_file()]
        if missing:
            raise NotFoundError(
                Text(
                    f"{found['folder']} 缺少 {missing[0]}；请用 roadloop fsck 检查。",
                    f"{found['folder']} lacks {missing[0]}; roadloop fsck says what is damaged.",
                ),
                folder=found["folder"],
            )
        name = f"{found['type']}-{found['version']}-{found['env']}-{found['adcode']}"
        disposition = f"attachment; filename=\"release-{p.release}.zip\"; filename*=UTF-8''{quote(name)}.zip"
        pieces = bundle.zipped(folder, found["files"], name)
        return StreamingResponse(pieces, media_type="application/zip", headers={"content-disposition": disposition})

    @router.get("/v1/adcodes", FindAdcodes, "see", reply=AdcodeList)
    def find_adcodes(_call: Call, p: FindAdcodes) -> Answer:
        """Administrative codes of the People's Republic of China by their digits or their names."""
        found = [{"adcode": code, "name": adcodes.full_name(code)} for code in adcodes.find(p.q, p.limit)]
        return {"data": found, "as_of": adcodes.AS_OF}


def _served(row: Mapping[str, Any]) -> dict[str, Any]:
    return service.record(row, row["result"])


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
