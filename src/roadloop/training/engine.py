"""From a piece of work to a running loop: device, data, network, optimiser, and where an earlier attempt stopped."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import torch
from torch import nn
from torch.backends import cuda
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm

from roadloop.datasets.reader import DatasetReader
from roadloop.errors import InvalidValueError, Text, many
from roadloop.labels.label_map import LabelMap
from roadloop.models.load import Blueprint, load_start_weights
from roadloop.networks.load import load_source
from roadloop.networks.names import read_published
from roadloop.training import checkpoint, data, measured
from roadloop.training.augment import Augmentation
from roadloop.training.checkpoint import Checkpoint, Place, RunState, seed_step
from roadloop.training.configure import usual_size
from roadloop.training.data import Batch, Sampling, Waiting
from roadloop.training.failures import named_failures, named_warnings
from roadloop.training.finetune import freeze
from roadloop.training.group import Group
from roadloop.training.increment import new_indices
from roadloop.training.journal import TaskJournal
from roadloop.training.kernels import Kernels, Trial, candidates, continued
from roadloop.training.learner import Learner, make_learner
from roadloop.training.loop import Journal, Run, train
from roadloop.training.losses import SegmentationLoss
from roadloop.training.probe import largest_fit
from roadloop.training.recipe import TrainConfig, TrainingRecipe
from roadloop.training.reporting import Reporter, Silent
from roadloop.training.sampler import BatchPlan
from roadloop.training.step import Update
from roadloop.training.sync_norm import synchronise
from roadloop.training.weighting import class_pixels
from roadloop.training.work import GPU_LOADERS, Work


def run(work: Work, group: Group, reporter: Reporter) -> bool:
    """Train, from the newest good checkpoint on, as one rank of a group.

    Returns:
        True at the end of the recipe; False when asked to stop: a checkpoint has been saved.

    Raises:
        RoadloopError: Named failures: memory, NaN, broken files, a network that does not run.
    """
    with (
        named_warnings(reporter if group.first else Silent()),
        named_failures(
            work.recipe,
            group.size,
            largest_fit=lambda: largest_fit(work, group),
            saved=lambda: bool(checkpoint.listed(work.checkpoints)),
        ),
    ):
        return _run(work, group, reporter)


def _run(work: Work, group: Group, reporter: Reporter) -> bool:
    recipe = work.recipe
    prepare_torch(work, group)
    reader = DatasetReader(work.dataset)
    check_digest(reader, recipe)
    place = Place(str(torch.__version__), torch.get_num_threads(), group.device.type, group.size)
    found = checkpoint.newest(work.checkpoints, recipe.digest())
    network = first_network(work, group.device, reporter, fresh=found is None)
    freeze(recipe.train, network)
    learner = make_learner(recipe.train, network, choose_kernels(work, found, network, group, reporter))
    share_norms(recipe.train, learner, group, reporter)
    if found is not None:
        resume(found, learner, place, reporter)
    state = found.state if found else RunState()
    whole = make_run(work, reader, learner, group)
    if not group.first:
        return train(whole, state, Journal(), reporter)
    with closing(TaskJournal(work, whole, describe(work, reader), place, found, reporter)) as journal:
        return train(whole, state, journal, reporter)


def choose_kernels(
    work: Work, found: Checkpoint | None, network: nn.Module, group: Group, reporter: Reporter
) -> Kernels:
    """How the network is computed: as the checkpoint says, else as an earlier attempt measured, else measured now."""
    asked = work.recipe.train
    settled = measured.settled(asked, work.task)
    ways = [continued(found.kernels, settled)] if found else candidates(settled, group.device)
    shape = (asked.at_once(group.size), 3, *work.recipe.crop)
    chosen = Trial(asked, network, shape, group, reporter).choose(ways)
    if group.first and any(getattr(settled, name) == measured.AUTO for name in measured.FIELDS):
        measured.keep(asked, work.task, chosen.settings, reporter)
    return chosen


def prepare_torch(work: Work, group: Group) -> None:
    """Threads, and kernels that give the same bits each time."""
    cv2.setNumThreads(0)
    if work.threads:
        torch.set_num_threads(max(1, work.threads // group.beside))
    elif group.beside > 1 and group.device.type == "cpu":
        torch.set_num_threads(max(1, torch.get_num_threads() // group.beside))
    if group.device.type == "cuda":
        torch.cuda.set_device(group.device)
        torch.backends.cudnn.allow_tf32 = True  # PyTorch's default; validation goes without
        fixed = work.recipe.train.deterministic
        torch.backends.cudnn.benchmark = not fixed
        torch.backends.cudnn.deterministic = fixed
        torch.use_deterministic_algorithms(fixed, warn_only=True)
        if fixed:
            os.putenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read by cuBLAS when it is first used
            torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        for attention in (cuda.enable_flash_sdp, cuda.enable_mem_efficient_sdp, cuda.enable_cudnn_sdp):
            attention(not fixed)  # where warnings suffice these give other bits each time; what is left does not


def check_digest(reader: DatasetReader, recipe: TrainingRecipe) -> None:
    """Refuse a dataset that is not the one the recipe means.

    Raises:
        InvalidValueError: Its contents are others.
    """
    if reader.info.digest != recipe.dataset.digest:
        name = recipe.dataset.name
        raise InvalidValueError(
            Text(
                f"data {name} 的内容在任务开始后改变了；请恢复它，或新建任务。",
                f"The dataset {name} has changed since the task was started; put it back, or create a new task.",
            ),
            dataset=name,
        )


def first_network(work: Work, device: torch.device, reporter: Reporter, *, fresh: bool) -> nn.Module:
    """The network with its first weights, the same on every rank; where a run is fresh, with its start weights."""
    recipe = work.recipe
    torch.manual_seed(recipe.train.seed)
    seed_step(recipe.train.seed, 0, 0)
    network = load_source(
        work.source, recipe.num_classes, work.network_settings, file=recipe.network_file, trust=work.trust
    ).to(device)
    if fresh and work.start_weights is not None:
        begin_from(work.start_weights, network, work, reporter)
    return network


def share_norms(config: TrainConfig, learner: Learner, group: Group, reporter: Reporter) -> None:
    """Let batch norm see the pictures of all ranks where the recipe says so, and say which keys change nothing here.

    That `sync_norm` has no effect is a line of the log, no warning: recipes of shipped networks have it, for one device too.
    """
    if not group.first:
        reporter = Silent()
    norms = {module for module in learner.network.modules() if isinstance(module, BatchNorm)}
    if config.freeze_norms and not norms:
        reporter.warn(
            Text(
                "freeze_norms 不起作用：网络中没有批归一化。",
                "freeze_norms has no effect: the network has no batch norm.",
            )
        )
    if not config.sync_norm:
        return
    if group.size == 1:
        reporter.log("sync_norm: without effect on one device")
    elif norms == set(learner.fixed):
        reporter.log("sync_norm: without effect, no batch norm moves its statistics")
    elif left := synchronise(learner.network, group):
        names = [*left[:5], "..."] if len(left) > 5 else left
        reporter.warn(
            Text(
                f"sync_norm：{'、'.join(names)} 的结果与批归一化不同，各设备仍只用自己的图片计算统计量。",
                f"sync_norm: {', '.join(names)} answer otherwise than batch norm, and still take the statistics of each"
                " device's own pictures.",
            )
        )


def resume(found: Checkpoint, learner: Learner, place: Place, reporter: Reporter) -> None:
    """Put a checkpoint into the learner, and say what is unusual about it."""
    checkpoint.restore(found, learner)
    for problem in found.problems:
        reporter.warn(problem)
    if found.place != place:
        now = vars(place)
        changed = ", ".join(
            f"{what} {then} -> {now[what]}" for what, then in vars(found.place).items() if then != now[what]
        )
        reporter.warn(
            Text(
                f"检查点来自不同的环境（{changed}）：训练继续，图片顺序不变，但结果不再逐位相同。",
                f"The checkpoint was made elsewhere ({changed}): training goes on with the same pictures in the same"
                " order, but not bit by bit.",
            )
        )
    reporter.log(f"resumed from {found.path.name} epoch={found.state.epoch + 1} step={found.state.step}")


def begin_from(weights: Path, network: nn.Module, work: Work, reporter: Reporter) -> None:
    """Fill the network from the start weights; what does not fit exactly becomes a warning, every name a line.

    Raises:
        InvalidValueError: They do not fit as the recipe's `weights_pairing` wants it.
    """
    recipe = work.recipe
    published = read_published(work.configuration)
    settings = recipe.train.network_settings
    blueprint = Blueprint(work.source, recipe.num_classes, settings, published, recipe.network_file, work.trust)
    report = load_start_weights(weights, network, blueprint, recipe.train.weights_pairing)
    reporter.log(report.text().en)
    if not report.exact:
        reporter.warn(report.text())
        for line in report.lines():
            reporter.log(line)


def make_run(work: Work, reader: DatasetReader, learner: Learner, group: Group) -> Run:
    """The loop's surroundings for one rank."""
    recipe = work.recipe
    label_map = LabelMap.from_json(recipe.label_map)
    lut = label_map.lut()
    train_split, val_split = reader.split("train"), reader.split("val")
    taken = Sampling(train_split, lut, new_indices(train_split, work.base_dataset), work.max_pixels)
    plan = BatchPlan(len(taken), recipe.train.batch_size, recipe.epochs, recipe.train.seed)
    check_pictures(plan, group)
    augmentation = Augmentation(recipe.data, class_pixels(label_map, reader.info.pixels("train")))
    loaders = loader_processes(work, group)
    keep = work.decoded_cache_mib * 2**20 // (group.beside * max(1, loaders))
    samples = data.TrainingSamples(taken, augmentation, recipe.train.seed, keep)
    whole = data.WholePictures(Sampling(val_split, lut, max_pixels=work.max_pixels))
    mine = list(range(group.rank, len(val_split), group.size))

    waiting = Waiting()

    def batches(step: int) -> Iterator[Batch]:
        part = plan.from_step(step, group.rank, group.size)
        return waiting.timed(data.read_ahead(samples, part, loaders, pin=group.device.type == "cuda"))

    normalise = data.Normalise(recipe.data.mean, recipe.data.std, group.device, learner.kernels.layout)
    criterion = SegmentationLoss(recipe.train, group.device)
    forward = learner.kernels.forward(learner.network, recipe.train)
    return Run(
        recipe=recipe,
        plan=plan,
        update=Update(recipe.train, learner, forward, criterion, normalise, group, recipe.network_file),
        batches=batches,
        waiting=waiting,
        validation=lambda: data.read_ahead(whole, mine, min(loaders, 4)),
        validation_pictures=len(val_split),
    )


def check_pictures(plan: BatchPlan, group: Group) -> None:
    """Refuse to train on nothing, or on fewer pictures than devices.

    Raises:
        InvalidValueError: Says how many there are.
    """
    if plan.batch < group.size:
        raise InvalidValueError(
            Text(
                f"训练集只有 {plan.pictures} 张图片，批大小 {plan.batch_size}，不够分给 {group.size} 个设备。请增加图片或减少设备。",
                f"{many(plan.pictures, 'training picture')} in batches of {plan.batch_size} do not suffice for"
                f" {group.size} device(s); add pictures or use fewer devices.",
            ),
            pictures=plan.pictures,
        )


def loader_processes(work: Work, group: Group) -> int:
    """Processes that read pictures for this rank: none on CPU, where all cores train."""
    if work.loaders >= 0:
        return work.loaders
    if group.device.type == "cpu":
        return 0
    return max(1, min(GPU_LOADERS, len(os.sched_getaffinity(0)) // group.beside - 1))


def describe(work: Work, reader: DatasetReader) -> dict[str, Any]:
    """The part of a model file's description that is the same for every epoch."""
    recipe = work.recipe
    label_map = LabelMap.from_json(recipe.label_map)
    table = reader.info.table
    return {
        "task": recipe.task,
        "network": {
            "name": recipe.network.name,
            "digest": recipe.network.digest,
            "settings": recipe.train.network_settings,
            "source": work.source,
        },
        "num_classes": recipe.num_classes,
        "classes": [c._asdict() for c in label_map.classes(table)],
        "class_table": table.to_rows(),
        "label_map": recipe.label_map,
        "normalisation": {"mean": recipe.data.mean, "std": recipe.data.std},
        "input": {"crop": recipe.crop, "size": usual_size(reader.info.sizes)},
    }
