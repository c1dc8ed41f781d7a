"""Boundaries between classes: where they are in a label map, and the loss of a network that predicts them. Pure.

Legend: N pictures, H and W their pixels.
"""

import torch
from torch import Tensor
from torch.nn import functional


def boundaries(ids_NHW: Tensor, taught_NHW: Tensor) -> Tensor:
    """Where the class changes: both pixels of every change, widened by one, so that a boundary is 4 pixels wide.

    That is the width of PIDNet's targets (Xu, Xiong, Bhattacharyya, "PIDNet", 2023: edges dilated by 4). A change to or
    from pixels that teach nothing is none, and those pixels are never boundary.

    Args:
        ids_NHW: Train ids, integer.
        taught_NHW: Whether a pixel counts, bool.

    Returns:
        bool [N, H, W].
    """
    edge_NHW = torch.zeros_like(taught_NHW)
    for dim in (1, 2):
        last = ids_NHW.shape[dim] - 1
        one, two = ids_NHW.narrow(dim, 0, last), ids_NHW.narrow(dim, 1, last)
        both = taught_NHW.narrow(dim, 0, last) & taught_NHW.narrow(dim, 1, last)
        change = (one != two) & both
        edge_NHW.narrow(dim, 0, last).logical_or_(change)
        edge_NHW.narrow(dim, 1, last).logical_or_(change)
    wide_NHW = functional.max_pool2d(edge_NHW.float(), kernel_size=3, stride=1, padding=1) > 0
    return wide_NHW & taught_NHW


def boundary_loss(logits_NHW: Tensor, edge_NHW: Tensor, taught_NHW: Tensor) -> Tensor:
    """Binary cross-entropy with both kinds of pixels at the same weight, the mean of each picture, summed.

    In each picture the boundary's pixels weigh as the share of the others, and the others as the share of the
    boundary; Xie and Tu, "Holistically-Nested Edge Detection", 2015, equation 2, as in PIDNet.

    Args:
        logits_NHW: Float; sigmoid gives the probability of a boundary.
        edge_NHW: Where the boundaries are, bool.
        taught_NHW: Whether a pixel counts, bool.

    Returns:
        Scalar: the sum over the pictures.
    """
    count_N11 = taught_NHW.sum(dim=(1, 2), keepdim=True).clamp_min(1)
    share_N11 = edge_NHW.sum(dim=(1, 2), keepdim=True) / count_N11
    weight_NHW = torch.where(edge_NHW, 1 - share_N11, share_N11) * taught_NHW / count_N11
    return functional.binary_cross_entropy_with_logits(logits_NHW, edge_NHW.float(), weight_NHW, reduction="sum")
