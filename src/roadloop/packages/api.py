"""Routes of annotation packages: /task_divide, /divide_history, /process_label, /label_history, /v1/packages."""

from datetime import datetime
from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import FileResponse

from roadloop.accounts import service as accounts
from roadloop.errors import (
    BrokenFileError,
    ConflictError,
    NotFoundError,
    PathOutsideError,
    UntrustedCodeError,
)
from roadloop.jobs.history import JobFields, JobRows, history, render_of
from roadloop.packages import service, standing, store
from roadloop.packages.recipe import Divide, ProcessLabel
from roadloop.parameters import History, NoParameters, Parameters
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


class Uncut(Parameters):
    """Which pictures are counted."""

    version: str = Field(description="Folder under images/.")
    types: Literal["full", "remote"] = Field("full", description="For packages of which type.")


class Rejected(Parameters):
    """Which rejected labels."""

    version: str = Field(description="Folder under packages/.")
    page: int = Field(1, ge=1, le=10**9, description="Page, from 1.")
    page_size: int = Field(24, ge=1, le=1000, description="Rows a page.")


class PackagePictures(Rejected):
    """Which pictures of a package."""

    number: int = Field(alias="n", ge=1, le=10**9, description="Package number.")


class PackagePicture(Parameters):
    """Names one picture of a package."""

    version: str = Field(description="Folder under packages/.")
    number: int = Field(alias="n", ge=1, le=10**9, description="Package number.")
    name: str = Field(description="Its file name in the package, `ext-...`.")


class GivePackage(Parameters):
    """To whom a package is given."""

    version: str = Field(description="Folder under packages/.")
    number: int = Field(alias="n", ge=1, le=10**9, description="Package number.")
    person: str = Field("", max_length=64, description="Name of an account; empty: nobody has it any more.")


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
    task_id: str | None = Field(description="The division that cut it; null: it came from elsewhere.")
    state: standing.PackageState = Field(
        description="cut: nobody has it. given: to a person. coming: some labels came back. returned: all did. published: every"
        " picture was published or rejected. unreadable: see `problem`."
    )
    cut_at: str | None = Field(description="When it was cut; null: it came from elsewhere.")
    given_at: str | None = Field(description="When the person got it.")
    returned_at: str | None = Field(description="When the last label came back; null until all have.")
    type: str = Field(description="full or remote; empty when its manifest cannot be read.")
    border: int = Field(description="Pixels on each side.")
    pictures: int
    returned: int = Field(description="Labels that stand in released/<version>/<number>.")
    person: str | None = Field(None, description="To whom it was given; null: to nobody.")
    problem: str | None = Field(description="Why it cannot be read.")


class Packages(Success):
    """Packages, ascending by number."""

    data: list[PackageRow]


class VersionRow(BaseModel):
    """One version."""

    version: str
    images: bool = Field(description="Whether images/<version> is there.")
    packages: int = Field(description="Packages that stand.")
    pictures: int = Field(description="In them; hidden tests are not counted.")
    published: int = Field(description="Of these, published.")
    open: int = Field(description="Of these, neither published nor rejected yet.")
    waiting: int = Field(description="Rejected, and not sent out again yet.")


class Versions(Success):
    """Versions, the last name first."""

    data: list[VersionRow]


class Problem(BaseModel):
    """A file that cannot be used."""

    file: str
    reason: str


class UncutCounts(BaseModel):
    """What /task_divide would find."""

    pictures: int = Field(description="Pictures in images/<version>.")
    uncut: int = Field(description="Of these, in no package of the type.")
    tracks: int = Field(description="Tracks of these.")
    bad: int = Field(description="Files that cannot be used.")
    problems: list[Problem] = Field(description="The first of them.")


class UncutReply(Success):
    """What is still to be cut."""

    data: UncutCounts


class PictureRow(BaseModel):
    """One picture of a package and its label."""

    number: int = Field(description="Package number.")
    name: str = Field(description="Its file name in the package.")
    track: str
    point: str
    state: standing.State = Field(
        description="waiting: no label. returned: it came back. Then published, rejected, or superseded by another one."
    )
    reason: str = Field(description="Why its label was rejected.")
    spots: list[dict[str, Any]] = Field(
        description="Colours that the class table does not have: pixels, box [left, top, right, bottom], samples."
    )
    image_url: str
    label_url: str | None = Field(description="null where there is none.")


class RejectedList(Success):
    """Rejected labels in track order."""

    data: list[PictureRow]
    total: int


class SizedRow(PictureRow):
    """One picture of a package, with its size there."""

    width: int
    height: int


class PackagePictureList(Success):
    """Pictures of a package in its order."""

    data: list[SizedRow]
    total: int
    classes: list[dict[str, Any]] = Field(description="What is painted, and in which colours.")


def routes(platform: Platform) -> APIRouter:
    """All routes of this feature."""
    router = Endpoints(platform, tag="annotation packages")
    errors = (NotFoundError, ConflictError, BrokenFileError, PathOutsideError)

    @router.post("/task_divide", Divide, "work", reply=_TASK, errors=(*errors, UntrustedCodeError))
    def task_divide(call: Call, p: Divide) -> Answer:
        """Cut the pictures of a version into numbered packages for annotators (任务包生成).

        They stand in packages/<version>/<n>/; /divide_history shows the progress.
        """
        return call.submit(lambda: service.divide(platform, p))

    @router.post("/divide_history", History, "see", reply=DivisionList, errors=(NotFoundError,))
    def divide_history(call: Call, p: History) -> Answer:
        """How far divisions are, and what they made (任务包生成进度)."""
        return history(call, p, table=store.divisions, render=_DIVISION)

    @router.post("/process_label", ProcessLabel, "work", reply=_TASK, errors=errors)
    def process_label(call: Call, p: ProcessLabel) -> Answer:
        """Publish the labels that came back for a version as a source set (任务包发布).

        Labels stand in released/<version>/<n>/. What is rejected is kept aside and explained; /label_history shows
        the progress.
        """
        today = datetime.now().astimezone().strftime("%Y%m%d")
        return call.submit(lambda: service.publish_labels(platform, p, today))

    @router.post("/label_history", History, "see", reply=LabelList, errors=(NotFoundError,))
    def label_history(call: Call, p: History) -> Answer:
        """How far publications of labels are, and what they found (任务包发布进度)."""
        return history(call, p, table=store.label_runs, render=_RUN)

    @router.get("/v1/packages", PackageList, "package", reply=Packages)
    def package_list(call: Call, p: PackageList) -> Answer:
        """The packages that stand in the workspace: state, division, times, labels that came back, and to whom each was given.

        An annotator sees those that were given to them.
        """
        with platform.database.reading() as db:
            people = accounts.holders(db)
        mine = {number for number, name in people.items() if name == call.caller.name}
        rows = standing.overview(platform, p.version, mine if call.caller.only_given else None)
        for row in rows:
            row["problem"] = row["problem"].pick(call.language) if row["problem"] else None
        return {"data": rows}

    @router.post("/v1/packages/{version}/{n}/give", GivePackage, "work", reply={"data": "li"}, errors=(NotFoundError,))
    def give_package(call: Call, p: GivePackage) -> Answer:
        """Give a package to somebody who has an account, or to nobody. An annotator sees it from then on."""
        return call.write(lambda: service.give(platform, p.version, p.number, p.person), lambda name: {"data": name})

    _look_routes(router, platform)
    return router.api


def _look_routes(router: Endpoints, platform: Platform) -> None:
    """The page's own: what is still to be cut, what came back, and the pictures behind it."""
    missing = (NotFoundError, BrokenFileError)

    @router.get("/v1/packages/versions", NoParameters, "see", reply=Versions)
    def package_versions(_call: Call, _p: NoParameters) -> Answer:
        """The versions that have pictures or packages, and how far each is."""
        return {"data": standing.versions(platform)}

    @router.get("/v1/packages/{version}/uncut", Uncut, "see", reply=UncutReply, errors=(NotFoundError,))
    def package_uncut(call: Call, p: Uncut) -> Answer:
        """How many pictures of a version are in no package yet."""
        return {"data": standing.uncut(platform, p.version, p.types, call.language)}

    @router.get("/v1/packages/{version}/rejected", Rejected, "see", reply=RejectedList)
    def package_rejected(call: Call, p: Rejected) -> Answer:
        """Labels that were rejected and wait to be sent out again, each with the reason, page by page."""
        return standing.rejected(platform, p.version, p.page, p.page_size, call.language)

    @router.get(
        "/v1/packages/{version}/{n}/pictures", PackagePictures, "package", reply=PackagePictureList, errors=missing
    )
    def package_pictures(call: Call, p: PackagePictures) -> Answer:
        """The pictures of a package and what became of each, page by page."""
        return standing.pictures(platform, p.version, p.number, p.page, p.page_size, call.language)

    @router.get(
        "/v1/packages/{version}/{n}/picture/{name}", PackagePicture, "package", reply="image/jpeg", errors=missing
    )
    def package_picture(_call: Call, p: PackagePicture) -> Answer:
        """A picture of a package."""
        path = standing.picture_file(platform, p.version, p.number, p.name)
        return FileResponse(path, media_type="image/png" if path.suffix.lower() == ".png" else "image/jpeg")

    @router.get("/v1/packages/{version}/{n}/label/{name}", PackagePicture, "package", reply="image/png", errors=missing)
    def package_label(_call: Call, p: PackagePicture) -> Answer:
        """The label of a picture of a package as it came back: the rejected one that was kept, else the newest."""
        return FileResponse(standing.label_file(platform, p.version, p.number, p.name), media_type="image/png")
