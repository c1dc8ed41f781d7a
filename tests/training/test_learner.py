import torch
from torch import nn

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
