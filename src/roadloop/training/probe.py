"""After memory ran out: which batch would fit, found by trying.

Legend: N pictures in a batch, H and W their pixels.
"""

import gc

import torch

from roadloop.errors import RoadloopError
from roadloop.networks.load import load_source
from roadloop.training.data import Batch, Normalise
from roadloop.training.finetune import freeze
from roadloop.training.group import Group
from roadloop.training.kernels import candidates
from roadloop.training.learner import make_learner
from roadloop.training.losses import SegmentationLoss
from roadloop.training.step import Update
from roadloop.training.work import Work


def largest_fit(work: Work, group: Group) -> int:
    """The largest number of pictures that a device can take at once: all of them, half, a quarter, ...

    Bounded: all tries together are less work than four steps of the batch that did not fit.

    Args:
        work: The run that ran out of memory; nothing of it may be in memory any more.
        group: The device, and how many share a batch.

    Returns:
        Pictures; 0 when not even one fits.
    """
    pictures = work.recipe.train.at_once(group.size)
    while pictures and not fits(work, group.device, pictures):
        pictures //= 2
    return pictures


def fits(work: Work, device: torch.device, pictures: int) -> bool:
    """Whether a fresh network takes two steps of so many blank pictures; the second has the optimiser's state."""
    try:
        _learn(work, device, pictures)
    except (RuntimeError, ValueError, MemoryError, RoadloopError):  # a batch that fails otherwise is no advice either
        return False
    finally:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return True


def _learn(work: Work, device: torch.device, pictures: int) -> None:
    recipe = work.recipe
    config = recipe.train.model_copy(update={"accumulate": 1})
    network = load_source(
        work.source, recipe.num_classes, work.network_settings, file=recipe.network_file, trust=work.trust
    )
    freeze(config, network)
    learner = make_learner(config, network.to(device), candidates(config, device)[0])
    learner.train()
    normalise = Normalise(recipe.data.mean, recipe.data.std, device, learner.kernels.layout)
    criterion, group = SegmentationLoss(config, device), Group(device)
    update = Update(config, learner, learner.network, criterion, normalise, group, recipe.network_file)
    height, width = recipe.crop
    blank = Batch(
        torch.zeros((pictures, height, width, 3), dtype=torch.uint8),
        torch.zeros((pictures, height, width), dtype=torch.uint8),
        [""] * pictures,
        [],
    )
    for step in (0, 1):
        update(blank, step, 0.0)
