"""How fast a network is here. Needs torch."""

import statistics
import time
from typing import Final

import torch
from torch import nn

ENOUGH_S: Final = 1.0  # of measuring, for one network
RUNS: Final = 7  # at most


def images_per_second(network: nn.Module, size: tuple[int, int], device: torch.device) -> float:
    """Pictures per second of one network in evaluation mode, batch 1, float32: the median of a few runs.

    The first run does not count, unless it alone took longer than a second.

    Args:
        network: Takes float32 [1, 3, H, W]; moved to the device.
        size: H and W.
        device: Where it runs.
    """
    network.eval().to(device)
    picture = torch.zeros((1, 3, *size), device=device)
    runs: list[float] = []
    with torch.inference_mode():
        first = _run(network, picture)
        while first < ENOUGH_S and len(runs) < RUNS and sum(runs) < ENOUGH_S:
            runs.append(_run(network, picture))
    return 1 / statistics.median(runs or [first])


def _run(network: nn.Module, picture: torch.Tensor) -> float:
    start = time.perf_counter()
    network(picture)
    if picture.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start
