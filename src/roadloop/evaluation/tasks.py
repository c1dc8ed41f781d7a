"""What an evaluation's job does: load the models, predict every picture, write the report, publish the folder whole."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from roadloop.errors import JobError, Text
from roadloop.evaluation import ledger as ledgers
from roadloop.evaluation.destination import EVALUATION, clear
from roadloop.evaluation.ledger import BadPicture, Ledger
from roadloop.evaluation.meaning import difference, since_built
from roadloop.evaluation.outputs import MODEL_FILE, Loaded, Model, ModelView, Outputs, load
from roadloop.evaluation.pictures import Picture, PictureSource, open_source
from roadloop.evaluation.recipe import EvaluationRecipe
from roadloop.evaluation.report import ModelCard, write_reports
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.models.backend import Choice, Trial, pictures_to_try, settled
from roadloop.models.load import load_model
from roadloop.models.predict import Network, Predictor, on_each
from roadloop.models.prediction import UInt8
from roadloop.models.stages import Stages, devices, run
from roadloop.networks.trust import trust_of
from roadloop.storage import publish
from roadloop.storage.notes import is_whole


def evaluate(context: TaskContext) -> Outcome:
    """Predict all pictures with all models of the payload and publish outputs and report as one folder.

    Raises:
        JobError: No picture could be read.
        BrokenFileError: A model file is not the one that was chosen.
        ConflictError: The output folder is in use by now.
        OutOfMemoryError: A batch does not fit into a GPU.
    """
    recipe = context.recipe(EvaluationRecipe)
    target = context.platform.workspace.find_path(EVALUATION.place(context.job.id, recipe.dest_path))
    published = EVALUATION.read_report(target)
    if published is not None and published["task_id"] == context.job.id:
        return Outcome(
            _result(published), kept=[target]
        )  # the last attempt was killed between publishing and saying so
    source = open_source(context.platform.workspace, recipe.sour_dir)
    with context.filling(target, take_over=True) as scratch:
        report = _fill(context, recipe, source, scratch, context.older_scratch(target))
    if recipe.overwrite:
        clear(context, target)
    return Outcome(_result(report), [(scratch, target)])


def _fill(
    context: TaskContext, recipe: EvaluationRecipe, source: PictureSource, scratch: Path, older: Sequence[Path]
) -> dict[str, Any]:
    """Write everything into the scratch folder; returns the report.

    Args:
        context: The job's.
        recipe: What it is to do.
        source: Its pictures.
        scratch: The folder.
        older: Those of killed attempts, oldest first.
    """
    models, networks = _load_models(context, recipe, scratch)
    for text in since_built(context.platform.workspace, recipe.sour_dir):
        context.warn(text)
    outputs = Outputs(scratch, models, remote=recipe.remote)
    max_pixels = context.platform.settings.max_picture_mpix * 1_000_000
    with Ledger(scratch / ledgers.NAME, [len(m.view.classes) for m in models]) as ledger:
        for problem in source.problems():
            ledger.add_bad(BadPicture(0, problem.file, problem.reason))
        for folder in reversed(older):  # the newest that has anything
            taken = outputs.take_over(folder, source, ledger) if is_whole(folder / ledgers.NAME) else 0
            if taken:
                context.log(f"{taken} pictures of an earlier attempt are taken over")
                break
        choices = _predict(context, _Work(recipe, source, outputs, networks, max_pixels), ledger)
        context.reach("evaluate.predicted")
        if not ledger.count():
            first = next((bad.reason for bad in ledger.bad()), _GONE)
            raise JobError(
                Text(f"没有一张图片可以读取；例如：{first.zh}", f"Not one picture could be read; such as: {first.en}")
            )
        outputs.write_worst(source, ledger, max_pixels)
        labels = recipe.labels.payload()
        about = {
            "task_id": context.job.id,
            "type": recipe.type,
            "sour_dir": recipe.sour_dir,
            "labels": labels["table"],
            "mapping": labels["mapping"],
            "confidence": True,  # is kept for each picture; reports from before have no such line
            "prediction": {**recipe.manner.record, "models": [choice.record for choice in choices]},
        }
        report = write_reports(scratch, ledger, [m.card for m in models], about)
    ledger.path.unlink()
    context.reach("evaluate.written")
    _warn(context, report)
    for line in _summary(report):
        context.log(line)
    context.check_stop()
    return report


def _warn(context: TaskContext, report: dict[str, Any]) -> None:
    if report["bad_lines"]:
        count = report["bad_lines"]
        context.warn(
            Text(
                f"{count} 张图片或标注有问题，详见 bad_pictures.csv。",
                f"{count} pictures or labels have problems; see bad_pictures.csv.",
            )
        )
    if report["unlabelled"]:
        count, total, first = report["unlabelled"], report["total_img"], report["first_unlabelled"]
        context.warn(
            Text(
                f"{total} 张图片中有 {count} 张没有标注（如 {first}），只预测，不计入成绩。标注应为 X.png（编号）或"
                " label-X.png（颜色），与 X.jpg 同目录。",
                f"{count} of {total} pictures have no label, such as {first}: they are predicted and not scored. A label"
                " is X.png (ids) or label-X.png (colours) beside X.jpg.",
            )
        )


_GONE: Final = Text("提交之后图片都不见了", "the pictures have gone since the evaluation was submitted")


@dataclass(frozen=True)
class _Work:
    """What predicting needs, in one place."""

    recipe: EvaluationRecipe
    source: PictureSource
    outputs: Outputs
    networks: Sequence[Network]
    max_pixels: int


def _load_models(context: TaskContext, recipe: EvaluationRecipe, scratch: Path) -> tuple[list[Model], list[Network]]:
    models, networks, tile, trust = [], [], recipe.tile, trust_of(context.platform)
    for entry in recipe.models:
        path = context.platform.workspace.find_path(entry.path)
        module, record = load_model(path, trust, entry.sha256)
        description = ModelView.record(record, recipe.labels)
        view = ModelView.of(description)
        lines = view.lines()
        card = ModelCard(
            entry.source, entry.file, entry.folder, record.params_sha256, record.epoch, view.classes, lines
        )
        publish.write_json(scratch / card.folder / MODEL_FILE, description)
        models.append(Model(card, view))
        note = difference(record, card.file, recipe.labels)
        if note is not None:
            context.warn(note)
        if tile and tile < min(record.input.crop):
            context.warn(small_tile(card.file, tile, record.input.crop))
        networks.append(Network.of(module, record))
    return models, networks


def small_tile(file: str, tile: int, crop: Sequence[int]) -> Text:
    """What somebody should know who has pictures cut smaller than those that a network was trained on."""
    height, width = crop
    return Text(
        f"tile={tile} 小于 {file} 训练时的图块（{width}x{height}）：网络看到的周围太少，mIoU 会降低；"
        f"请用 tile={max(crop)} 或 0（不切块）。",
        f"tile={tile} is smaller than what {file} was trained on ({width}x{height}): it sees too little around each pixel"
        f" and its mIoU falls; take tile={max(crop)}, or 0 for whole pictures.",
    )


def _settled(context: TaskContext, work: _Work, left: int, threads: int) -> tuple[list[Choice], list[Network]]:
    """What predicts with each model, and how that was chosen."""
    images = pictures_to_try(context, left, _images(work))
    place, trust = work.outputs.folder / ".export.onnx", trust_of(context.platform)
    paths = [context.platform.workspace.find_path(entry.path) for entry in work.recipe.models]
    trials = [
        Trial(network, path, trust, images, left, threads, work.recipe.remote, work.recipe.manner, place)
        for network, path in zip(work.networks, paths, strict=True)
    ]
    return settled(context, trials)


def _images(work: _Work) -> Iterator[UInt8]:
    for picture in islice(work.source.pictures(), 40):
        loaded = load(work.source, picture, work.max_pixels)
        if not isinstance(loaded, BadPicture):
            yield loaded.image


def _predict(context: TaskContext, work: _Work, ledger: Ledger) -> list[Choice]:
    """Predict what the ledger does not have yet; returns how each model did it."""
    settings = context.platform.settings
    places = devices(context.gpus, settings.torch_threads or os.cpu_count() or 1)
    total = sum(1 for _ in work.source.pictures())
    choices, networks = _settled(context, work, total - ledger.count(), len(places))
    recipe = work.recipe
    predictors = [
        [Predictor(n, place, remote=recipe.remote, manner=recipe.manner).predict for n in of_place]
        for place, of_place in zip(places, zip(*(on_each(n, places) for n in networks), strict=True), strict=True)
    ]
    bad: SimpleQueue[BadPicture] = SimpleQueue()

    def read(picture: Picture) -> Loaded | None:
        loaded = load(work.source, picture, work.max_pixels)
        if isinstance(loaded, BadPicture):
            bad.put(loaded)
            return None
        return loaded

    todo = (p for p in work.source.pictures() if ledger.find(p.number) is None)
    stages = Stages(read, lambda loaded: loaded.image, work.outputs.finish)
    done = kept = ledger.count()
    context.keep(kept)
    for picture, results, problems in run(_until_stopped(context, todo), stages, predictors, recipe.single_gpu):
        ledger.add(picture, results, problems)
        context.keep(kept := kept + 1)
        done += 1 + _note_bad(ledger, bad)
        context.progress(done, total)
        if done == (total + 1) // 2:
            context.reach("evaluate.half_predicted")
    _note_bad(ledger, bad)
    context.check_stop()
    return choices


def _until_stopped(context: TaskContext, pictures: Iterator[Picture]) -> Iterator[Picture]:
    for picture in pictures:
        context.check_stop()
        yield picture


def _note_bad(ledger: Ledger, bad: "SimpleQueue[BadPicture]") -> int:
    count = 0
    while not bad.empty():
        ledger.add_bad(bad.get())
        count += 1
    return count


def _result(report: dict[str, Any]) -> dict[str, Any]:
    """What the job's row keeps of a report."""
    models = [{name: value for name, value in model.items() if name != "matching"} for model in report["models"]]
    return {"models": models, **{name: report[name] for name in ("total_img", "bad_lines", "unlabelled", "mapping")}}


def _summary(report: dict[str, Any]) -> Iterator[str]:
    for model in report["models"]:
        if model["labelled_pictures"]:
            scores = " ".join(
                f"{name}={model[name]}" for name in ("miou", "image_miou", "boundary_miou", "pixel_accuracy")
            )
            yield f"{model['name']}: {scores} pictures={model['labelled_pictures']}"
        else:
            yield f"{model['name']}: no labels beside the pictures"
