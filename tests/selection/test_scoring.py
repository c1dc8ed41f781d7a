"""A network and a score together, on pictures."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from roadloop.models.predict import Network
from roadloop.selection.acquisition import METHODS, Again, Bands
from roadloop.selection.scoring import Scorer


def mirrored(bands: Bands, again: Again) -> Iterator[tuple[Tensor, Tensor]]:
    """How far a picture and its mirror image are apart; two passes."""
    for p, q in zip(bands, again(lambda image: image[:, ::-1]), strict=True):
        yield p, (p - q.flip(3)).abs().sum(1) / 2


class Sided(nn.Conv2d):
    """A class for the left half and one for the right: only the place counts."""

    def forward(self, x: Tensor) -> Tensor:
        left = (torch.arange(x.shape[3]) < x.shape[3] // 2).float().expand_as(x[:, :1])
        return torch.cat([left, 1 - left], 1) + 0 * super().forward(x)


class Pixelwise(nn.Conv2d):
    """Only the colour counts."""


@pytest.mark.parametrize(("kind", "score"), [(Sided, (1 - np.exp(-1)) / (1 + np.exp(-1))), (Pixelwise, 0.0)])
def test_scorer__a_score_may_ask_for_more_passes(
    monkeypatch: pytest.MonkeyPatch, kind: type[nn.Conv2d], score: float
) -> None:
    monkeypatch.setattr("roadloop.selection.scoring.METHODS", {**METHODS, "mirrored": mirrored})
    network = Network(kind(3, 2, 1).eval(), (0, 0, 0), (1, 1, 1), 2, [0, 1], channels_last=False, embedding=True)
    scorer = Scorer(network, [0, 1], "mirrored", torch.device("cpu"))
    image = np.random.default_rng(0).integers(0, 255, (16, 20, 3), np.uint8)
    ((classes, seen, _),) = scorer([image])
    assert classes.tolist() == pytest.approx([score, score], abs=1e-6)
    assert seen.sum() == pytest.approx(1)
    (percent,) = scorer.maps([image])
    assert percent.shape == (4, 5)
    assert np.unique(percent).tolist() == [round(100 * score)]
