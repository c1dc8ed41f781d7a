"""HTTP routes of selections: /sam_value, /auto_sam, /sele_value, /auto_sele, and the pages' own /v1/selections."""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import FileResponse, Response, StreamingResponse

from roadloop.errors import (
    BrokenFileError,
    ConflictError,
    Language,
    NotFoundError,
    PathOutsideError,
    UntrustedCodeError,
)
from roadloop.jobs import queue
from roadloop.jobs.history import Part, history
from roadloop.lists import read_names
from roadloop.parameters import History, Parameters
from roadloop.selection import service, shown
from roadloop.selection.output import open_sheet
from roadloop.selection.recipe import FetchPoints, Mine, Neighbours, Sample
from roadloop.selection.replies import AlongReply, Comparison, PictureList, RemovedReply, SelectionList, TrackList
from roadloop.selection.store import selections
from roadloop.storage.platform import Platform
from roadloop.tracks.service import count_pictures, track_names
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints

_ID = "0123456789abcdef0123456789abcdef"


class One(Parameters):
    """Names one selection."""

    task_id: str = Field(description="The selection's id.")


class OneSheet(One):
    """Names one contact sheet."""

    arm: Literal["random", "mined", "control"] = Field(description="random, mined or control.")


class Lines(One):
    """Which lines of a selection's table."""

    page: int = Field(1, ge=1, le=10**9, description="Page, from 1.")
    page_size: int = Field(50, ge=1, le=1000, description="Rows a page.")
    blind: bool = Field(False, description="In the order of the tracks, without what tells the arms apart.")


class OneImage(One):
    """Names one picture."""

    file: str = Field(description="Its name in the output folder.")


class Along(One):
    """Names one track of a selection."""

    track: str = Field(description="Track id.")


class Removal(One):
    """Which pictures are taken out, or put back."""

    files: list[str] = Field(max_length=100_000, description="Names in the output folder.")
    back: bool = Field(False, description="Put them back.")


class FindTracks(Parameters):
    """Which tracks."""

    q: str = Field("", max_length=200, description="Only those whose id holds this.")
    page: int = Field(1, ge=1, le=10**9, description="Page, from 1.")
    page_size: int = Field(100, ge=1, le=1000, description="Rows a page.")


class Compare(One):
    """Which trainings are compared."""

    mined: str = Field(description="Training tasks that had the mined pictures, one for each seed, with commas.")
    control: str = Field(description="Training tasks that had the control arm instead, with commas.")


def routes(platform: Platform) -> APIRouter:
    """The router of this feature."""
    router = Endpoints(platform, tag="selection")
    failures = (NotFoundError, ConflictError, PathOutsideError)

    @router.post("/sam_value", Sample, "work", reply={"message": "success", "data": _ID}, errors=failures)
    def sam_value(call: Call, p: Sample) -> Answer:
        """Take pictures of drives at random or evenly spaced (随机抽图).

        Give exactly one of `track_file` and `task_file`. The folder appears whole at the end: pictures,
        `selection.csv`, `task_list.json`, a contact sheet.
        """
        return call.write(
            lambda: service.start_sampling(platform, p),
            lambda task_id: {"message": "success", "data": task_id},
        )

    @router.post("/auto_sam", History, "see", reply=SelectionList, errors=(NotFoundError,))
    def auto_sam(call: Call, p: History) -> Answer:
        """How far samplings are, and what they took (随机抽图进度)."""
        return _history(call, p, "sam")

    @router.post(
        "/sele_value",
        Mine,
        "work",
        reply={"message": "success", "data": _ID},
        errors=(*failures, BrokenFileError, UntrustedCodeError),
    )
    def sele_value(call: Call, p: Mine) -> Answer:
        """Choose the pictures of drives that a model would learn most from (自动挑图).

        Pictures are scored by the model's uncertainty about the classes asked for, by default those that its last
        evaluation found weak; among the best ones different-looking pictures are chosen.
        """
        return call.write(
            lambda: service.start_mining(platform, p),
            lambda task_id: {"message": "success", "data": task_id},
        )

    @router.post(
        "/v1/selections/neighbours",
        Neighbours,
        "work",
        reply={"message": "success", "data": _ID},
        errors=(*failures, BrokenFileError, UntrustedCodeError),
    )
    def selection_neighbours(call: Call, p: Neighbours) -> Answer:
        """Score the neighbourhoods of listed track points, such as found faults, and take all of these pictures.

        Up to `reach` neighbours on either side of the same track; what is in several neighbourhoods is taken once. Its
        progress and its result are those of /auto_sele.
        """
        return call.write(
            lambda: service.start_neighbours(platform, p),
            lambda task_id: {"message": "success", "data": task_id},
        )

    @router.post(
        "/v1/selections/points", FetchPoints, "work", reply={"message": "success", "data": _ID}, errors=failures
    )
    def selection_points(call: Call, p: FetchPoints) -> Answer:
        """Fetch the pictures of listed track points as the folder images/<name>, which can be evaluated.

        Its progress and its result are those of /auto_sam.
        """
        return call.write(
            lambda: service.fetch_points(platform, p),
            lambda task_id: {"message": "success", "data": task_id},
        )

    @router.post("/auto_sele", History, "see", reply=SelectionList, errors=(NotFoundError,))
    def auto_sele(call: Call, p: History) -> Answer:
        """How far minings are, and what they took (自动挑图进度)."""
        return _history(call, p, "sele")

    _add_views(router, platform)
    _add_pictures(router, platform)
    return router.api


def _add_views(router: Endpoints, platform: Platform) -> None:
    """The pages' own routes: report, table, contact sheet, comparison of the arms."""
    missing = (NotFoundError, ConflictError)

    @router.get(
        "/v1/selections/{task_id}/report",
        One,
        "see",
        reply={"data": {"format": "roadloop-selection/1", "task_type": "sele", "summary": {"pictures": 50}}},
        errors=missing,
    )
    def selection_report(_call: Call, p: One) -> Answer:
        """The whole report of a finished selection."""
        return {"data": service.finished(platform, p.task_id)[1]}

    @router.get("/v1/selections/{task_id}/table", One, "see", reply="text/csv", errors=missing)
    def selection_table(_call: Call, p: One) -> Answer:
        """`selection.csv` of a finished selection, for a spreadsheet: no cell of it is a formula."""
        folder, _ = service.finished(platform, p.task_id)
        name = {"content-disposition": f'attachment; filename="selection-{p.task_id[:32]}.csv"'}
        return StreamingResponse(open_sheet(folder), media_type="text/csv; charset=utf-8", headers=name)

    @router.get("/v1/selections/{task_id}/sheet/{arm}", OneSheet, "see", reply="image/png", errors=missing)
    def selection_sheet(_call: Call, p: OneSheet) -> Answer:
        """The contact sheet of one arm of a finished selection."""
        return FileResponse(service.contact_sheet(platform, p.task_id, p.arm), media_type="image/png")

    @router.get(
        "/v1/selections/{task_id}/compare", Compare, "see", reply=Comparison, errors=(*missing, BrokenFileError)
    )
    def selection_compare(call: Call, p: Compare) -> Answer:
        """Whether mining paid: trainings with the mined arm against trainings with the control arm.

        Several seeds of each are needed to tell; the answer says so when there are too few, and also when mining did
        not pay.
        """
        found = service.compare_arms(platform, p.task_id, read_names(p.mined), read_names(p.control))
        return in_language(found, call.language)


def _add_pictures(router: Endpoints, platform: Platform) -> None:
    """Pictures one by one, their place in the track, and what is taken out; the tracks that there are."""
    missing = (NotFoundError, ConflictError)

    @router.get("/v1/selections/{task_id}/pictures", Lines, "see", reply=PictureList, errors=missing)
    def selection_pictures(call: Call, p: Lines) -> Answer:
        """The pictures that a finished selection took, each with its score and the reason, page by page."""
        found = shown.pictures(platform, p.task_id, p.page, p.page_size, blind=p.blind, language=call.language)
        for row in found["data"]:
            file = quote(row["file"], safe="")
            row["image_url"] = f"/v1/selections/{p.task_id}/image/{file}"
            row["map_url"] = f"/v1/selections/{p.task_id}/map/{file}" if row.pop("mapped") else None
        return found

    @router.get("/v1/selections/{task_id}/image/{file}", OneImage, "see", reply="image/jpeg", errors=missing)
    def selection_image(_call: Call, p: OneImage) -> Answer:
        """A picture that a finished selection took."""
        path = shown.image_file(platform, p.task_id, p.file)
        return FileResponse(path, media_type="image/png" if path.suffix.lower() == ".png" else "image/jpeg")

    @router.get("/v1/selections/{task_id}/map/{file}", OneImage, "see", reply="image/png", errors=missing)
    def selection_map(_call: Call, p: OneImage) -> Answer:
        """Where in a picture that a mining took the model is uncertain about the classes wanted.

        A grey PNG as large as the picture, whole percent; the first 1,000 pictures have one.
        """
        return Response(shown.score_map(platform, p.task_id, p.file), media_type="image/png")

    @router.get("/v1/selections/{task_id}/track", Along, "see", reply=AlongReply, errors=missing)
    def selection_track(_call: Call, p: Along) -> Answer:
        """The points of a track in their order, and which of them a selection took."""
        return {"data": shown.along(platform, p.task_id, p.track)}

    @router.post("/v1/selections/{task_id}/remove", Removal, "work", reply=RemovedReply, errors=missing)
    def selection_remove(_call: Call, p: Removal) -> Answer:
        """Take pictures out of what /task_divide cuts, or put them back; the files stay."""
        return {"removed": shown.remove(platform, p.task_id, p.files, back=p.back)}

    @router.get("/v1/tracks", FindTracks, "see", reply=TrackList)
    def tracks(_call: Call, p: FindTracks) -> Answer:
        """The tracks that stand in folders, each with its pictures, page by page."""
        names = [name for name in track_names(platform) if p.q.casefold() in name.casefold()]
        some = names[(p.page - 1) * p.page_size : p.page * p.page_size]
        return {"data": [{"track": name, "pictures": count_pictures(platform, name)} for name in some],
                "total": len(names)}  # fmt: skip


def in_language(found: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """A comparison with its texts in one language."""
    pick = 0 if language == "zh" else 1
    measures = [
        {**{k: v for k, v in m.items() if not k.startswith("name_")}, "name": m[f"name_{language}"]}
        for m in found["measures"]
    ]
    caution = found["caution"]
    return {
        **found,
        "sentence": found["sentence"][pick],
        "caution": caution[pick] if caution else None,
        "measures": measures,
    }


def _history(call: Call, p: History, task_type: str) -> Answer:
    part = Part(task_type, selections.c.task_type == task_type)
    return history(call, p, table=selections, render=_row, part=part)


def _row(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    job: queue.Job = row["job"]
    names = (
        "task_type", "output_dir", "gpus", "sele_ratio", "weights_dir", "track_file", "task_file", "isshuffle",
    )  # fmt: skip
    listed = len(job.payload.get("points", ()))
    return {**{name: row[name] for name in names}, "points": listed, "summary": job.result or None}
