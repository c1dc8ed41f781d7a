"""The first screen in one answer: how much each stage of the loop holds, and the newest jobs."""

from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roadloop.jobs.api import JobRow, newest_jobs
from roadloop.parameters import NoParameters
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


class Overview(BaseModel):
    """The first screen."""

    stages: dict[str, int] = Field(description="Rows by stage, whatever became of their jobs; of `sources` the sets.")
    jobs: list[JobRow] = Field(description="The newest jobs.")


class OverviewReply(Success):
    """What `/v1/overview` answers."""

    data: Overview


def routes(platform: Platform) -> APIRouter:
    """The endpoint of the first screen."""
    router = Endpoints(platform, tag="jobs")

    @router.get("/v1/overview", NoParameters, "see", reply=OverviewReply)
    def overview(call: Call, _: NoParameters) -> dict[str, Any]:
        """What each stage of the loop holds, and the newest jobs."""
        stages = {"sources": len(list_sets(platform.workspace))}
        with platform.database.reading() as db:
            stages |= {stage: search.length(db, name) for stage, name in LISTS.items()}
        return {"data": {"stages": stages, "jobs": newest_jobs(call, NEWEST)}}

    return router.api
