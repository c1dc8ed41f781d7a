"""What a caller can do with evaluations. One function, one use case; no torch here."""

from pathlib import Path, PurePath
from typing import Any

import sqlalchemy as sa

from roadloop.devices import service as devices
from roadloop.errors import ConflictError, InvalidValueError, NotFoundError, Text
from roadloop.evaluation.choice import ModelChoice, choose_models, find_model
from roadloop.evaluation.destination import check_destination
from roadloop.evaluation.meaning import labels_of
from roadloop.evaluation.pictures import DATASET, open_source
from roadloop.evaluation.recipe import ChosenModel, EvaluationRecipe, Prediction, StartEvaluation
from roadloop.evaluation.store import evaluation_models, evaluations
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.jobs.store import ACTIVE
from roadloop.models.files import load_description
from roadloop.networks.trust import trust_of
from roadloop.storage.database import Write
from roadloop.storage.platform import Platform

__all__ = ["ModelChoice", "find_model", "newest_scores", "scores_of", "start"]


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
    devices.check(platform.settings, request.gpus)
    request.manner.check()
    store_path = platform.workspace.store_path
    places = {"sour_dir": store_path(request.sour_dir), "dest_dir": store_path(request.dest_dir)}
    request = request.model_copy(update=places)
    models = choose_models(platform, request.dicts)
    records = [load_description(model.path) for model in models]
    trust = trust_of(platform)
    for model, described in zip(models, records, strict=True):
        trust.require(described.network.source, model.path)
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
    target = _destination(platform, request)
    chosen = tuple(
        ChosenModel(source=m.source, file=m.file, path=store_path(m.path), sha256=s) for m, s in _pairs(models, digests)
    )
    recipe = EvaluationRecipe(
        **request.part(Prediction), dest_path=store_path(target or ""), labels=labels, models=chosen
    )
    title = f"{models[0].folder} · {request.sour_dir}"
    job = queue.Submission("evaluate", recipe.payload(), title, gpus=request.gpus)

    def write(db: sa.Connection) -> str:
        if target is not None:
            _require_free(db, platform, target, request.dest_dir)
        task_id = queue.submit(db, job)
        own = f"{platform.workspace.evaluations.name}/{task_id}"
        db.execute(
            evaluations.insert().values(
                task_id=task_id,
                type=request.type,
                sour_dir=request.sour_dir,
                dest_dir=request.dest_dir or own,
                dest_path=recipe.dest_path or own,
                gpus=request.gpus,
                single_gpu=request.single_gpu,
                dicts=request.dicts,
            )
        )
        rows = [
            {"task_id": task_id, "place": k, "source": m.source, "file": m.file, "folder": m.folder, "params_sha256": s}
            for k, (m, s) in enumerate(_pairs(models, digests))
        ]
        db.execute(evaluation_models.insert(), rows)
        return task_id

    return write


def destination(platform: Platform, task_id: str, dest_path: str) -> Path:
    """The output folder of an evaluation: as asked, else one of its own."""
    return platform.workspace.find_path(dest_path) if dest_path else platform.workspace.evaluations / task_id


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


def _pairs(models: list[ModelChoice], digests: list[str]) -> list[tuple[ModelChoice, str]]:
    return list(zip(models, digests, strict=True))


def _destination(platform: Platform, request: StartEvaluation) -> Path | None:
    """The output folder as asked, checked; None where the evaluation gets one of its own."""
    if not request.dest_dir:
        return None
    workspace = platform.workspace
    target = workspace.resolve(request.dest_dir, "dest_dir", write=True)
    pictures = None if request.sour_dir.startswith(DATASET) else workspace.resolve(request.sour_dir, "sour_dir")
    check_destination(workspace, target, pictures, overwrite=request.overwrite)
    return target


def _require_free(db: sa.Connection, platform: Platform, target: Path, sent: str) -> None:
    """Refuse an output folder that an evaluation which has not ended writes into."""
    active = db.execute(
        sa.select(evaluations.c.task_id, evaluations.c.dest_path).where(
            evaluations.c.task_id.in_(sa.select(queue.jobs.c.id).where(ACTIVE))
        )
    )
    wanted = PurePath(platform.workspace.store_path(target))
    for row in active:
        if wanted.is_relative_to(row.dest_path) or PurePath(row.dest_path).is_relative_to(wanted):
            raise ConflictError(
                Text(
                    f"dest_dir {sent} 正被另一个评估（{row.task_id}）使用；请换一个目录或等它完成。",
                    f"dest_dir {sent} is in use by another evaluation ({row.task_id}); choose another folder, or wait"
                    " until it has ended.",
                ),
                parameter="dest_dir",
                task_id=row.task_id,
            )
