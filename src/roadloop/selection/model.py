"""Which model file scores the pictures, and which classes it is weak at. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import sqlalchemy as sa
from pydantic import ConfigDict

from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.evaluation.service import newest_scores
from roadloop.lists import read_names
from roadloop.models.files import ModelFile, load_description
from roadloop.models.service import model_files, models_folder
from roadloop.storage.paths import Workspace, check_name
from roadloop.storage.platform import Platform

WEAKEST: Final = 8  #: classes that are aimed at by default, at most


@dataclass(frozen=True)
class Aim:
    """A class that pictures are wanted for.

    Attributes:
        train_id: Its output.
        name_en: English name.
        name_zh: Chinese name.
        weight: Its share in a picture's score, above 0.
        iou: What the last evaluation found; None when the class was named in the request.
    """

    train_id: int
    name_en: str
    name_zh: str
    weight: float
    iou: float | None = None

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")  # of what a job carries


class Aims(NamedTuple):
    """The classes aimed at, and where they come from."""

    classes: list[Aim]
    source: Text


def choose_model(platform: Platform, weights_dir: str) -> Path:
    """The model file that a request's `weights_dir` means: the best one of a training task, or of a folder.

    Args:
        platform: The installation.
        weights_dir: A training task's name, `<task>/<file>.params`, a folder with model files, or such a file.

    Raises:
        NotFoundError: There is no such task, folder or model file.
        PathOutsideError: A folder outside the workspace and its roots.
    """
    place = _place(platform.workspace, weights_dir)
    if place.is_file():
        load_description(place)
        return place
    if not place.is_dir():
        raise NotFoundError(
            Text(
                f"weights_dir {weights_dir} 既不是有模型的训练任务，也不是存放模型文件的目录。",
                f"weights_dir {weights_dir} is neither a training task with models nor a folder with model files.",
            ),
            parameter="weights_dir",
        )
    pairs = model_files(place)
    if not pairs:
        raise NotFoundError(
            Text(
                f"weights_dir {weights_dir} 中没有模型文件（.params 与同名 .json）。",
                f"weights_dir {weights_dir} has no model files (.params with its .json).",
            ),
            parameter="weights_dir",
        )
    best = (pair for pair in pairs if load_description(pair).training.get("best_so_far"))
    return next(best, pairs[0])


def _place(workspace: Workspace, text: str) -> Path:
    """The file or folder that `weights_dir` names; a training task comes before a folder of the same name."""
    path = workspace.resolve(text, "weights_dir")
    task, _, file = text.partition("/")
    folder = models_folder(workspace, task)
    if task in {"", "."} or "/" in file or not folder.is_dir():
        return path
    check_name(task, "weights_dir")
    return workspace.entry(folder, file, "weights_dir") if file else folder


def aims(db: sa.Connection, params: Path, record: ModelFile, asked: str) -> Aims:
    """The classes to look for: those asked for, else those that the last evaluation found weak.

    Weak is a class whose IoU lies below the mean; the weaker, the more it counts. Without an evaluation with labels
    the validation scores in the model file are used, and without those all classes.

    Args:
        db: For the evaluations.
        params: The model file.
        record: Its description.
        asked: Names or train ids, separated by commas; "" for the weak ones.

    Raises:
        InvalidValueError: A class that the model does not have; says which there are.
    """
    if asked.strip():
        source = Text("请求中指定的类别", "the classes named in the request")
        return Aims([_find(record, name) for name in read_names(asked)], source)
    for pair in [params, *(p for p in model_files(params.parent) if p != params)]:
        scored = newest_scores(db, load_description(pair).params_sha256)
        if scored is not None:
            ious = {c["train_id"]: c["iou"] for c in scored["classes"] if c["truth_pixels"] and c["iou"] is not None}
            source = Text(
                f"评估 {scored['task_id'][:8]}（{scored['sour_dir']}）中的弱类",
                f"the weak classes of evaluation {scored['task_id'][:8]} ({scored['sour_dir']})",
            )
            if ious:
                return Aims(_weak(record, ious), source)
    validated = record.training.get("iou")
    if isinstance(validated, list):
        ious = {c.train_id: validated[c.train_id] for c in record.classes if c.train_id < len(validated)}
        known = {i: float(iou) for i, iou in ious.items() if isinstance(iou, int | float)}
        if known:
            return Aims(_weak(record, known), Text("训练验证中的弱类", "the weak classes of the training's validation"))
    source = Text("模型尚无评估结果，使用全部类别", "all classes, because the model has not been evaluated")
    return Aims([Aim(c.train_id, c.name_en, c.name_zh, 1.0) for c in record.classes], source)


def _weak(record: ModelFile, ious: Mapping[int, float]) -> list[Aim]:
    mean = sum(ious.values()) / len(ious)
    lowest = min(ious.values())
    ranked = sorted((c for c in record.classes if c.train_id in ious), key=lambda c: (ious[c.train_id], c.train_id))
    chosen = [c for c in ranked if ious[c.train_id] < mean or ious[c.train_id] == lowest][:WEAKEST]
    return [Aim(c.train_id, c.name_en, c.name_zh, max(0.01, 1 - ious[c.train_id]), ious[c.train_id]) for c in chosen]


def _find(record: ModelFile, name: str) -> Aim:
    found = [c for c in record.classes if name == str(c.train_id)]
    found = found or [c for c in record.classes if name in {c.name_en, c.name_zh}]
    found = found or [c for c in record.classes if name.lower() == c.name_en.lower()]
    if len(found) == 1:
        return Aim(found[0].train_id, found[0].name_en, found[0].name_zh, 1.0)
    known = ", ".join(f"{c.train_id} {c.name_en} {c.name_zh}" for c in found or record.classes)
    several = Text(
        f"classes：{name[:80]!r} 不止一个：{known}；请用编号。",
        f"classes: {name[:80]!r} is the name of several: {known}; give the number.",
    )
    none = Text(
        f"classes：模型没有类别 {name[:80]!r}；有：{known}。", f"classes: no class {name[:80]!r}; there are: {known}."
    )
    raise InvalidValueError(several if found else none, parameter="classes")
