import pytest
import torch
from torch.nn import functional

from roadloop.training.losses import SegmentationLoss

CPU = torch.device("cpu")


def sample(size: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((2, 3, size, size), generator=generator, requires_grad=True)
    target = torch.randint(3, (2, size, size), generator=generator).to(torch.uint8)
    target[0, 0] = 255
    return logits, target


def test_call__equals_torch_s_weighted_mean() -> None:
    logits, target = sample()
    loss = SegmentationLoss((1.0, 2.0, 0.5), 0.4, CPU)(logits, target)
    expected = functional.cross_entropy(logits, target.long(), torch.tensor([1.0, 2.0, 0.5]), ignore_index=255)
    assert (loss.total / loss.weight).item() == pytest.approx(expected.item(), rel=1e-6)


def test_call__parts_of_a_batch_add_up() -> None:
    logits, target = sample()
    criterion = SegmentationLoss((1.0, 2.0, 0.5), 0.4, CPU)
    whole, one, two = criterion(logits, target), criterion(logits[:1], target[:1]), criterion(logits[1:], target[1:])
    assert (one.total + two.total).item() == pytest.approx(whole.total.item(), rel=1e-6)
    assert (one.weight + two.weight).item() == pytest.approx(whole.weight.item())


def test_call__nothing_labelled_is_zero_and_not_nan() -> None:
    logits, target = sample()
    loss = SegmentationLoss((1.0, 1.0, 1.0), 0.4, CPU)(logits, torch.full_like(target, 255))
    loss.total.backward()
    assert (loss.total.item(), loss.weight.item()) == (0.0, 0.0)
    assert logits.grad is not None
    assert not logits.grad.any()


def test_call__auxiliary_heads_count_less_and_may_be_smaller() -> None:
    logits, target = sample(8)
    criterion = SegmentationLoss((1.0, 1.0, 1.0), 0.4, CPU)
    small = functional.avg_pool2d(logits, 2)
    alone = criterion(functional.interpolate(small, size=[8, 8], mode="bilinear"), target)
    both, main = criterion((logits, small), target), criterion(logits, target)
    assert both.total.item() == pytest.approx((main.total + 0.4 * alone.total).item(), rel=1e-6)
    assert both.weight.item() == main.weight.item()


def test_call__a_class_of_weight_zero_teaches_nothing() -> None:
    logits, target = sample()
    loss = SegmentationLoss((0.0, 0.0, 1.0), 0.4, CPU)(logits, torch.zeros_like(target))
    assert (loss.total.item(), loss.weight.item()) == (0.0, 0.0)
