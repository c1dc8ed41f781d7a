"""Routes of source sets: /data, /offimport, /off_status, and the pages' own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import FileResponse, Response

from roadloop.errors import (
    BrokenFileError,
    ConflictError,
    InvalidValueError,
    Language,
    NameTakenError,
    NotFoundError,
    PathOutsideError,
    Text,
)
from roadloop.jobs.history import JobFields, Part, history
from roadloop.jobs.queue import jobs
from roadloop.labels.library import find_table, list_tables
from roadloop.parameters import NEWEST, History, NoParameters, Parameters
from roadloop.sources import contents, offimport, outcomes, rework, service, store
from roadloop.sources.browse import browse
from roadloop.sources.importers.recognise import LAYOUTS
from roadloop.sources.recipe import ImportRecipe, PreviewImport, Rework
from roadloop.storage import reading
from roadloop.storage.objects import Place
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success

BROWSED: Final[dict[str, Any]] = {
    "data": {"path": "imports", "above": "", "folders": [{"name": "苏州", "path": "imports/苏州"}]}
}
OUTCOMES: Final[dict[str, Any]] = {
    "data": [{"file": "a.jpg", "outcome": "broken", "reason": "", "url": None}],
    "total": 1,
}
_MEDIA: Final = {".csv": "text/csv", ".json": "application/json", ".png": "image/png", ".jpg": "image/jpeg"}


class PreviewFile(Parameters):
    """Names one file of a preview."""

    task_id: str = Field(description="Task id of the preview.")
    file: str = Field(description="A picture of `pairs`, or report.csv.")


class Browse(Parameters):
    """Names a folder that could be imported."""

    path: str = Field("", description="Folder under imports/, or absolute in a root; absent: where folders can be.")


class Outcomes(Parameters):
    """Which rows of a report."""

    task_id: str = Field(description="Task id of an import, or a preview.")
    outcome: str = Field("", description="Only files of this outcome; absent: those that somebody should look at.")
    page: int = Field(1, ge=1, le=10**9, description="Page, from 1.")
    page_size: int = Field(24, ge=1, le=NEWEST, description="Rows a page.")


class ImportPicture(Parameters):
    """Names a picture of an imported folder."""

    task_id: str = Field(description="Task id of an import, or a preview.")
    file: str = Field(description="Its path below the folder.")


class PreviewRow(JobFields):
    """One preview."""

    preview: dict[str, Any] | None = Field(
        description="What the import would do: layout, signs, table, classes, rules, counts, statements, pairs; null"
        " before the end."
    )


class PreviewHistory(Success):
    """Previews; with task_id `data` is the one object."""

    data: list[PreviewRow] | PreviewRow
    total: int | None = None


class ImportRow(JobFields):
    """One import."""

    roadelement: str = Field(description="Class table as asked for; empty: the data's own.")
    source: str
    author: str
    annotype: str
    datakind: str
    city: str
    imgoprange: str
    datum: str = Field(description="wgs84, gcj02, bd09 or unknown.")
    src: str
    dest: str
    mode: str = Field(alias="import", description="copy or reference")
    layout: str = Field(description="As recognised; as asked for while it is not known.")
    table: str | None = Field(description="Name of the class table that was used.")
    pictures: int | None = Field(description="Pictures added.")
    counts: dict[str, int] | None = Field(description="Files by what became of them.")
    statements: dict[str, int] | None = Field(description="Statements about pictures by what became of them.")
    classes: list[dict[str, Any]] | None = Field(description="The data's classes and the raw ids that they became.")
    report_url: str = Field(description="The report, file by file, once it has ended.")


class ImportHistory(Success):
    """Reply of /off_status; with task_id `data` is the one object."""

    data: list[ImportRow] | ImportRow
    total: int | None = None


class OneSet(Parameters):
    """Names one source set."""

    name: str = Field(description="Name of a source set.")


class SetPictures(OneSet):
    """Which pictures of a source set."""

    package: str = Field("", description="Only pictures of this package; absent: of all.")
    city: str = Field("", description="Only pictures from this city; absent: from all.")
    month: str = Field("", description="Only pictures of this month, YYYY-MM; absent: of all.")
    page: int = Field(1, ge=1, le=10**9, description="Page, from 1.")
    page_size: int = Field(24, ge=1, le=NEWEST, description="Rows a page.")


class SetPicture(OneSet):
    """Names one picture of a source set."""

    package: str = Field(description="Its package.")
    stem: str = Field(description="Its name without ending.")


class Task(Parameters):
    """Names one job."""

    task_id: str = Field(description="Its task id.")


def routes(platform: Platform) -> APIRouter:
    """All routes of this feature."""
    router = Endpoints(platform, tag="source sets")

    @router.get("/data", NoParameters, "see", reply={"data": ["lane-all-20180710"]})
    def data(_call: Call, _p: NoParameters) -> Answer:
        """Names of the source sets (选择data源文件夹)."""
        return {"data": service.list_sets(platform.workspace)}

    @router.get("/v1/class-tables", NoParameters, "see", reply={"data": [{"name": "hd-road", "classes": []}]})
    def class_tables(call: Call, _p: NoParameters) -> Answer:
        """The class tables: the shipped ones, and the files in class-tables/.

        A file that is no class table has a `problem` instead of classes.
        """
        workspace = platform.workspace
        return {"data": [_describe_table(workspace, name, call.language) for name in list_tables(workspace)]}

    @router.get(
        "/v1/imports/layouts",
        NoParameters,
        "see",
        reply={"data": [{"name": "voc", "signs": "JPEGImages/ and SegmentationClass/"}]},
    )
    def import_layouts(call: Call, _p: NoParameters) -> Answer:
        """The layouts that /offimport knows, in the order in which they are recognised, and what decides for each."""
        return {"data": [{"name": name, "signs": one.signs.pick(call.language)} for name, one in LAYOUTS.items()]}

    _set_routes(router, platform)
    _import_routes(router, platform)
    _look_routes(router, platform)
    return router.api


def _describe_table(workspace: Workspace, name: str, language: Language) -> dict[str, Any]:
    try:
        return {"name": name, "classes": find_table(workspace, name).to_rows()}
    except (InvalidValueError, PathOutsideError) as error:
        return {"name": name, "classes": [], "problem": error.text.pick(language)}


def _set_routes(router: Endpoints, platform: Platform) -> None:
    errors = (NotFoundError,)

    @router.get("/v1/sources", NoParameters, "see", reply={"data": [{"name": "lane-suzhou", "src": "imports/suzhou"}]})
    def sources(_call: Call, _p: NoParameters) -> Answer:
        """The source sets, each with where it was imported from."""
        return {"data": contents.list_described(platform.workspace)}

    @router.get(
        "/v1/sources/{name}", OneSet, "see", reply={"data": {"name": "lane-suzhou", "pictures": 2}}, errors=errors
    )
    def source(call: Call, p: OneSet) -> Answer:
        """What a source set holds: packages, classes, cities, months, and files that are left out."""
        found = contents.describe(platform.workspace, p.name)
        problems = [{**one, "reason": Text(*one["reason"]).pick(call.language)} for one in found["problems"]]
        return {"data": {**found, "problems": problems}}

    @router.get(
        "/v1/sources/{name}/pictures", SetPictures, "see", reply={"data": [{"name": "a_1"}], "total": 1}, errors=errors
    )
    def source_pictures(_call: Call, p: SetPictures) -> Answer:
        """The pictures of a source set, page by page, with the addresses of picture and label."""
        return contents.list_pictures(
            platform.workspace, p.name, contents.Which(p.package, p.city, p.month), p.page, p.page_size
        )

    @router.get(
        "/v1/sources/{name}/pictures/{package}/{stem}/image", SetPicture, "see", reply="image/jpeg", errors=errors
    )
    def source_image(_call: Call, p: SetPicture) -> Answer:
        """A picture of a source set."""
        return _picture(contents.find_picture(platform.workspace, p.name, p.package, p.stem))

    @router.get(
        "/v1/sources/{name}/pictures/{package}/{stem}/label",
        SetPicture,
        "see",
        reply="image/png",
        errors=(NotFoundError, BrokenFileError),
    )
    def source_label(_call: Call, p: SetPicture) -> Answer:
        """Its label: a palette PNG whose indices are the raw ids and whose colours are the class table's."""
        return Response(contents.draw_label(platform, p.name, p.package, p.stem), media_type="image/png")

    @router.post(
        "/v1/sources/{name}/rework",
        Rework,
        "work",
        reply={"message": "success", "data": "8a4f0c2e5b7d4e6f9a1b3c5d7e9f1a2b"},
        errors=(NotFoundError, NameTakenError),
    )
    def send_to_rework(call: Call, p: Rework) -> Answer:
        """Copy pictures that are to be labelled anew to images/<version>, for /task_divide. Answers with the task id."""
        return call.submit(lambda: rework.create(platform, p))


def _import_routes(router: Endpoints, platform: Platform) -> None:
    @router.post(
        "/offimport",
        ImportRecipe,
        "work",
        reply={"message": "success", "data": "8a4f0c2e5b7d4e6f9a1b3c5d7e9f1a2b"},
        errors=(NotFoundError, NameTakenError, ConflictError, PathOutsideError),
    )
    def off_import(call: Call, p: ImportRecipe) -> Answer:
        """Bring a folder of labelled pictures into a source set (离线导入).

        Answers at once with the task id; /off_status shows the progress. Importing the same folder into the same set
        again adds what is new.
        """
        return call.write(
            lambda: offimport.create(platform, offimport.prepare(platform.workspace, p)),
            lambda task_id: {"message": "success", "data": task_id},
        )

    @router.post("/off_status", History, "see", reply=ImportHistory, errors=(NotFoundError,))
    def off_status(call: Call, p: History) -> Answer:
        """List imports, or show one with its progress (离线导入进度)."""
        return history(call, p, table=store.imports, render=_render)


def _look_routes(router: Endpoints, platform: Platform) -> None:
    @router.post(
        "/v1/imports/preview",
        PreviewImport,
        "work",
        reply={"message": "success", "data": "8a4f0c2e5b7d4e6f9a1b3c5d7e9f1a2b"},
        errors=(NotFoundError, ConflictError, PathOutsideError),
    )
    def import_preview(call: Call, p: PreviewImport) -> Answer:
        """Show what /offimport would do with a folder, and do nothing. Answers with the task id."""
        return call.write(
            lambda: offimport.create_preview(offimport.prepare(platform.workspace, p)),
            lambda task_id: {"message": "success", "data": task_id},
        )

    @router.get("/v1/imports/preview", History, "see", reply=PreviewHistory, errors=(NotFoundError,))
    def import_previews(call: Call, p: History) -> Answer:
        """List previews of imports, or show one: what would become of the folder."""
        return history(
            call,
            p,
            table=None,
            render=_render_preview,
            part=Part(outcomes.PREVIEW, jobs.c.kind == outcomes.PREVIEW),
        )

    @router.get("/v1/imports/preview/{task_id}/{file}", PreviewFile, "see", reply="image/jpeg", errors=(NotFoundError,))
    def import_preview_file(_call: Call, p: PreviewFile) -> Answer:
        """A picture of a preview, the photograph beside its label, or its report as csv."""
        path = offimport.find_preview(platform, p.task_id, p.file)
        return FileResponse(path, media_type=_MEDIA[path.suffix])

    @router.get("/v1/imports/folders", Browse, "see", reply=BROWSED, errors=(NotFoundError, PathOutsideError))
    def import_folders(_call: Call, p: Browse) -> Answer:
        """The folders that could be imported, one level at a time: those under imports/ and in the roots."""
        return {"data": browse(platform.workspace, p.path)}

    @router.get("/v1/imports/{task_id}/files", Outcomes, "see", reply=OUTCOMES, errors=(NotFoundError,))
    def import_outcomes(call: Call, p: Outcomes) -> Answer:
        """What became of the files of an import, or would become of those of a preview, page by page."""
        return outcomes.list_outcomes(platform, p.task_id, p.outcome, p.page, p.page_size, call.language)

    @router.get(
        "/v1/imports/{task_id}/picture",
        ImportPicture,
        "see",
        reply="image/jpeg",
        errors=(NotFoundError, PathOutsideError),
    )
    def import_picture(_call: Call, p: ImportPicture) -> Answer:
        """A picture of the folder that was imported, or looked at, as it is there now."""
        return _picture(outcomes.find_picture(platform, p.task_id, p.file))

    @router.get("/v1/imports/{task_id}/report", Task, "see", reply="text/csv", errors=(NotFoundError,))
    def import_report(_call: Call, p: Task) -> Answer:
        """What became of every file of an import, as csv: file, outcome, reason in Chinese and English."""
        path = offimport.find_report(platform, p.task_id)
        return FileResponse(path, media_type="text/csv", filename=f"import-{p.task_id[:8]}.csv")


def _picture(place: Place) -> Response:
    kind = "image/png" if place.name.lower().endswith(".png") else "image/jpeg"
    return (
        FileResponse(place, media_type=kind)
        if isinstance(place, Path)
        else Response(reading.read_bytes(place), media_type=kind)
    )


def _render_preview(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    job = row["job"]
    if not job.result:
        return {"preview": None}
    at = f"/v1/imports/preview/{job.id}"
    pairs = [{**pair, "url": f"{at}/{pair['file']}"} for pair in job.result["pairs"]]
    return {"preview": {**job.result, "pairs": pairs, "report_url": f"{at}/report.csv"}}


def _render(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    result = row["job"].result or {}
    asked = (
        "roadelement", "source", "author", "annotype", "datakind", "city", "imgoprange", "datum", "src", "dest", "layout",
    )  # fmt: skip
    return {
        **{name: row[name] for name in asked},
        "import": row["mode"],
        "layout": result.get("layout", row["layout"]),
        "table": result.get("table"),
        "pictures": result.get("pictures"),
        "counts": result.get("counts"),
        "statements": result.get("statements"),
        "classes": result.get("classes"),
        "report_url": f"/v1/imports/{row['task_id']}/report",
    }
