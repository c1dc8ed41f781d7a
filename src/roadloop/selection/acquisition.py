"""How uncertain a network is about the classes that pictures are wanted for. Needs torch.

For every pixel an uncertainty 0..1, and for every class how much the pixel is about it: 1 where the class wins or has
at least half of the winner's probability, less where it has less. A picture's score for a class is the mean of the
product over the pixels where it is largest, a small fixed share of the picture: so a thin pole that is missed counts
as much as a wide road, and a picture without the class scores next to nothing.

N pictures, C classes, H, W pixels.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from roadloop.models.prediction import UInt8

TOP: Final = 0.005  #: share of a picture's pixels that make its score
NEARLY: Final = 0.5  #: share of the winner's probability from which a pixel is fully about a class


def least_confidence(p_NCHW: Tensor) -> Tensor:
    """1 minus the largest probability, scaled to 0..1; float [N, H, W]."""
    classes = p_NCHW.shape[1]
    return (1 - p_NCHW.amax(1)) * (classes / max(1, classes - 1))


def margin(p_NCHW: Tensor) -> Tensor:
    """1 minus the lead of the first class over the second; float [N, H, W]."""
    first_NHW, *others = p_NCHW.unbind(1)
    second_NHW = torch.zeros_like(first_NHW)
    for p_NHW in others:
        second_NHW = torch.maximum(second_NHW, torch.minimum(first_NHW, p_NHW))
        first_NHW = torch.maximum(first_NHW, p_NHW)
    return 1 - (first_NHW - second_NHW)


def entropy(p_NCHW: Tensor) -> Tensor:
    """Shannon entropy over its largest value, log C; float [N, H, W]."""
    bits_NHW: Tensor = torch.special.entr(p_NCHW).sum(1)
    return bits_NHW / max(1e-9, math.log(p_NCHW.shape[1]))


#: Probabilities of whole pictures, sum 1 over C, in bands of rows: float [N, C, rows, W] each.
Bands = Iterable[Tensor]
#: The bands of another pass, over the pictures as a function changes each, uint8 [H, W, 3].
Again = Callable[[Callable[[UInt8], UInt8]], Bands]
#: From one pass and the way to more of them: each band, and how uncertain its pixels are, 0..1, float [N, rows, W].
Score = Callable[[Bands, Again], Iterable[tuple[Tensor, Tensor]]]


def one_pass(uncertainty: Callable[[Tensor], Tensor]) -> Score:
    """The score that the probabilities of a pixel tell alone."""
    return lambda bands, _again: ((p_NCHW, uncertainty(p_NCHW)) for p_NCHW in bands)


METHODS: Final[Mapping[str, Score]] = {
    "least_confidence": one_pass(least_confidence),
    "margin": one_pass(margin),
    "entropy": one_pass(entropy),
}


class Doubts(NamedTuple):
    """What a network makes of some classes in pictures.

    Attributes:
        scores: 0..1, how uncertain it is about each, float [N, K].
        seen: Share of the pixels where each has the largest probability, float [N, K].
    """

    scores: Tensor
    seen: Tensor


def class_doubts(scored: Iterable[tuple[Tensor, Tensor]], classes: Sequence[int], top: float = TOP) -> Doubts:
    """The doubts about some classes.

    Args:
        scored: What a score answers: each band of the pictures with its pixels' uncertainty.
        classes: K indices into C.
        top: Share of the pixels that are averaged, those with the largest values.
    """
    doubts, seen = [], []
    for p_NCHW, uncertain_NHW in scored:
        winner_N1HW = p_NCHW.amax(1, keepdim=True)
        p_NKHW = p_NCHW[:, classes]
        seen.append((p_NKHW == winner_N1HW).sum((2, 3)))
        doubts.append(_doubt(p_NKHW, winner_N1HW, uncertain_NHW).flatten(2))
    doubt_NKP = torch.cat(doubts, 2)
    pixels = doubt_NKP.shape[2]
    largest_NKP = _largest(doubt_NKP, max(1, round(top * pixels)))
    return Doubts(largest_NKP.mean(2), torch.stack(seen).sum(0) / pixels)


def doubt_map(scored: Iterable[tuple[Tensor, Tensor]], classes: Sequence[int]) -> Tensor:
    """How uncertain a network is about some classes, pixel by pixel: the largest doubt about any, 0..1, float [N, H, W].

    Args:
        scored: As `class_doubts` takes it.
        classes: Indices into C.
    """
    parts = [_doubt(p[:, classes], p.amax(1, keepdim=True), uncertain).amax(1) for p, uncertain in scored]
    return torch.cat(parts, 1)


def _doubt(p_NKHW: Tensor, winner_N1HW: Tensor, uncertain_NHW: Tensor) -> Tensor:
    """How much each pixel is about each class, times how uncertain it is; 0..1, float [N, K, H, W]."""
    about_NKHW = (p_NKHW / (NEARLY * winner_N1HW)).clamp_(max=1)
    return about_NKHW * uncertain_NHW.unsqueeze(1)


def _largest(x_NKP: Tensor, count: int) -> Tensor:
    """The largest values, [N, K, count], in any order."""
    if x_NKP.device.type == "cpu":  # a quarter of the time of torch's
        return torch.from_numpy(np.partition(x_NKP.numpy(), -count)[..., -count:])
    return x_NKP.topk(count, dim=2, sorted=False).values
