"""How uncertain a network is about the classes that pictures are wanted for. Needs torch.

For every pixel an uncertainty 0..1, and for every class how much the pixel is about it: 1 where the class wins or has
at least half of the winner's probability, less where it has less. A picture's score for a class is the mean of the
product over the pixels where it is largest, a small fixed share of the picture: so a thin pole that is missed counts
as much as a wide road, and a picture without the class scores next to nothing.

N pictures, C classes, H, W pixels.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import torch
from torch import Tensor

TOP: Final = 0.005  #: share of a picture's pixels that make its score
NEARLY: Final = 0.5  #: share of the winner's probability from which a pixel is fully about a class


def least_confidence(p_NCHW: Tensor) -> Tensor:
    """1 minus the largest probability, scaled to 0..1; float [N, H, W]."""
    classes = p_NCHW.shape[1]
    return (1 - p_NCHW.amax(1)) * (classes / max(1, classes - 1))


def margin(p_NCHW: Tensor) -> Tensor:
    """1 minus the lead of the first class over the second; float [N, H, W]."""
    if p_NCHW.shape[1] < 2:
        return torch.zeros_like(p_NCHW[:, 0])
    two = p_NCHW.topk(2, dim=1).values
    return 1 - (two[:, 0] - two[:, 1])


def entropy(p_NCHW: Tensor) -> Tensor:
    """Shannon entropy over its largest value, log C; float [N, H, W]."""
    bits_NHW: Tensor = torch.special.entr(p_NCHW).sum(1)
    return bits_NHW / max(1e-9, math.log(p_NCHW.shape[1]))


METHODS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "least_confidence": least_confidence,
    "margin": margin,
    "entropy": entropy,
}


def class_scores(p_NCHW: Tensor, classes: Sequence[int], method: str, top: float = TOP) -> Tensor:
    """Scores 0..1 of pictures for some classes, float [N, K].

    Args:
        p_NCHW: Probabilities, sum 1 over C.
        classes: K indices into C.
        method: A key of `METHODS`.
        top: Share of the pixels that are averaged, those with the largest values.
    """
    uncertain_NHW = METHODS[method](p_NCHW)
    winner_NHW = p_NCHW.amax(1)
    count = max(1, round(top * uncertain_NHW[0].numel()))
    scores = []
    for index in classes:
        about_NHW = (p_NCHW[:, index] / (NEARLY * winner_NHW)).clamp(max=1)
        scores.append((uncertain_NHW * about_NHW).flatten(1).topk(count, dim=1).values.mean(1))
    return torch.stack(scores, 1)
