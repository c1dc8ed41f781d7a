"""A tiny real network and its model file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from roadloop.models import files
from roadloop.networks.folder import digest
from roadloop.networks.load import load_source
from roadloop.networks.trust import Trust
from roadloop.storage import publish

SOURCE = """
from torch import nn

def build(num_classes, *, width=4):
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, num_classes, 1)
    )
"""

SavePair = Callable[..., Path]


def describe(num_classes: int = 3, source: str = SOURCE, **changes: Any) -> dict[str, Any]:
    """The description of the tiny network."""
    rows = [{"train_id": i, "name_en": f"c{i}", "name_zh": f"类{i}", "color": (i, 2, 3)} for i in range(num_classes)]
    values: dict[str, Any] = {
        "task": "苏州任务",
        "network": {"name": "c_network", "digest": digest(source), "settings": {}, "source": source},
        "num_classes": num_classes,
        "classes": rows,
        "class_table": [],
        "label_map": {"template": "", "entries": {"0": [0, "c0", "类0"], "1": [1, "c1", "类1"]}},
        "normalisation": {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)},
        "input": {"crop": (16, 24)},
        "training": {"miou": 0.5},
    }
    return values | changes


@pytest.fixture
def save_pair() -> SavePair:
    """Writes a model file pair of the tiny network and gives the path of its `.params`."""

    def save(folder: Path, prefix: str = "kd_suzhou", epoch: int = 5, **changes: Any) -> Path:
        description = describe(**changes)
        torch.manual_seed(epoch)
        part = description["network"]
        network = load_source(
            part["source"], description["num_classes"], part["settings"], trust=Trust.of(part["source"])
        )
        network.train()(torch.rand(2, 3, 8, 8))  # moves the running statistics
        for scratch, target in files.save_model(folder, prefix, epoch, network.state_dict(), description):
            publish.move(scratch, target)
        return folder / files.file_name(prefix, epoch)

    return save
