"""Batch norm over all devices that share a batch, on CPUs and GPUs: SyncBatchNorm.

torch's own refuses tensors of the CPU. This one has the same statistics, gradients and running values: those of one device
that has the whole batch. Peng et al., "MegDet", 2018, section 3.2; the variances of parts are put together as in Chan, Golub,
LeVeque, "Algorithms for Computing the Sample Variance", 1983.

Legend: N pictures on this device, C channels, R ranks.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from roadloop.networks.norms import answers_as_batch_norm
from roadloop.training.group import Group


class Statistics(NamedTuple):
    """Of each channel's values on all ranks together."""

    mean: Tensor  #: float32 [C]
    var: Tensor  #: float32 [C], divided by the number of values, not by one less
    number: Tensor  #: float32 [1], values of a channel


class SyncNorm(_BatchNorm):
    """What a batch norm becomes; `synchronise` makes it. In evaluation mode it is the batch norm that it was.

    Attributes:
        group: The devices that share each batch.
    """

    group: Group

    def forward(self, x_NC: Tensor) -> Tensor:
        """Normalise with the statistics of all ranks' values, and move the running ones.

        Args:
            x_NC: Float [N, C] or [N, C, ...].

        Returns:
            As `x_NC`.
        """
        if not self.training:
            return super().forward(x_NC)
        self._check_input_dim(x_NC)  # type: ignore[no-untyped-call]
        found = statistics(x_NC.detach(), self.group)
        if self.running_mean is not None:
            self._follow(found)
        affine = (
            (self.weight, self.bias) if self.affine else (torch.ones_like(found.mean), torch.zeros_like(found.mean))
        )
        normalised: Tensor = _Normalise.apply(x_NC, *affine, found, self)  # type: ignore[no-untyped-call]
        return normalised

    def _follow(self, found: Statistics) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        unbiased_C = found.var * found.number / (found.number - 1)
        self.running_mean.mul_(1 - share).add_(found.mean, alpha=share)
        self.running_var.mul_(1 - share).add_(unbiased_C, alpha=share)


class _Normalise(torch.autograd.Function):
    """Scale and shift with given statistics; its gradient knows that these follow from all ranks' values."""

    @staticmethod
    def forward(ctx: Any, x_NC: Tensor, weight_C: Tensor, bias_C: Tensor, found: Statistics, norm: SyncNorm) -> Tensor:
        ctx.save_for_backward(x_NC, weight_C, *found)
        ctx.norm = norm
        return functional.batch_norm(x_NC, found.mean, found.var, weight_C, bias_C, training=False, eps=norm.eps)

    @staticmethod
    def backward(ctx: Any, grad_NC: Tensor) -> tuple[Tensor | None, ...]:
        """That of fixed statistics, by torch's kernel, less what moves them: the means of the gradient and along x."""
        x_NC, weight_C, mean_C, var_C, count_1 = ctx.saved_tensors
        needed = [ctx.needs_input_grad[0], True, True]
        grad_x_NC, grad_weight_C, grad_bias_C = torch.ops.aten.native_batch_norm_backward(
            grad_NC, x_NC, weight_C, mean_C, var_C, None, None, False, ctx.norm.eps, needed
        )
        if not ctx.needs_input_grad[0]:
            return None, grad_weight_C, grad_bias_C, None, None
        sums_2C = ctx.norm.group.sum(torch.cat([grad_bias_C, grad_weight_C]))
        mean_grad_C, mean_along_C = (sums_2C / count_1).split(len(mean_C))
        invstd_C = torch.rsqrt(var_C + ctx.norm.eps)
        scale_C = invstd_C * weight_C
        slope_C = -scale_C * invstd_C * mean_along_C
        shift_C = -scale_C * mean_grad_C - slope_C * mean_C
        shape = (1, -1, *[1] * (x_NC.ndim - 2))
        grad_x_NC = grad_x_NC.float().addcmul_(x_NC, slope_C.view(shape)).add_(shift_C.view(shape))
        return grad_x_NC.to(x_NC.dtype), grad_weight_C, grad_bias_C, None, None


def statistics(x_NC: Tensor, group: Group) -> Statistics:
    """The statistics of all ranks' values.

    Args:
        x_NC: This rank's values, float [N, C] or [N, C, ...]; ranks may have different numbers.
        group: The ranks.
    """
    mean_C, var_C = torch.batch_norm_update_stats(x_NC.float(), None, None, 0.0)
    count_1 = mean_C.new_full((1,), x_NC.numel() / len(mean_C), dtype=torch.float64)
    found_RK = group.gather(torch.cat([mean_C.double(), var_C.double(), count_1]))
    mean_RC, var_RC, count_R1 = found_RK.split([len(mean_C), len(mean_C), 1], dim=1)
    total_1 = count_R1.sum(dim=0)
    share_R1 = count_R1 / total_1
    mean_C = (share_R1 * mean_RC).sum(dim=0)
    var_C = (share_R1 * (var_RC + (mean_RC - mean_C) ** 2)).sum(dim=0)
    return Statistics(mean_C.float(), var_C.float(), total_1.float())


def synchronise(network: nn.Module, group: Group) -> list[str]:
    """Turn a network's batch norms into those of all ranks; names, values and the modules themselves stay.

    Args:
        network: On the group's device; changed in place.
        group: The devices that share each batch.

    Returns:
        The names of batch norms that answer otherwise than torch's: they stay as they are.
    """
    left = []
    kinds: dict[type, type] = {}
    for name, module in network.named_modules():
        kind = type(module)
        if not isinstance(module, _BatchNorm):
            continue
        if not answers_as_batch_norm(module):
            left.append(name)
            continue
        module.__class__ = kinds.setdefault(kind, type(f"Sync{kind.__name__}", (SyncNorm, kind), {"group": group}))
    return left
