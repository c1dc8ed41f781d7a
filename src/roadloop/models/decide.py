"""From logits to labels, the largest output of each pixel and, if asked, how certain it is; or to all probabilities.

On the CPU one output after the other is resized, and each pixel's largest logit so far is kept and whose it is
(docs/decisions/0017-running-maximum.md has the measured times); on a GPU, where nothing is resized, it is argmax. Ties
go to the first output, as argmax has them.

N pictures, C outputs, H, W pixels, h, w the size of the logits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from roadloop.models.prediction import CERTAIN, Prediction, UInt8, UInt16

Float32 = NDArray[np.float32]

_FAINT: Final = -80.0  #: difference of logits below which exp is slow, and nothing
_BAND: Final = 1 << 18  #: logits whose probabilities are worked on at once: they stay in a core's cache,
_GPU_BAND: Final = 1 << 26  #: or take 256 MiB of a GPU


@contextmanager
def exact() -> Iterator[None]:
    """On a GPU, convolutions of float32 without rounding to TF32, which is PyTorch's default.

    It changes about 1 % of the labels of networks with random weights, and 0.04 % after a short training (H200); without,
    GPU and CPU agree in 99.997 %. A prediction takes a tenth to two thirds longer. Of this process, all threads alike.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def decide(logits_NChw: torch.Tensor, size: tuple[int, int], *, certain: bool) -> list[Prediction]:
    """The output with the largest logit at each pixel of each picture, by its place.

    Args:
        logits_NChw: Of the outputs to choose from. On the CPU of any size, and resized as networks do it: bilinear,
            corners not aligned.
        size: H and W of the answer.
        certain: Whether to say how certain it is as well.
    """
    if logits_NChw.device.type == "cpu":
        return [_decide_in_turn(one, size, certain=certain) for one in logits_NChw.float().contiguous().numpy()]
    places_NHW = logits_NChw.argmax(dim=1).to(torch.uint8).cpu().numpy()
    if not certain:
        return [Prediction(places) for places in places_NHW]
    return [Prediction(*pair) for pair in zip(places_NHW, _certainty(logits_NChw), strict=True)]


def probabilities(logits_NChw: torch.Tensor, size: tuple[int, int]) -> Iterator[torch.Tensor]:
    """The probabilities of the outputs at each pixel: bands of rows from top to bottom, float32 [N, C, rows, W].

    Args:
        logits_NChw: As `decide` takes them.
        size: H and W of the pictures.
    """
    logits_NCHW = logits_NChw.float()
    if logits_NChw.shape[2:] != size:  # on the CPU alone
        logits_NCHW = torch.empty((*logits_NChw.shape[:2], *size))
        small, large = (maps.flatten(0, 1).contiguous().numpy() for maps in (logits_NChw.float(), logits_NCHW))
        for map_hw, map_HW in zip(small, large, strict=True):
            cv2.resize(map_hw, size[::-1], dst=map_HW, interpolation=cv2.INTER_LINEAR)
    count, outputs, height, width = logits_NCHW.shape
    band = _BAND if logits_NChw.device.type == "cpu" else _GPU_BAND
    rows = max(1, band // (count * outputs * width))
    for top in range(0, height, rows):
        yield logits_NCHW[:, :, top : top + rows].softmax(dim=1)


def _certainty(logits_NCHW: torch.Tensor) -> UInt16:
    logits_NCHW = logits_NCHW.float()
    below_NCHW = (logits_NCHW - logits_NCHW.amax(dim=1, keepdim=True)).clamp_(min=_FAINT)
    odds_NHW = below_NCHW.exp_().sum(dim=1)
    array: UInt16 = odds_NHW.reciprocal_().mul_(CERTAIN).round_().to(torch.int32).cpu().numpy().astype(np.uint16)
    return array


def _decide_in_turn(logits_Chw: Float32, size: tuple[int, int], *, certain: bool) -> Prediction:
    places_HW = np.zeros(size, np.uint8)
    best_HW = _running_maximum(logits_Chw, places_HW)
    return Prediction(places_HW, _certainty_in_turn(logits_Chw, best_HW) if certain else None)


def _running_maximum(logits_Chw: Float32, places_HW: UInt8) -> Float32:
    """The largest logit of each pixel; `places_HW`, all 0, becomes whose it is."""
    best_HW = _resized(logits_Chw[0], places_HW.shape).copy()
    mark_HW = np.empty_like(places_HW)
    for place, logits_hw in enumerate(logits_Chw[1:], 1):
        logits_HW = _resized(logits_hw, places_HW.shape)
        np.greater(logits_HW, best_HW, out=mark_HW.view(np.bool_))
        np.multiply(mark_HW, np.uint8(place), out=mark_HW)
        np.maximum(places_HW, mark_HW, out=places_HW)  # the later place is the larger number
        np.maximum(best_HW, logits_HW, out=best_HW)
    return best_HW


def _certainty_in_turn(logits_Chw: Float32, best_HW: Float32) -> UInt16:
    odds_HW = np.zeros_like(best_HW)
    for logits_hw in logits_Chw:
        below_HW = np.subtract(_resized(logits_hw, best_HW.shape), best_HW)
        np.maximum(below_HW, _FAINT, out=below_HW)
        odds_HW += cv2.exp(below_HW, dst=below_HW)
    with np.errstate(invalid="ignore"):  # a network may answer what is no number
        return np.rint(CERTAIN / odds_HW).astype(np.uint16)


def _resized(logits_hw: Float32, shape: tuple[int, ...]) -> Float32:
    if logits_hw.shape == shape:
        return logits_hw
    height, width = shape
    return np.asarray(cv2.resize(logits_hw, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
