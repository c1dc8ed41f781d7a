"""What settings lead to, before anything runs: steps, memory, time. Pure.

Memory is the network's numbers (weights, gradients, what the optimiser keeps) and what the backward pass needs of each
picture, which `about.json` of a network states for each pixel. Time is what the newest training of the same network took for
each picture here, by the ratio of the crops; else, on a CPU, the network's multiply-adds over what a core does of them. Both
are estimates, and say what they come from.
"""

from dataclasses import dataclass
from typing import Any, Final

from roadloop.errors import Text, many
from roadloop.training.configure import TaskFacts
from roadloop.training.recipe import DataConfig, TrainConfig
from roadloop.training.sampler import BatchPlan

COST_PIXELS: Final = 480 * 360  #: of the picture that multiply-adds are counted for
USUAL_PACE: Final = 8e9  #: multiply-adds of pictures that a core trains in a second, where a network does not state it
NUMBER_BYTES: Final = 4
LONG_S: Final = 24 * 3600.0  #: on a CPU; then a GPU, or less work, is worth a word


@dataclass(frozen=True)
class Cost:
    """What is known of a network.

    Attributes:
        parameters: Numbers it learns; None where nobody has counted.
        multiply_adds: For one picture of 480 x 360.
        kept_bytes: For each pixel of a picture, what the backward pass needs, in fp32.
        pace: Multiply-adds of pictures that one core trains in a second.
    """

    parameters: int | None = None
    multiply_adds: int | None = None
    kept_bytes: float | None = None
    pace: float = USUAL_PACE


@dataclass(frozen=True)
class Pace:
    """How fast an earlier training of the same network was, on the same kind of device.

    Attributes:
        task: Its name.
        images_per_second: Pictures a second, all devices together.
        crop: Height and width of its pictures.
        devices: How many devices it had.
    """

    task: str
    images_per_second: float
    crop: tuple[int, int]
    devices: int


@dataclass(frozen=True)
class Outlook:
    """What complete settings lead to; None = not known.

    Attributes:
        pictures: Training pictures.
        steps_per_epoch: Updates in an epoch.
        total_steps: Updates in all.
        at_once: Pictures that a device has in memory at once.
        memory_bytes: Of each device.
        images_per_second: Pictures a second, all devices together.
        seconds: Of the whole training, without validation.
        basis: Where the speed comes from.
        memory_basis: What the memory is made of, and what it leaves out; or why it is not known.
    """

    pictures: int
    steps_per_epoch: int
    total_steps: int
    at_once: int
    memory_bytes: int | None
    images_per_second: float | None
    seconds: float | None
    basis: Text | None
    memory_basis: Text


@dataclass(frozen=True)
class Host:
    """Where a training is to run.

    Attributes:
        gpus: How many GPUs; 0 = the CPU.
        cores: Of the CPU that a training uses.
        pace: Of an earlier training of the network, on the same kind of device.
    """

    gpus: int
    cores: int
    pace: Pace | None = None


def outlook(train: TrainConfig, data: DataConfig, facts: TaskFacts, cost: Cost, host: Host) -> Outlook:
    """What complete settings lead to.

    Args:
        train: Complete.
        data: Complete.
        facts: Of the task.
        cost: Of its network.
        host: Where it is to run.
    """
    plan = BatchPlan(facts.pictures(data), train.batch_size, train.num_epoch or 0, train.seed)
    devices = host.gpus or train.cpu_processes
    height, width = data.crop or (0, 0)
    at_once = -(-plan.batch // (devices * train.accumulate))
    speed, basis = _speed(cost, height * width, host)
    return Outlook(
        pictures=plan.pictures,
        steps_per_epoch=plan.total_steps // max(1, plan.epochs),
        total_steps=plan.total_steps,
        at_once=at_once,
        memory_bytes=_memory(train, cost, at_once * height * width),
        images_per_second=speed,
        seconds=plan.total_steps * plan.batch / speed if speed else None,
        basis=basis,
        memory_basis=_memory_basis(train, cost, f"{at_once} × {height} × {width}"),
    )


def _copies(train: TrainConfig) -> int:
    """How many numbers are kept for each parameter: it, its gradient, what the optimiser and the average keep."""
    return 2 + (2 if train.optimizer == "adamw" else 1) + (1 if train.ema_decay else 0)


def _kept(train: TrainConfig, kept_bytes: float) -> float:
    """What the backward pass needs of each pixel, bytes."""
    return kept_bytes * (0.5 if train.precision in {"fp16", "bf16"} else 1.0)


def _memory(train: TrainConfig, cost: Cost, pixels: int) -> int | None:
    if cost.parameters is None or cost.kept_bytes is None:
        return None
    return int(cost.parameters * NUMBER_BYTES * _copies(train) + pixels * _kept(train, cost.kept_bytes))


def _memory_basis(train: TrainConfig, cost: Cost, pixels: str) -> Text:
    if cost.parameters is None or cost.kept_bytes is None:
        return Text(
            "未知：网络的 about.json 没有写明反向传播需要多少，或网络还没有试运行",
            "not known: the network's about.json does not state what the backward pass needs, or nobody has tried it",
        )
    million, kept = cost.parameters / 1e6, _kept(train, cost.kept_bytes)
    copies = _copies(train)
    return Text(
        f"由 {million:.2f} M 个参数 × {copies} 份（权重、梯度、优化器等）与 {pixels} 像素 × {kept:,.0f} 字节（about.json）算出，"
        "没有在本机测过；不含 PyTorch 和 CUDA 自身、工作区与碎片所占，请留余量",
        f"worked out, not measured here: {million:.2f} M parameters × {copies} (weights, gradients, optimiser...), and"
        f" {pixels} pixels × {kept:,.0f} bytes (about.json); what PyTorch and CUDA take themselves, workspaces and"
        " fragments come on top, so leave room",
    )


def _speed(cost: Cost, pixels: int, host: Host) -> tuple[float, Text] | tuple[None, Text | None]:
    gpus, cores, pace = host.gpus, host.cores, host.pace
    if pace is not None and pixels:
        before = pace.crop[0] * pace.crop[1]
        many = (gpus or 1) / (pace.devices if gpus else 1)
        zh = f"按任务 {pace.task} 的实测速度推算"
        return pace.images_per_second * before / pixels * many, Text(zh, f"from what task {pace.task} reached here")
    if gpus:
        return None, Text(
            "GPU 上的速度在该网络第一次训练后才知道", "on a GPU the speed is known once this network has trained there"
        )
    if cost.multiply_adds is None or not pixels:
        return None, None
    work = cost.multiply_adds * pixels / COST_PIXELS
    zh, en = f"按乘加次数与 {cores} 个 CPU 核粗略估计", f"a rough guess from its multiply-adds and {cores} CPU cores"
    return cost.pace * cores / work, Text(zh, en)


def beside(found: Outlook, train: TrainConfig, *, gpus: int) -> dict[str, Text]:
    """The consequence of a setting, to stand next to it; by its key."""
    n, steps, total = found.pictures, found.steps_per_epoch, found.total_steps
    said = {
        "batch_size": Text(
            f"{n:,} 张训练图片 → 每轮 {steps:,} 步" + _memory_words(found)[0],
            f"{many(n, 'training picture')} → {many(steps, 'step')} an epoch" + _memory_words(found)[1],
        ),
        "num_epoch": Text(f"共 {total:,} 步", f"{many(total, 'step')} in all"),
    }
    if found.seconds is not None and found.basis is not None:
        zh, en = span(found.seconds)
        where = Text("CPU 上", "on the CPU") if not gpus else Text(f"{gpus} 块 GPU 上", f"on {gpus} GPUs")
        said["num_epoch"] = Text(
            f"共 {total:,} 步；{where.zh}约 {zh}（{found.basis.zh}）",
            f"{many(total, 'step')}; about {en} {where.en} ({found.basis.en})",
        )
    if train.accumulate > 1:
        said["accumulate"] = Text(
            f"每次 {found.at_once} 张在内存中", f"{many(found.at_once, 'picture')} in memory at once"
        )
    if train.schedule in {"auto", "step"} and train.steps:
        shares = "、".join(f"{step / max(1, total):.0%}" for step in train.steps)
        said["steps"] = Text(f"在全程的 {shares} 处", f"at {shares.replace('、', ', ')} of the way")
    if train.warmup_steps:
        share = train.warmup_steps / max(1, total)
        said["warmup_steps"] = Text(f"全程的 {share:.1%}", f"{share:.1%} of the way")
    return said


def _memory_words(found: Outlook) -> Text:
    if found.memory_bytes is None:
        return Text("", "")
    size = found.memory_bytes / 2**30
    text = f"{size:.1f} GiB" if size >= 1 else f"{found.memory_bytes / 2**20:.0f} MiB"
    return Text(f"；每个设备约 {text} 内存", f"; about {text} of memory for each device")


def warning(found: Outlook, train: TrainConfig, *, gpus: int) -> Text | None:
    """What to say of a training that would take days on a CPU."""
    if gpus or found.seconds is None or found.seconds < LONG_S:
        return None
    zh, en = span(found.seconds)
    a_day = max(1, int((train.num_epoch or 1) * LONG_S / found.seconds))
    return Text(
        f"CPU 上 {train.num_epoch} 轮约需 {zh}。请选 GPU，或减少轮数（{a_day} 轮约一天）、减小裁剪、换更小的网络。",
        f"{many(train.num_epoch or 0, 'epoch takes', 'epochs take')} about {en} on the CPU. Choose a GPU, fewer epochs ({a_day} take about a day), a"
        " smaller crop or a smaller network.",
    )


def span(seconds: float) -> Text:
    """So many seconds in words, rounded as an estimate is."""
    for unit, zh, en in ((86400, "天", "days"), (3600, "小时", "hours"), (60, "分钟", "minutes")):
        if seconds >= 1.5 * unit:
            many = f"{seconds / unit:.0f}" if seconds >= 9.5 * unit else f"{seconds / unit:.1f}".removesuffix(".0")
            return Text(f"{many} {zh}", f"{many} {en}")
    return Text("1 分钟以内", "a minute")


def numbers(found: Outlook) -> dict[str, Any]:
    """The same for programs."""
    return {
        "pictures": found.pictures,
        "steps_per_epoch": found.steps_per_epoch,
        "total_steps": found.total_steps,
        "at_once": found.at_once,
        "memory_mib": None if found.memory_bytes is None else round(found.memory_bytes / 2**20),
        "images_per_second": None if found.images_per_second is None else round(found.images_per_second, 3),
        "seconds": None if found.seconds is None else round(found.seconds),
    }
