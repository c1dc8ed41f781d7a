"""Routes of annotators: /linedown, /line_status, /v1/packages/{version}/{n}/push, /v1/pushes."""

from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from roadloop.annotators import course, service, store
from roadloop.annotators.recipe import Download, Push
from roadloop.errors import BrokenFileError, ConflictError, NotFoundError, PathOutsideError
from roadloop.jobs.history import JobFields, JobRows, history, render_of
from roadloop.parameters import History, Parameters
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success

_TASK: Final = {"message": "success", "data": "0123456789abcdef0123456789abcdef"}
_DOWNLOAD: Final = render_of(
    columns=("taskid_start", "taskid_end", "dest", "annotator"),
    facts=("tasks", "finished", "already", "unfinished", "bad", "overlap"),
)
_PUSH: Final = render_of(
    columns=("version", "number", "annotator"),
    facts=("place", "pictures", "already", "taskid_start", "taskid_end", "polygon_loss"),
)


class DownloadRow(JobFields):
    """One call of /linedown."""

    taskid_start: int
    taskid_end: int
    dest: str
    annotator: str = Field(description="folder or label-studio")
    tasks: int | None = Field(description="Annotation tasks in the range; null before the end.")
    finished: int | None = Field(description="Labels fetched by this call.")
    already: int | None = Field(description="Labels that stood there already, unchanged.")
    unfinished: int | None
    bad: int | None = Field(description="What could not be read; warnings and log say why.")
    overlap: int | None = Field(description="Pixels that regions of different classes claimed; the later has them.")


class DownloadList(JobRows[DownloadRow]):
    """Calls of /linedown, newest first; with task_id the one object."""


class PushRow(JobFields):
    """One package handed to an annotator."""

    version: str
    number: int
    annotator: str = Field(description="folder or label-studio")
    place: str | None = Field(description="Where annotators find it; null before the end.")
    pictures: int | None
    already: int | None = Field(description="Pictures that were there before.")
    taskid_start: int | None = Field(description="Label Studio: first task id, for /linedown.")
    taskid_end: int | None
    polygon_loss: list[dict[str, Any]] | None = Field(description="Pixels changed by class, when pushed as polygons.")


class PushList(JobRows[PushRow]):
    """Packages handed over, newest first; with task_id the one object."""


class OneVersion(Parameters):
    """Names a version."""

    version: str = Field(description="Folder under images/ or packages/.")


class PackageCourse(BaseModel):
    """How far one package is."""

    number: int
    type: str = Field(description="full or remote; empty when its manifest cannot be read.")
    pictures: int
    pushed: str | None = Field(description="To which annotator it was handed over; null: not yet.")
    done: int | None = Field(description="Finished at the annotator, fetched or not; null when nobody can say.")
    newest: str | None = Field(description="When the last label was put into the inbox.")
    first: int | None = Field(description="First annotation task, for /linedown.")
    last: int | None = Field(description="Last annotation task.")
    returned: int = Field(description="Labels that stand in released/<version>/<number>.")
    published: int
    rejected: int
    person: str = Field(
        description="Who has it: the account that it was given to, else who was named as it was handed over."
    )
    problem: str | None = Field(description="Why it cannot be read.")


class PersonCourse(BaseModel):
    """How far one of the people who have packages is."""

    person: str
    packages: int
    pictures: int
    done: int = Field(description="Finished at the annotator, fetched or not.")
    returned: int
    published: int
    rejected: int


class VersionCourse(BaseModel):
    """How far a version is."""

    version: str
    images: bool = Field(description="Whether images/<version> is there.")
    waiting: int = Field(description="Rejected labels that were not sent out again.")
    annotator: str = Field(description="folder or label-studio")
    outbox: str = Field(description="Where annotators find packages.")
    inbox: str = Field(description="Where they put labels; empty for label-studio.")
    unreachable: str | None = Field(description="Why the annotation server cannot be asked.")
    packages: list[PackageCourse]
    people: list[PersonCourse] = Field(description="By name; packages that nobody was named for are not in it.")


class ProgressReply(Success):
    """How far a version is."""

    data: VersionCourse


def routes(platform: Platform) -> APIRouter:
    """All routes of this feature."""
    router = Endpoints(platform, tag="annotators")
    errors = (NotFoundError, ConflictError, BrokenFileError, PathOutsideError)

    @router.post("/linedown", Download, "work", reply=_TASK, errors=errors)
    def linedown(call: Call, p: Download) -> Answer:
        """Fetch finished annotations from the annotator (在线下载).

        They are put into released/<dest>/<package>/; /line_status shows the progress. Calling it again fetches what is
        new or has changed.
        """
        return call.submit(lambda: service.download(platform, p))

    @router.post("/line_status", History, "see", reply=DownloadList, errors=(NotFoundError,))
    def line_status(call: Call, p: History) -> Answer:
        """How far downloads are, and what they found (在线下载进度)."""
        return history(call, p, table=store.downloads, render=_DOWNLOAD)

    @router.post("/v1/packages/{version}/{n}/push", Push, "work", reply=_TASK, errors=errors)
    def push_package(call: Call, p: Push) -> Answer:
        """Hand a package to the annotator: a Label Studio project, or a copy in the outbox.

        Pushing again hands over only what is missing.
        """
        return call.submit(lambda: service.push(platform, p))

    @router.get("/v1/pushes", History, "see", reply=PushList, errors=(NotFoundError,))
    def push_history(call: Call, p: History) -> Answer:
        """Packages that were handed to the annotator, newest first."""
        return history(call, p, table=store.pushes, render=_PUSH)

    @router.get(
        "/v1/annotation/{version}", OneVersion, "see", reply=ProgressReply, errors=(NotFoundError, PathOutsideError)
    )
    def annotation_progress(call: Call, p: OneVersion) -> Answer:
        """How far the packages of a version are, while annotators work on them."""
        return {"data": course.of_version(platform, p.version, call.language)}

    return router.api
