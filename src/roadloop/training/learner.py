"""What changes while a run learns: the weights, their average, the optimiser's state and the scale of fp16 losses."""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from roadloop.training.finetune import fixed_norms
from roadloop.training.kernels import PLAIN, Kernels
from roadloop.training.recipe import TrainConfig


@dataclass(frozen=True)
class Learner:
    """Everything of a run that has a state.

    Attributes:
        network: Learns; float32.
        optimizer: Of its parameters.
        scaler: Of fp16 losses; disabled, it does nothing.
        average: The running average of the network, or None.
        kernels: How the network is computed while it learns.
        fixed: Batch norms that use and keep their running statistics while it learns.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    average: nn.Module | None = None
    kernels: Kernels = PLAIN
    fixed: tuple[nn.Module, ...] = ()

    @property
    def judged(self) -> nn.Module:
        """The network that is validated and written to model files."""
        return self.network if self.average is None else self.average

    def train(self) -> None:
        """Make the network ready to learn."""
        self.network.train()
        for norm in self.fixed:
            norm.eval()

    def follow(self, decay: float, step: int) -> None:
        """Move the average towards the network; its buffers are the network's.

        The first steps move it faster, by (1 + step) / (10 + step) at most, so that it does not remember the first,
        random weights for long.

        Args:
            decay: Share that the average keeps of itself.
            step: Steps that went before (0-based).
        """
        if self.average is None:
            return
        taken = 1 - min(decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(weight, taken)
            for kept, buffer in zip(self.average.buffers(), self.network.buffers(), strict=True):
                kept.copy_(buffer)


def make_learner(config: TrainConfig, network: nn.Module, kernels: Kernels = PLAIN) -> Learner:
    """A learner at its beginning, on the device where the network is."""
    if kernels.channels_last:
        network = network.to(memory_format=kernels.layout)  # type: ignore[call-overload]
    device = next(network.parameters()).device
    average = None
    if config.ema_decay > 0:
        average = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
    return Learner(
        network=network,
        optimizer=make_optimizer(config, network),
        scaler=torch.amp.GradScaler(device.type, enabled=kernels.dtype is torch.float16),
        average=average,
        kernels=kernels,
        fixed=fixed_norms(config, network),
    )


def make_optimizer(config: TrainConfig, network: nn.Module) -> torch.optim.Optimizer:
    """The optimiser that a configuration asks for; its rate is set at every step.

    Parameters of one `lr_factor` are a group, or two where weight decay spares some.
    """
    learning: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            learning.setdefault(config.lr_factor(name), []).append(parameter)
    groups = []
    for factor, parameters in sorted(learning.items()):
        decay, same = {"weight_decay": config.weight_decay}, {"lr_factor": factor}
        if config.decay_norms:
            groups.append({"params": parameters, **decay, **same})
            continue
        groups.append({"params": [p for p in parameters if p.ndim > 1], **decay, **same})
        groups.append({"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, **same})
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.base_lr, betas=(config.momentum, 0.999))
    return torch.optim.SGD(groups, lr=config.base_lr, momentum=config.momentum)
