"""Losses of overlap, of one picture: soft Dice and Lovasz-softmax. Pure.

Legend: C classes, P pixels of a picture.
"""

import torch
from torch import Tensor


def soft_dice(share_CP: Tensor, truth_CP: Tensor, taught_P: Tensor) -> Tensor:
    """One minus the soft Dice coefficient, 2 |p g| / (|p| + |g|), averaged over the classes of the picture.

    Milletari, Navab, Ahmadi, "V-Net", 2016, with plain sums in the denominator as in Sudre et al., 2017.

    Args:
        share_CP: Softmax, float.
        truth_CP: Whether a pixel is of a class, bool; nowhere true where nothing is taught.
        taught_P: Whether a pixel counts, bool.

    Returns:
        Scalar; 0 for a picture without labels.
    """
    shared_C = (share_CP * truth_CP).sum(dim=1)
    both_C = (share_CP * taught_P).sum(dim=1) + truth_CP.sum(dim=1)
    return _mean_of_present(1 - 2 * shared_C / both_C.clamp_min(1e-6), truth_CP)


def lovasz_softmax(share_CP: Tensor, truth_CP: Tensor, taught_P: Tensor) -> Tensor:
    """The convex extension of 1 - IoU, averaged over the classes of the picture.

    Berman, Triki, Blaschko, "The Lovasz-Softmax Loss", 2018, equations 8, 9 and 11, "present classes".
    Counts are integers, so that equal errors in another order give the same bits.

    Args:
        share_CP: Softmax, float.
        truth_CP: Whether a pixel is of a class, bool; nowhere true where nothing is taught.
        taught_P: Whether a pixel counts, bool.

    Returns:
        Scalar; 0 for a picture without labels.
    """
    errors_CP = (truth_CP.float() - share_CP).abs() * taught_P
    errors_CP, order_CP = errors_CP.sort(dim=1, descending=True, stable=True)
    truth_CP = truth_CP.gather(1, order_CP).long()
    found_C1 = truth_CP.sum(dim=1, keepdim=True)
    intersection_CP = found_C1 - truth_CP.cumsum(dim=1)
    union_CP = found_C1 + (1 - truth_CP).cumsum(dim=1)
    jaccard_CP = 1 - intersection_CP / union_CP
    gradient_CP = torch.diff(jaccard_CP, dim=1, prepend=torch.zeros_like(jaccard_CP[:, :1]))
    return _mean_of_present((errors_CP * gradient_CP).sum(dim=1), truth_CP)


def _mean_of_present(loss_C: Tensor, truth_CP: Tensor) -> Tensor:
    present_C = truth_CP.any(dim=1)
    return (loss_C * present_C).sum() / present_C.sum().clamp_min(1)
