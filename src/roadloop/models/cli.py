"""`roadloop export`: a model file as ONNX and as safetensors."""

from pathlib import Path
from typing import Annotated

import typer

from roadloop.errors import InvalidValueError, Text


def export(
    params: Annotated[Path, typer.Argument(help="The .params file; its .json stands beside it.")],
    out: Annotated[Path, typer.Option(help="Folder for the exported files.")] = Path(),
    onnx: Annotated[bool, typer.Option("--onnx", help="Write ONNX, checked against torch.")] = False,
    safetensors: Annotated[bool, typer.Option("--safetensors", help="Write safetensors.")] = False,
    size: Annotated[
        str, typer.Option(help="ONNX: HEIGHTxWIDTH in pixels, such as 360x480; default: the training pictures'.")
    ] = "",
) -> None:
    """Export a model file; without --onnx or --safetensors both are written."""
    # Loading torch takes seconds; other commands need not wait for it.
    from roadloop.models import export as exporter  # noqa: PLC0415

    shape = _parse_size(size)
    if safetensors or not onnx:
        target = out / f"{params.stem}.safetensors"
        exporter.export_safetensors(params, target)
        typer.echo(target)
    if onnx or not safetensors:
        target = out / f"{params.stem}.onnx"
        report = exporter.export_onnx(params, target, size=shape)
        height, width = report.size
        typer.echo(f"{target}  image [N, 3, {height}, {width}]  relative difference {report.difference:.1e}")


def _parse_size(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    height, _, width = text.lower().partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise InvalidValueError(
            Text(f"--size 应形如 360x480，而不是 {text!r}。", f"--size looks like 360x480, not {text!r}."),
            parameter="size",
        )
    return int(height), int(width)
