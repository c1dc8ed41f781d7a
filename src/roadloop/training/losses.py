"""The loss: weighted cross-entropy over labelled pixels, and what a recipe adds to it.

Everything is a sum over pixels or over pictures, divided by a weight that the labels alone decide. So the loss of a
batch does not depend on how its pictures are divided among ranks and micro-batches.

Legend: N pictures in a batch, C classes, H and W pixels of a crop, P = H * W, A = N * H * W.
"""

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from roadloop.labels.table import IGNORE
from roadloop.training.boundary import boundaries, boundary_loss
from roadloop.training.overlap import lovasz_softmax, soft_dice
from roadloop.training.recipe import TrainConfig

#: Probability of a boundary from which PIDNet's boundary-aware cross-entropy counts a pixel (section 3.4).
SURE_BOUNDARY: Final = 0.8


class Labels(NamedTuple):
    """What the terms need to know of a batch's labels."""

    ids: Tensor  #: int64 [N, H, W], train ids
    weight: Tensor  #: float [N, H, W], class weight of each pixel; 0 where nothing is taught
    taught: Tensor  #: bool [N, H, W], whether a pixel counts


class SegmentationLoss:
    """Cross-entropy of the main output and, at a lower weight, of auxiliary ones, with the terms of a recipe.

    An output with exactly one channel is a boundary logit. The 2-D cross-entropy kernel has no deterministic CUDA
    version, so there pixels are flattened. Its mean is over summed class weights, as in torch's own weighted mean;
    all other terms are means over a picture's pixels, then over pictures.

    Args:
        config: Class weights, and the weights of the terms.
        device: Where the outputs are.
    """

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        assert config.class_weights is not None
        self._config = config
        self._weights = torch.tensor(config.class_weights, dtype=torch.float32, device=device)
        self.classes = len(config.class_weights)
        self._of_id = functional.pad(self._weights, (0, 256 - self.classes))  # 0 for 255 and all others

    def weights(self, target_NHW: Tensor) -> Tensor:
        """What the two sums of a batch are divided by.

        Args:
            target_NHW: Train ids, uint8 or int64; 255 counts nowhere.

        Returns:
            float [2]: summed class weights of the labelled pixels, and pictures with a labelled pixel.
        """
        weight_NHW = self._of_id[target_NHW.long()]
        pictures = (weight_NHW > 0).flatten(1).any(dim=1).sum()
        return torch.stack([weight_NHW.reshape(-1).sum(), pictures.float()])

    def __call__(self, outputs: Tensor | tuple[Tensor, ...], target_NHW: Tensor) -> Tensor:
        """Sum the loss of some pictures.

        Args:
            outputs: Logits [N, C, H, W] or a tuple of them, the main ones first; others may be smaller.
            target_NHW: Train ids, uint8 or int64; 255 counts nowhere.

        Returns:
            float [2], differentiable: the sum over pixels and the sum over pictures. The loss of the batch is the sum
            of both, each divided by its weight of the whole batch.
        """
        heads = [enlarged(head, target_NHW) for head in (outputs if isinstance(outputs, tuple) else (outputs,))]
        main_NCHW, *auxiliary = [head for head in heads if head.shape[1] > 1]
        edges = [head[:, 0] for head in heads if head.shape[1] == 1]
        ids_NHW = target_NHW.long()
        weight_NHW = self._of_id[ids_NHW]
        labels = Labels(ids_NHW, weight_NHW, weight_NHW > 0)
        by_pixel, by_picture = main_NCHW.new_zeros(()), main_NCHW.new_zeros(())
        if self._config.ohem_threshold > 0:
            by_picture = by_picture + self._hard(main_NCHW, labels, labels.taught)
        else:
            by_pixel = by_pixel + self._cross_entropy(main_NCHW, labels, "sum")
        for head in auxiliary:
            by_pixel = by_pixel + self._config.auxiliary_weight * self._cross_entropy(head, labels, "sum")
        by_picture = by_picture + self._overlap(main_NCHW, labels)
        if edges:
            by_picture = by_picture + self._boundary(edges, main_NCHW, labels)
        return torch.stack([by_pixel, by_picture])

    def _cross_entropy(self, logits_NCHW: Tensor, labels: Labels, reduction: str) -> Tensor:
        """Of single pixels, or summed; on the CPU by its kernel for maps, which takes a third of the time.

        On a GPU the pixels are summed afterwards: CUDA's kernel for rows sums them in a single block of threads.
        """
        on_gpu = logits_NCHW.device.type != "cpu"
        ids_NHW = labels.ids
        if on_gpu:
            logits_NCHW, ids_NHW = logits_NCHW.permute(0, 2, 3, 1).flatten(0, 2), ids_NHW.flatten()
        loss = functional.cross_entropy(
            logits_NCHW,
            ids_NHW,
            self._weights,
            ignore_index=IGNORE,
            reduction="none" if on_gpu else reduction,
            label_smoothing=self._config.label_smoothing,
        )
        return loss.sum() if on_gpu and reduction == "sum" else loss

    def _hard(self, logits_NCHW: Tensor, labels: Labels, among_NHW: Tensor) -> Tensor:
        """Cross-entropy of the pixels that count, or with OHEM of the hard ones: each picture's mean, summed."""
        kept_NHW = among_NHW
        if self._config.ohem_threshold > 0:
            right_NHW = true_probability(logits_NCHW.detach(), labels.ids)
            kept_NHW = hardest(right_NHW, among_NHW, self._config.ohem_threshold, self._config.ohem_min_share)
        loss_NHW = self._cross_entropy(logits_NCHW, labels, "none").view_as(labels.weight)
        weight_N = (labels.weight * kept_NHW).flatten(1).sum(dim=1)
        return ((loss_NHW * kept_NHW).flatten(1).sum(dim=1) / weight_N.clamp_min(1e-6)).sum()

    def _overlap(self, logits_NCHW: Tensor, labels: Labels) -> Tensor:
        """Dice and Lovasz-softmax, one picture at a time: their memory is that of a picture."""
        terms = [(self._config.dice_weight, soft_dice), (self._config.lovasz_weight, lovasz_softmax)]
        total = logits_NCHW.new_zeros(())
        for weight, term in terms:
            for logits_CHW, ids_HW, taught_HW in zip(logits_NCHW, labels.ids, labels.taught, strict=True):
                if weight > 0:
                    share_CP, taught_P = logits_CHW.flatten(1).softmax(dim=0), taught_HW.flatten()
                    classes_C1 = torch.arange(len(share_CP), device=share_CP.device).view(-1, 1)
                    truth_CP = (ids_HW.flatten() == classes_C1) & taught_P
                    total = total + weight * term(share_CP, truth_CP, taught_P)
        return total

    def _boundary(self, edges: list[Tensor], main_NCHW: Tensor, labels: Labels) -> Tensor:
        """PIDNet's two terms: the boundary's own, and the main output's cross-entropy where a boundary is sure."""
        taught_NHW = labels.taught
        truth_NHW = boundaries(labels.ids, taught_NHW)
        total = main_NCHW.new_zeros(())
        for logits_NHW in edges:
            total = total + self._config.boundary_weight * boundary_loss(logits_NHW, truth_NHW, taught_NHW)
        if self._config.boundary_aware_weight > 0:
            sure_NHW = taught_NHW & (edges[0].detach().sigmoid() > SURE_BOUNDARY)
            total = total + self._config.boundary_aware_weight * self._hard(main_NCHW, labels, sure_NHW)
        return total


def enlarged(logits_NCHW: Tensor, target_NHW: Tensor) -> Tensor:
    """Logits as float32, of the size of the labels."""
    logits_NCHW = logits_NCHW.float()
    if logits_NCHW.shape[-2:] == target_NHW.shape[-2:]:
        return logits_NCHW
    size = [int(s) for s in target_NHW.shape[-2:]]
    return functional.interpolate(logits_NCHW, size=size, mode="bilinear", align_corners=False)


def true_probability(logits_NCHW: Tensor, ids_NHW: Tensor) -> Tensor:
    """The probability that each pixel's label has: float [N, H, W]; without meaning where the label is no class."""
    ids_N1HW = ids_NHW.clamp_max(logits_NCHW.shape[1] - 1).unsqueeze(1)
    return logits_NCHW.softmax(dim=1).gather(1, ids_N1HW).squeeze(1)


def hardest(right_NHW: Tensor, among_NHW: Tensor, threshold: float, min_share: float) -> Tensor:
    """The pixels of each picture that are still hard: online hard example mining.

    Below `threshold`, and in any case the hardest `min_share` of a picture; equals of the last one are kept too.
    Shrivastava, Gupta, Girshick, "Training Region-based Object Detectors with OHEM", 2016; for pixels Wu, Shen,
    van den Hengel, "Bridging Category-level and Instance-level Semantic Image Segmentation", 2016, section 4.

    Args:
        right_NHW: Probability of each pixel's label, float.
        among_NHW: Pixels to choose from, bool.
        threshold: Probability from which a pixel is easy.
        min_share: Share of the pixels to choose from, of each picture, that is always kept.

    Returns:
        bool [N, H, W].
    """
    right_NP = torch.where(among_NHW, right_NHW, math.inf).flatten(1)
    count_N1 = (among_NHW.flatten(1).sum(dim=1, keepdim=True) * min_share).ceil().long().clamp_min(1)
    last_N1 = right_NP.sort(dim=1).values.gather(1, count_N1 - 1)
    kept_NP = (right_NP < threshold) | (right_NP <= last_N1)
    return kept_NP.view_as(among_NHW) & among_NHW
