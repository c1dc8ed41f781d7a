"""Networks that fail while they are trained, and limits that make others fail."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

#: Fails at training step `at`: what it answers, or only what it learns from its answer, is not a number; or it raises,
#: with a sentence of its own where `how` is one. Or it only warns, as torch does of a GPU kernel.
BROKEN = """
import warnings

import torch
from torch import nn


def build(num_classes, at, how):
    return Broken(num_classes, at, how)


class Broken(nn.Module):
    def __init__(self, num_classes, at, how):
        super().__init__()
        self.layer = nn.Conv2d(3, num_classes, 1)
        self.root = nn.Parameter(torch.tensor(0.0))
        self.register_buffer("steps", torch.tensor(0))
        self.at, self.how = at, how

    def forward(self, x):
        y = self.layer(x)
        if self.training:
            self.steps += 1
        if self.training and self.steps == self.at:
            if self.how in {"nan", "inf"}:
                return y * float(self.how)
            if self.how == "gradient":
                return y + 0 * self.root.sqrt()
            if self.how == "memory":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            if self.how == "host":
                raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ...")
            if self.how == "unsteady":
                warnings.warn("warp_cuda does not have a deterministic implementation, but you set ...", stacklevel=2)
                return y
            if " " in self.how:
                raise RuntimeError(self.how)
            raise ValueError("Expected more than 1 value per channel when training")
        return y
"""

#: Each training step takes so many MiB for every picture.
HUNGRY = """
from torch import nn


def build(num_classes, mib=64):
    return Hungry(num_classes, mib)


class Hungry(nn.Module):
    def __init__(self, num_classes, mib):
        super().__init__()
        self.layer = nn.Conv2d(3, num_classes, 1)
        self.numbers = mib * 2**18

    def forward(self, x):
        if not self.training:
            return self.layer(x)
        taken = x.new_zeros(x.shape[0], self.numbers)
        return self.layer(x) + taken[:, :1, None, None]
"""


@contextmanager
def memory_kept() -> Iterator[None]:
    """What this process may take afterwards is what it may take now."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def limit_memory(mib: int) -> None:
    """This process may take so much more memory than it has."""
    most = psutil.Process().memory_info().vms + mib * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


@contextmanager
def memory_limit(mib: int) -> Iterator[None]:
    """This process may take so much more memory than it has, until the block ends."""
    with memory_kept():
        limit_memory(mib)
        yield
