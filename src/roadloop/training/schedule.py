"""The learning rate of a step: a pure function of the configuration and the step's number."""

import math

from roadloop.training.recipe import TrainConfig


def learning_rate(config: TrainConfig, step: int, total_steps: int) -> float:
    """Learning rate of step `step` (0-based) of `total_steps`.

    `step`: base_lr times step_factor for each of `steps` that lies behind.
    `poly`: base_lr (1 - step / total)^power; Liu, Rabinovich, Berg, "ParseNet", 2015.
    `cosine`: base_lr (1 + cos(pi step / total)) / 2; Loshchilov, Hutter, "SGDR", 2017, one period.
    All rise linearly over `warmup_steps` (Goyal et al., "Accurate, Large Minibatch SGD", 2017).
    """
    if config.schedule == "step" or (config.schedule == "auto" and config.steps):
        factor = config.step_factor ** sum(s <= step for s in config.steps)
    elif config.schedule == "cosine":
        factor = (1 + math.cos(math.pi * step / max(total_steps, 1))) / 2
    else:
        factor = float((1 - step / max(total_steps, 1)) ** config.poly_power)
    warm_up = min(1.0, (step + 1) / (config.warmup_steps + 1))
    return config.base_lr * factor * warm_up
