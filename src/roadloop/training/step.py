"""One update of the weights from one batch.

Legend: N pictures in a batch, H and W their pixels.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from roadloop.errors import JobError, Text, many
from roadloop.training.data import Batch, Normalise
from roadloop.training.failures import LOSS, not_finite
from roadloop.training.group import Group
from roadloop.training.learner import Learner
from roadloop.training.losses import SegmentationLoss
from roadloop.training.recipe import TrainConfig


@dataclass(frozen=True)
class Update:
    """What an update works with.

    Attributes:
        config: How the network is trained.
        learner: What it changes.
        forward: The network, perhaps compiled.
        criterion: The loss.
        normalise: Bytes to floats on the device.
        group: The devices that share the batch.
        file: What messages call the network's code.
    """

    config: TrainConfig
    learner: Learner
    forward: Callable[..., Any]
    criterion: SegmentationLoss
    normalise: Normalise
    group: Group
    file: str

    def __call__(self, batch: Batch, step: int, rate: float) -> float:
        """Learn from this rank's share of a batch.

        The share is divided into `accumulate` parts, one after the other in memory. What most of the loss is divided by
        belongs to the whole batch, so that the parts' gradients add up to the batch's. Hard pixels and those at a sure
        boundary are a mean over the pictures that all ranks compute at once; a part counts by its labelled pictures. Batch
        norm sees one part at a time.

        Args:
            batch: This rank's pictures.
            step: Steps that went before (0-based).
            rate: Learning rate, before the factors of the recipe's `lr_factors`.

        Returns:
            The loss of the whole batch.

        Raises:
            NonFiniteLossError: It is not a number; the weights are those before this step.
            JobError: The network answers what does not fit the task.
        """
        learner, group = self.learner, self.group
        for settings in learner.optimizer.param_groups:
            settings["lr"] = rate * settings.get("lr_factor", 1.0)  # older checkpoints have none
        learner.optimizer.zero_grad(set_to_none=True)
        labelled = group.sum(self.criterion.weights(batch.targets.to(group.device)))
        losses = []
        for part in parts(batch, self.config.accumulate):
            image_N3HW, target_NHW = self.normalise(part)
            dtype = learner.kernels.dtype
            with torch.autocast(group.device.type, dtype, enabled=dtype is not None):
                outputs = self.forward(image_N3HW)
            heads = tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)
            check_answer(heads, self.criterion.classes, target_NHW.shape[-2:], self.file)
            summed = self.criterion(heads, target_NHW)
            loss = summed.divided(labelled, group.sum(summed.chosen))
            learner.scaler.scale(loss).backward()
            losses.append(loss.detach())
        mean = group.sum(torch.stack(losses).sum()).item()
        if not math.isfinite(mean):
            raise not_finite(LOSS, str(mean), step + 1, rate, batch.names, learner.kernels.precision)
        group.share_gradients(learner.network)
        if self.config.clip_norm > 0:
            learner.scaler.unscale_(learner.optimizer)
            nn.utils.clip_grad_norm_(learner.network.parameters(), self.config.clip_norm)
        learner.scaler.step(learner.optimizer)
        learner.scaler.update()
        learner.follow(self.config.ema_decay, step)
        return mean


def parts(batch: Batch, number: int) -> Iterator[Batch]:
    """A batch in so many parts of about the same size; names stay with the whole."""
    images, targets = batch.images.tensor_split(number), batch.targets.tensor_split(number)
    for some_images, some_targets in zip(images, targets, strict=True):
        if len(some_images):
            yield batch._replace(images=some_images, targets=some_targets)


def check_answer(heads: Sequence[object], classes: int, size: Sequence[int], file: str) -> None:
    """Hold what a network answers against the task, by shapes alone.

    The main head, the first of more than one channel, has the picture's size. Auxiliary heads and a boundary, which has
    one channel, may be smaller: the loss enlarges them.

    Args:
        heads: What it answered.
        classes: Of the task.
        size: Height and width of the pictures.
        file: What messages call the network's code.

    Raises:
        JobError: Says what was answered, and what is needed.
    """
    if not heads:
        raise _wrong_answer(
            file,
            f"没有任何输出，需要浮点 logits [N, {classes}, H, W]",
            f"answered nothing, needed float logits [N, {classes}, H, W]",
        )
    for head in heads:
        if not (isinstance(head, Tensor) and head.ndim == 4 and head.is_floating_point()):
            got = f"{head.dtype} {list(head.shape)}" if isinstance(head, Tensor) else type(head).__name__
            raise _wrong_answer(
                file,
                f"应答了 {got}，需要浮点 logits [N, {classes}, H, W]",
                f"answered {got}, needed float logits [N, {classes}, H, W]",
            )
    tensors = [head for head in heads if isinstance(head, Tensor)]
    for head in [head for head in tensors if head.shape[1] != 1] or tensors[:1]:
        if head.shape[1] != classes:
            raise _wrong_answer(
                file,
                f"应答了 {head.shape[1]} 个通道，需要 {classes} 个，每个类别一个",
                f"answered {many(head.shape[1], 'channel')}, needed {classes}, one for each class",
            )
    height, width = next(head for head in tensors if head.shape[1] != 1).shape[-2:]
    if (height, width) != tuple(size):
        got, needed = f"{width}x{height}", f"{size[1]}x{size[0]}"
        raise _wrong_answer(
            file,
            f"对 {needed}（宽x高）的图片应答了 {got}；应答必须与图片大小相同",
            f"answers {got} for a picture of {needed} (width x height); the answer must have the picture's size",
        )


def _wrong_answer(file: str, zh: str, en: str) -> JobError:
    return JobError(
        Text(f"{file} {zh}。请改正网络后新建任务。", f"{file} {en}. Correct the network and create a new task."),
        file=file,
    )
