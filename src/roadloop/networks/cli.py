"""`roadloop networks`: what there is, what it costs, how fast it is here; and the check of a network of one's own."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from roadloop.console import Home, language, parse_size, say, settings_of, terminal
from roadloop.errors import JobError, NameTakenError, NotFoundError, RoadloopError, Text, many
from roadloop.jobs import processes, queue
from roadloop.jobs.states import JobState
from roadloop.networks import service
from roadloop.networks.folder import FILES, TEMPLATES, check_files, list_templates, network_folder
from roadloop.networks.recipe import AddNet
from roadloop.storage import publish, reading
from roadloop.storage.paths import check_name
from roadloop.storage.platform import Platform, opened

if TYPE_CHECKING:
    import torch

app = typer.Typer()


@app.callback(invoke_without_command=True)
def networks(
    context: typer.Context,
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
    if context.invoked_subcommand is not None:
        return
    # Loading torch takes seconds; other commands need not wait for it.
    import torch  # noqa: PLC0415

    height, width = parse_size(size)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    console = terminal()
    table = Table("name 名称", box=None, header_style="bold")
    for title in ("parameters 参数", "multiply-adds 乘加", *(("images/s 张/秒",) if speed else ())):
        table.add_column(title, justify="right")
    folders, skipped = _folders(home)
    for name, folder in folders:
        with console.status(name):
            try:
                table.add_row(escape(name), *_costs(folder, classes, (height, width), device if speed else None))
            except RoadloopError as error:
                skipped.append(f"{escape(name)}: {escape(error.text.pick(language()))}")
    console.print(table)
    for line in skipped:
        console.print(f"[yellow]{Text('跳过', 'skipped').pick(language())}[/] {line}")
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} thread(s)"
    facts = f"{width}x{height}, {many(classes, 'class', 'classes')}" + (f"; {where}, batch 1, float32" if speed else "")
    console.print(f"[dim]{facts}[/]")


@app.command()
def add(
    network: Annotated[
        str, typer.Argument(help="A folder with a network.py, or its name in networks/ 文件夹或其名称.")
    ],
    describe: Annotated[str, typer.Option(help="Free text that stands beside the name 描述.")] = "",
    home: Home = None,
) -> None:
    """Check a network of your own and list it 检查并登记自己的网络.

    A folder from elsewhere is copied into networks/ first. The network is built and run on a small input, in a process
    with limits. Needs no server; the same command checks a network anew. docs/networks.md has an example.
    """
    with opened(settings_of(home)) as platform:
        name = _brought_in(platform, network)
        add_row = service.add(platform, AddNet(name=name, description=describe))
        with platform.database.transaction() as db:
            task_id = add_row(db)
            job = queue.claim(db, task_id, (), socket.gethostname())
        processes.start(platform.settings, job, (), platform.workspace.home / job.log).wait()
        with platform.database.reading() as db:
            job = queue.get(db, task_id)
    if job.state is not JobState.SUCCEEDED or job.result is None:
        raise JobError(job.reason or Text(f"见日志 {job.log}。", f"See the log {job.log}."))
    parameters, cost = f"{job.result['parameters']:,}", f"{job.result['multiply_adds'] / 1e9:.2f} G"
    say(
        Text(
            f"{name} 可以训练：{parameters} 个参数，{cost} 乘加（480x360，宽x高）。",
            f"{name} can be trained: {parameters} parameters, {cost} multiply-adds (480x360, width x height).",
        ).pick(language())
    )


def _brought_in(platform: Platform, network: str) -> str:
    """The name of a folder in `networks/`, where one from elsewhere is copied, whole or not at all.

    Raises:
        NotFoundError: There is no such folder, or no network.py in it.
        NameTakenError: Another folder of its name is there.
    """
    own, folder = platform.workspace.networks, Path(network)
    if "/" not in network and network_folder(platform.workspace, network).is_dir():
        return network
    if not folder.is_dir():
        there = [one.name for one in service.list_folders(platform)] or ["-"]
        raise NotFoundError(
            Text(
                f"没有文件夹 {network}，{own} 中也没有这个名称；那里有：{'、'.join(there)}。",
                f"There is no folder {network}, and none of that name in {own}; there are: {', '.join(there)}.",
            )
        )
    folder = folder.resolve()
    name = check_name(folder.name, "network_name")
    if folder.parent == own.resolve():
        return name
    check_files(folder)
    if (own / name).exists():
        raise NameTakenError(
            Text(
                f"{own} 中已有 {name}。要检查它，请用 roadloop networks add {name}；要加入另一个，请把文件夹改名。",
                f"There is a {name} in {own}. To check that one: roadloop networks add {name}; to add another, rename its"
                " folder.",
            )
        )
    with publish.publishing_folder(own / name, "added") as scratch:
        for file in FILES:
            if (folder / file).is_file():
                publish.write_bytes(scratch / file, reading.read_bytes(folder / file))
    return name


def _folders(home: Path | None) -> tuple[list[tuple[str, Path]], list[str]]:
    """Templates, then with a workspace the team's networks; and why others are left out."""
    shipped = [(name, TEMPLATES / name) for name in list_templates() if (TEMPLATES / name).is_dir()]
    if home is None:
        return shipped, []
    with opened(settings_of(home)) as platform:
        ready = [(name, network_folder(platform.workspace, name)) for name in service.list_networks(platform)]
        others = [one for one in service.list_folders(platform) if one.state != "ready"]
    return shipped + ready, [f"{one.name}: {escape(_why(one).pick(language()))}" for one in others]


def _why(one: service.NetworkFolder) -> Text:
    """Why a folder is no network that can be trained, and what to do."""
    if one.state == "checking":
        return Text("正在检查。", "It is being checked.")
    what = one.problem or Text("还没有检查过。", "Nobody has checked it yet.")
    return Text(
        f"{what.zh}请运行 roadloop networks add {one.name}。", f"{what.en} Then: roadloop networks add {one.name}"
    )


def _costs(folder: Path, classes: int, size: tuple[int, int], device: "torch.device | None") -> tuple[str, ...]:
    """Parameters, multiply-adds and, with a device, pictures per second, for people."""
    from roadloop.networks import load  # noqa: PLC0415
    from roadloop.networks.speed import images_per_second  # noqa: PLC0415

    network = load.load_network(folder, classes)
    millions, billions = load.count_parameters(network) / 1e6, load.count_multiply_adds(network, size) / 1e9
    costs = (f"{millions:.2f} M", f"{billions:.2f} G")
    return costs if device is None else (*costs, f"{images_per_second(network, size, device):.3g}")
