"""Labels and certainty from logits: by hand, and as resize and argmax have them."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from roadloop.models.decide import decide, probabilities
from roadloop.models.prediction import CERTAIN


def logits(*outputs: list[float]) -> torch.Tensor:
    """[1, C, 1, W] of the logits of each output along a row."""
    return torch.tensor(outputs).view(1, len(outputs), 1, -1)


def test_decide__certainty_is_the_softmax_of_the_label() -> None:
    (found,) = decide(logits([0, 0, 0], [math.log(3), 300, 0]), (1, 3), certain=True)
    assert found.ids.tolist() == [[1, 1, 0]]
    assert found.certainty is not None
    assert found.certainty.tolist() == [[round(0.75 * CERTAIN), CERTAIN, round(0.5 * CERTAIN)]]


def test_decide__the_first_of_equal_outputs_wins() -> None:
    (found,) = decide(logits([1, 2, -5, 0], [1, 2, -4, 3], [1, 1, -4, 3], [0, 2, -4, 3]), (1, 4), certain=False)
    assert found.ids.tolist() == [[0, 0, 1, 1]]
    assert found.certainty is None


def test_decide__small_logits_are_resized_with_the_centres_of_pixels_in_place() -> None:
    # Two pixels become eight: their centres lie at 1.5 and 5.5, and 0..8 and 5..1 cross at 5/12 of the way, 3.17.
    (found,) = decide(logits([0, 8], [5, 1]), (1, 8), certain=True)
    assert found.ids.tolist() == [[1, 1, 1, 1, 0, 0, 0, 0]]
    assert found.certainty is not None
    at_2 = 1 / (1 + math.exp((0 + 8 * 0.125) - (5 - 4 * 0.125)))
    assert found.certainty[0, 2] == pytest.approx(CERTAIN * at_2, abs=1)
    assert found.certainty[0, 0] == found.certainty[0, 1] == pytest.approx(CERTAIN / (1 + math.exp(-5)), abs=1)


@pytest.mark.parametrize(
    ("small", "size"),
    [((1, 1), (1, 1)), ((1, 1), (7, 9)), ((1, 7), (1, 50)), ((23, 30), (181, 237)), ((45, 60), (360, 480)),
     ((30, 45), (15, 7)), ((33, 20), (33, 20))],
)  # fmt: skip
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_decide__as_resize_softmax_and_argmax(
    small: tuple[int, int], size: tuple[int, int], layout: torch.memory_format
) -> None:
    generator = torch.Generator().manual_seed(0)
    small_logits = 4 * torch.randn((2, 6, *small), generator=generator)
    resized = functional.interpolate(small_logits, size, mode="bilinear", align_corners=False)
    sure, ids = (array.numpy() for array in resized.softmax(dim=1).max(dim=1))
    found = decide(small_logits.to(memory_format=layout), size, certain=True)
    assert np.mean(np.stack([one.ids for one in found]) == ids) >= 0.9999
    for one, expected in zip(found, sure, strict=True):
        assert one.certainty is not None
        assert np.abs(one.certainty - CERTAIN * expected).max() <= 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_decide__other_floats(dtype: torch.dtype) -> None:
    (found,) = decide(logits([0.5, 1], [1, 0.5]).to(dtype), (1, 2), certain=False)
    assert found.ids.tolist() == [[1, 0]]


def test_decide__logits_that_are_no_numbers_end_nothing_and_are_not_certain() -> None:
    (found,) = decide(logits([math.nan, 1], [math.nan, 2]), (1, 2), certain=True)
    assert found.certainty is not None
    assert found.certainty[0, 0] == 0
    assert found.ids[0, 1] == 1


def test_probabilities__in_bands_are_those_of_the_whole() -> None:
    logits = torch.randn((2, 3, 40, 50), generator=torch.Generator().manual_seed(0))
    bands = list(probabilities(logits, (400, 500)))
    assert len(bands) > 1
    resized = functional.interpolate(logits, (400, 500), mode="bilinear", align_corners=False)
    torch.testing.assert_close(torch.cat(bands, 2), resized.softmax(1), rtol=0, atol=1e-5)
    (whole,) = probabilities(logits, (40, 50))
    assert torch.equal(whole, logits.softmax(1))
