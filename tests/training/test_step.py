"""One update: micro-batches add up to their batch, and gradients keep their limit."""

from typing import Any

import pytest
import torch
from torch import nn

from roadloop.errors import JobError
from roadloop.training.data import Batch, Normalise
from roadloop.training.group import Group
from roadloop.training.learner import make_learner
from roadloop.training.losses import SegmentationLoss
from roadloop.training.recipe import TrainConfig
from roadloop.training.step import Update, check_answer, parts

CPU = torch.device("cpu")
TERMS = {"dice_weight": 0.5, "lovasz_weight": 0.5, "boundary_aware_weight": 0.0}


class Two(nn.Module):
    """Classes, an auxiliary head and a boundary; no batch norm, which would see other batches."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.heads = nn.ModuleList([nn.Conv2d(6, channels, 1) for channels in (3, 3, 1)])

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = self.stem(image).relu()
        return tuple(head(found) for head in self.heads)


def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (5, 12, 16, 3), generator=generator, dtype=torch.uint8)
    targets = torch.randint(3, (5, 12, 16), generator=generator, dtype=torch.uint8)
    targets[0, :9] = 255
    targets[3] = 255
    return Batch(images, targets, [f"1/{i}" for i in range(5)], [])


def updated(answer: type = tuple, **values: Any) -> tuple[float, torch.Tensor, torch.Tensor]:
    """Loss, weights and gradients after one update by plain gradient descent."""
    torch.manual_seed(0)
    config = TrainConfig(class_weights=(1.0, 2.0, 0.5), momentum=0.0, weight_decay=0.0, **values)
    learner = make_learner(config, Two())
    normalise = Normalise((0.5, 0.5, 0.5), (0.25, 0.25, 0.25), CPU, torch.channels_last)
    criterion = SegmentationLoss(config, CPU)

    def forward(image: torch.Tensor) -> Any:
        return answer(learner.network(image))

    update = Update(config, learner, forward, criterion, normalise, Group(CPU), "network.py")
    loss = update(batch(), 0, 0.1)
    weights = torch.cat([p.detach().flatten() for p in learner.network.parameters()])
    gradients = torch.cat([p.grad.flatten() for p in learner.network.parameters() if p.grad is not None])
    return loss, weights, gradients


@pytest.mark.parametrize("values", [{}, TERMS])
@pytest.mark.parametrize("accumulate", [2, 5, 8])
def test_update__parts_add_up_to_the_undivided_batch(accumulate: int, values: dict[str, Any]) -> None:
    whole, divided = updated(**values), updated(accumulate=accumulate, **values)
    assert divided[0] == pytest.approx(whole[0], rel=1e-5)
    assert torch.allclose(divided[1], whole[1], rtol=1e-5, atol=1e-6)
    assert torch.allclose(divided[2], whole[2], rtol=1e-4, atol=1e-6)


class Normed(nn.Module):
    """Batch norm of one channel, then two classes from it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.seen: list[float] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.norm(image[:, :1])
        self.seen += normed.detach()[:, 0, 0, 0].tolist()
        return torch.cat([normed, -normed], dim=1)


@pytest.mark.parametrize(("accumulate", "seen", "mean"), [(1, [-1.0, 1.0], 0.1), (2, [0.0, 0.0], 0.2)])
def test_update__batch_norm_sees_one_part_at_a_time(accumulate: int, seen: list[float], mean: float) -> None:
    """A picture of zeros and one of twos: together they are -1 and 1, each alone is 0.

    The running mean moves by a tenth: once, to 0.1 of their mean of 1, or twice, to 0.9 * 0 + 0.1 * 2.
    """
    config = TrainConfig(class_weights=(1.0, 1.0), accumulate=accumulate)
    network = Normed()
    learner = make_learner(config, network)
    normalise = Normalise((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), CPU, torch.contiguous_format)
    update = Update(config, learner, network, SegmentationLoss(config, CPU), normalise, Group(CPU), "network.py")
    images = torch.stack([torch.zeros(4, 4, 3), torch.full((4, 4, 3), 255)]).to(torch.uint8)
    update(Batch(images, torch.zeros(2, 4, 4, dtype=torch.uint8), ["a", "b"], []), 0, 0.0)
    assert network.seen == pytest.approx(seen, abs=1e-4)
    assert network.norm.running_mean is not None
    assert network.norm.running_mean.item() == pytest.approx(mean, abs=1e-6)


def test_update__a_list_of_heads_is_a_tuple_of_them() -> None:
    assert updated(list)[0] == updated()[0]


def test_update__parts_of_the_network_learn_at_their_own_rates() -> None:
    """Weights move by rate, factor and gradient; the stem's 6 * 3 * 9 + 6 numbers come first, then 21, 21 and 7 of heads."""
    start = torch.cat([p.detach().flatten() for p in (torch.manual_seed(0), Two())[1].parameters()])
    _, weights, gradients = updated(lr_factors={"heads": 10.0, "heads.1": 0.5})
    factors = torch.repeat_interleave(torch.tensor([1.0, 10.0, 0.5, 10.0]), torch.tensor([168, 21, 21, 7]))
    assert torch.allclose(start - weights, 0.1 * factors * gradients, atol=1e-6)
    assert gradients[168:189].abs().max() > 1e-3


def test_update__gradients_keep_their_largest_norm() -> None:
    _, _, free = updated()
    _, _, kept = updated(clip_norm=0.01)
    assert free.norm() > 0.01
    assert kept.norm().item() == pytest.approx(0.01, rel=1e-3)
    assert torch.allclose(kept / kept.norm(), free / free.norm(), atol=1e-5)


def test_parts__differ_by_one_picture_at_most() -> None:
    assert [len(part.images) for part in parts(batch(), 3)] == [2, 2, 1]
    assert [len(part.targets) for part in parts(batch(), 7)] == [1] * 5
    assert next(parts(batch(), 1)).names == batch().names


def answered(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    return [torch.zeros(2, *shape) for shape in shapes]


@pytest.mark.parametrize(
    "heads",
    [
        answered((3, 12, 16)),
        answered((3, 12, 16), (3, 6, 8), (1, 3, 4)),  # the loss enlarges all but the main one
        answered((1, 3, 4), (3, 12, 16)),
    ],
)
def test_check_answer__smaller_heads_beside_the_main_one_are_fine(heads: list[torch.Tensor]) -> None:
    check_answer(heads, 3, (12, 16), "networks/x/network.py")


@pytest.mark.parametrize(
    ("heads", "en", "zh"),
    [
        (answered((4, 12, 16)), "answered 4 channels, needed 3", "4 个通道，需要 3 个"),
        (answered((3, 12, 16), (4, 6, 8)), "answered 4 channels, needed 3", "4 个通道，需要 3 个"),
        (answered((1, 12, 16)), "answered 1 channel, needed 3", "1 个通道，需要 3 个"),
        (answered((3, 6, 8)), "answers 8x6 for a picture of 16x12", "对 16x12（宽x高）的图片应答了 8x6"),
        (answered((3, 6, 8), (3, 12, 16)), "answers 8x6 for a picture of 16x12", "应答了 8x6"),
        (answered((12, 16)), r"answered torch.float32 \[2, 12, 16\], needed float logits", "应答了 torch.float32"),
        ([answered((3, 12, 16))], "answered list, needed float logits", "应答了 list"),
        ([], "answered nothing, needed float logits", "没有任何输出"),
    ],
)
def test_check_answer__names_what_does_not_fit(heads: list[Any], en: str, zh: str) -> None:
    with pytest.raises(JobError, match=en) as caught:
        check_answer(heads, 3, (12, 16), "networks/x/network.py")
    assert all(text.startswith("networks/x/network.py ") for text in caught.value.text)
    assert zh in caught.value.text.zh
