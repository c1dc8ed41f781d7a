"""Routes of annotation packages: /task_divide, /divide_history, /process_label, /label_history, /v1/packages."""

from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roadloop.errors import (
    BrokenFileError,
    ConflictError,
    NotFoundError,
    PathOutsideError,
    UntrustedCodeError,
)
from roadloop.jobs.history import JobFields, JobRows, history, render_of
from roadloop.packages import service, store
from roadloop.packages.recipe import Divide, ProcessLabel
from roadloop.parameters import History, Parameters
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success

_TASK: Final = {"message": "success", "data": "0123456789abcdef0123456789abcdef"}
_DIVISION: Final = render_of(
    columns=("version", "step", "types", "rejected", "pre_model"),
    facts=("packages", "first", "last", "pictures", "bad", "overlap", "gold"),
)
_RUN: Final = render_of(
    columns=("version", "types", "name"),
    facts=(
        "published_pictures", "rejected_pictures", "missing_pictures", "agreement", "gold", "report", "rejected_folder",
    ),
)  # fmt: skip


class PackageList(Parameters):
    """Parameters of /v1/packages."""

    version: str = Field("", description="Only this version.")


class DivisionRow(JobFields):
    """One call of /task_divide."""

    version: str
    step: int
    types: str
    rejected: bool
    pre_model: str
    packages: int | None = Field(description="How many packages; null before the end.")
    first: int | None = Field(description="Their first number.")
    last: int | None = Field(description="Their last number.")
    pictures: int | None = Field(description="Pictures in them, second copies included.")
    bad: int | None = Field(description="Files that could not be used; the log names them.")
    overlap: int | None = Field(description="Pictures that are in two packages.")
    gold: int | None = Field(description="Hidden pictures with known labels.")


class DivisionList(JobRows[DivisionRow]):
    """Calls of /task_divide, newest first; with task_id the one object."""


class LabelRow(JobFields):
    """One call of /process_label."""

    version: str
    types: str
    name: str = Field(description="The source set.")
    published_pictures: int | None = Field(description="null before the end.")
    rejected_pictures: int | None
    missing_pictures: int | None = Field(description="Pictures whose label did not come back.")
    agreement: list[dict[str, Any]] | None = Field(description="Between packages that hold the same pictures.")
    gold: list[dict[str, Any]] | None = Field(description="Score of each package on pictures with known labels.")
    report: str | None = Field(description="The whole report, relative to the workspace.")
    rejected_folder: str | None = Field(description="Where rejected labels are kept, with reasons.")


class LabelList(JobRows[LabelRow]):
    """Calls of /process_label, newest first; with task_id the one object."""


class PackageRow(BaseModel):
    """One package folder."""

    version: str
    number: int
    type: str = Field(description="full or remote; empty when its manifest cannot be read.")
    border: int = Field(description="Pixels on each side.")
    pictures: int
    returned: int = Field(description="Labels that stand in released/<version>/<number>.")
    problem: str | None = Field(description="Why it cannot be read.")


class Packages(Success):
    """Packages, ascending by number."""

    data: list[PackageRow]


def routes(platform: Platform) -> APIRouter:
    """All routes of this feature."""
    router = Endpoints(platform, tag="annotation packages")
    errors = (NotFoundError, ConflictError, BrokenFileError, PathOutsideError)

    @router.post("/task_divide", Divide, reply=_TASK, errors=(*errors, UntrustedCodeError))
    def task_divide(call: Call, p: Divide) -> Answer:
        """Cut the pictures of a version into numbered packages for annotators (任务包生成).

        They stand in packages/<version>/<n>/; /divide_history shows the progress.
        """
        return call.submit(lambda: service.divide(platform, p))

    @router.post("/divide_history", History, reply=DivisionList, errors=(NotFoundError,))
    def divide_history(call: Call, p: History) -> Answer:
        """How far divisions are, and what they made (任务包生成进度)."""
        return history(call, p, table=store.divisions, render=_DIVISION)

    @router.post("/process_label", ProcessLabel, reply=_TASK, errors=errors)
    def process_label(call: Call, p: ProcessLabel) -> Answer:
        """Publish the labels that came back for a version as a source set (任务包发布).

        Labels stand in released/<version>/<n>/. What is rejected is kept aside and explained; /label_history shows
        the progress.
        """
        today = datetime.now().astimezone().strftime("%Y%m%d")
        return call.submit(lambda: service.publish_labels(platform, p, today))

    @router.post("/label_history", History, reply=LabelList, errors=(NotFoundError,))
    def label_history(call: Call, p: History) -> Answer:
        """How far publications of labels are, and what they found (任务包发布进度)."""
        return history(call, p, table=store.label_runs, render=_RUN)

    @router.get("/v1/packages", PackageList, reply=Packages)
    def package_list(call: Call, p: PackageList) -> Answer:
        """The packages that stand in the workspace, and how many of their labels came back."""
        rows = service.overview(platform, p.version)
        for row in rows:
            row["problem"] = row["problem"].pick(call.language) if row["problem"] else None
        return {"data": rows}

    return router.api
