"""What a release's job does: build the bundle, and make bundle and index visible together."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

from roadloop.errors import Text
from roadloop.evaluation import service as evaluation
from roadloop.evaluation.parity import compare
from roadloop.evaluation.pictures import open_source
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.labels.table import format_csv, from_rows
from roadloop.models.export import export_onnx
from roadloop.models.files import description_path, load_description, mismatch
from roadloop.models.load import load_model
from roadloop.networks.trust import trust_of
from roadloop.releases.index import INDEX, RELEASE, damaged, index_of, locked
from roadloop.releases.recipe import ReleaseRecipe
from roadloop.storage import publish, reading

STEPS: Final = 4
_RECORD: Final = ("category", "version", "env", "adcode", "desc", "time", "source", "file", "folder")


def release(context: TaskContext) -> Outcome:
    """Build and publish one bundle.

    Raises:
        NotFoundError: The model files were removed since.
        BrokenFileError: They are not the ones that were chosen.
        JobError: The model cannot be exported to ONNX, or the export answers differently, or in more pixels than asked.
    """
    recipe = context.recipe(ReleaseRecipe)
    models = context.platform.workspace.models
    target = models / recipe.folder
    if not context.memo.get("published"):
        with context.filling(target) as scratch:
            record = _build(context, recipe, scratch)
        context.check_stop()
        _publish(context, scratch, target, record)
    else:
        with locked(models):  # once more: a killed attempt's index may be older than another release
            publish.write_json(models / INDEX, index_of(models))
    result = json.loads(reading.read_bytes(target / RELEASE))
    files = sorted(p.name for p in target.iterdir())
    facts = {"folder": f"models/{result['folder']}", "files": files, "metrics": result["metrics"]}
    return Outcome(facts, kept=[target])


def _build(context: TaskContext, recipe: ReleaseRecipe, scratch: Path) -> dict[str, Any]:
    """Fill the bundle's scratch folder; returns the release record."""
    path = context.platform.workspace.find_path(recipe.path)
    description = load_description(path, verify=True)
    if description.params_sha256 != recipe.sha256:
        raise mismatch(path)
    pair = [scratch / path.name, description_path(scratch / path.name)]
    shutil.copyfile(path, pair[0])
    shutil.copyfile(description_path(path), pair[1])
    load_description(pair[0], verify=True)
    context.reach("release.copied")
    context.progress(1, STEPS, Text("导出 ONNX", "Exporting to ONNX"))
    report = export_onnx(pair[0], pair[0].with_suffix(".onnx"), trust=trust_of(context.platform))
    context.log(f"ONNX {report.size[1]}x{report.size[0]} differs from torch by {report.difference}")
    context.reach("release.exported")
    context.progress(3, STEPS, Text("写入发布包", "Writing the bundle"))
    evaluated: dict[str, Any] = {}
    if recipe.evaluation:
        with context.platform.database.reading() as db:
            evaluated = evaluation.scores_of(db, recipe.evaluation, description.params_sha256, "evaluation")
    parity = _parity(context, recipe, pair[0])
    metrics = {"training": description.training, "evaluation": evaluated or None, "parity": parity}
    publish.write_json(scratch / "label_map.json", description.label_map)
    rows: Any = description.class_table
    publish.write_text(scratch / "classes.csv", format_csv(from_rows("classes", rows)))
    publish.write_json(scratch / "metrics.json", metrics)
    validated = "validation" if description.training.get("miou") is not None else None
    record = {
        **{name: getattr(recipe, name) for name in _RECORD},
        "model": path.name,
        "params_sha256": description.params_sha256,
        "task": description.task,
        "epoch": description.epoch,
        "onnx": {"size": list(report.size), "difference": report.difference.largest, "apart": report.difference.apart},
        "metrics": {
            "training": description.training,
            "quoted": "evaluation" if evaluated else validated,
            "evaluation_task_id": evaluated.get("task_id"),
            "evaluation_miou": evaluated.get("miou"),
            "evaluation_sour_dir": evaluated.get("sour_dir"),
            "evaluation_pictures": evaluated.get("labelled_pictures"),
            "parity": parity,
        },
        "task_id": context.job.id,
    }
    publish.write_json(scratch / RELEASE, record)
    return record


def _parity(context: TaskContext, recipe: ReleaseRecipe, params: Path) -> dict[str, Any] | None:
    """How the export differs from the trained network on the val split, where a limit was asked for."""
    most, name = recipe.parity, recipe.pictures
    if most is None or name is None:
        return None
    source = open_source(context.platform.workspace, name)
    max_pixels = context.platform.settings.max_picture_mpix * 1_000_000
    found = compare(
        load_model(params, trust_of(context.platform)),
        params.with_suffix(".onnx"),
        source,
        name,
        max_pixels=max_pixels,
        tick=lambda _n: context.check_stop(),
    )
    context.log(found.text().en)
    found.require(most)
    return found.to_json()


def _publish(context: TaskContext, scratch: Path, target: Path, record: dict[str, Any]) -> None:
    """Make the bundle and the index that lists it visible, by renames that a later attempt would complete."""
    models = context.platform.workspace.models
    with locked(models):
        index = context.scratch(models / INDEX)
        publish.write_json(index, index_of(models, record))
        context.publish([(scratch, target), (index, models / INDEX)], memo={"published": True})
    for path in damaged(models):
        place = path.relative_to(models).as_posix()
        context.warn(
            Text(
                f"models/{place} 已损坏，它的发布不在 {INDEX} 中；请恢复该文件。",
                f"models/{place} is damaged, so its release is not in {INDEX}; put the file back.",
            )
        )
