"""A network whose uncertainty is known by hand, and drives to show it."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approved import approve_at_home
from roadloop.imaging.encode import encode_jpeg
from roadloop.models.files import save_model
from roadloop.storage.platform import Platform

UInt8 = NDArray[np.uint8]

#: Logits are 20 x (red, green, blue); beside them an encoder of stride 4, whose weights are set.
SOURCE = """
import torch

class Net(torch.nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.deep = torch.nn.Conv2d(3, 8, 4, stride=4)
        self.head = torch.nn.Conv2d(3, num_classes, 1, bias=False)

    def forward(self, x):
        self.deep(x)
        return self.head(x)

def build(num_classes):
    return Net(num_classes)
"""

RED, GREEN, BLUE, PURPLE = (230, 10, 10), (10, 230, 10), (10, 10, 230), (160, 10, 160)


def write_network(folder: Path, epoch: int = 1, **changes: Any) -> Path:
    """A model file of that network, approved where it is in a workspace: red, green and blue are train ids 0, 1 and 2."""
    rows = [("red", "红", (255, 0, 0)), ("green", "绿", (0, 255, 0)), ("blue", "蓝", (0, 0, 255))]
    description = {
        "task": "suzhou",
        "network": {"name": "n", "digest": hashlib.sha256(SOURCE.encode()).hexdigest(), "settings": {}, "source": SOURCE},
        "num_classes": 3,
        "classes": [{"train_id": i, "name_en": e, "name_zh": z, "color": c} for i, (e, z, c) in enumerate(rows)],
        "class_table": [
            {"raw_id": 10 * (i + 1), "name_en": e, "name_zh": z, "color": list(c), "train_id": i}
            for i, (e, z, c) in enumerate(rows)
        ],
        "label_map": {"entries": {str(10 * (i + 1)): [i, e, z] for i, (e, z, _) in enumerate(rows)}},
        "normalisation": {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]},
        "input": {"crop": [8, 8], "size": [8, 8]},
        "training": {},
        **changes,
    }  # fmt: skip
    rng = np.random.default_rng(0)
    state = {
        "deep.weight": rng.normal(size=(8, 3, 4, 4)).astype(np.float32),
        "deep.bias": np.zeros(8, np.float32),
        "head.weight": 20 * np.eye(3, dtype=np.float32)[:, :, None, None],
    }
    folder.mkdir(parents=True, exist_ok=True)
    moves = save_model(folder, "kd", epoch, state, description)
    for scratch, target in moves:
        scratch.rename(target)
    return approve_at_home(moves[0][1])


def scene(seed: int, patch: int, color: tuple[int, int, int] = PURPLE) -> UInt8:
    """uint8 [64, 64, 3]: red and green blocks at random, and a patch of so many rows in another colour."""
    blocks = np.random.default_rng(seed).random((16, 16)) < 0.5
    image = np.where(np.kron(blocks, np.ones((4, 4), bool))[..., None], RED, GREEN).astype(np.uint8)
    image[:patch, :8] = color
    return image


def write_drives(platform: Platform, tracks: int = 4, frames: int = 6) -> None:
    """Tracks d0, d1, ...: in frame 3 of each there is a purple patch, larger from track to track; list `tracks.txt`."""
    for t in range(tracks):
        folder = platform.workspace.tracks / f"d{t}"
        folder.mkdir(parents=True)
        for i in range(frames):
            image = scene(100 * t + i, 2 * (t + 1) if i == 3 else 0)
            (folder / f"d{t}_{i:03d}.jpg").write_bytes(encode_jpeg(image, 98))
    listed = "".join(f"d{t}\n" for t in range(tracks))
    (platform.workspace.home / "tracks.txt").write_text(listed)
