"""`roadloop networks`: what there is, what it costs, and how fast it is here."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from roadloop.console import Home, language, settings_of
from roadloop.errors import InvalidValueError, RoadloopError, Text
from roadloop.networks import service
from roadloop.networks.folder import TEMPLATES, list_templates
from roadloop.storage.platform import open_platform

if TYPE_CHECKING:
    import torch


def networks(
    home: Home = None,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the picture 图片宽x高, in pixels.")] = "480x360",
    classes: Annotated[int, typer.Option(min=2, max=255, help="Outputs of each network 类别数.")] = 19,
    speed: Annotated[bool, typer.Option(help="Measure images/s here 实测速度; --no-speed only counts.")] = True,
) -> None:
    """List the network templates with their cost, and their speed measured here 列出网络模板、开销与本机速度.

    Parameters and multiply-adds (of convolutions and linear layers) are counted as `build` makes the network without
    settings, one picture at a time. With --home the team's networks of that workspace follow the templates. Speed is
    float32 in PyTorch, batch 1, on a GPU where there is one: compare networks within one list only.
    """
    # Loading torch takes seconds; other commands need not wait for it.
    import torch  # noqa: PLC0415

    width, height = _parse_size(size)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    console = Console(soft_wrap=True, highlight=False)
    table = Table("name 名称", box=None, header_style="bold")
    for title in ("parameters 参数", "multiply-adds 乘加", *(("images/s 张/秒",) if speed else ())):
        table.add_column(title, justify="right")
    skipped: list[str] = []
    for name, folder in _folders(home):
        with console.status(name):
            try:
                table.add_row(escape(name), *_costs(folder, classes, (height, width), device if speed else None))
            except RoadloopError as error:
                skipped.append(f"{name}: {escape(error.text.pick(language()))}")
    console.print(table)
    for line in skipped:
        console.print(f"[yellow]{Text('跳过', 'skipped').pick(language())}[/] {line}")
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} thread(s)"
    facts = f"{width}x{height}, {classes} classes" + (f"; {where}, batch 1, float32" if speed else "")
    console.print(f"[dim]{facts}[/]")


def _folders(home: Path | None) -> list[tuple[str, Path]]:
    """Templates, then with a workspace the team's networks."""
    shipped = [(name, TEMPLATES / name) for name in list_templates() if (TEMPLATES / name).is_dir()]
    if home is None:
        return shipped
    platform = open_platform(settings_of(home))
    try:
        return shipped + [(name, platform.workspace.networks / name) for name in service.list_networks(platform)]
    finally:
        platform.database.close()


def _costs(folder: Path, classes: int, size: tuple[int, int], device: "torch.device | None") -> tuple[str, ...]:
    """Parameters, multiply-adds and, with a device, pictures per second, for people."""
    from roadloop.networks import load  # noqa: PLC0415
    from roadloop.networks.speed import images_per_second  # noqa: PLC0415

    network = load.load_network(folder, classes)
    millions, billions = load.count_parameters(network) / 1e6, load.count_multiply_adds(network, size) / 1e9
    costs = (f"{millions:.2f} M", f"{billions:.2f} G")
    return costs if device is None else (*costs, f"{images_per_second(network, size, device):.3g}")


def _parse_size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and 1 <= int(width) <= 16384 and 1 <= int(height) <= 16384):
        raise InvalidValueError(
            Text(
                f"--size 应形如 480x360（宽x高），而不是 {text!r}。",
                f"--size looks like 480x360 (width x height), not {text!r}.",
            ),
            parameter="size",
        )
    return int(width), int(height)
