"""`python -m benchmarks train`: steps of the training loop against a plain loop on the same samples, weights and dropout.

A training library that has the same network takes part in the same turns, in a process of its own.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import cv2
import torch
from torch import Tensor, nn

from benchmarks.contest import Contender, Lap, Result, contest
from benchmarks.libraries import Opponents, Steps, interpreter, invited
from benchmarks.loader import EVERYTHING, default_data, make_samples
from benchmarks.pictures import NAME, Choice, build, described, written
from benchmarks.scripts import opponent
from roadloop.datasets.info import DatasetInfo
from roadloop.errors import InvalidValueError, Text
from roadloop.labels.label_map import default_map
from roadloop.lists import read_names
from roadloop.networks.folder import TRAIN, digest, read_defaults, read_source, template_folder
from roadloop.networks.load import load_source
from roadloop.storage.paths import Workspace
from roadloop.training import checkpoint, engine
from roadloop.training.checkpoint import seed_step
from roadloop.training.data import TrainingSamples, read_ahead
from roadloop.training.group import Group
from roadloop.training.kernels import Kernels
from roadloop.training.metrics_log import read_lines
from roadloop.training.recipe import Named, Precision, TrainConfig, TrainingRecipe
from roadloop.training.reporting import Move, Silent
from roadloop.training.sampler import BatchPlan
from roadloop.training.weighting import class_pixels, class_weights
from roadloop.training.work import Work

CPU: Final = torch.device("cpu")


class Clock:
    """When each step ended, on the wall and in CPU seconds."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def note(self) -> None:
        """A step has ended."""
        self.wall.append(time.perf_counter())
        self.cpu.append(time.process_time())

    def lap(self, batch_size: int, per_epoch: int) -> Lap:
        """The steps but the first of each epoch, which waits for validation and what else stands between epochs."""
        steps = [step for step in range(1, len(self.wall)) if step % per_epoch]
        wall = sum(self.wall[step] - self.wall[step - 1] for step in steps)
        return Lap(len(steps) * batch_size, wall, sum(self.cpu[step] - self.cpu[step - 1] for step in steps))


class Watching(Silent):
    """A reporter that notes the steps, and gives finished files their names."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.wait = 0.0
        self._step = 0.0

    def progress(self, done: float, total: float, note: Text | None = None) -> None:  # noqa: ARG002 - a reporter's form
        """Note a step."""
        if done > self._step:
            self._step = done
            self.clock.note()

    def scratch(self, target: Path) -> Path:
        """A path beside `target`."""
        return target.with_name(f".{target.name}.{os.getpid()}")

    def publish(self, moves: Sequence[Move], memo: Mapping[str, Any] | None = None) -> None:
        """Rename; keep the share of time that was spent waiting."""
        for scratch, target in moves:
            scratch.rename(target)
        self.wait = (memo or {}).get("speed", {}).get("loader_wait", self.wait)


@dataclass(frozen=True)
class Lesson:
    """What is trained, and how.

    Attributes:
        network: Name of a template.
        steps: Of each run, at least.
        batch_size: Pictures in a step.
        precisions: As in a recipe, one roadloop for each; the other sides compute in float32.
        device: Where all sides train.
        loaders: Processes that read pictures, for each side.
        deterministic: As in a recipe.
    """

    network: str
    steps: int
    batch_size: int
    precisions: Sequence[Precision | Literal["auto"]] = ("fp32",)
    device: torch.device = CPU
    loaders: int = 0
    deterministic: bool = True


def precisions(asked: str) -> tuple[Precision | Literal["auto"], ...]:
    """The precisions in a text such as `fp32,bf16`, each once, the plainest first.

    Raises:
        InvalidValueError: One is not known.
    """
    known = get_args(TrainConfig.model_fields["precision"].annotation)
    parts = set(read_names(asked))
    if not parts or not parts <= set(known):
        names = ", ".join(known)
        raise InvalidValueError(
            Text(f"--precision 可取 {names}，而不是 {asked!r}。", f"--precision takes {names}, not {asked!r}."),
            parameter="precision",
        )
    return tuple(precision for precision in known if precision in parts)


def device(gpu: int | None) -> torch.device:
    """The GPU of that number, or the CPU.

    Raises:
        InvalidValueError: PyTorch finds no such GPU.
    """
    if gpu is None:
        return CPU
    found = torch.cuda.device_count()
    if gpu >= found:
        raise InvalidValueError(
            Text(
                f"--gpu {gpu}：PyTorch 在本机找到 {found} 个 GPU；不带此选项则在 CPU 上运行。",
                f"--gpu {gpu}: PyTorch finds {found} GPUs here. Leave the option out to train on the CPU.",
            ),
            parameter="gpu",
        )
    return torch.device("cuda", gpu)


def race(choice: Choice, rounds: int, lesson: Lesson, python: Path | None = None) -> Result:
    """The same steps by the training loop, by `benchmarks/opponents/plain_loop.py` and by a library; on the CPU one thread each.

    Args:
        choice: The pictures.
        rounds: Times that each side runs.
        lesson: What is trained.
        python: Interpreter that has the library; None: this one.
    """
    executable = interpreter(python)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with written(choice) as workspace:
        room = Room(workspace, build(workspace, NAME, len(os.sched_getaffinity(0))), choice)
        return race_in(room, rounds, lesson, executable)


@dataclass(frozen=True)
class Room:
    """Where several lessons can be given: a workspace with the dataset `bench`, built from the chosen pictures."""

    workspace: Workspace
    info: DatasetInfo
    choice: Choice


def race_in(room: Room, rounds: int, lesson: Lesson, executable: str, *, warm: bool = True) -> Result:
    """The same in a workspace that is there already.

    Args:
        room: The pictures.
        rounds: Times that each side runs.
        lesson: What is trained.
        executable: Interpreter that has the library to compare with.
        warm: Run each side once before, untimed.
    """
    network, batch_size, info = lesson.network, lesson.batch_size, room.info
    source = read_source(template_folder(network))
    epochs = -(-lesson.steps * batch_size // info.counts["train"])
    recipes = [make_recipe(info, lesson, source, precision, epochs=epochs) for precision in lesson.precisions]
    recipe = recipes[0]
    samples = make_samples(room.workspace, info, recipe.data, EVERYTHING)
    per_epoch = BatchPlan(len(samples.sampling), batch_size, epochs, recipe.train.seed).steps_per_epoch
    if per_epoch < 2:
        raise InvalidValueError(
            Text(
                f"{info.counts['train']} 张训练图片不够两个批次；请增大 --pictures 或减小 --batch。",
                f"{info.counts['train']} training pictures are not two batches: more --pictures, or a smaller --batch.",
            )
        )
    shape = Steps(per_epoch * epochs, batch_size, *recipe.crop, recipe.num_classes)
    rivals = Opponents(notes=["the training libraries take part on the CPU only"])
    if lesson.device == CPU:
        rivals = invited(network, executable, shape, parameters(recipe, source))
    ours = [Ours(room.workspace, lesson, one, source, per_epoch) for one in recipes]
    losses: list[float] = []

    def theirs() -> Lap:
        clock = Clock()
        losses.clear()

        def each(loss: float) -> None:
            losses.append(loss)
            clock.note()

        train_plainly(recipe, source, samples, lesson, each)
        return clock.lap(batch_size, per_epoch)

    sides = [*(Contender(one.name, one) for one in ours), Contender("plain loop", theirs), *rivals.contenders]
    timings = contest(sides, rounds, warm=warm)
    notes = [note for one in ours for note in one.notes(losses)]
    crop = "x".join(map(str, reversed(recipe.crop)))
    where = "" if lesson.device == CPU else f" on {torch.cuda.get_device_name(lesson.device)}"
    title = f"Training {network}{where}, batches of {batch_size}, crop {crop}: {described(room.choice, info)}"
    return Result(title, "pictures", timings, (*notes, *rivals.notes))


class Ours:
    """Roadloop's own runs of one recipe.

    Args:
        workspace: Where its tasks stand.
        lesson: What is trained.
        recipe: How.
        source: Of the network.
        per_epoch: Steps.
    """

    def __init__(
        self, workspace: Workspace, lesson: Lesson, recipe: TrainingRecipe, source: str, per_epoch: int
    ) -> None:
        asked = recipe.train.precision
        self.name: Final = "roadloop" if asked == lesson.precisions[0] else f"roadloop, {asked}"
        self._workspace, self._lesson, self._recipe, self._source = workspace, lesson, recipe, source
        self._per_epoch = per_epoch
        self.losses: list[float] = []
        self._wait = 0.0
        self._used: set[Kernels] = set()

    def __call__(self) -> Lap:
        """Train once."""
        task = self._workspace.tasks / f"bench-{uuid.uuid4().hex}"
        for folder in ("checkpoints", "output/models", "log"):
            (task / folder).mkdir(parents=True)
        watching = Watching()
        work = Work(
            self._recipe, self._source, self._workspace.datasets / NAME, None, task, 1, self._lesson.loaders,
            decoded_cache_mib=EVERYTHING >> 20,
        )  # fmt: skip
        engine.run(work, Group(self._lesson.device), watching)
        self.losses = [line["loss"] for line in read_lines(work.metrics) if line["kind"] == "step"]
        self._wait = watching.wait
        if ended := checkpoint.newest(work.checkpoints, self._recipe.digest()):
            self._used.add(ended.kernels)
        return watching.clock.lap(self._lesson.batch_size, self._per_epoch)

    def notes(self, theirs: Sequence[float]) -> list[str]:
        """How it compares with the plain loop's losses, and what it did with its time."""
        apart = [abs(a - b) / abs(b) for a, b in zip(self.losses, theirs, strict=True)]
        loaders = f"loader processes: {self._lesson.loaders}" if self._lesson.loaders else "no loader process"
        same = ", deterministic" if self._lesson.device != CPU and self._lesson.deterministic else ""
        return [
            f"{self.name}'s losses differ by {apart[0]:.1e} in the first step, and by {max(apart):.1e} at most in {len(apart)} steps",
            f"{self.name} waited {self._wait:.1%} of its time for pictures (decoded ones kept, {loaders})",
            f"{self.name} computed in {' and in '.join(sorted(map(str, self._used)))}{same}, the others in fp32",
        ]


def make_recipe(
    info: DatasetInfo, lesson: Lesson, source: str, precision: Precision | Literal["auto"], *, epochs: int
) -> TrainingRecipe:
    """What /starttask would make of the defaults, with the network's own layout of tensors."""
    label_map = default_map(info.table)
    weights = class_weights(class_pixels(label_map, info.pixels("train")), "inverse_log")
    own = read_defaults(template_folder(lesson.network), TRAIN)
    train = TrainConfig(
        num_classes=label_map.num_classes, num_epoch=epochs, batch_size=lesson.batch_size, class_weights=weights, log_every=1,
        save_every=epochs, schedule="poly", precision=precision, deterministic=lesson.deterministic, **{name: own[name] for name in ("memory_format",) if name in own},
    )  # fmt: skip
    return TrainingRecipe(
        task=NAME,
        dataset=Named(name=info.name, digest=info.digest),
        network=Named(name=lesson.network, digest=digest(source)),
        start_weights=None,
        label_map=label_map.to_json(),
        gpus="" if lesson.device == CPU else str(lesson.device.index),
        train=train,
        data=default_data(info),
    )


def train_plainly(
    recipe: TrainingRecipe, source: str, samples: TrainingSamples, lesson: Lesson, each: Callable[[float], None]
) -> None:
    """Run the plain loop on the recipe's samples, from its first weights, with its dropout; PyTorch as it is delivered."""
    train = recipe.train
    torch.use_deterministic_algorithms(mode=False)
    torch.backends.cudnn.benchmark = torch.backends.cudnn.deterministic = False
    plan = BatchPlan(len(samples.sampling), train.batch_size, recipe.epochs, train.seed)
    seed_step(train.seed, 0, 0)
    network = make_network(recipe, source).to(lesson.device)
    pin = lesson.device != CPU

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for step, batch in enumerate(read_ahead(samples, plan.from_step(0), lesson.loaders, pin=pin)):
            seed_step(train.seed, step, 0)
            yield batch.images, batch.targets

    opponent("plain_loop").train(
        network,
        batches(),
        plan.total_steps,
        train.class_weights,
        train.base_lr,
        recipe.data.mean,
        recipe.data.std,
        each,
    )


def make_network(recipe: TrainingRecipe, source: str) -> nn.Module:
    """The recipe's network with fresh weights."""
    return load_source(source, recipe.num_classes, recipe.train.network_settings, file=recipe.network_file)


def parameters(recipe: TrainingRecipe, source: str) -> int:
    """Numbers that the recipe's network learns."""
    return sum(values.numel() for values in make_network(recipe, source).parameters())
