"""Names for what goes wrong below us while training: memory, loader, network. Each says its cure."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from roadloop.errors import JobError, NonFiniteLossError, OutOfMemoryError, RoadloopError, Text
from roadloop.training.recipe import TrainingRecipe


@contextmanager
def named_failures(recipe: TrainingRecipe) -> Iterator[None]:
    """Turn torch's failures into ours.

    Raises:
        OutOfMemoryError: GPU or host memory; names the batch size that was tried.
        JobError: A loader process was killed, the batch is too small for batch norm, or the network's code failed.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise _out_of_memory(recipe, gpu=True) from error
    except MemoryError as error:
        raise _out_of_memory(recipe, gpu=False) from error
    except RoadloopError:
        raise
    except (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        message = str(error)
        if "allocate memory" in message or "std::bad_alloc" in message:
            raise _out_of_memory(recipe, gpu=False) from error
        if "DataLoader worker" in message:
            raise JobError(
                Text(
                    "读取图片的进程被终止，通常是主机内存不足。请减小 ROADLOOP_LOADER_WORKERS 或批大小，然后继续任务。",
                    "A process that reads pictures was killed, mostly because the host has no memory left."
                    " Lower ROADLOOP_LOADER_WORKERS or the batch size, then continue the task.",
                )
            ) from error
        if "more than 1 value per channel" in message:
            raise JobError(
                Text(
                    f"批大小 {recipe.train.batch_size}（{recipe.devices} 个设备）对该网络的批归一化太小；每个设备至少要 2 张。",
                    f"A batch of {recipe.train.batch_size} on {recipe.devices} device(s) is too small for this"
                    " network's batch norm; give each device at least 2 pictures.",
                ),
                batch_size=recipe.train.batch_size,
            ) from error
        _blame_network(recipe, error)
        raise


def _blame_network(recipe: TrainingRecipe, error: Exception) -> None:
    """Name the line of the team's network.py that an error came through, if it did."""
    file = recipe.network_file
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if frames:
        line, text = frames[-1].lineno, frames[-1].line or ""
        what = f"{type(error).__name__}: {error}"[:500]
        raise JobError(
            Text(
                f"{file} 第 {line} 行（{text}）出错：{what}。请改正网络（或裁剪尺寸）后新建任务。",
                f"{file}, line {line} ({text}) failed: {what}. Correct the network (or the crop) and create a new task.",
            ),
            file=file,
            line=line,
        ) from error


def _out_of_memory(recipe: TrainingRecipe, *, gpu: bool) -> OutOfMemoryError:
    batch, (height, width) = recipe.train.batch_size, recipe.crop
    smaller = max(recipe.devices, batch // 2)
    what_zh, what_en = ("显存", "GPU memory") if gpu else ("主机内存", "host memory")
    return OutOfMemoryError(
        Text(
            f"{what_zh}不足：批大小 {batch}、裁剪 {height}x{width} 放不下。请把 batch_size 调到 {smaller}，或减小 crop。",
            f"Out of {what_en}: a batch of {batch} with crops of {height}x{width} does not fit."
            f" Set batch_size to {smaller}, or crop smaller.",
        ),
        batch_size=batch,
        crop=[height, width],
        try_batch_size=smaller,
    )


def not_finite(what: str, step: int, rate: float, names: list[str]) -> NonFiniteLossError:
    """The error for a loss or weights that are not numbers any more.

    Args:
        what: What it is, `nan` or `inf`.
        step: 1-based.
        rate: Learning rate of that step.
        names: Samples of that step's batch on this rank.
    """
    shown = "、".join(names[:8])
    return NonFiniteLossError(
        Text(
            f"第 {step} 步的损失变为 {what}（学习率 {rate:g}，图片：{shown}）。之前的检查点和模型完好；请用更小的 base_lr 新建任务。",
            f"The loss became {what} at step {step} (learning rate {rate:g}, pictures: {shown})."
            " Earlier checkpoints and models are good; create a task with a smaller base_lr.",
        ),
        step=step,
        learning_rate=rate,
        samples=names,
    )
