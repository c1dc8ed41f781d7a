"""`python -m benchmarks`: both sides in turns in one run; run it from the root of the checkout."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from benchmarks import mining
from benchmarks.contest import Result, machine
from roadloop.cli.main import main
from roadloop.client import Client
from roadloop.console import Home, parse_size, say, settings_of, terminal
from roadloop.demo.child import serving
from roadloop.demo.cli import on_stage, settings_of_tour
from roadloop.errors import InvalidValueError, Text
from roadloop.lists import read_names, split_numbers
from roadloop.networks.trust import trust_at
from roadloop.selection.compare import comparison_table
from roadloop.storage.paths import Workspace

if TYPE_CHECKING:
    from benchmarks.page import Measured

console = terminal()
app = typer.Typer(help="Ratios measured side by side in one run.", no_args_is_help=True, add_completion=False)
CamVid = Annotated[Path | None, typer.Option("--camvid", help="Folder of CamVid; without it pictures are generated.")]
Pictures = Annotated[int, typer.Option(min=8, help="How many pictures.")]
Size = Annotated[str, typer.Option(help="WIDTHxHEIGHT of generated pictures.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often each side runs.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def loader(
    camvid: CamVid = None,
    pictures: Pictures = 48,
    size: Size = "960x720",
    rounds: Rounds = 5,
    magnify: Annotated[
        bool, typer.Option(help="Also magnify at random, as a new task does; no: crop, flip, colour.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Reading training samples against torch's DataLoader with Pillow and with OpenCV, and bare decoding.

    One process and one thread each; set OMP_NUM_THREADS=1 on a busy machine.
    """
    from benchmarks.loader import race  # noqa: PLC0415 - torch takes seconds
    from benchmarks.pictures import Choice  # noqa: PLC0415 - and so does pyarrow

    _show(race(Choice(camvid, pictures, parse_size(size)[::-1]), rounds, magnify=magnify), as_json)


@app.command()
def api(
    rows: Annotated[str, typer.Option(help="Lengths of the lists, with commas.")] = "1000,1000000",
    requests: Annotated[int, typer.Option(min=1, help="Requests of each round.")] = 200,
    rounds: Rounds = 5,
    as_json: Json = False,
) -> None:
    """Status poll, history, search and choice list against bare FastAPI with the same queries, one client each.

    A million rows take about two minutes to write, and 1.5 GB of the temporary folder.
    """
    from benchmarks.api import race  # noqa: PLC0415 - the web is not wanted by the others

    lengths = split_numbers(rows)
    if not all(length.isdigit() and int(length) >= 1000 for length in lengths):
        raise InvalidValueError(
            Text(
                f"--rows 应形如 1000,1000000（每个至少 1000），而不是 {rows!r}。",
                f"--rows looks like 1000,1000000, each 1,000 or more, not {rows!r}.",
            ),
            parameter="rows",
        )
    for result in race(tuple(map(int, lengths)), requests, rounds):
        _show(result, as_json)


@app.command()
def build(
    camvid: CamVid = None,
    pictures: Pictures = 960,
    size: Size = "960x720",
    rounds: Rounds = 2,
    processes: Annotated[int, typer.Option(min=1, help="Processes of roadloop.")] = 2,
    as_json: Json = False,
) -> None:
    """Building a dataset against a script with Pillow in one process."""
    from benchmarks.build import race  # noqa: PLC0415
    from benchmarks.pictures import Choice  # noqa: PLC0415

    _show(race(Choice(camvid, pictures, parse_size(size)[::-1]), rounds, processes), as_json)


@app.command("import")
def imports(
    pictures: Pictures = 5000,
    size: Size = "192x144",
    rounds: Rounds = 3,
    reference: Annotated[
        bool, typer.Option("--reference", help="By reference; the script copies nothing, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Importing pairs against a plain script that pairs by name, decodes, compares sizes and copies; memory is said."""
    from benchmarks.imports import race  # noqa: PLC0415

    _show(race(pictures, parse_size(size)[::-1], rounds, "reference" if reference else "copy"), as_json)


@app.command()
def train(
    camvid: CamVid = None,
    pictures: Pictures = 24,
    size: Size = "192x144",
    rounds: Rounds = 3,
    steps: Annotated[int, typer.Option(min=2, help="Steps of each run, at least.")] = 12,
    batch: Annotated[int, typer.Option(min=1, help="Pictures per step.")] = 4,
    network: Annotated[str, typer.Option(help="A network template without auxiliary outputs.")] = "enet",
    opponents_python: Annotated[
        Path | None,
        typer.Option(help="Python that has the library to compare with (benchmarks/README.md); this one if empty."),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="Of roadloop's steps, or several with commas; the others compute in fp32.")
    ] = "fp32",
    gpu: Annotated[int | None, typer.Option(min=0, help="Train on this GPU; without it on the CPU.")] = None,
    loaders: Annotated[int, typer.Option(min=0, help="Processes that read pictures, for each side.")] = 0,
    deterministic: Annotated[
        bool, typer.Option(help="On a GPU: roadloop takes only kernels that give the same bits each time.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Steps of the training loop against a plain loop of forty lines: same samples, weights, losses.

    In the same turns, with segformer Hugging Face's Trainer, with fast-scnn mmsegmentation, where they are installed;
    both on the CPU only.
    """
    from benchmarks.pictures import Choice  # noqa: PLC0415
    from benchmarks.train import Lesson, device, precisions, race  # noqa: PLC0415

    lesson = Lesson(network, steps, batch, precisions(precision), device(gpu), loaders, deterministic)
    _show(race(Choice(camvid, pictures, parse_size(size)[::-1]), rounds, lesson, opponents_python), as_json)


@app.command()
def predict(
    camvid: CamVid = None,
    pictures: Pictures = 48,
    size: Size = "960x720",
    rounds: Rounds = 5,
    network: Annotated[str, typer.Option(help="A shipped network; see roadloop networks.")] = "fast-scnn",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of either side.")] = 1,
    as_json: Json = False,
) -> None:
    """Predicting a folder, JPEG in to label PNG out, against a script with Pillow and PyTorch.

    The labels are compared as well. Set OMP_NUM_THREADS to the number of threads on a busy machine.
    """
    from benchmarks.pictures import Choice  # noqa: PLC0415
    from benchmarks.predict import race  # noqa: PLC0415

    _show(race(Choice(camvid, pictures, parse_size(size)[::-1]), rounds, network, threads), as_json)


@app.command()
def int8(
    models: Annotated[list[Path], typer.Argument(help="Model files (.params).")],
    calibrate: Annotated[str, typer.Option(help="Pictures for the ranges: a folder, or dataset:NAME/train.")],
    check: Annotated[str, typer.Option(help="Labelled pictures: a folder, or dataset:NAME/val.")],
    pictures: Annotated[int, typer.Option(min=1, help="How many of the first, evenly.")] = 64,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT; default: what each model was made for.")] = "",
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Models in fp32, fp16 and int8 through ONNX Runtime on one thread: mIoU, pixels that differ, size, speed."""
    from benchmarks.int8 import Lesson, measure  # noqa: PLC0415 - torch takes seconds

    settings = settings_of(home)
    workspace = Workspace(settings.home, settings.roots)
    lesson = Lesson(calibrate, check, pictures, parse_size(size) if size else None)
    lines = [line for path in models for line in measure(workspace, path, lesson, trust_at(settings))]
    if as_json:
        say(json.dumps([line._asdict() for line in lines]))
        return
    console.print(machine())
    table = Table("model", "", "mIoU", "pixels that differ", "bytes", "pictures/s", "time / fp32")
    for line in lines:
        figures = (f"{100 * line.miou:.2f}", f"{line.different:.3%}", f"{line.bytes:,}")
        table.add_row(line.model, line.precision, *figures, f"{1 / line.seconds:.2f}", f"{line.ratio:.2f}")
    console.print(table)


@app.command()
def selection(
    vectors: Annotated[int, typer.Option(min=1000, help="How many embeddings.")] = 100_000,
    dimensions: Annotated[int, typer.Option(min=2, help="Numbers of each.")] = 256,
    picks: Annotated[int, typer.Option(min=10, help="Pictures taken.")] = 500,
) -> None:
    """K-centre selection against one-by-one greedy in NumPy, in one run; CPU seconds.

    Set OMP_NUM_THREADS=1 on a busy machine.
    """
    from benchmarks.selection import race  # noqa: PLC0415

    console.print(f"{vectors} x {dimensions}, {picks} picks")
    table = Table("vectors like", "one by one, s", "roadloop, s", "times as fast", "radius, roadloop / one by one")
    for found in race(vectors, dimensions, picks):
        figures = (found.plain, found.ours, found.ratio)
        table.add_row(found.data, *(f"{figure:.2f}" for figure in figures), f"{found.radius:.5f}")
    console.print(table)


@app.command("selection-parts")
def selection_parts(
    vectors: Annotated[int, typer.Option(min=1000, help="How many embeddings.")] = 1_000_000,
    dimensions: Annotated[int, typer.Option(min=2, help="Numbers of each.")] = 256,
    picks: Annotated[int, typer.Option(min=10, help="Pictures taken.")] = 1000,
    memory_mib: Annotated[int, typer.Option(min=1, help="Memory for embeddings, MiB.")] = 256,
    weighted: Annotated[bool, typer.Option("--weighted", help="Weights from 0 to 1, drawn; else all are 1.")] = False,
    exact: Annotated[bool, typer.Option(help="Also all at once, for which memory must hold everything.")] = True,
    folder: Annotated[
        Path | None, typer.Option(help="Where the embeddings are written; else with temporary files.")
    ] = None,
    as_json: Json = False,
) -> None:
    """K-centre selection in parts against greedy over all embeddings at once: radius, seconds, peak memory.

    Ten million embeddings take 10 GB of the folder. Set OMP_NUM_THREADS=1 on a busy machine.
    """
    from benchmarks.core_sets import Lesson, race  # noqa: PLC0415

    sides = race(Lesson(vectors, dimensions, picks, memory_mib, weighted), folder, exact=exact)
    if as_json:
        say(json.dumps(sides))
        return
    console.print(f"{vectors} x {dimensions} ({vectors * dimensions / 2**18:.0f} MiB), {picks} picks")
    table = Table(
        "parts", "seconds", "CPU seconds", "peak MiB", "of these without embeddings", "radius", "radius / all at once"
    )
    for side in sides:
        radius = side["radius"]
        figures = (f"{side[name]:.0f}" for name in ("parts", "seconds", "cpu_seconds", "peak_mib", "before_mib"))
        table.add_row(*figures, f"{radius:.4f}", f"{radius / sides[-1]['radius']:.3f}" if exact else "")
    console.print(table)


@app.command("mining-scores")
def mining_scores(
    camvid: CamVid = None,
    pictures: Pictures = 48,
    size: Size = "960x720",
    rounds: Rounds = 5,
    network: Annotated[str, typer.Option(help="A shipped network; see roadloop networks.")] = "fast-scnn",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of either side.")] = 1,
    classes: Annotated[
        int, typer.Option(min=1, help="How many classes are aimed at; a mining aims at 8, at most.")
    ] = 8,
    as_json: Json = False,
) -> None:
    """Mining scores and embeddings of a folder of JPEGs, against a script with Pillow and PyTorch.

    The scores are compared as well. Set OMP_NUM_THREADS to the number of threads on a busy machine.
    """
    from benchmarks.mining_scores import race  # noqa: PLC0415
    from benchmarks.pictures import Choice  # noqa: PLC0415

    _show(race(Choice(camvid, pictures, parse_size(size)[::-1]), rounds, network, threads, classes), as_json)


@app.command("mining")
def mining_pays(
    seeds: Annotated[int, typer.Option(min=1, help="How often, each time with another seed; one tells nothing.")] = 3,
    first: Annotated[
        int, typer.Option(min=0, help="The first seed; later calls may add others, and put all together.")
    ] = 0,
    classes: Annotated[str, typer.Option(help="Names of the classes aimed at, with commas.")] = mining.GRID,
    world: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the world: another one, other drives.")] = 0,
    home: Annotated[Path, typer.Option(help="The workspace to make 工作区目录.")] = Path("roadloop-mining"),
) -> None:
    """Whether mining a rare class pays, over some seeds: against random pictures, and against random ones that show it.

    On the synthetic world, through the HTTP interface of a server of its own: train on a few drives, mine others, label
    all arms, train on with each, evaluate on held-out drives. Says so plainly when mining did not pay. Takes many
    minutes; the same command again goes on where it was interrupted.
    """
    settings = settings_of_tour(home, port=0)
    contest = mining.Contest(world=world, classes=classes)
    with on_stage() as stage, serving(settings) as server:
        mining.claim(settings.home, contest)
        with Client(server.url, stage.language, alive=server.check) as client:
            runs = mining.run_all(
                [
                    mining.MiningRun(client, Workspace(settings.home), stage, contest, (seed, kind))
                    for seed in range(first, first + seeds)
                    for kind in mining.KINDS
                ]
            )
            of_kinds = {kind: mining.of_kind(runs, kind) for kind in mining.KINDS}
            found = {kind: mining.verdict(client, its) for kind, its in of_kinds.items() if its}
        path = mining.write_report(settings.home, contest, runs, found)
    say(mining.seeds_table(runs, stage.language))
    for kind, comparison in found.items():
        title = mining.KINDS[kind].pick(stage.language)
        stage.console.print(comparison_table(comparison))
        stage.console.print(f"[bold]{title}: {comparison['sentence']}[/]")
    say(path)


@app.command()
def scale(
    gpus: Annotated[str, typer.Option(help="Sizes of sites, with commas.")] = "5,100,2000",
    hours: Annotated[float, typer.Option(min=0.01, help="Of virtual time.")] = 8.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    databases: Annotated[
        str, typer.Option(help="Empty PostgreSQL databases, one a site, with commas; absent: SQLite.")
    ] = "",
) -> None:
    """Sites of many GPUs in virtual time, with the real queue: what each step costs, and what is full first.

    Milliseconds of one transaction, median and 99th percentile; turns and beats are shares of one second.
    """
    from benchmarks import scale as sites  # noqa: PLC0415

    sizes = [int(text) for text in split_numbers(gpus)]
    urls = read_names(databases) or [""] * len(sizes)
    found = []
    for size, url in zip(sizes, urls, strict=True):
        found.append(sites.simulate(size, hours, seed, url))
    say(sites.table(found))


@app.command()
def cluster(
    pictures: Pictures = 192,
    size: Size = "960x720",
    rounds: Rounds = 2,
    network: Annotated[str, typer.Option(help="A shipped network; see roadloop networks.")] = "fast-scnn",
    nodes: Annotated[int, typer.Option(min=0, help="Of so many Ray nodes at most.")] = 3,
    database: Annotated[str, typer.Option(help="URL of an empty PostgreSQL database: job starts, too.")] = "",
    as_json: Json = False,
) -> None:
    """Prediction and build on Ray nodes of one core each against one process with as many cores.

    Needs Ray and taskset; starts the nodes on loopback, and ends them.
    """
    from benchmarks.cluster import race, starts  # noqa: PLC0415
    from benchmarks.pictures import Choice  # noqa: PLC0415

    if database:
        _show(starts(database, rounds), as_json)
    for result in race(Choice(None, pictures, parse_size(size)[::-1]), rounds, network, nodes) if nodes else ():
        _show(result, as_json)


@app.command()
def gpu(
    camvid: CamVid = None,
    number: Annotated[int, typer.Option("--gpu", min=0, help="Which one.")] = 0,
    minutes: Annotated[float, typer.Option(min=1, help="No measurement begins later.")] = 7.0,
    only: Annotated[str, typer.Option(help="Names of parts, with commas; all when empty.")] = "",
    tiny: Annotated[
        bool, typer.Option("--tiny", help="On the CPU, in small, to see that everything goes through.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for gpu.json.")] = Path("build/gpu"),
) -> None:
    """What only an NVIDIA GPU can show: steps and kernels of every network, a kill, NCCL, the tests that need one.

    Needs no network connection; benchmarks/gpu-wheels.txt lists what to carry along beside PyTorch.
    """
    from benchmarks import gpu as parts  # noqa: PLC0415
    from benchmarks.gpu_report import show, write  # noqa: PLC0415
    from benchmarks.train import device  # noqa: PLC0415

    where = None if tiny else device(number).index
    sizes = parts.TINY if tiny else parts.Sizes()
    if camvid is not None:
        sizes = replace(sizes, choice=replace(sizes.choice, camvid=camvid))
    report = parts.run(sizes, where, minutes, read_names(only))
    show(report, console)
    console.print(str(write(report, out)))


@app.command()
def page(
    url: Annotated[str, typer.Option(help="A server that runs.")] = "http://127.0.0.1:8000",
    task: Annotated[str, typer.Option(help="A running training, whose page is looked at, too.")] = "",
    seconds: Annotated[float, typer.Option(min=1, help="How long each page is looked at.")] = 60,
    pages: Annotated[int, typer.Option(min=1, help="How many look at the training at once.")] = 200,
    rounds: Rounds = 5,
) -> None:
    """What the page weighs, and what it asks for while somebody looks at it, in a real Chromium (selenium)."""
    from benchmarks.page import measure  # noqa: PLC0415 - selenium is among the developers' packages

    _show_measured(measure(url, task, seconds, pages, rounds))


@app.command()
def viewer(
    url: Annotated[str, typer.Option(help="A server that runs.")] = "http://127.0.0.1:8000",
    evaluation: Annotated[str, typer.Option(help="A finished one, whose pictures are looked at.")] = "",
    live: Annotated[str, typer.Option(help="Address of a page with something that runs: #/training/ID.")] = "",
    pictures: Pictures = 20,
    pause: Annotated[float, typer.Option(min=0.1, help="Seconds at each picture.")] = 2,
) -> None:
    """How soon the viewer has the next picture, and what an hour of a live page keeps, in a real Chromium (selenium)."""
    from benchmarks.viewer import measure  # noqa: PLC0415 - selenium is among the developers' packages

    _show_measured(measure(url, evaluation, live, pictures, pause))


def _show_measured(found: "list[Measured]") -> None:
    table = Table("", "measured", "goal")
    for one in found:
        table.add_row(one.what, f"{one.value:.1f} {one.unit}", f"{one.goal:g}")
    console.print(table)


@app.command()
def screens(
    folder: Annotated[Path, typer.Argument(help="Where the pictures go.")],
    url: Annotated[
        str, typer.Option(help="A server that runs; what it holds is what is seen.")
    ] = "http://127.0.0.1:8000",
    widths: Annotated[str, typer.Option(help="Of the page, in CSS pixels, with commas.")] = "390,1440,3840",
) -> None:
    """A picture of every screen in both languages and themes, as a person sees it (selenium)."""
    from benchmarks.screens import take  # noqa: PLC0415 - selenium is among the developers' packages

    for path in take(url, folder, [int(width) for width in split_numbers(widths)]):
        say(str(path))


def _show(result: Result, as_json: bool) -> None:
    if as_json:
        say(json.dumps(result.to_json(), ensure_ascii=False))
    else:
        result.show(console)


if __name__ == "__main__":
    main(app)
