import pytest

from roadloop.training.recipe import TrainConfig
from roadloop.training.schedule import learning_rate


def test_learning_rate__steps_multiply_by_the_factor() -> None:
    config = TrainConfig(base_lr=1.0, steps=(10, 20), step_factor=0.1)
    rates = [learning_rate(config, step, 30) for step in (0, 9, 10, 19, 20, 29)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_learning_rate__poly_falls_to_zero() -> None:
    config = TrainConfig(base_lr=2.0, poly_power=1.0)
    assert [learning_rate(config, step, 4) for step in range(5)] == [2.0, 1.5, 1.0, 0.5, 0.0]
    stepless = TrainConfig(base_lr=2.0, steps=(1,), schedule="poly", poly_power=1.0)
    assert learning_rate(stepless, 2, 4) == 1.0


def test_learning_rate__warm_up_is_linear() -> None:
    config = TrainConfig(base_lr=1.0, schedule="step", steps=(100,), warmup_steps=3)
    assert [learning_rate(config, step, 100) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_learning_rate__cosine_falls_to_zero_after_the_warm_up() -> None:
    config = TrainConfig(base_lr=2.0, schedule="cosine")
    assert [learning_rate(config, step, 4) for step in (0, 2, 4)] == pytest.approx([2.0, 1.0, 0.0])
    warm = TrainConfig(base_lr=2.0, schedule="cosine", warmup_steps=1)
    assert learning_rate(warm, 0, 4) == 1.0
    assert learning_rate(warm, 2, 4) == pytest.approx(1.0)
