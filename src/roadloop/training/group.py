"""The devices that share each batch, and what they tell each other. One device needs none of it.

The gradients travel as one flat vector: the same bits after every restart, which buckets that regroup themselves
while training (as in torch's DistributedDataParallel) would not give on three devices or more.
"""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Group:
    """This process's place among the ranks.

    Attributes:
        device: Where its tensors are.
        rank: 0 publishes and speaks.
        size: How many share a batch.
        beside: How many of them share this machine.
    """

    device: torch.device
    rank: int = 0
    size: int = 1
    beside: int = 1

    @property
    def first(self) -> bool:
        """Whether this rank publishes and speaks for all."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum over the ranks, the same on each of them."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def gather(self, values: Tensor) -> Tensor:
        """The values of every rank, one below the other, the same on each of them: [K] -> [R, K]."""
        if self.size == 1:
            return values.unsqueeze(0)
        found = [torch.empty_like(values) for _ in range(self.size)]
        dist.all_gather(found, values)
        return torch.stack(found)

    def any(self, *, flag: bool) -> bool:
        """Whether `flag` holds on some rank."""
        if self.size == 1:
            return flag
        return bool(self.sum(torch.tensor(float(flag), device=self.device)).item())

    def share_gradients(self, network: nn.Module) -> None:
        """Sum gradients over the ranks, and take the mean of batch norm's running values.

        Every rank ends with the same network. The loss must already be divided by the weight of the whole batch. What is
        in evaluation mode has kept its values, which a mean of equal ones might round.
        """
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        moving = [module for module in network.modules() if module.training]
        running = [b for module in moving for b in module.buffers(recurse=False) if b.is_floating_point()]
        flat = torch.cat([t.detach().reshape(-1).float() for t in (*gradients, *running)])
        dist.all_reduce(flat)
        parts = flat.split([t.numel() for t in (*gradients, *running)])
        with torch.no_grad():
            for tensor, part in zip(gradients, parts, strict=False):
                tensor.copy_(part.view_as(tensor))
            for tensor, part in zip(running, parts[len(gradients) :], strict=True):
                tensor.copy_((part / self.size).view_as(tensor))
