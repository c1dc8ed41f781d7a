"""One update of the weights from one batch.

Legend: N pictures in a batch, H and W their pixels.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

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
    """

    config: TrainConfig
    learner: Learner
    forward: Callable[..., Any]
    criterion: SegmentationLoss
    normalise: Normalise
    group: Group

    def __call__(self, batch: Batch, step: int, rate: float) -> float:
        """Learn from this rank's share of a batch.

        The share is divided into `accumulate` parts, one after the other in memory. What the loss is divided by
        belongs to the whole batch, so that the parts' gradients add up to the batch's.

        Args:
            batch: This rank's pictures.
            step: Steps that went before (0-based).
            rate: Learning rate.

        Returns:
            The loss of the whole batch.

        Raises:
            NonFiniteLossError: It is not a number; the weights are those before this step.
        """
        learner, group = self.learner, self.group
        for settings in learner.optimizer.param_groups:
            settings["lr"] = rate
        learner.optimizer.zero_grad(set_to_none=True)
        weights = group.sum(self.criterion.weights(batch.targets.to(group.device))).clamp_min(1e-6)
        losses = []
        for part in parts(batch, self.config.accumulate):
            image_N3HW, target_NHW = self.normalise(part)
            with torch.autocast(group.device.type, learner.dtype, enabled=learner.dtype is not None):
                outputs = self.forward(image_N3HW)
            loss = (self.criterion(outputs, target_NHW) / weights).sum()
            learner.scaler.scale(loss).backward()
            losses.append(loss.detach())
        mean = group.sum(torch.stack(losses).sum()).item()
        if not math.isfinite(mean):
            raise not_finite(LOSS, str(mean), step + 1, rate, batch.names, self.config.precision)
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
    if number == 1:
        yield batch
        return
    images, targets = batch.images.tensor_split(number), batch.targets.tensor_split(number)
    for some_images, some_targets in zip(images, targets, strict=True):
        if len(some_images):
            yield batch._replace(images=some_images, targets=some_targets)
