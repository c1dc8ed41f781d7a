"""`roadloop export`: a model file as ONNX and as safetensors, compared on real pictures if asked for."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from roadloop.console import Home, language, parse_size, say, settings_of, terminal
from roadloop.errors import NotFoundError, Text
from roadloop.evaluation.pictures import DATASET, PictureSource, open_source
from roadloop.networks.trust import trust_at
from roadloop.settings import Settings
from roadloop.storage import publish
from roadloop.storage.paths import Workspace


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
    check: Annotated[
        str, typer.Option(help="ONNX: compare labels and mIoU on a picture folder, or dataset:NAME/SPLIT.")
    ] = "",
    home: Home = None,
) -> None:
    """Export a model file; without --onnx, --safetensors or --check both are written.

    --check writes ONNX, and safetensors only with --safetensors: the exported file predicts the pictures through ONNX Runtime, beside the trained network; the report is
    written beside the export as .parity.json.
    """
    # Loading torch takes seconds; other commands need not wait for it.
    from roadloop.models import export as exporter  # noqa: PLC0415

    shape = parse_size(size) if size else None
    settings = settings_of(home)
    trusted = trust_at(settings)  # what is not there is said before the work
    source = _pictures(check, settings) if check else None
    if safetensors or not (onnx or check):
        target = out / f"{params.stem}.safetensors"
        exporter.export_safetensors(params, target)
        say(target)
    if onnx or check or not safetensors:
        target = out / f"{params.stem}.onnx"
        report = exporter.export_onnx(params, target, size=shape, any_size=any_size, trust=trusted)
        say(f"{target}  image {report.shape}  relative difference {report.difference}")
        if report.fixed:
            say(report.fixed.pick(language()))
        if source:
            _check(params, target, source, check, settings)


def _pictures(check: str, settings: Settings) -> PictureSource:
    folder = () if check.startswith(DATASET) else (f"{Path(check).resolve()}:ro",)
    name = str(Path(check).resolve()) if folder else check
    source = open_source(Workspace(settings.home, (*settings.roots, *folder)), name)
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
