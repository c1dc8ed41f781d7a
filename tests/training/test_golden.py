"""The loss of every network's first thirty steps, on a CPU with one thread, against what it was.

Network, samples, augmentation, losses, optimiser and schedule are the real ones, by the template's own `train.json`; only
the width, the pictures and the learning rate are tiny. At a real rate the first steps of a deep network with batch norm are
chaotic: what two processors round differently grows tenfold in a step. At these rates a momentum of 0.5 instead of 0.9
moves some loss of each curve by 0.15 percent or more, and other kernels (ATEN_CPU_CAPABILITY=default,
ONEDNN_MAX_CPU_ISA=SSE41, MKL_CBWR=COMPATIBLE) none by more than 0.05 percent. Weight decay is too weak to show.
Nothing is dropped where the network lets us say so, because not every build of torch draws the same dropout.

A difference means that one of the parts has changed. If that is meant, write the curves anew and say why in the commit:

    .venv/bin/python -m pytest -n 0 tests/training/test_golden.py --write-curves
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from roadloop.networks.folder import TEMPLATES, TRAIN, read_defaults, read_source
from shipped_templates import NAMES

CURVES = Path(__file__).parent / "golden_curves.json"
STEPS = 30
BATCH = 4


class Gentle(NamedTuple):
    """How a network is made small and slow."""

    base_lr: float
    settings: dict[str, Any]


NETWORKS = {
    "bisenetv2": Gentle(1.5e-7, {"width": 1 / 4, "dropout": 0.0}),
    "ddrnet-23-slim": Gentle(5e-9, {"width": 1 / 4}),
    "enet": Gentle(2e-5, {"width": 1 / 4, "dropout": 0.0}),
    "fast-scnn": Gentle(3e-6, {"width": 1 / 4, "dropout": 0.0}),
    "pidnet-s": Gentle(5e-10, {"width": 1 / 4}),
    "rna-a1": Gentle(3e-4, {"width": 1 / 64, "dropout": [0.0, 0.0]}),
    "segformer": Gentle(6e-5, {"width": 1 / 4}),
}


def curve(bench: Any, name: str) -> list[float]:
    """Losses of the first steps; pictures of 48x32 are enlarged to 96x64 and cropped."""
    train = read_defaults(TEMPLATES / name, TRAIN)
    train |= {
        "network_settings": train.get("network_settings", {}) | NETWORKS[name].settings,
        "base_lr": NETWORKS[name].base_lr,
        "warmup_steps": min(train.get("warmup_steps", 0), STEPS // 3),
        "batch_size": BATCH,
        "num_epoch": 1,
        "class_weights": (1.0, 2.0),
    }
    work = bench.work(name, read_source(TEMPLATES / name), **train, crop=(64, 64), scale=(2.0, 2.0))
    bench.run(work)
    return [line["loss"] for line in bench.lines(work) if line["kind"] == "step"]


def test_curves__there_is_one_for_every_template() -> None:
    assert sorted(NETWORKS) == NAMES
    assert sorted(json.loads(CURVES.read_text())) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_curve__is_what_it_was(bench: Any, write_dataset: Any, request: pytest.FixtureRequest, name: str) -> None:
    if name == "segformer":
        pytest.importorskip("transformers", reason="SegFormer needs transformers, which make setup installs")
    bench.info = write_dataset(bench.path / "thirty batches", train=STEPS * BATCH, val=1)
    threads = torch.get_num_threads()
    try:
        found = curve(bench, name)
    finally:
        torch.set_num_threads(threads)
    golden = json.loads(CURVES.read_text())
    if request.config.getoption("--write-curves"):
        golden[name] = [float(f"{loss:.6g}") for loss in found]
        rows = (f' "{key}": {json.dumps(golden[key])}' for key in sorted(golden))
        CURVES.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    assert len(golden[name]) == STEPS
    assert found == pytest.approx(golden[name], rel=1e-3)
