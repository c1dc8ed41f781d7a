"""The loss: weighted cross-entropy over labelled pixels, summed so that ranks can share one mean.

Legend: N pictures in a batch, C classes, H and W pixels of a crop, P = N * H * W.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from roadloop.labels.table import IGNORE


class LossSum(NamedTuple):
    """A loss before it is divided: the mean over several devices is the sum of totals over the sum of weights."""

    total: Tensor  #: float, scalar, differentiable
    weight: Tensor  #: float, scalar: summed class weights of the labelled pixels


class SegmentationLoss:
    """Cross-entropy of the main output, and of auxiliary ones at a lower weight.

    The 2-D kernel has no deterministic CUDA version, so pixels are flattened. The mean is over summed class weights,
    as in torch's own weighted mean.

    Args:
        class_weights: Weight of each class, by train id; a class with 0 teaches nothing.
        auxiliary_weight: Weight of each further output.
        device: Where the outputs are.
    """

    def __init__(self, class_weights: Sequence[float], auxiliary_weight: float, device: torch.device) -> None:
        self._weights = torch.tensor(class_weights, dtype=torch.float32, device=device)
        self._of_id = functional.pad(self._weights, (0, 256 - len(class_weights)))  # 0 for 255 and all others
        self._auxiliary = auxiliary_weight

    def __call__(self, outputs: Tensor | tuple[Tensor, ...], target_NHW: Tensor) -> LossSum:
        """Sum the loss of one batch.

        Args:
            outputs: Logits [N, C, H, W] or a tuple of them, the main ones first; others may be smaller.
            target_NHW: Train ids, uint8 or int64; 255 counts nowhere.
        """
        heads = outputs if isinstance(outputs, tuple) else (outputs,)
        target_P = target_NHW.reshape(-1).long()
        total = self._sum(heads[0], target_NHW, target_P)
        for logits_NCHW in heads[1:]:
            total = total + self._auxiliary * self._sum(logits_NCHW, target_NHW, target_P)
        return LossSum(total, self._of_id[target_P].sum())

    def _sum(self, logits_NCHW: Tensor, target_NHW: Tensor, target_P: Tensor) -> Tensor:
        if logits_NCHW.shape[-2:] != target_NHW.shape[-2:]:
            size = [int(s) for s in target_NHW.shape[-2:]]
            logits_NCHW = functional.interpolate(logits_NCHW, size=size, mode="bilinear", align_corners=False)
        logits_PC = logits_NCHW.permute(0, 2, 3, 1).reshape(-1, logits_NCHW.shape[1])
        return functional.cross_entropy(
            logits_PC.float(), target_P, self._weights, ignore_index=IGNORE, reduction="sum"
        )
