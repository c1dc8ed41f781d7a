"""What a caller can do with evaluations. One function, one use case; no torch here."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from roadloop.errors import ConflictError, InvalidValueError, NotFoundError, Text
from roadloop.evaluation.choice import ModelChoice, choose_models, find_model
from roadloop.evaluation.destination import EVALUATION, check_destination, require_free
from roadloop.evaluation.meaning import labels_of
from roadloop.evaluation.pictures import DATASET, open_source
from roadloop.evaluation.recipe import ChosenModel, EvaluationRecipe, Prediction, StartEvaluation
from roadloop.evaluation.store import evaluation_models, evaluations
from roadloop.jobs import queue
from roadloop.jobs.nodes import check_gpus
from roadloop.jobs.states import JobState
from roadloop.models.engines import is_engine, read_engine
from roadloop.models.files import ModelFile, load_description
from roadloop.networks.trust import trust_of
from roadloop.storage.database import Write
from roadloop.storage.platform import Platform

__all__ = ["ModelChoice", "class_scores", "evaluated", "find_model", "newest_scores", "scores_of", "start"]


def start(platform: Platform, request: StartEvaluation) -> Write[str]:
    """Check an evaluation.

    Args:
        platform: The installation.
        request: What is asked.

    Returns:
        Writes the evaluation's rows and its job; answers the task id.

    Raises:
        NotFoundError: A model file, the picture folder or the dataset does not exist.
        InvalidValueError: No model, no picture, a GPU that is not there, or tiles that are too small.
        LabelMapError: The class table of the labels and a model's give one id different meanings, or `mapping` is wrong.
        BrokenFileError: A model file without its description.
        UntrustedCodeError: A model's network carries code that nobody has approved here.
        ConflictError: `dest_dir` cannot be used.
        PathOutsideError: A folder lies outside the workspace, or `dest_dir` is read-only.
    """
    request.manner.check()
    store_path = platform.workspace.store_path
    places = {"sour_dir": store_path(request.sour_dir), "dest_dir": store_path(request.dest_dir)}
    request = request.model_copy(update=places)
    models = choose_models(platform, request.dicts)
    records = [load_description(model.path) for model in models]
    if check_gpus(platform, request.gpus):
        _refuse_engines(models)
    trust = trust_of(platform)
    for model, described in zip(models, records, strict=True):
        trust.require(described.network.source, model.path)
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
    target = _destination(platform, request)
    chosen = tuple(
        ChosenModel(source=m.source, file=m.file, path=store_path(m.path), sha256=_sha256_of(m.path, record))
        for m, record in zip(models, records, strict=True)
    )
    recipe = EvaluationRecipe(
        **request.part(Prediction), dest_path=store_path(target or ""), labels=labels, models=chosen
    )
    title = f"{chosen[0].folder} · {request.sour_dir}"
    job = queue.Submission("evaluate", recipe.payload(), title, gpus=request.gpus)

    def write(db: sa.Connection) -> str:
        if recipe.dest_path:
            require_free(db, evaluations.c.dest_path, (recipe.dest_path, request.dest_dir), EVALUATION)
        task_id = queue.submit(db, job)
        db.execute(
            evaluations.insert().values(
                task_id=task_id,
                type=request.type,
                sour_dir=request.sour_dir,
                dest_dir=EVALUATION.place(task_id, request.dest_dir),
                dest_path=EVALUATION.place(task_id, recipe.dest_path),
                gpus=request.gpus,
                single_gpu=request.single_gpu,
                dicts=request.dicts,
            )
        )
        rows = [
            {
                "task_id": task_id,
                "place": k,
                "source": m.source,
                "file": m.file,
                "folder": m.folder,
                "params_sha256": m.sha256,
            }
            for k, m in enumerate(chosen)
        ]
        db.execute(evaluation_models.insert(), rows)
        return task_id

    return write


def newest_scores(db: sa.Connection, params_sha256: str) -> dict[str, Any] | None:
    """What the newest finished evaluation with labels says about a model file; None when there is none.

    Returns:
        The model's entry of `report.json` with the evaluation's task id, type, pictures and mapping of classes.
    """
    rows = db.execute(
        _SCORES.where(
            evaluation_models.c.params_sha256 == params_sha256, queue.jobs.c.state == JobState.SUCCEEDED.value
        ).order_by(evaluations.c.id.desc())
    )
    return next((_scores(row) for row in rows if _entry(row)["labelled_pictures"]), None)


def scores_of(db: sa.Connection, task_id: str, params_sha256: str, parameter: str) -> dict[str, Any]:
    """What one evaluation says about a model file.

    Args:
        db: For its row.
        task_id: The evaluation's.
        params_sha256: Of the model file.
        parameter: Name of the parameter, for the message.

    Returns:
        As `newest_scores`.

    Raises:
        NotFoundError: No evaluation has that id, or it did not evaluate this file.
        ConflictError: It has not succeeded.
        InvalidValueError: It had no labels.
    """
    task_id = task_id[:80]
    row = db.execute(
        _SCORES.where(evaluation_models.c.params_sha256 == params_sha256, evaluations.c.task_id == task_id)
    ).first()
    if row is None:
        text = Text(
            f"没有 task_id 为 {task_id!r} 且评估过这个模型文件的评估；/eva_rate 列出全部。",
            f"No evaluation of this model file has the task_id {task_id!r}; /eva_rate lists them all.",
        )
        raise NotFoundError(text, parameter=parameter)
    if row.state != JobState.SUCCEEDED.value:
        text = Text(
            f"评估 {task_id} 尚未成功完成，没有成绩可引用。",
            f"The evaluation {task_id} has not succeeded: no scores yet.",
        )
        raise ConflictError(text, parameter=parameter)
    if not _entry(row)["labelled_pictures"]:
        text = Text(
            f"评估 {task_id} 的图片没有标注，没有成绩可引用。",
            f"The pictures of the evaluation {task_id} have no labels, so there are no scores.",
        )
        raise InvalidValueError(text, parameter=parameter)
    return _scores(row)


def evaluated(db: sa.Connection, task_ids: Collection[str]) -> set[str]:
    """The sources of the models that some evaluations are about."""
    models = evaluation_models.c
    return set(db.scalars(sa.select(models.source).where(models.task_id.in_(task_ids)).distinct()))


def class_scores(db: sa.Connection, task_id: str, params_sha256: str) -> tuple[int, list[dict[str, Any]]] | None:
    """What one evaluation says about the classes of a model file.

    Returns:
        The model's number there, 1..n, and its `classes` of `report.json`; None where there is no such evaluation any more.
    """
    models = evaluation_models.c
    row = db.execute(_SCORES.where(models.params_sha256 == params_sha256, models.task_id == task_id)).first()
    if row is None or row.state != JobState.SUCCEEDED.value:
        return None
    return row.place + 1, _entry(row)["classes"]


_SCORES = (
    sa.select(
        *(evaluation_models.c.place, evaluations.c.type, evaluations.c.sour_dir),
        *(queue.jobs.c.id, queue.jobs.c.state, queue.jobs.c.result),
    )
    .join(evaluations, evaluations.c.task_id == evaluation_models.c.task_id)
    .join(queue.jobs, queue.jobs.c.id == evaluations.c.task_id)
)


def _entry(row: Any) -> dict[str, Any]:
    """The entry of `report.json` about the model of a row."""
    return dict(row.result["models"][row.place])


def _scores(row: Any) -> dict[str, Any]:
    about = {"task_id": row.id, "type": row.type, "sour_dir": row.sour_dir}
    return {**about, "mapping": row.result.get("mapping", {}), **_entry(row)}


def _sha256_of(path: Path, record: ModelFile) -> str:
    """Of the file that predicts: an engine's scores are not those of the model that it was made from."""
    return str(read_engine(path)["sha256"]) if is_engine(path) else record.params_sha256


def _refuse_engines(models: Sequence[ModelChoice]) -> None:
    """Refuse engines on a GPU.

    Raises:
        InvalidValueError: Names the first one.
    """
    for model in models:
        if is_engine(model.file):
            raise InvalidValueError(
                Text(
                    f"引擎 {model.file} 由 ONNX Runtime 在 CPU 上运行；请把 gpus 留空，或只选 .params 模型。",
                    f"This engine is executed by ONNX Runtime on the CPU: {model.file}. Leave gpus empty, or choose .params"
                    " models only.",
                ),
                parameter="gpus",
            )


def _destination(platform: Platform, request: StartEvaluation) -> Path | None:
    """The output folder as asked, checked; None where the evaluation gets one of its own."""
    if not request.dest_dir:
        return None
    workspace = platform.workspace
    target = workspace.resolve(request.dest_dir, "dest_dir", write=True)
    pictures = None if request.sour_dir.startswith(DATASET) else workspace.resolve(request.sour_dir, "sour_dir")
    check_destination(workspace, target, pictures, overwrite=request.overwrite)
    return target
