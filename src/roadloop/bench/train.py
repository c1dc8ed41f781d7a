"""`roadloop bench train`: steps of the training loop against a plain loop on the same samples, weights and dropout.

A training library that has the same network takes part in the same turns, in a process of its own.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

import cv2
import torch
from torch import Tensor, nn

from roadloop.bench.contest import Contender, Lap, Result, contest
from roadloop.bench.libraries import Steps, interpreter, invited
from roadloop.bench.loader import EVERYTHING, default_data, make_samples
from roadloop.bench.pictures import NAME, Choice, build, described, written
from roadloop.bench.scripts import opponent
from roadloop.datasets.info import DatasetInfo
from roadloop.errors import InvalidValueError, Text
from roadloop.labels.label_map import default_map
from roadloop.networks.folder import TRAIN, digest, read_defaults, read_source, template_folder
from roadloop.networks.load import load_source
from roadloop.training import checkpoint, engine
from roadloop.training.checkpoint import seed_step
from roadloop.training.data import TrainingSamples, training_batches
from roadloop.training.group import Group
from roadloop.training.kernels import Kernels
from roadloop.training.metrics_log import read_lines
from roadloop.training.recipe import Named, Precision, TrainConfig, TrainingRecipe
from roadloop.training.reporting import Move, Silent
from roadloop.training.sampler import BatchPlan
from roadloop.training.weighting import class_pixels, class_weights
from roadloop.training.work import Work


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
        return target.with_name(f".{target.name}.bench")

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
        precision: As in a recipe; the other sides compute in float32.
    """

    network: str
    steps: int
    batch_size: int
    precision: Precision | Literal["auto"] = "fp32"


def race(choice: Choice, rounds: int, lesson: Lesson, python: Path | None = None) -> Result:
    """The same steps by the training loop, by `benchmarks/plain_loop.py` and by a library, one thread each.

    Args:
        choice: The pictures.
        rounds: Times that each side runs.
        lesson: What is trained.
        python: Interpreter that has the library; None: this one.
    """
    network, steps, batch_size = lesson.network, lesson.steps, lesson.batch_size
    executable = interpreter(python)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with written(choice) as workspace:
        info = build(workspace, NAME, 1)
        source = read_source(template_folder(network))
        recipe = make_recipe(info, lesson, source, epochs=-(-steps * batch_size // info.counts["train"]))
        samples = make_samples(workspace, info, recipe.data, EVERYTHING)
        per_epoch = BatchPlan(len(samples.sampling), batch_size, recipe.epochs, recipe.train.seed).steps_per_epoch
        if per_epoch < 2:
            raise InvalidValueError(
                Text(
                    f"{info.counts['train']} 张训练图片不够两个批次；请增大 --pictures 或减小 --batch。",
                    f"{info.counts['train']} training pictures are not two batches: more --pictures, or a smaller --batch.",
                )
            )
        total = per_epoch * recipe.epochs
        shape = Steps(total, batch_size, *recipe.crop, recipe.num_classes)
        rivals = invited(network, executable, shape, parameters(recipe, source))
        numbers, losses, watched, used = count(), dict[str, list[float]](), list[Watching](), set[Kernels]()

        def ours() -> Lap:
            task = workspace.tasks / f"bench-{next(numbers)}"
            for folder in ("checkpoints", "output/models", "log"):
                (task / folder).mkdir(parents=True)
            watching = Watching()
            work = Work(recipe, source, workspace.datasets / NAME, None, task, 1, 0, decoded_cache_mib=EVERYTHING >> 20)
            engine.run(work, Group(torch.device("cpu")), watching)
            losses["ours"] = [line["loss"] for line in read_lines(work.metrics) if line["kind"] == "step"]
            watched.append(watching)
            if ended := checkpoint.newest(work.checkpoints, recipe.digest()):
                used.add(ended.kernels)
            return watching.clock.lap(batch_size, per_epoch)

        def theirs() -> Lap:
            clock, losses["theirs"] = Clock(), []

            def each(loss: float) -> None:
                losses["theirs"].append(loss)
                clock.note()

            train_plainly(recipe, source, samples, each)
            return clock.lap(batch_size, per_epoch)

        sides = [Contender("roadloop", ours), Contender("plain loop", theirs), *rivals.contenders]
        timings = contest(sides, rounds)
    apart = [abs(a - b) / abs(b) for a, b in zip(losses["ours"], losses["theirs"], strict=True)]
    notes = [
        f"losses differ by {apart[0]:.1e} in the first step, and by {max(apart):.1e} at most in {len(apart)} steps",
        f"roadloop waited {watched[-1].wait:.1%} of its time for pictures (decoded ones kept, no loader process)",
        f"roadloop computed in {' and in '.join(sorted(map(str, used)))}, the others in fp32",
        *rivals.notes,
    ]
    crop = "x".join(map(str, reversed(recipe.crop)))
    title = f"Training {network}, batches of {batch_size}, crop {crop}: {described(choice, info)}"
    return Result(title, "pictures", timings, tuple(notes))


def make_recipe(info: DatasetInfo, lesson: Lesson, source: str, *, epochs: int) -> TrainingRecipe:
    """What /starttask would make of the defaults, with the network's own layout of tensors."""
    label_map = default_map(info.table)
    weights = class_weights(class_pixels(label_map, info.pixels("train")), "inverse_log")
    own = read_defaults(template_folder(lesson.network), TRAIN)
    train = TrainConfig(
        num_classes=label_map.num_classes, num_epoch=epochs, batch_size=lesson.batch_size, class_weights=weights, log_every=1,
        save_every=epochs, schedule="poly", precision=lesson.precision, **{name: own[name] for name in ("memory_format",) if name in own},
    )  # fmt: skip
    return TrainingRecipe(
        task=NAME,
        dataset=Named(name=info.name, digest=info.digest),
        network=Named(name=lesson.network, digest=digest(source)),
        start_weights=None,
        label_map=label_map.to_json(),
        gpus="",
        train=train,
        data=default_data(info),
    )


def train_plainly(recipe: TrainingRecipe, source: str, samples: TrainingSamples, each: Any) -> None:
    """Run the plain loop on the recipe's samples, from its first weights, with its dropout."""
    train = recipe.train
    plan = BatchPlan(len(samples.sampling), train.batch_size, recipe.epochs, train.seed)
    seed_step(train.seed, 0, 0)
    network = make_network(recipe, source)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for step, batch in enumerate(training_batches(samples, plan.from_step(0), 0, pin=False)):
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
