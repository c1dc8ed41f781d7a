"""HTTP routes of evaluations: start, progress, pictures, report."""

import base64
from collections.abc import Mapping
from typing import Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from roadloop.errors import (
    BrokenFileError,
    ConflictError,
    Language,
    NotFoundError,
    PathOutsideError,
    UntrustedCodeError,
)
from roadloop.evaluation import confidence, service
from roadloop.evaluation.listing import Wanted, list_pictures
from roadloop.evaluation.recipe import StartEvaluation
from roadloop.evaluation.report import read_tables
from roadloop.evaluation.show import Finished, Kind, Shown, open_finished
from roadloop.evaluation.store import evaluations
from roadloop.jobs import queue
from roadloop.jobs.arrange import Fields
from roadloop.jobs.history import JobFields, JobRows, history
from roadloop.jobs.store import jobs
from roadloop.models.manner import Manner
from roadloop.parameters import History, Parameters
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Answer, Endpoints, Success

_CACHE = {"Cache-Control": "private, max-age=600"}
_FIELDS: Final[Fields] = {
    "sour_dir": evaluations.c.sour_dir,
    "type": evaluations.c.type,
    "total_img": jobs.c.result["total_img"].as_integer(),
}


class ShowPicture(Parameters):
    """What `/show` takes."""

    task_id: str = Field(description="The evaluation's id.", examples=["sadsa"])
    cur_img: int = Field(1, description="Number of the picture, from 1.", examples=[1])


class OneEvaluation(Parameters):
    """Names one evaluation."""

    task_id: str = Field(description="The evaluation's id.")


class OnePicture(OneEvaluation):
    """Names one view of one picture."""

    number: int = Field(description="Number of the picture, from 1.")
    kind: Kind = Field(
        description="image, overlay, errors (JPEG); truth, id, color, truth_id (train ids of the label), confidence (whole"
        " percent, 255 where nothing was predicted) (PNG)."
    )
    model: int = Field(1, description="Which model, from 1, in the order of `la_data`.")


class ListPictures(OneEvaluation):
    """Which pictures of an evaluation, and in which order."""

    model: int = Field(1, ge=1, description="Which model's figures count, from 1, in the order of the report.")
    order: Literal["listed", "worst"] = Field(
        "listed", description="worst: the worst first, without pictures that have no figure."
    )
    track: str = Field("", max_length=1000, description="Only pictures of this track.")
    train_id: int | None = Field(None, ge=0, le=255, description="The class that counts; absent: the picture's mIoU.")
    predicted: int | None = Field(
        None,
        ge=0,
        le=255,
        description="With `train_id`: what its pixels were taken for, 255 = none; the picture with most of them comes first.",
    )
    around: int = Field(
        0, ge=0, le=10**9, description="Number of the picture that stands in the middle of those listed."
    )
    limit: int = Field(200, ge=1, le=1000, description="How many pictures at most.")


class OneModel(OneEvaluation):
    """Names one model of an evaluation."""

    model: int = Field(ge=1, description="Which model, from 1, in the order of the report.")
    worst: int = Field(12, ge=0, le=1000, description="How many of the worst pictures.")


class ModelConfidence(OneEvaluation):
    """Which part of a model's confidence."""

    model: int = Field(1, ge=1, description="Which model, from 1, in the order of the report.")
    order: Literal["listed", "lowest"] = Field("listed", description="lowest: the least certain pictures first.")
    train_id: int | None = Field(
        None, ge=0, le=254, description="With lowest: the class whose confidence counts; absent: the whole picture's."
    )
    skip: int = Field(0, ge=0, le=10**9, description="So many pictures are left out first.")
    limit: int = Field(200, ge=0, le=1000, description="How many pictures at most.")


class EvaluationRow(JobFields):
    """One evaluation."""

    type: str
    sour_dir: str
    dest_dir: str
    gpus: str
    single_gpu: int
    tile: int
    flip: bool
    scales: list[float]
    mapping: dict[str, int] = Field(description="What the request said becomes of ids that mean two things.")
    model: dict[str, Any] = Field(description="The `dicts` of the request.")
    total_img: int | None = Field(description="Pictures predicted; null before the end.")
    bad_lines: int | None = Field(description="Lines in `bad_pictures.csv`; null before the end.")
    unlabelled: int | None = Field(
        description="Pictures without a label, predicted and not scored; null before the end."
    )
    report: list[dict[str, Any]] | None = Field(
        description="For each model miou, miou_void_fp, image_miou, boundary_miou, ece, pixel_accuracy, class_accuracy and,"
        " for each class, iou, boundary_iou, precision, recall, pixels; null before the end."
    )


class EvaluationList(JobRows[EvaluationRow]):
    """Evaluations, newest first; one object with a task id."""


class ShownModel(BaseModel):
    """What one model made of the picture."""

    name: str = Field(description="`<source>/<model file>`.")
    data: str = Field(description="base64 of the colour PNG.")
    url: str = Field(description="The same as a plain picture.")
    id_url: str = Field(description="PNG whose pixels are train ids.")
    overlay_url: str = Field(description="JPEG of the picture with the colours laid over it.")
    errors_url: str | None = Field(description="JPEG with wrong pixels in red; null without a label.")
    image_miou: float | None = Field(description="mIoU of this picture; null without labelled pixels.")


class ShownPicture(Success):
    """One picture with every model's prediction."""

    or_data: str = Field(description="base64 of the picture as JPEG.")
    la_data: list[ShownModel]
    total_img: int
    cur_img: int
    or_url: str = Field(description="The picture as a plain JPEG.")
    truth_url: str | None = Field(description="PNG of the label in the first model's colours; null without one.")
    name: str
    track: str
    width: int
    height: int


class ListedPicture(BaseModel):
    """One picture of an evaluation."""

    number: int = Field(description="Number of the picture, from 1.")
    name: str
    track: str
    width: int
    height: int
    labelled: bool = Field(description="Whether a label stands beside it.")
    mious: list[float | None] = Field(description="Each model's mIoU of this picture; null without labelled pixels.")
    iou: float | None = Field(description="Of the class asked for; null where it is neither true nor predicted.")
    pixels: int | None = Field(description="Of the class asked for that were taken for the other; null if not asked.")


class ListedPictures(Success):
    """Pictures of an evaluation."""

    data: list[ListedPicture]
    total: int = Field(description="How many there are, without the limit.")


class ClassConfidence(BaseModel):
    """How sure a model was of a class."""

    train_id: int
    name_en: str
    name_zh: str
    color: list[int]
    confidence: float | None = Field(description="Mean where it is predicted, 0..1; null where it never is.")


class PictureConfidence(BaseModel):
    """How sure a model was of a picture."""

    number: int = Field(description="Number of the picture, from 1.")
    name: str
    track: str
    confidence: float | None = Field(description="Mean of all predicted pixels; null without any.")
    classes: dict[str, float] = Field(description="Train id -> mean where it is predicted.")


class Confidence(BaseModel):
    """How sure a model was."""

    confidence: float | None = Field(description="Mean of all predicted pixels of all pictures, 0..1.")
    classes: list[ClassConfidence]
    pictures: list[PictureConfidence]


class ConfidenceReply(Success):
    """How sure a model was, by class and picture."""

    data: Confidence
    total: int = Field(description="Pictures of the evaluation.")


def routes(platform: Platform) -> APIRouter:
    """The router of this feature."""
    router = Endpoints(platform, tag="evaluation")

    @router.post(
        "/starteva",
        StartEvaluation,
        "work",
        reply={"message": "模型预测完成", "data": "0123456789abcdef0123456789abcdef"},
        errors=(NotFoundError, ConflictError, PathOutsideError, BrokenFileError, UntrustedCodeError),
    )
    def starteva(call: Call, p: StartEvaluation) -> Answer:
        """Predict a folder of pictures, or a split of a dataset, with one or more models (开始评估).

        The answer comes when the job is queued; `/eva_rate` shows how far it is. The output folder appears whole at
        the end: for each model id PNGs, colour PNGs and, where labels stand beside the pictures, a report. Classes of
        the labels and of a model belong together by id and name. Where one id means two things, the answer is 422 with
        both meanings, unless `mapping` says what becomes of it.
        """
        return call.write(
            lambda: service.start(platform, p),
            lambda task_id: {"message": "模型预测完成", "data": task_id},
        )

    @router.post("/eva_rate", History, "see", reply=EvaluationList, errors=(NotFoundError,))
    def eva_rate(call: Call, p: History) -> Answer:
        """How far evaluations are, and what they found (评估进度)."""
        return history(call, p, table=evaluations, render=_row, fields=_FIELDS)

    @router.post(
        "/show", ShowPicture, "see", reply=ShownPicture, errors=(NotFoundError, ConflictError, BrokenFileError)
    )
    def show(_call: Call, p: ShowPicture) -> Answer:
        """One picture of a finished evaluation with every model's prediction (展示评估后的数据)."""
        finished = open_finished(platform, p.task_id)
        return _shown(p.task_id, finished, finished.picture(p.cur_img))

    @router.get(
        "/v1/evaluations/{task_id}/pictures",
        ListPictures,
        "see",
        reply=ListedPictures,
        errors=(NotFoundError, ConflictError, BrokenFileError),
    )
    def evaluation_pictures(_call: Call, p: ListPictures) -> Answer:
        """The pictures of a finished evaluation: of a track, or the worst of a model, a class or a confusion first."""
        wanted = Wanted(**p.model_dump(exclude={"task_id"}))
        rows, total = list_pictures(open_finished(platform, p.task_id), wanted)
        return {"data": rows, "total": total}

    @router.get(
        "/v1/evaluations/{task_id}/pictures/{number}/{kind}",
        OnePicture,
        "see",
        reply="image/png",
        errors=(NotFoundError, ConflictError, BrokenFileError),
    )
    def evaluation_picture(_call: Call, p: OnePicture) -> Answer:
        """One view of one picture as a file: the original, the label, or a model's prediction."""
        data, media_type = open_finished(platform, p.task_id).picture(p.number).render(p.kind, p.model)
        return Response(data, media_type=media_type, headers=_CACHE)

    @router.get(
        "/v1/evaluations/{task_id}/report",
        OneEvaluation,
        "see",
        reply={"data": {"format": "roadloop-evaluation/1", "total_img": 233, "models": [{"miou": 0.61}]}},
        errors=(NotFoundError, ConflictError),
    )
    def evaluation_report(_call: Call, p: OneEvaluation) -> Answer:
        """The whole report of a finished evaluation."""
        return {"data": open_finished(platform, p.task_id).report}

    _add_models(router, platform)
    return router.api


def _add_models(router: Endpoints, platform: Platform) -> None:
    @router.get(
        "/v1/evaluations/{task_id}/models/{model}",
        OneModel,
        "see",
        reply={
            "data": {
                "confusion": [[9, 1], [0, 9]],
                "void": [3, 0],
                "missed": [0, 0],
                "tracks": [{"track": "a"}],
                "worst": [],
            }
        },
        errors=(NotFoundError, ConflictError),
    )
    def evaluation_model(_call: Call, p: OneModel) -> Answer:
        """One model's confusion matrix (rows truth, columns prediction), its tracks and its worst pictures."""
        finished = open_finished(platform, p.task_id)
        return {"data": read_tables(finished.folder, finished.model_name(p.model), p.worst)}

    @router.get(
        "/v1/evaluations/{task_id}/models/{model}/confidence",
        ModelConfidence,
        "see",
        reply=ConfidenceReply,
        errors=(NotFoundError, ConflictError),
    )
    def evaluation_confidence(_call: Call, p: ModelConfidence) -> Answer:
        """How sure a model was: mean confidence of each class that it predicted, on the whole and picture by picture."""
        asked = confidence.Asked(p.order, p.train_id, p.skip, p.limit)
        finished = open_finished(platform, p.task_id)
        return {"data": confidence.read(finished, p.model, asked), "total": finished.total}


def _row(row: Mapping[str, Any], _language: Language) -> dict[str, Any]:
    job: queue.Job = row["job"]
    result = job.result or {}
    names = ("type", "sour_dir", "dest_dir", "gpus", "single_gpu")
    return {
        **{name: row[name] for name in names},
        **Manner.of(job.payload).record,
        "mapping": job.payload.get("labels", {}).get("mapping", {}),
        "model": row["dicts"],
        "total_img": result.get("total_img"),
        "bad_lines": result.get("bad_lines"),
        "unlabelled": result.get("unlabelled"),
        "report": result.get("models"),
    }


def _shown(task_id: str, finished: Finished, shown: Shown) -> dict[str, Any]:
    row = shown.row
    base = f"/v1/evaluations/{task_id}/pictures/{row.number}"
    models = []
    for k, name in enumerate(finished.models, start=1):
        data, _media_type = shown.render("color", k)
        models.append(
            {
                "name": name,
                "data": base64.b64encode(data).decode(),
                "url": f"{base}/color?model={k}",
                "id_url": f"{base}/id?model={k}",
                "overlay_url": f"{base}/overlay?model={k}",
                "errors_url": f"{base}/errors?model={k}" if shown.labelled else None,
                "image_miou": row.mious[k - 1],
            }
        )
    return {
        "or_data": base64.b64encode(shown.render("image")[0]).decode(),
        "la_data": models,
        "total_img": finished.total,
        "cur_img": row.number,
        "or_url": f"{base}/image",
        "truth_url": f"{base}/truth" if shown.labelled else None,
        "name": row.name,
        "track": row.track,
        "width": row.width,
        "height": row.height,
    }
