"""What an evaluation's job does: load the models, predict every picture, write the report, publish the folder whole."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from roadloop.cluster.spread import There, spread
from roadloop.errors import JobError, Text, many
from roadloop.evaluation import ledger as ledgers
from roadloop.evaluation.destination import EVALUATION, clear
from roadloop.evaluation.ledger import BadPicture, Ledger
from roadloop.evaluation.meaning import difference, since_built
from roadloop.evaluation.outputs import MODEL_FILE, ModelView, Outputs, load
from roadloop.evaluation.pictures import Picture, PictureSource, open_source
from roadloop.evaluation.predicting import Asked, Elsewhere, Opened, Predicting, open_models, open_predicting
from roadloop.evaluation.recipe import EvaluationRecipe
from roadloop.evaluation.report import write_reports
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.models.backend import Choice, pictures_to_try, settled
from roadloop.models.prediction import UInt8
from roadloop.models.stages import devices
from roadloop.networks.trust import Trust, trust_of
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
    trust = trust_of(context.platform)
    opened = _load_models(context, recipe, scratch, trust)
    models, networks = [one.model for one in opened], [one.network for one in opened]
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
                context.log(
                    many(
                        taken,
                        "picture of an earlier attempt is taken over",
                        "pictures of an earlier attempt are taken over",
                    )
                )
                break
        choices = _predict(context, Asked(recipe, source, outputs, networks, trust), ledger)
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
                f"{many(count, 'picture or label has a problem', 'pictures or labels have problems')}; see bad_pictures.csv.",
            )
        )
    if report["unlabelled"]:
        count, total, first = report["unlabelled"], report["total_img"], report["first_unlabelled"]
        context.warn(
            Text(
                f"{total} 张图片中有 {count} 张没有标注（如 {first}），只预测，不计入成绩。标注应为 X.png（编号）或"
                " label-X.png（颜色），与 X.jpg 同目录。",
                f"{count} of {many(total, 'picture has', 'pictures have')} no label, such as {first}: they are predicted and not scored. A label"
                " is X.png (ids) or label-X.png (colours) beside X.jpg.",
            )
        )


_EACH: Final = 8  #: pictures that another node gets at once for each of its cores; more where a batch is larger
_GONE: Final = Text("提交之后图片都不见了", "the pictures have gone since the evaluation was submitted")


def _load_models(context: TaskContext, recipe: EvaluationRecipe, scratch: Path, trust: Trust) -> list[Opened]:
    """Open the models, note their records with the outputs, and warn of what they do not share with the labels."""
    opened, tile = open_models(context.platform.workspace, recipe, trust), recipe.tile
    for model, _network, record in opened:
        card = model.card
        publish.write_json(scratch / card.folder / MODEL_FILE, ModelView.record(record, recipe.labels))
        note = difference(record, card.file, recipe.labels)
        if note is not None:
            context.warn(note)
        if tile and tile < min(record.input.crop):
            context.warn(small_tile(card.file, tile, record.input.crop))
    return opened


def small_tile(file: str, tile: int, crop: Sequence[int]) -> Text:
    """What somebody should know who has pictures cut smaller than those that a network was trained on."""
    height, width = crop
    return Text(
        f"tile={tile} 小于 {file} 训练时的图块（{width}x{height}）：网络看到的周围太少，mIoU 会降低；"
        f"请用 tile={max(crop)} 或 0（不切块）。",
        f"tile={tile} is smaller than what {file} was trained on ({width}x{height}): it sees too little around each pixel"
        f" and its mIoU falls; take tile={max(crop)}, or 0 for whole pictures.",
    )


def _images(source: PictureSource, max_pixels: int) -> Iterator[UInt8]:
    for picture in islice(source.pictures(), 40):
        loaded = load(source, picture, max_pixels)
        if not isinstance(loaded, BadPicture):
            yield loaded.image


def _predict(context: TaskContext, asked: Asked, ledger: Ledger) -> list[Choice]:
    """Predict what the ledger does not have yet; returns how each model did it."""
    settings, recipe, source, folder = context.platform.settings, asked.recipe, asked.source, asked.outputs.folder
    max_pixels = settings.max_picture_mpix * 1_000_000
    places = devices(context.gpus, settings.torch_threads or os.cpu_count() or 1)
    total = sum(1 for _ in source.pictures())
    done = kept = ledger.count()
    left = total - done
    images = pictures_to_try(context, left, _images(source, max_pixels))
    trials = asked.trials(context.platform.workspace, folder / ".export.onnx", images, left, len(places))
    choices, networks = settled(context, trials)
    here = Predicting(replace(asked, networks=networks), places, max_pixels)
    batch = recipe.single_gpu
    told = Elsewhere(recipe, folder, asked.trust, choices)
    there = There(open_predicting, told, batch * -(-_EACH // batch))
    todo = (p for p in source.pictures() if ledger.find(p.number) is None)
    context.keep(kept)
    with spread(context, here, there, left) as predict:
        for found in predict(_until_stopped(context, todo)):
            if isinstance(found, BadPicture):
                ledger.add_bad(found)
            else:
                ledger.add(*found)
                context.keep(kept := kept + 1)
            done += 1
            context.progress(done, total)
            if done == (total + 1) // 2:
                context.reach("evaluate.half_predicted")
    context.check_stop()
    return choices


def _until_stopped(context: TaskContext, pictures: Iterator[Picture]) -> Iterator[Picture]:
    for picture in pictures:
        context.check_stop()
        yield picture


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
