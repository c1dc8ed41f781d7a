"""What a caller can do with evaluations. One function, one use case; no torch here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roadloop.devices import service as devices
from roadloop.errors import ConflictError, InvalidValueError, Text
from roadloop.evaluation.choice import ModelChoice, choose_models, find_model
from roadloop.evaluation.destination import check_destination
from roadloop.evaluation.manner import PLAIN, Manner
from roadloop.evaluation.meaning import labels_of
from roadloop.evaluation.pictures import DATASET, open_source
from roadloop.evaluation.store import evaluation_models, evaluations
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.jobs.store import ACTIVE
from roadloop.models.files import load_description
from roadloop.storage.platform import Platform

__all__ = ["EvaluationRequest", "ModelChoice", "find_model", "newest_scores", "start"]


@dataclass(frozen=True)
class EvaluationRequest:
    """What `/starteva` was asked.

    Attributes:
        dicts: Source -> model files.
        type: full | remote | lane | union; lane and union are evaluated as full.
        sour_dir: Picture folder, or `dataset:<name>/<split>`.
        dest_dir: Output folder; "" takes `evaluations/<task id>`.
        gpus: Indices separated by commas; "" or cpu = CPU.
        single_gpu: Pictures predicted at once on each device.
        overwrite: Replace an earlier evaluation in `dest_dir`.
        manner: Tiles, mirrored and scaled copies.
        mapping: Raw id of the labels -> raw id of the models, or 255; for tables that mean different things.
    """

    dicts: Mapping[str, Any]
    type: str
    sour_dir: str
    dest_dir: str
    gpus: str
    single_gpu: int
    overwrite: bool
    manner: Manner = PLAIN
    mapping: Mapping[str, Any] = field(default_factory=dict)


def start(db: sa.Connection, platform: Platform, request: EvaluationRequest) -> str:
    """Check an evaluation and queue its job.

    Args:
        db: The transaction that the job and the evaluation's row share.
        platform: The installation.
        request: What is asked.

    Returns:
        The job's task id.

    Raises:
        NotFoundError: A model file, the picture folder or the dataset does not exist.
        InvalidValueError: No model, no picture, a GPU that is not there, or tiles that are too small.
        LabelMapError: The class table of the labels and a model's give one id different meanings, or `mapping` is wrong.
        BrokenFileError: A model file without its description.
        ConflictError: `dest_dir` cannot be used.
        PathOutsideError: A folder lies outside the workspace, or `dest_dir` is read-only.
    """
    devices.check(platform.settings, request.gpus)
    request.manner.check()
    store_path = platform.workspace.store_path
    request = replace(request, sour_dir=store_path(request.sour_dir), dest_dir=store_path(request.dest_dir))
    models = choose_models(platform, request.dicts)
    records = [load_description(model.path) for model in models]
    digests = [record.params_sha256 for record in records]
    source = open_source(platform.workspace, request.sour_dir)
    if not source.any():
        raise InvalidValueError(
            Text(
                f"sour_dir {request.sour_dir} 中没有图片（.jpg、.jpeg、.png）。",
                f"sour_dir {request.sour_dir} holds no pictures (.jpg, .jpeg, .png).",
            ),
            parameter="sour_dir",
        )
    labels = labels_of(source, records, request.mapping)
    target = _destination(db, platform, request)
    payload = {
        "type": request.type,
        "sour_dir": request.sour_dir,
        "dest_path": store_path(target or ""),
        "single_gpu": request.single_gpu,
        "overwrite": request.overwrite,
        **request.manner.record,
        "labels": labels.record,
        "models": [
            {"source": m.source, "file": m.file, "path": store_path(m.path), "sha256": s}
            for m, s in _pairs(models, digests)
        ],
    }
    title = f"{models[0].folder} · {request.sour_dir}"
    task_id = queue.submit(db, queue.Submission("evaluate", payload, title, gpus=request.gpus))
    db.execute(
        evaluations.insert().values(
            task_id=task_id,
            type=request.type,
            sour_dir=request.sour_dir,
            dest_dir=request.dest_dir or f"evaluations/{task_id}",
            dest_path=store_path(target or destination(platform, task_id, "")),
            gpus=request.gpus,
            single_gpu=request.single_gpu,
            dicts=dict(request.dicts),
        )
    )
    rows = [
        {"task_id": task_id, "place": k, "source": m.source, "file": m.file, "folder": m.folder, "params_sha256": s}
        for k, (m, s) in enumerate(_pairs(models, digests))
    ]
    db.execute(evaluation_models.insert(), rows)
    return task_id


def destination(platform: Platform, task_id: str, dest_path: str) -> Path:
    """The output folder of an evaluation: as asked, else one of its own."""
    return platform.workspace.find_path(dest_path) if dest_path else platform.workspace.evaluations / task_id


def newest_scores(db: sa.Connection, params_sha256: str) -> dict[str, Any] | None:
    """What the newest finished evaluation with labels says about a model file; None when there is none.

    Returns:
        The model's entry of `report.json` with the evaluation's task id, type, pictures and mapping of classes.
    """
    rows = db.execute(
        sa.select(
            evaluation_models.c.place, evaluations.c.type, evaluations.c.sour_dir, queue.jobs.c.id, queue.jobs.c.result
        )
        .join(evaluations, evaluations.c.task_id == evaluation_models.c.task_id)
        .join(queue.jobs, queue.jobs.c.id == evaluations.c.task_id)
        .where(evaluation_models.c.params_sha256 == params_sha256, queue.jobs.c.state == JobState.SUCCEEDED.value)
        .order_by(evaluations.c.id.desc())
    )
    for row in rows:
        entry = row.result["models"][row.place]
        if entry["labelled_pictures"]:
            about = {"task_id": row.id, "type": row.type, "sour_dir": row.sour_dir}
            return {**about, "mapping": row.result.get("mapping", {}), **entry}
    return None


def _pairs(models: list[ModelChoice], digests: list[str]) -> list[tuple[ModelChoice, str]]:
    return list(zip(models, digests, strict=True))


def _destination(db: sa.Connection, platform: Platform, request: EvaluationRequest) -> Path | None:
    if not request.dest_dir:
        return None
    workspace = platform.workspace
    target = workspace.resolve(request.dest_dir, "dest_dir", write=True)
    pictures = None if request.sour_dir.startswith(DATASET) else workspace.resolve(request.sour_dir, "sour_dir")
    check_destination(workspace, target, pictures, overwrite=request.overwrite)
    active = db.execute(
        sa.select(evaluations.c.task_id, evaluations.c.dest_path).where(
            evaluations.c.task_id.in_(sa.select(queue.jobs.c.id).where(ACTIVE))
        )
    )
    for row in active:
        other = workspace.find_path(row.dest_path)
        if target.is_relative_to(other) or other.is_relative_to(target):
            raise ConflictError(
                Text(
                    f"dest_dir {request.dest_dir} 正被另一个评估（{row.task_id}）使用；请换一个目录或等它完成。",
                    f"dest_dir {request.dest_dir} is in use by another evaluation ({row.task_id}); choose another"
                    " folder, or wait until it has ended.",
                ),
                parameter="dest_dir",
                task_id=row.task_id,
            )
    return target
