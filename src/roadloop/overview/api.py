"""The first screen in one answer: what waits, serves, is weak, how much stages hold, the newest jobs; the settings."""

import shutil
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roadloop.jobs.api import JobRow, newest_jobs
from roadloop.overview import service
from roadloop.overview.meanings import GROUPS
from roadloop.overview.waiting import Waits, What, waiting
from roadloop.parameters import NoParameters
from roadloop.releases.service import record
from roadloop.settings import Origin
from roadloop.sources.service import list_sets
from roadloop.storage import search
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Endpoints, Success

NEWEST: Final = 20  #: jobs that are shown

#: Stage -> its list, whose length costs one look at an index however long it is.
LISTS: Final = {
    "datasets": "datasets",
    "networks": "networks",
    "training": "training_tasks",
    "evaluation": "evaluations",
    "release": "releases",
}

_TOLD: Final = ("id", "task_id", "type", "version", "env", "adcode", "place", "time")
_MEASURED: Final = ("evaluation_miou", "evaluation_task_id", "evaluation_sour_dir", "evaluation_pictures")


class WaitingOne(BaseModel):
    """One thing that waits."""

    name: str = Field(description="What the job is called; of labels and pictures their version.")
    task_id: str = Field(description="The job that says so; empty where none does.")


class WaitingRow(BaseModel):
    """Things of one sort that wait for somebody, among the newest 500 jobs."""

    what: What = Field(
        description="failed = a job that was not done again, of the last 7 days; returned = fetched labels that were not"
        " published; rejected = labels that were rejected and not sent out again; uncut = chosen pictures without"
        " packages; draft = a training that was not started; unevaluated = a training that no evaluation is about;"
        " unchecked = a folder of networks/ that nobody has had checked."
    )
    kind: str = Field(description="Of the jobs; empty of folders.")
    number: int = Field(description="How many.")
    ones: list[WaitingOne] = Field(description="The newest of them, five at most.")


class InService(BaseModel):
    """A release that serves somewhere, briefly."""

    id: int
    task_id: str
    type: str = Field(description="Category.")
    version: str
    env: str
    adcode: str
    place: str = Field(description="Name of the place.")
    time: str
    metrics: dict[str, Any] | None = Field(description="Its mIoU and what that was measured on.")


class PlaceOfOverview(BaseModel):
    """What serves at one place."""

    now: InService
    before: InService | None = Field(description="What served there before; null when it is the first.")


class CategoryOfOverview(BaseModel):
    """One category and the first places that it serves at."""

    name: str
    places: list[PlaceOfOverview]
    more: bool = Field(description="Whether it serves at more places.")


class WeakClass(BaseModel):
    """One class."""

    train_id: int
    name_zh: str
    name_en: str
    iou: float = Field(description="0..1")


class WeakModel(BaseModel):
    """A model in service and its worst classes."""

    release: InService
    evaluation: str | None = Field(description="Task id of the evaluation that the release quotes; null: of none.")
    model: int = Field(description="Its number in that evaluation, from 1; 0 without one.")
    classes: list[WeakClass] = Field(description="The worst three, the worst first.")


class Overview(BaseModel):
    """The first screen."""

    stages: dict[str, int] = Field(description="Rows by stage, whatever became of their jobs; of `sources` the sets.")
    jobs: list[JobRow] = Field(description="The newest jobs.")
    waiting: list[WaitingRow] = Field(description="What waits for somebody, the most urgent first.")
    serving: list[CategoryOfOverview] = Field(description="What serves where, by category.")
    weak: list[WeakModel] = Field(description="The models in service with their worst classes.")
    disk: dict[str, int] = Field(description="`free_mib` and `total_mib` of the disk that the workspace is on.")


class OverviewReply(Success):
    """What `/v1/overview` answers."""

    data: Overview


class SettingRow(BaseModel):
    """One setting."""

    name: str
    variable: str = Field(description="Of the environment, that sets it.")
    option: str | None = Field(description="Of `roadloop serve`, that wins over the variable; null without one.")
    group: str = Field(description="One of `groups`.")
    value: str = Field(
        description="As its variable would say it: lists are JSON, addresses stand without account and query, a secret that"
        " is set is `***`."
    )
    usual: str = Field(description="The same where nobody sets it.")
    origin: Origin = Field(description="Where the value comes from.")
    secret: bool = Field(description="Whether it is never shown.")
    meaning: str = Field(description="What it means.")


class SettingGroup(BaseModel):
    """Settings that stand together."""

    name: str
    title: str


class SettingsReply(Success):
    """The settings, group by group."""

    data: list[SettingRow]
    groups: list[SettingGroup]


def routes(platform: Platform) -> APIRouter:
    """The endpoints of the first screen and of the settings."""
    router = Endpoints(platform, tag="jobs")

    @router.get("/v1/overview", NoParameters, "see", reply=OverviewReply)
    def overview(call: Call, _: NoParameters) -> dict[str, Any]:
        """What waits, what serves where, what is weak, what each stage of the loop holds, and the newest jobs."""
        stages = {"sources": len(list_sets(platform.workspace))}
        with platform.database.reading() as db:
            stages |= {stage: search.length(db, name) for stage, name in LISTS.items()}
        served = service.categories(platform)
        disk = shutil.disk_usage(platform.workspace.home)
        return {
            "data": {
                "stages": stages,
                "jobs": newest_jobs(call, NEWEST),
                "waiting": list(map(_waits, waiting(platform))),
                "serving": list(map(_category, served)),
                "weak": list(map(_weak, service.weaknesses(platform, served))),
                "disk": {"free_mib": disk.free // 2**20, "total_mib": disk.total // 2**20},
            }
        }

    @router.get("/v1/settings", NoParameters, "see", reply=SettingsReply)
    def settings(call: Call, _: NoParameters) -> dict[str, Any]:
        """Every setting of the server, its value, and where that comes from; secrets are not shown."""
        groups = [{"name": name, "title": group.title.pick(call.language)} for name, group in GROUPS.items()]
        return {"data": service.settings_of(platform.settings, call.language), "groups": groups}

    return router.api


def _waits(row: Waits) -> dict[str, Any]:
    return {**row._asdict(), "ones": [one._asdict() for one in row.ones]}


def _category(found: service.Category) -> dict[str, Any]:
    places = [{"now": _brief(one.now), "before": one.before and _brief(one.before)} for one in found.places]
    return {"name": found.name, "places": places, "more": found.more}


def _weak(found: service.Weak) -> dict[str, Any]:
    classes = [{name: one[name] for name in WeakClass.model_fields} for one in found.classes]
    return {**found._asdict(), "release": _brief(found.release), "classes": classes}


def _brief(row: Mapping[str, Any]) -> dict[str, Any]:
    """A release as its record says it, with no more of its scores than its mIoU."""
    said = record(row, row["result"])
    metrics = said["metrics"] and {
        **{name: said["metrics"].get(name) for name in _MEASURED},
        "training": {"miou": said["metrics"]["training"].get("miou")},
    }
    return {**{name: said[name] for name in _TOLD}, "metrics": metrics}
