"""Names for what goes wrong below us while training: memory, GPU, loader, network. Each says its cure."""

import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch

from roadloop.errors import JobError, NonFiniteLossError, OutOfMemoryError, Text
from roadloop.training.recipe import TrainingRecipe
from roadloop.training.reporting import Reporter

_NO_HOST_MEMORY: Final = re.compile(r"allocate memory|std::bad_alloc")
_NO_GPU_MEMORY: Final = re.compile(r"CUDA (error: )?out of memory|CU\w+_STATUS_ALLOC_FAILED")
#: What only the GPU, its driver or the link between GPUs says; a failed assertion on the device is the network's.
_GPU: Final = re.compile(
    r"CUDA error: (?!device-side assert)|CU\w+_STATUS_(NOT_INITIALIZED|INTERNAL_ERROR|EXECUTION_FAILED)|NCCL error"
)
_UNSTEADY: Final = r"(\S+) does not have a deterministic implementation"  #: begins a warning of torch's
_CAUGHT: Final = re.compile(r"Caught \w+ in DataLoader worker process")
_CUT_OFF: Final = (ConnectionResetError, ConnectionRefusedError, EOFError)
_FAILURES: Final = (
    RuntimeError, MemoryError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, *_CUT_OFF,
)  # fmt: skip


@contextmanager
def named_failures(
    recipe: TrainingRecipe, devices: int, *, largest_fit: Callable[[], int], saved: Callable[[], bool]
) -> Iterator[None]:
    """Turn torch's failures into ours.

    Args:
        recipe: What is done.
        devices: How many share a batch; a continued task may have others than its recipe says.
        largest_fit: Finds the pictures that a device can take at once; called when memory ran out.
        saved: Whether there is a checkpoint; called when memory ran out.

    Raises:
        OutOfMemoryError: GPU or host memory; names the batch size that was tried, and the one that would fit.
        JobError: A loader process was killed or failed, the batch is too small for batch norm, or the network's code
            failed.
    """
    try:
        try:
            yield
        except _FAILURES as error:
            gpu = isinstance(error, torch.OutOfMemoryError) or _NO_GPU_MEMORY.search(str(error)) is not None
            if gpu or isinstance(error, MemoryError) or _NO_HOST_MEMORY.search(str(error)):
                traceback.clear_frames(error.__traceback__)  # they hold the network and all that it computed
                raise _out_of_memory(recipe, devices, largest_fit(), gpu=gpu, saved=saved()) from error
            named = _loader(error) or _gpu(error) or _batch_norm(recipe, devices, error) or _network(recipe, error)
            if named is None:
                raise
            raise named from error
    except RuntimeError as error:  # torch's signal handler reports a killed loader anywhere, while we name things too
        named = _loader(error)
        if named is None:
            raise
        raise named from error


@contextmanager
def named_warnings(reporter: Reporter) -> Iterator[None]:
    """Say once of each operation that its GPU kernel may give other bits each time, although the recipe asks for the same.

    Args:
        reporter: Hears of it.
    """
    said: set[str] = set()
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, *where: Any, **more: Any) -> None:
            found = re.match(_UNSTEADY, str(message))
            if found is None:
                usual(message, *where, **more)
            elif found[1] not in said:
                said.add(found[1])
                reporter.warn(_unsteady(found[1]))

        warnings.showwarning = show
        warnings.filterwarnings("default", message=_UNSTEADY)
        yield


def _unsteady(operation: str) -> Text:
    return Text(
        f"PyTorch 没有 {operation} 的确定性 GPU 内核：训练照常进行，但继续的任务可能不再逐位相同。"
        "需要逐位相同时，请换一个网络，或在 CPU 上训练。",
        f"PyTorch has no deterministic GPU kernel for {operation}: training goes on, but a continued task may no longer"
        " be the same bit by bit. Where it must be, use another network, or train on the CPU.",
    )


def _gpu(error: BaseException) -> JobError | None:
    """The GPU itself failed, or its driver, or the link between GPUs."""
    if not _GPU.search(str(error)):
        return None
    what = str(error).strip().splitlines()[0][:300]
    return JobError(
        Text(
            f"GPU 出错：{what}。已保存的检查点完好。请查看 nvidia-smi 与系统日志（Xid），必要时重启驱动或主机，然后继续任务。",
            f"The GPU failed: {what}. Checkpoints that were saved are good. Look at nvidia-smi and at the system's log"
            " (Xid), restart driver or host if need be, then continue the task.",
        )
    )


def _loader(error: BaseException) -> JobError | None:
    """A loader process died: torch says so, or its end of the line is closed in the middle of a batch. Or it failed."""
    if _CAUGHT.search(str(error)):
        what = str(error).strip().rpartition("\n")[2].removeprefix("roadloop.errors.")
        return JobError(Text(f"读取图片的进程出错：{what}", f"A process that reads pictures failed: {what}"))
    if not isinstance(error, _CUT_OFF) and "DataLoader worker" not in str(error):
        return None
    return JobError(
        Text(
            "读取图片的进程被终止，通常是主机内存不足。请减小 ROADLOOP_LOADER_WORKERS 后继续任务，或以更小的批大小新建任务。",
            "A process that reads pictures was killed, mostly because the host has no memory left."
            " Lower ROADLOOP_LOADER_WORKERS and continue the task, or create a new task with a smaller batch size.",
        )
    )


def _batch_norm(recipe: TrainingRecipe, devices: int, error: BaseException) -> JobError | None:
    """Batch norm needs more than one value for each channel."""
    if "more than 1 value per channel" not in str(error):
        return None
    batch, parts = recipe.train.batch_size, recipe.train.accumulate
    other = Text("，或设 sync_norm", ", or set sync_norm") if devices > 1 else Text("", "")
    return JobError(
        Text(
            f"批大小 {batch}（{devices} 个设备，accumulate {parts}）对该网络的批归一化太小；每个设备每份至少要 2 张{other.zh}。",
            f"A batch of {batch} on {devices} device(s), accumulate {parts}, is too small for this network's batch"
            f" norm; give each device and each part at least 2 pictures{other.en}.",
        ),
        batch_size=batch,
    )


def _network(recipe: TrainingRecipe, error: BaseException) -> JobError | None:
    """Name the line of the team's network.py that an error came through, if it did."""
    file = recipe.network_file
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    if not frames:
        return None
    line, text = frames[-1].lineno, frames[-1].line or ""
    what = f"{type(error).__name__}: {error}"[:500]
    return JobError(
        Text(
            f"{file} 第 {line} 行（{text}）出错：{what}。请改正网络（或裁剪尺寸）后新建任务。",
            f"{file}, line {line} ({text}) failed: {what}. Correct the network (or the crop) and create a new task.",
        ),
        file=file,
        line=line,
    )


def _out_of_memory(recipe: TrainingRecipe, devices: int, fit: int, *, gpu: bool, saved: bool) -> OutOfMemoryError:
    batch, (height, width) = recipe.train.batch_size, recipe.crop
    share = -(-batch // devices)
    at_once = recipe.train.at_once(devices)
    tried = min(fit, max(1, at_once // 2)) if fit else 0
    smaller = tried * devices * recipe.train.accumulate
    what_zh, what_en = ("显存", "GPU memory") if gpu else ("主机内存", "host memory")
    if fit == 0:
        cure = Text(
            "试过：每个设备连 1 张也放不下。请以更小的 crop 或更小的网络新建任务。",
            "Not even one picture for each device fits, as a try showed: create a new task with a smaller crop,"
            " or with a smaller network.",
        )
    elif fit >= at_once:
        cure = Text(
            f"单独重试时可以放下：内存被别的进程或过大的验证图片占用。请检查该设备后继续任务，"
            f"或以 batch_size={smaller} 新建任务。",
            "Tried again alone, it fits: another process or very large validation pictures took the memory."
            f" Look at the device and continue the task, or create a new task with batch_size {smaller}.",
        )
    else:
        parts = -(-share // fit)
        cure = Text(
            f"试过：每个设备一次 {fit} 张可以。请新建任务，并设 batch_size={smaller}，"
            f"或保持批大小而设 accumulate={parts}，或减小 crop。",
            f"A try showed that {fit} at once fit on each device. Create a new task with batch_size {smaller},"
            f" or with the same one and accumulate {parts}, or with a smaller crop.",
        )
    good = Text("检查点完好。", " Checkpoints are good.") if saved else Text("", "")
    return OutOfMemoryError(
        Text(
            f"{what_zh}不足：批大小 {batch}、裁剪 {height}x{width} 放不下。{good.zh}{cure.zh}",
            f"Out of {what_en}: a batch of {batch} with crops of {height}x{width} does not fit.{good.en} {cure.en}",
        ),
        batch_size=batch,
        crop=[height, width],
        try_batch_size=smaller or None,
    )


LOSS: Final = Text("损失", "loss")
WEIGHTS: Final = Text("权重", "weights")


def not_finite(what: Text, value: str, step: int, rate: float, names: list[str], precision: str) -> NonFiniteLossError:
    """The error for a loss or weights that are not numbers any more.

    Args:
        what: `LOSS` or `WEIGHTS`.
        value: What it is, `nan` or `inf`.
        step: 1-based.
        rate: Learning rate of that step.
        names: Samples of that step's batch on this rank.
        precision: The setting; other numbers than float32 may be the cause.
    """
    shown = "、".join(names[:8])
    other = Text("", "") if precision == "fp32" else Text("，或 precision=fp32", ", or with precision=fp32")
    return NonFiniteLossError(
        Text(
            f"第 {step} 步的{what.zh}变为 {value}（学习率 {rate:g}，图片：{shown}）。之前的检查点和模型完好；"
            f"请用更小的 base_lr{other.zh} 新建任务。",
            f"The {what.en} became {value} at step {step} (learning rate {rate:g}, pictures: {shown})."
            f" Earlier checkpoints and models are good; create a task with a smaller base_lr{other.en}.",
        ),
        step=step,
        learning_rate=rate,
        samples=names,
    )
