from typing import Any

import pytest
import torch
from torch import nn

from roadloop.errors import InvalidValueError
from roadloop.training.finetune import freeze
from roadloop.training.learner import make_learner
from roadloop.training.recipe import TrainConfig


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))


def test_follow__is_a_running_average_that_soon_forgets_its_first_weights() -> None:
    learner = make_learner(TrainConfig(ema_decay=0.75), network())
    assert learner.average is not None
    values = []
    for step, value in enumerate([10.0, 20.0]):
        for tensor in (*learner.network.parameters(), *learner.network.buffers()):
            tensor.data.fill_(value)
        for tensor in learner.average.parameters() if step == 0 else ():
            tensor.data.fill_(0.0)
        learner.follow(0.75, step * 100)  # keeps 1/10, then the full 3/4
        values.append(learner.average[0].bias[0].item())  # type: ignore[index]
    assert values == [9.0, 11.75]
    assert torch.equal(learner.average[1].running_mean, torch.full((2,), 20.0))  # type: ignore[index]


def test_judged__is_the_network_without_an_average() -> None:
    learner = make_learner(TrainConfig(), network())
    learner.follow(0.0, 0)
    assert learner.judged is learner.network


def test_make_optimizer__norms_and_biases_may_be_spared() -> None:
    kept = make_learner(TrainConfig(weight_decay=0.1), network()).optimizer
    assert [(len(g["params"]), g["weight_decay"]) for g in kept.param_groups] == [(4, 0.1)]
    spared = make_learner(TrainConfig(weight_decay=0.1, decay_norms=False, optimizer="adamw"), network()).optimizer
    assert [(len(g["params"]), g["weight_decay"]) for g in spared.param_groups] == [(1, 0.1), (3, 0.0)]


def test_make_optimizer__a_group_for_each_factor_and_none_for_what_is_frozen() -> None:
    config = TrainConfig(weight_decay=0.1, decay_norms=False, lr_factors={"0": 10.0}, frozen=("1.bias",))
    fixed = network()
    freeze(config, fixed)
    groups = make_learner(config, fixed).optimizer.param_groups
    shown = [([tuple(p.shape) for p in g["params"]], g["lr_factor"], g["weight_decay"]) for g in groups]
    assert shown == [
        ([], 1.0, 0.1),
        ([(2,)], 1.0, 0.0),
        ([(2, 3, 1, 1)], 10.0, 0.1),
        ([(2,)], 10.0, 0.0),
    ]


@pytest.mark.parametrize(
    ("values", "moving"),
    [({}, True), ({"frozen": ("0",)}, True), ({"frozen": ("1",)}, False), ({"freeze_norms": True}, False)],
)
def test_train__norms_that_are_frozen_stay_in_evaluation_mode(values: dict[str, Any], moving: bool) -> None:
    learner = make_learner(TrainConfig(**values), network().eval())
    for _ in range(2):
        learner.train()
        assert learner.network.training
        assert learner.network[1].training is moving  # type: ignore[index]
        learner.judged.eval()


@pytest.mark.parametrize("key", ["frozen", "lr_factors"])
def test_freeze__an_unknown_name_is_refused_with_the_nearest(key: str) -> None:
    names = {"frozen": ("stem", "haed.norm"), "lr_factors": {"stem": 1.0, "haed.norm": 2.0}}[key]
    named = nn.ModuleDict({"stem": network(), "head": nn.ModuleDict({"norm": nn.BatchNorm2d(2), "relu": nn.ReLU()})})
    with pytest.raises(InvalidValueError, match=r"no module named 'haed.norm' .* Near it are: head.norm, ") as caught:
        freeze(TrainConfig.model_validate({key: names}), named)
    assert caught.value.details["parameter"] == key
    assert caught.value.details["unknown"] == ["haed.norm"]
    assert "'haed.norm'" in caught.value.text.zh
    with pytest.raises(InvalidValueError, match=r"'head\.relu'"):  # nothing in it could learn
        freeze(TrainConfig(frozen=("head.relu",)), named)
    with pytest.raises(
        InvalidValueError, match="Near it are: stem, head"
    ):  # of nothing like it, all that is at the top
        freeze(TrainConfig(frozen=("xyz",)), named)


def test_freeze__something_must_learn() -> None:
    with pytest.raises(InvalidValueError, match=r"frozen \(0, 1\) leaves no parameter"):
        freeze(TrainConfig(frozen=("0", "1")), network())
