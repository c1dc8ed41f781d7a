"""`roadloop bench api`, `loader`, `train`, `build`, `import` and `predict`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from roadloop.bench.contest import Result
from roadloop.console import say, terminal
from roadloop.errors import InvalidValueError, Text
from roadloop.lists import split_numbers

console = terminal()
CamVid = Annotated[Path | None, typer.Option("--camvid", help="Folder of CamVid; without it pictures are generated.")]
Pictures = Annotated[int, typer.Option(min=8, help="How many pictures.")]
Size = Annotated[str, typer.Option(help="WIDTHxHEIGHT of generated pictures.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often each side runs.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
    from roadloop.bench.loader import race  # noqa: PLC0415 - torch takes seconds
    from roadloop.bench.pictures import Choice  # noqa: PLC0415 - and so does pyarrow

    _show(race(Choice(camvid, pictures, _parsed(size)), rounds, magnify=magnify), as_json)


def api(
    rows: Annotated[str, typer.Option(help="Lengths of the lists, with commas.")] = "1000,1000000",
    requests: Annotated[int, typer.Option(min=1, help="Requests of each round.")] = 200,
    rounds: Rounds = 5,
    as_json: Json = False,
) -> None:
    """Status poll, history, search and choice list against bare FastAPI with the same queries, one client each.

    A million rows take about two minutes to write, and 1.5 GB of the temporary folder.
    """
    from roadloop.bench.api import race  # noqa: PLC0415 - the web is not wanted by the others

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


def build(
    camvid: CamVid = None,
    pictures: Pictures = 960,
    size: Size = "960x720",
    rounds: Rounds = 2,
    processes: Annotated[int, typer.Option(min=1, help="Processes of roadloop.")] = 2,
    as_json: Json = False,
) -> None:
    """Building a dataset against a script with Pillow in one process."""
    from roadloop.bench.build import race  # noqa: PLC0415
    from roadloop.bench.pictures import Choice  # noqa: PLC0415

    _show(race(Choice(camvid, pictures, _parsed(size)), rounds, processes), as_json)


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
    from roadloop.bench.imports import race  # noqa: PLC0415

    _show(race(pictures, _parsed(size), rounds, "reference" if reference else "copy"), as_json)


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
    from roadloop.bench.pictures import Choice  # noqa: PLC0415
    from roadloop.bench.train import Lesson, device, precisions, race  # noqa: PLC0415

    lesson = Lesson(network, steps, batch, precisions(precision), device(gpu), loaders, deterministic)
    _show(race(Choice(camvid, pictures, _parsed(size)), rounds, lesson, opponents_python), as_json)


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
    from roadloop.bench.pictures import Choice  # noqa: PLC0415
    from roadloop.bench.predict import race  # noqa: PLC0415

    _show(race(Choice(camvid, pictures, _parsed(size)), rounds, network, threads), as_json)


def _show(result: Result, as_json: bool) -> None:
    if as_json:
        say(json.dumps(result.to_json(), ensure_ascii=False))
    else:
        result.show(console)


def _parsed(size: str) -> tuple[int, int]:
    width, _, height = size.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise InvalidValueError(
            Text(f"--size 应形如 960x720，而不是 {size!r}。", f"--size looks like 960x720, not {size!r}."),
            parameter="size",
        )
    return int(width), int(height)
