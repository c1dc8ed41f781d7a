"""`python -m benchmarks gpu`: what only a GPU can show, in one go of a few minutes; one JSON, one table.

Each part stands alone: one that fails says why, one for which no time is left says so, and the others run.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu_report import place
from benchmarks.loader import EVERYTHING
from benchmarks.pictures import NAME, Choice, build, written
from benchmarks.scripts import CHECKOUT
from benchmarks.train import CPU, Lesson, Ours, Room, Watching, make_recipe, race_in
from roadloop.errors import InvalidValueError, Text
from roadloop.networks.folder import list_templates, read_source, template_folder
from roadloop.networks.load import load_source
from roadloop.storage import publish
from roadloop.training import checkpoint, engine
from roadloop.training.crew import Crew
from roadloop.training.group import Group
from roadloop.training.kernels import Kernels, Trial, candidates
from roadloop.training.recipe import Precision, TrainConfig, TrainingRecipe
from roadloop.training.work import Work

LEAST: Final = 20  #: seconds that must be left for another measurement to begin
_SECOND: Final = 1.0  #: of measuring one forward pass
_BEGIN: Final = "import sys; from benchmarks.gpu import work_on; work_on(*sys.argv[1:])"


def gpu_tests() -> list[str]:
    """The files of tests that say they need a GPU."""
    files = sorted((CHECKOUT / "tests").rglob("test_*.py"))
    return [str(path.relative_to(CHECKOUT)) for path in files if "mark.gpu" in path.read_text("utf-8")]


@dataclass(frozen=True)
class Sizes:
    """How much is computed.

    Attributes:
        choice: The pictures; CamVid where its folder is given.
        networks: Templates whose training steps are measured.
        compiled: Of these, those that are compiled as well, which takes a minute each.
        steps: Of a run, and of the curve that is compared with the CPU's.
        batch: Pictures of a step.
        forward: Templates whose forward pass is measured, at `picture` (height, width), with each of `batches`.
        side: Of the square matrices whose product is the card's measured peak.
        tests: Files with tests that need a GPU.
    """

    choice: Choice = field(default_factory=lambda: Choice(None, 96, (960, 720)))
    networks: Sequence[str] = field(default_factory=lambda: list_templates()[:-1])  # the last is an alias
    compiled: Sequence[str] = ("fast-scnn", "pidnet-s")
    steps: int = 16
    batch: int = 8
    forward: Sequence[str] = ("pidnet-s", "ddrnet-23-slim")
    picture: tuple[int, int] = (1024, 2048)
    batches: Sequence[int] = (1, 8)
    side: int = 8192
    tests: Sequence[str] = field(default_factory=gpu_tests)


#: What goes through on a CPU in seconds.
TINY: Final = Sizes(
    Choice(None, 8, (96, 64)), ("enet",), (), 2, 4, ("fast-scnn",), (64, 128), (1,), 64, ("tests/training/test_gpu.py",)
)

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Stage:
    """What every part works with: sizes, device, pictures, and until when (`time.monotonic`)."""

    sizes: Sizes
    device: torch.device
    room: Room
    until: float

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    @property
    def precisions(self) -> tuple[Precision, ...]:
        """Those worth measuring: a CPU takes seconds for what it has no instructions for."""
        return ("fp32", "bf16", "fp16") if self.device.type == "cuda" else ("fp32", "bf16")

    def lesson(self, network: str, precisions: Sequence[Precision] = ("fp32",)) -> Lesson:
        """Training of a network on the device."""
        loaders = 0 if self.device == CPU else min(8, len(os.sched_getaffinity(0)) - 1)
        return Lesson(
            network, self.sizes.steps, self.sizes.batch, precisions, self.device, loaders, deterministic=False
        )

    def recipe(self, network: str, *, epochs: int, deterministic: bool) -> TrainingRecipe:
        """How a network is trained in fp32."""
        lesson = replace(self.lesson(network), deterministic=deterministic)
        return make_recipe(self.room.info, lesson, read_source(template_folder(network)), "fp32", epochs=epochs)

    def work(self, recipe: TrainingRecipe, task: str) -> Work:
        """A run of a recipe in a folder of its own."""
        folder = self.room.workspace.tasks / task
        for name in ("checkpoints", "output/models", "log"):
            (folder / name).mkdir(parents=True)
        source = read_source(template_folder(recipe.network.name))
        dataset = self.room.workspace.datasets / NAME
        return Work(recipe, source, dataset, None, folder, 1, 0, decoded_cache_mib=EVERYTHING >> 20)


def run(sizes: Sizes, gpu: int | None, minutes: float, only: Sequence[str] = ()) -> dict[str, Any]:
    """Run the parts.

    Args:
        sizes: How much.
        gpu: Number of the GPU; None: the CPU.
        minutes: No measurement begins when they are over.
        only: Names of the parts that run; all when empty.

    Returns:
        The report, JSON values: where, and for each part its seconds and figures by what was measured.

    Raises:
        InvalidValueError: There is no such part.
    """
    if strange := [name for name in only if name not in PARTS]:
        raise InvalidValueError(
            Text(
                f"没有 {strange[0]}；可用的有：{', '.join(PARTS)}",
                f"there is no {strange[0]}; there are: {', '.join(PARTS)}",
            )
        )
    until = time.monotonic() + 60 * minutes
    device = CPU if gpu is None else torch.device("cuda", gpu)
    with written(sizes.choice) as workspace:
        info = build(workspace, NAME, len(os.sched_getaffinity(0)))
        stage = Stage(sizes, device, Room(workspace, info, sizes.choice), until)
        parts = {name: _part(name, stage) for name in only or PARTS}
    return {"place": place(device), "parts": parts}


def _part(name: str, stage: Stage) -> dict[str, Any]:
    began = time.monotonic()
    found: dict[str, Figures] = {}
    problem = ""
    try:
        if stage.left < LEAST:
            raise TimeoutError
        PARTS[name](stage, found)
    except TimeoutError:
        problem = "no time was left"
    except Exception as error:  # noqa: BLE001 - whatever it is, the other parts run
        problem = _why(error)
    if stage.device.type == "cuda":
        torch.cuda.empty_cache()
    return {
        "seconds": round(time.monotonic() - began, 1),
        "figures": found,
        **({"problem": problem} if problem else {}),
    }


def peak(stage: Stage, found: dict[str, Figures]) -> None:
    """TFLOP/s of one large product of random matrices."""
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        matrix = torch.rand(stage.sizes.side, stage.sizes.side, device=stage.device, dtype=dtype)
        seconds = _timed(lambda matrix=matrix: matrix @ matrix, stage.device)  # type: ignore[misc]
        found[str(dtype).removeprefix("torch.")] = {"tflops": 2 * stage.sizes.side**3 / seconds / 1e12}


def steps(stage: Stage, found: dict[str, Figures]) -> None:
    """Training steps of each network in each precision, against the plain loop in fp32, loader processes on both sides."""

    def measure(network: str) -> Figures:
        result = race_in(stage.room, 1, stage.lesson(network, stage.precisions), sys.executable, warm=False)
        rows = result.to_json()["rows"]
        speeds = {row["name"]: row["items"] / max(row["wall_seconds"][0], 1e-9) for row in rows}
        return {"pictures_per_second": speeds, "notes": list(result.notes)}

    _each(stage, found, stage.sizes.networks, measure)


def kernels(stage: Stage, found: dict[str, Figures]) -> None:
    """Milliseconds of a forward and backward pass in each type and layout, and what `auto` chooses."""
    config = TrainConfig(precision="auto", memory_format="auto", compile="off", deterministic=False)
    asked = [config.model_copy(update={"precision": precision}) for precision in stage.precisions]

    def measure(network: str) -> Figures:
        trial = _trial(stage, network, config)
        times = {str(way): 1000 * trial.seconds(way) for one in asked for way in candidates(one, stage.device)}
        chosen = min(candidates(config, stage.device), key=lambda way: times[str(way)])
        return {"milliseconds": times, "auto": str(chosen)}

    _each(stage, found, stage.sizes.networks, measure)


def compiled(stage: Stage, found: dict[str, Figures]) -> None:
    """The same with torch.compile, which takes a minute for each network."""
    ways = [Kernels(channels_last=True, compiled=one, precision="bf16") for one in (False, True)]

    def measure(network: str) -> Figures:
        began = time.monotonic()
        trial = _trial(stage, network, TrainConfig(compile="on", deterministic=False))
        times = {str(way): 1000 * trial.seconds(way) for way in ways}
        return {"milliseconds": times, "seconds_with_compiling": time.monotonic() - began}

    _each(stage, found, stage.sizes.compiled, measure, 90)


def forward(stage: Stage, found: dict[str, Figures]) -> None:
    """Forward passes of whole pictures: pictures/s, and the share of the bf16 product of `peak` that this is."""
    products: dict[str, Figures] = {}
    peak(stage, products)
    height, width = stage.sizes.picture
    for network in stage.sizes.forward:
        module = _network(stage, network).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for batch in stage.sizes.batches:
            image = torch.rand(batch, 3, height, width, device=stage.device).to(memory_format=torch.channels_last)
            with torch.inference_mode(), FlopCounterMode(display=False) as counter:
                module(image)
            flops = counter.get_total_flops()
            for precision in stage.precisions:
                _hurry(stage)
                dtype = Kernels(precision=precision).dtype
                with torch.inference_mode(), torch.autocast(stage.device.type, dtype, enabled=dtype is not None):
                    seconds = _timed(lambda module=module, image=image: module(image), stage.device)  # type: ignore[misc]
                share = flops / seconds / 1e12 / products["bfloat16"]["tflops"]
                figures = {"pictures_per_second": batch / seconds, "share_of_bf16_peak": share}
                found[f"{network} {precision} {batch} x {height}x{width}"] = figures


def curve(stage: Stage, found: dict[str, Figures]) -> None:
    """The losses of one short training on the device and on the CPU, in fp32, with the same weights and samples."""
    lines = {}
    for device in dict.fromkeys((stage.device, CPU)):
        _hurry(stage)
        lesson = replace(stage.lesson("enet"), device=device, loaders=0, deterministic=True)
        source = read_source(template_folder("enet"))
        epochs = -(-lesson.steps * lesson.batch_size // stage.room.info.counts["train"])
        recipe = make_recipe(stage.room.info, lesson, source, "fp32", epochs=epochs)
        ours = Ours(stage.room.workspace, lesson, recipe, source, 1)
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        ours()
        lines[device.type] = list(ours.losses)
    apart = [abs(a - b) / abs(b) for a, b in zip(lines[stage.device.type], lines["cpu"], strict=True)]
    found["enet"] = {"losses": lines, "first_apart": apart[0], "most_apart": max(apart)}


def resume(stage: Stage, found: dict[str, Figures]) -> None:
    """A training that is killed after its first epoch and begun again, against one that was not: the same bytes?"""
    recipe = stage.recipe("fast-scnn", epochs=3, deterministic=True)
    whole, killed = stage.work(recipe, "whole"), stage.work(recipe, "killed")
    _train(stage, whole)
    with subprocess.Popen(_command(stage, killed), cwd=CHECKOUT) as process:
        while process.poll() is None and not checkpoint.listed(killed.checkpoints) and stage.left > LEAST:
            time.sleep(0.01)
        early = process.poll() is None
        process.send_signal(signal.SIGKILL)
    _hurry(stage)
    _train(stage, killed)
    found["fast-scnn"] = {"killed_while_it_ran": early, "same_bytes": outcome(whole) == outcome(killed)}


def ranks(stage: Stage, found: dict[str, Figures]) -> None:
    """One rank over NCCL (over gloo on a CPU) against none: the same bytes?"""
    recipe = stage.recipe("fast-scnn", epochs=1, deterministic=True)
    alone, crewed = stage.work(recipe, "alone"), stage.work(recipe, "crewed")
    _train(stage, alone)
    Crew(crewed, 1, Watching(), cuda=stage.device.type == "cuda").run()
    found["fast-scnn"] = {"same_bytes": outcome(alone) == outcome(crewed)}


def tests(stage: Stage, found: dict[str, Figures]) -> None:
    """The tests that need a GPU."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "gpu", "-q", *stage.sizes.tests]
    done = subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=max(1, stage.left)
    )
    lines = (done.stdout + done.stderr).strip().splitlines()
    found["pytest"] = {
        "passed": done.returncode == 0,
        "says": lines[-1:],
        "failed": [t for t in lines if t[:6] == "FAILED"],
    }


PARTS: Final[dict[str, Callable[[Stage, dict[str, Figures]], None]]] = {
    part.__name__: part for part in (peak, steps, kernels, forward, curve, resume, ranks, tests, compiled)
}


def work_on(work: str, device: str) -> None:
    """Train in a process of its own: the file with the work, and where."""
    engine.run(Work.from_json(Path(work).read_text()), Group(torch.device(device)), Watching())


def outcome(work: Work) -> dict[str, str]:
    """sha256 of what a run leaves: the last checkpoint's tensors and the model files."""
    tensors = checkpoint.listed(work.checkpoints)[-1] / checkpoint.TENSORS
    return {path.name: publish.sha256_file(path) for path in (tensors, *sorted(work.results.glob("*.params")))}


def _each(
    stage: Stage,
    found: dict[str, Figures],
    networks: Sequence[str],
    measure: Callable[[str], Figures],
    least: float = LEAST,
) -> None:
    """Measure network by network; one that does not run here costs no other."""
    for network in networks:
        _hurry(stage, least)
        try:
            found[network] = measure(network)
        except Exception as error:  # noqa: BLE001 - out of memory, a library that is not there, ...
            found[network] = {"problem": _why(error)}


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:1000]


def _network(stage: Stage, name: str) -> nn.Module:
    torch.manual_seed(0)
    source = read_source(template_folder(name))
    return load_source(source, 19, {}, file=f"networks/templates/{name}/network.py").to(stage.device)


def _trial(stage: Stage, network: str, config: TrainConfig) -> Trial:
    crop = stage.recipe(network, epochs=1, deterministic=False).crop
    shape = (stage.sizes.batch, 3, *crop)
    return Trial(config, _network(stage, network), shape, Group(stage.device), Watching())


def _timed(compute: Callable[[], Any], device: torch.device) -> float:
    """The shortest time of one call, seconds, of those that fit into a second; two calls come before."""
    times: list[float] = []
    while len(times) < 4 or sum(times) < _SECOND * (device.type == "cuda"):
        began = time.perf_counter()
        compute()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return min(times[2:])


def _train(stage: Stage, work: Work) -> None:
    """Train in a process of its own, where no earlier part has set cuBLAS up."""
    subprocess.run(_command(stage, work), cwd=CHECKOUT, check=True, timeout=max(1, stage.left))


def _command(stage: Stage, work: Work) -> list[str]:
    task = work.task / "work.json"
    task.write_text(work.to_json())
    return [sys.executable, "-c", _BEGIN, str(task), str(stage.device)]


def _hurry(stage: Stage, least: float = LEAST) -> None:
    if stage.left < least:
        raise TimeoutError
