import math
from typing import Any

import pytest
import torch
from torch.nn import functional

from roadloop.training.losses import SegmentationLoss, hardest
from roadloop.training.recipe import TrainConfig

CPU = torch.device("cpu")


def sample(size: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((2, 3, size, size), generator=generator, requires_grad=True)
    target = torch.randint(3, (2, size, size), generator=generator).to(torch.uint8)
    target[0, 0] = 255
    return logits, target


def criterion(*weights: float, **values: Any) -> SegmentationLoss:
    return SegmentationLoss(TrainConfig(class_weights=weights or (1.0, 1.0, 1.0), **values), CPU)


def mean(loss: SegmentationLoss, outputs: Any, target: torch.Tensor) -> float:
    """The loss of a whole batch."""
    found = loss(outputs, target)
    return float(found.divided(loss.weights(target), found.chosen).detach())


def test_call__equals_torch_s_weighted_mean() -> None:
    logits, target = sample()
    expected = functional.cross_entropy(logits, target.long(), torch.tensor([1.0, 2.0, 0.5]), ignore_index=255)
    assert mean(criterion(1.0, 2.0, 0.5), logits, target) == pytest.approx(expected.item(), rel=1e-6)


ALL = {"ohem_threshold": 0.4, "dice_weight": 0.5, "lovasz_weight": 0.5, "label_smoothing": 0.1}


@pytest.mark.parametrize("values", [{}, {"ohem_threshold": 0.4}, ALL])
def test_call__parts_of_a_batch_add_up(values: dict[str, float]) -> None:
    logits, target = sample()
    edge = torch.linspace(-4, 4, 72).view(2, 1, 6, 6)
    loss = criterion(1.0, 2.0, 0.5, **values)
    parts = [loss((logits[i : i + 1], edge[i : i + 1]), target[i : i + 1]) for i in (0, 1)]
    for first, second, whole in zip(*parts, loss((logits, edge), target), strict=True):
        assert (first + second).tolist() == pytest.approx(whole.tolist(), rel=1e-6)
    weights = loss.weights(target[:1]) + loss.weights(target[1:])
    assert weights.tolist() == loss.weights(target).tolist()
    assert weights[1] == 2


@pytest.mark.parametrize("values", [{}, ALL])
def test_call__nothing_labelled_is_zero_and_not_nan(values: dict[str, float]) -> None:
    logits, target = sample()
    edge = torch.zeros((2, 1, 6, 6), requires_grad=True)
    loss, empty = criterion(**values), torch.full_like(target, 255)
    total = loss((logits, edge), empty)
    total.divided(loss.weights(empty), total.chosen).backward()
    assert (total.sums.tolist(), total.chosen.tolist(), loss.weights(empty).tolist()) == (
        [0.0] * 4,
        [0.0] * 3,
        [0.0] * 2,
    )
    for tensor in (logits, edge):
        assert tensor.grad is not None
        assert not tensor.grad.any()


def test_call__auxiliary_heads_count_less_and_may_be_smaller() -> None:
    logits, target = sample(8)
    small = functional.avg_pool2d(logits, 2)
    loss = criterion()
    alone = mean(loss, functional.interpolate(small, size=[8, 8], mode="bilinear"), target)
    assert mean(loss, (logits, small), target) == pytest.approx(mean(loss, logits, target) + 0.4 * alone, rel=1e-6)


def test_call__a_class_of_weight_zero_teaches_nothing() -> None:
    logits, target = sample()
    loss, zeros = criterion(0.0, 0.0, 1.0, **ALL), torch.zeros_like(target)
    assert [value.tolist() for value in loss(logits, zeros)] == [[0.0] * 4, [0.0] * 3]
    assert loss.weights(zeros).tolist() == [0.0, 0.0]


def row(*shares: float) -> torch.Tensor:
    """Logits [1, 2, 1, W] of a row of pixels whose probability of class 1 is given."""
    p = torch.tensor(shares)
    return torch.stack([(1 - p).log(), p.log()]).view(1, 2, 1, -1)


def test_ohem__the_mean_of_the_hard_pixels() -> None:
    target = torch.tensor([[[1, 1, 1, 1, 255]]])
    logits = row(0.9, 0.6, 0.5, 0.8, 0.1)
    hard = criterion(1.0, 1.0, ohem_threshold=0.7, ohem_min_share=0.0)
    assert mean(hard, logits, target) == pytest.approx(-(math.log(0.6) + math.log(0.5)) / 2)
    half = criterion(1.0, 1.0, ohem_threshold=0.2, ohem_min_share=0.5)  # none is below: the hardest two of four
    assert mean(half, logits, target) == pytest.approx(-(math.log(0.6) + math.log(0.5)) / 2)


def test_ohem__is_the_mean_of_the_batch_s_hard_pixels() -> None:
    """One hard pixel in the first picture, three in the second: each counts a quarter, not a half and three sixths."""
    target, logits = torch.ones((2, 1, 3), dtype=torch.int64), torch.cat([row(0.9, 0.6, 0.8), row(0.5, 0.4, 0.2)])
    hard = criterion(1.0, 1.0, ohem_threshold=0.7, ohem_min_share=0.0)
    assert mean(hard, logits, target) == pytest.approx(-math.log(0.6 * 0.5 * 0.4 * 0.2) / 4)
    target[0, 0, 1] = 0  # of probability 0.4, with twice the weight: a weighted mean, as torch's
    heavy = criterion(2.0, 1.0, ohem_threshold=0.7, ohem_min_share=0.0)
    expected = -(2 * math.log(0.4) + math.log(0.5 * 0.4 * 0.2)) / 5
    assert mean(heavy, logits, target) == pytest.approx(expected)


def test_ohem__of_parts_counts_each_by_its_labelled_pictures() -> None:
    """Computed one after the other, two pictures and one: two thirds of the mean of the first, a third of the last."""
    target = torch.tensor([[[1, 1]], [[1, 255]], [[1, 1]], [[255, 255]]])
    logits = torch.cat([row(0.5, 0.9), row(0.4, 0.1), row(0.3, 0.2), row(0.1, 0.1)])
    hard = criterion(1.0, 1.0, ohem_threshold=0.7, ohem_min_share=0.0)
    parts = [hard(logits[part], target[part]) for part in (slice(0, 2), slice(2, 4))]
    total = sum(float(part.divided(hard.weights(target), part.chosen)) for part in parts)
    assert total == pytest.approx(-(2 / 3 * math.log(0.5 * 0.4) / 2 + 1 / 3 * math.log(0.3 * 0.2) / 2))


def test_hardest__keeps_equals_and_counts_in_each_picture() -> None:
    right = torch.tensor([[[0.5, 0.5, 0.6, 0.9]], [[0.1, 0.9, 0.9, 0.9]]])
    among = torch.tensor([[[True, True, True, True]], [[False, True, True, False]]])
    kept = hardest(right, among, 0.2, 0.25)
    assert kept.int().tolist() == [[[1, 1, 0, 0]], [[0, 1, 1, 0]]]
    assert not hardest(right, torch.zeros_like(among), 0.2, 0.25).any()


def test_dice__of_two_pixels_by_hand() -> None:
    """Class 0: 2 * 0.8 / (0.8 + 0.4 + 1); class 1: 2 * 0.6 / (0.2 + 0.6 + 1)."""
    dice = mean(criterion(1.0, 1.0, dice_weight=1.0), row(0.2, 0.6, 0.5), torch.tensor([[[0, 1, 255]]]))
    plain = mean(criterion(1.0, 1.0), row(0.2, 0.6), torch.tensor([[[0, 1]]]))
    assert dice - plain == pytest.approx(1 - (1.6 / 2.2 + 1.2 / 1.8) / 2, rel=1e-5)


def test_lovasz__of_two_pixels_by_hand() -> None:
    """Both classes have the errors 0.4 and 0.2. Class 1 is the first: jaccard 1, 1; class 0 the second: 1/2, 1."""
    lovasz = mean(criterion(1.0, 1.0, lovasz_weight=1.0), row(0.2, 0.6, 0.5), torch.tensor([[[0, 1, 255]]]))
    plain = mean(criterion(1.0, 1.0), row(0.2, 0.6), torch.tensor([[[0, 1]]]))
    assert lovasz - plain == pytest.approx((0.4 + (0.2 + 0.1)) / 2, rel=1e-5)


def test_lovasz__of_hard_predictions_is_one_minus_the_iou() -> None:
    target = torch.tensor([[[0, 0, 1, 1, 1]]])
    logits = 40 * (functional.one_hot(torch.tensor([[[0, 1, 1, 1, 0]]])).permute(0, 3, 1, 2) - 0.5)
    both = mean(criterion(1.0, 1.0, lovasz_weight=1.0), logits, target)
    expected = 1 - (1 / 3 + 2 / 4) / 2
    assert both - mean(criterion(1.0, 1.0), logits, target) == pytest.approx(expected, rel=1e-5)


def test_boundary__balances_its_two_kinds_of_pixels() -> None:
    """A row of 8 with one change in the middle: 4 boundary pixels, 4 others, each weighs a half."""
    target = torch.tensor([[[0, 0, 0, 0, 1, 1, 1, 1, 255]]])
    logits = torch.tensor([-1.0, -1.0, 1.0, 1.0, 1.0, 1.0, -1.0, -1.0, 9.0]).view(1, 1, 1, 9)
    with_edge = criterion(1.0, 1.0, boundary_aware_weight=0.0)
    plain = mean(criterion(1.0, 1.0), row(*[0.5] * 9), target)
    term = mean(with_edge, (row(*[0.5] * 9), logits), target) - plain
    assert term == pytest.approx(20 * 0.5 * math.log(1 + math.exp(-1)), rel=1e-5)


def test_boundary__the_main_output_counts_again_where_it_is_sure() -> None:
    target = torch.tensor([[[1, 1, 1, 1]]])
    logits, edge = row(0.9, 0.5, 0.25, 0.8), torch.tensor([0.0, 2.0, 3.0, 1.0]).view(1, 1, 1, 4)  # sigmoid(1) = 0.73
    loss = criterion(1.0, 1.0, boundary_weight=0.0)
    plain = mean(loss, logits, target)
    expected = -(math.log(0.5) + math.log(0.25)) / 2
    assert mean(loss, (logits, edge), target) - plain == pytest.approx(expected, rel=1e-5)
    more = (torch.cat([logits, logits]), torch.cat([edge, edge.roll(1, 3)]))  # of another picture, 0.25 and 0.8
    target, expected = torch.cat([target, target]), -math.log(0.5 * 0.25 * 0.25 * 0.8) / 4
    assert mean(loss, more, target) - plain == pytest.approx(expected, rel=1e-5)
