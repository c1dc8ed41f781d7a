"""What a conversion's job does: export, convert, compare on real pictures, publish the folder whole."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any, Final

from roadloop.engines import tensorrt
from roadloop.engines.recipe import ConversionRecipe
from roadloop.errors import Text
from roadloop.evaluation.calibration import Calibration, chosen, open_calibration
from roadloop.evaluation.parity import compare
from roadloop.evaluation.pictures import open_source
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.models.convert import Form, converted
from roadloop.models.engines import ENGINE, FORMAT
from roadloop.models.files import description_path
from roadloop.models.load import load_model
from roadloop.networks.trust import trust_of
from roadloop.storage import publish

PLAN: Final = ".plan"


def convert(context: TaskContext) -> Outcome:
    """Convert one model.

    Raises:
        NotFoundError: The model files, or the pictures, were removed since.
        BrokenFileError: They are not the ones that were chosen.
        UntrustedCodeError: The network's source may not run here.
        JobError: The model cannot be exported or converted, or trtexec refuses it.
    """
    recipe = context.recipe(ConversionRecipe)
    folder = context.platform.workspace.find_path(recipe.folder)
    with context.filling(folder) as scratch:
        said = _fill(context, recipe, scratch)
    names = ("sha256", "bytes", "parity", "plan")
    return Outcome({name: said[name] for name in names}, [(scratch, folder)])


def _fill(context: TaskContext, recipe: ConversionRecipe, scratch: Path) -> dict[str, Any]:
    """Fill the engine's scratch folder; returns what `engine.json` says."""
    workspace, trust = context.platform.workspace, trust_of(context.platform)
    max_pixels = context.platform.settings.max_picture_mpix * 1_000_000
    params = workspace.find_path(recipe.path)
    model = load_model(params, trust, recipe.sha256)
    source = open_source(workspace, recipe.check) if recipe.check else None
    images = None
    if recipe.calibration:
        listed = chosen(open_calibration(workspace, recipe.calibration), recipe.calibration_pictures)
        images = Calibration(listed, model[1], recipe.size, max_pixels)
    calibrated = len(images.pictures) if images else 0
    total = 2 + calibrated + (sum(1 for _ in source.pictures()) if source else 0)

    def tick(before: int, done: int) -> None:
        context.progress(before + done, total)
        context.check_stop()

    context.progress(0, total, Text("导出与转换", "Exporting and converting"))
    target = scratch / Path(recipe.file).name
    found = converted(params, target, Form(recipe.precision, recipe.size, images), trust, tick=partial(tick, 1))
    context.log(
        f"exported, differs from torch by {found.difference}; {recipe.precision}, {target.stat().st_size} bytes"
    )
    shutil.copyfile(description_path(params), description_path(target))
    context.reach("convert.converted")
    plan = None
    if recipe.tensorrt:
        plan = target.with_suffix(PLAN)
        tensorrt.build(target, plan, recipe.precision, recipe.size, context.check_stop)
    parity = None
    if source is not None:
        context.progress(1 + calibrated, total, Text("与训练的网络比较", "Comparing with the trained network"))
        parity = compare(model, target, source, recipe.check, max_pixels=max_pixels, tick=partial(tick, 1 + calibrated))
        context.log(parity.text().en)
        for note in parity.notes():
            context.warn(note)
    said = {
        "format": FORMAT,
        **{name: getattr(recipe, name) for name in ("source", "model", "precision", "calibration", "check")},
        "params_sha256": recipe.sha256,
        "size": list(recipe.size),
        "calibration_pictures": calibrated,
        "sha256": publish.sha256_file(target),
        "bytes": target.stat().st_size,
        "parity": parity and parity.to_json(),
        "plan": plan and plan.name,
    }
    publish.write_json(scratch / ENGINE, said)
    return said
