"""`roadloop export`: a model file as ONNX and as safetensors, compared on real pictures if asked for."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from roadloop.console import Home, language, parse_size, say, settings_of, terminal
from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.evaluation.pictures import DATASET, PictureSource, open_source
from roadloop.models.files import load_description
from roadloop.networks.trust import trust_at
from roadloop.settings import Settings
from roadloop.storage import publish
from roadloop.storage.paths import Workspace

if TYPE_CHECKING:
    from roadloop.evaluation.calibration import Calibration


class Choice(StrEnum):
    """What the numbers of an ONNX file are."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


def export(
    params: Annotated[Path, typer.Argument(help="The .params file; its .json stands beside it.")],
    out: Annotated[Path, typer.Option(help="Folder for the exported files.")] = Path(),
    onnx: Annotated[bool, typer.Option("--onnx", help="Write ONNX, checked against torch.")] = False,
    safetensors: Annotated[bool, typer.Option("--safetensors", help="Write safetensors.")] = False,
    size: Annotated[
        str, typer.Option(help="ONNX: WIDTHxHEIGHT in pixels, such as 480x360; default: the training pictures'.")
    ] = "",
    any_size: Annotated[
        bool, typer.Option("--any-size", help="ONNX: free height and width, if two more sizes agree.")
    ] = False,
    precision: Annotated[
        Choice, typer.Option(help="ONNX: fp32, fp16 (half the size) or int8 (a quarter, with --calibrate).")
    ] = Choice.FP32,
    calibrate: Annotated[
        str, typer.Option(help="int8: pictures to find ranges with: a folder, a list of paths, or dataset:NAME/train.")
    ] = "",
    calibration_pictures: Annotated[
        int, typer.Option(min=1, max=2000, help="int8: so many of them, evenly from all.")
    ] = 64,
    check: Annotated[
        str, typer.Option(help="ONNX: compare labels and mIoU on a picture folder, or dataset:NAME/SPLIT.")
    ] = "",
    home: Home = None,
) -> None:
    """Export a model file; without --onnx, --safetensors or --check both are written.

    --check writes ONNX, and safetensors only with --safetensors: the exported file predicts the pictures through ONNX Runtime, beside the trained network; the report is
    written beside the export as .parity.json.
    """
    shape = parse_size(size) if size else None
    settings = settings_of(home)
    trusted = trust_at(settings)  # what is not there is said before the work
    source = _pictures(check, settings) if check else None
    _require_sense(precision, calibrate, any_size=any_size)
    converting = precision is not Choice.FP32
    onnx = onnx or converting
    # Loading torch takes seconds; other commands need not wait for it.
    from roadloop.models import export as exporter  # noqa: PLC0415

    if safetensors or not (onnx or check):
        target = out / f"{params.stem}.safetensors"
        exporter.export_safetensors(params, target)
        say(target)
    if onnx or check or not safetensors:
        target = out / (f"{params.stem}.{precision.value}.onnx" if converting else f"{params.stem}.onnx")
        if converting:
            from roadloop.models.convert import Form, converted  # noqa: PLC0415 - as above

            images = _calibration(params, calibrate, calibration_pictures, shape, settings) if calibrate else None
            report = converted(params, target, Form(precision.value, shape, images), trusted)
        else:
            report = exporter.export_onnx(params, target, size=shape, any_size=any_size, trust=trusted)
        say(f"{target}  image {report.shape}  relative difference {report.difference}")
        if report.fixed:
            say(report.fixed.pick(language()))
        if source:
            _check(params, target, source, check, settings)


def _require_sense(precision: Choice, calibrate: str, *, any_size: bool) -> None:
    """Refuse what does not go together.

    Raises:
        InvalidValueError: int8 without pictures, or a file of any size that is to be converted.
    """
    if precision is Choice.INT8 and not calibrate:
        raise InvalidValueError(
            Text(
                "int8 需要校准图片：请用 --calibrate 给出图片目录、路径列表或 dataset:<名称>/train。",
                "int8 needs calibration pictures: give --calibrate a picture folder, a list of paths, or dataset:NAME/train.",
            ),
            parameter="calibrate",
        )
    if any_size and precision is not Choice.FP32:
        raise InvalidValueError(
            Text(
                "--any-size 只用于 fp32：转换后的文件高宽固定，请用 --size。",
                "--any-size is for fp32 only: a converted file has a fixed height and width; take --size.",
            ),
            parameter="any_size",
        )


def _calibration(
    params: Path, calibrate: str, most: int, shape: tuple[int, int] | None, settings: Settings
) -> "Calibration":
    from roadloop.evaluation.calibration import Calibration, chosen, open_calibration  # noqa: PLC0415 - as above

    workspace, name = _workspace(calibrate, settings)
    record = load_description(params)
    size = shape or record.input.size or record.input.crop
    listed = chosen(open_calibration(workspace, name), most)
    return Calibration(listed, record, size, settings.max_picture_mpix * 1_000_000)


def _workspace(place: str, settings: Settings) -> tuple[Workspace, str]:
    """Where pictures are looked for: in the home, and wherever the command's caller says."""
    if place.startswith(DATASET):
        return Workspace(settings.home, settings.roots), place
    path = Path(place).resolve()
    folder = path if path.is_dir() else path.parent
    return Workspace(settings.home, (*settings.roots, f"{folder}:ro")), str(path)


def _pictures(check: str, settings: Settings) -> PictureSource:
    source = open_source(*_workspace(check, settings))
    if not source.any():
        raise NotFoundError(
            Text(f"{check} 中没有图片，没有可比较的。", f"{check} has no pictures, so there is nothing to compare."),
            parameter="check",
        )
    return source


def _check(params: Path, target: Path, source: PictureSource, name: str, settings: Settings) -> None:
    """Compare an export with the trained network; the report stands beside it, and as a table here."""
    from roadloop.evaluation.parity import ENDING, compare  # noqa: PLC0415 - torch
    from roadloop.models.load import load_model  # noqa: PLC0415

    model = load_model(params, trust_at(settings))
    found = compare(model, target, source, name, max_pixels=settings.max_picture_mpix * 1_000_000)
    path = target.with_name(f"{target.stem}{ENDING}")
    publish.write_json(path, found.to_json())
    table = Table("", "trained 训练", "exported 导出")
    table.add_row("mIoU", *("-" if m is None else f"{100 * m:.3f}" for m in (found.miou_trained, found.miou_exported)))
    table.add_row("pixels that differ 不同像素", "", f"{found.different} of {found.pixels}")
    table.add_row("share 占比", "", f"{found.share:.3g}")
    table.add_row("pictures 图片", "", f"{found.pictures}")
    terminal().print(table)
    for note in found.notes():
        say(note.pick(language()))
    say(path)
