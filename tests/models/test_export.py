"""Exports: checked against torch, readable without roadloop, whole or absent."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from approved import trusted
from roadloop.errors import BrokenFileError, InvalidValueError, JobError
from roadloop.models import export, files, load
from roadloop.models.onnx_session import open_session
from roadloop.networks.folder import TEMPLATES, digest, read_source
from shipped_templates import NAMES, WIDTHS

SavePair = Callable[..., Path]


@pytest.mark.parametrize("name", [pytest.param("enet", marks=pytest.mark.slow), "fast-scnn"])
def test_export_onnx__runtime_answers_as_torch_for_any_batch(tmp_path: Path, save_pair: SavePair, name: str) -> None:
    source = read_source(TEMPLATES / name)
    part = {"name": name, "digest": digest(source), "settings": {"width": 0.25}, "source": source}
    path = save_pair(tmp_path, network=part)
    target = tmp_path / "out" / "模型.onnx"
    report = export.export_onnx(path, target, size=(45, 64), trust=trusted(path))
    assert report.size == (45, 64)
    assert report.difference.largest < 1e-4
    assert [p.name for p in target.parent.iterdir()] == ["模型.onnx"]
    network, _ = load.load_model(path, trusted(path))
    picture = torch.rand(4, 3, 45, 64)
    session = onnxruntime.InferenceSession(target.read_bytes())
    with torch.no_grad():
        expected = network(picture).numpy()
    got = session.run(["logits"], {"image": picture.numpy()})[0]
    assert np.abs(got - expected).max() < 1e-4 * np.abs(expected).max()
    model = onnx.load(target)
    assert [o.version for o in model.opset_import if o.domain == ""] == [20]
    kept = {entry.key for node in model.graph.node for entry in node.metadata_props}
    assert "pkg.torch.onnx.name_scopes" in kept
    assert b"site-packages" not in target.read_bytes()
    facts = {p.key: p.value for p in model.metadata_props}
    assert json.loads(facts["classes"])[2]["name_zh"] == "类2"
    assert json.loads(facts["normalisation"]) == {"mean": [0.5] * 3, "std": [0.25] * 3, "channels": "rgb"}


@pytest.mark.slow
@pytest.mark.parametrize("shipped", sorted(NAMES))
def test_export_onnx__labels_of_the_shipped_networks_are_equal(
    tmp_path: Path, save_pair: SavePair, shipped: str
) -> None:
    source = read_source(TEMPLATES / shipped)
    settings = {"width": WIDTHS[shipped]}
    part = {"name": shipped, "digest": digest(source), "settings": settings, "source": source}
    path = save_pair(tmp_path, network=part)
    target = tmp_path / "m.onnx"
    report = export.export_onnx(path, target, size=(31, 45), trust=trusted(path))
    assert report.difference.largest < 1e-4
    network, _ = load.load_model(path, trusted(path))
    picture = torch.rand(3, 3, 31, 45)
    got = onnxruntime.InferenceSession(target.read_bytes()).run(["logits"], {"image": picture.numpy()})[0]
    with torch.no_grad():
        expected = network(picture).numpy()
    close = np.sort(expected, axis=1)  # where the two best are as near as rounding, either is right
    clear = close[:, -1] - close[:, -2] > 1e-3 * np.abs(expected).max()
    assert clear.mean() > 0.5
    assert np.array_equal(got.argmax(1)[clear], expected.argmax(1)[clear])


@pytest.mark.parametrize("size", [(0, 64), (64, 16385)])
def test_export_onnx__size_that_no_file_has_is_refused(
    tmp_path: Path, save_pair: SavePair, size: tuple[int, int]
) -> None:
    path = save_pair(tmp_path)
    with pytest.raises(InvalidValueError, match=rf"^{size[1]}x{size[0]} \(width x height\) is not a size to export"):
        export.export_onnx(path, tmp_path / "m.onnx", size=size, trust=trusted(path))
    assert not (tmp_path / "m.onnx").exists()


def test_export_onnx__network_that_cannot_be_exported_writes_nothing(tmp_path: Path, save_pair: SavePair) -> None:
    source = """
import torch
from torch import nn

class Moody(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layer = nn.Conv2d(3, n, 1)

    def forward(self, x):
        return self.layer(x) if float(x.sum()) > -1e9 else self.layer(-x)

def build(num_classes):
    return Moody(num_classes)
"""
    part = {"name": "moody", "digest": digest(source), "settings": {}, "source": source}
    path = save_pair(tmp_path, network=part)
    with pytest.raises(
        JobError, match=r"cannot be exported to ONNX: Could not guard on data-dependent.* model is as it was"
    ):
        export.export_onnx(path, tmp_path / "out" / "m.onnx", trust=trusted(path))
    assert list((tmp_path / "out").iterdir()) == []


def test_export_safetensors__holds_the_same_numbers(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path)
    target = tmp_path / "m.safetensors"
    export.export_safetensors(path, target)
    stored = files.read_state(path, files.load_description(path))
    back = load_file(target)
    assert back.keys() == stored.keys()
    assert all(np.array_equal(back[name], stored[name]) for name in stored)
    with safe_open(target, "np") as opened:
        assert json.loads(opened.metadata()["roadloop"])["task"] == "苏州任务"


def test_export_safetensors__damaged_pair_is_refused(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(BrokenFileError):
        export.export_safetensors(path, tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def deviation(*, far: int, other: int) -> export.Deviation:
    """Of 100 x 200 pixels with two classes, so many that are far off and so many with another label."""
    expected = np.zeros((1, 2, 100, 200), np.float32)
    expected[:, 0] = 10.0
    got = expected.copy()
    got.reshape(2, -1)[0, :far] += 0.5
    got.reshape(2, -1)[1, 20_000 - other :] += 10.5
    return export.Deviation.between(got, expected)


@pytest.mark.parametrize(
    ("far", "other", "small"), [(0, 0, True), (100, 0, True), (101, 0, False), (98, 2, True), (97, 3, False)]
)
def test_deviation__where_a_network_jumps_a_few_pixels_may_be_far_off(far: int, other: int, small: bool) -> None:
    found = deviation(far=far, other=other)
    assert found.small is (far + other == 0)
    found = replace(found, jumps=True)
    assert (found.apart, found.relabelled) == ((far + other) / 20_000, other / 20_000)
    assert found.largest == pytest.approx(1.05 if other else 0.05 if far else 0.0)
    assert found.small is small


def test_deviation__nan_and_other_shapes_never_agree() -> None:
    right = np.zeros((1, 2, 3, 4), np.float32)
    wrong = right.copy()
    wrong[0, 0, 0, 0] = np.nan
    for found in (export.Deviation.between(wrong, right), export.Deviation.between(right[..., :3], right)):
        assert not replace(found, jumps=True).small


#: Of each 2 x 2 pixels the two largest are the same sum in another order; only rounding says which, in one corner.
JUMPS = """
import torch
from torch import nn
from torch.nn import functional

class Jumps(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layer = nn.Conv2d(3, n, 7, stride=2, padding=3, bias=False)

    def forward(self, x):
        one = self.layer(x)
        parts = [functional.conv2d(x[:, c : c + 1], self.layer.weight[:, c : c + 1], stride=2, padding=3) for c in (2, 1, 0)]
        two = parts[0] + parts[1] + parts[2]
        row, column = torch.arange(one.shape[2]).view(-1, 1), torch.arange(one.shape[3])
        clear = ((row >= 8) | (column >= 8)).float()
        four = torch.stack([one, two + clear, one - 1, one - 1], dim=2).flatten(1, 2)
        pooled, places = functional.max_pool2d(functional.pixel_shuffle(four, 2), 2, return_indices=True)
        out = functional.max_unpool2d(pooled, places, 2)
        return torch.cat([out[:, :1] + 50, out[:, 1:]], dim=1)

def build(num_classes):
    return Jumps(num_classes)
"""


SMOOTH = """
import torch
from torch import nn

class Corner(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layer = nn.Conv2d(3, n, 1)

    def forward(self, x):
        wrong = 0.5 if torch.onnx.is_in_onnx_export() else 0.0
        out = self.layer(x)
        corner = torch.nn.functional.pad(torch.ones(1, 1, 4, 4), (0, out.shape[3] - 4, 0, out.shape[2] - 4))
        return torch.cat([out[:, :1] + 50 + wrong * corner, out[:, 1:]], dim=1)

def build(num_classes):
    return Corner(num_classes)
"""


def test_export_onnx__few_wrong_pixels_of_a_network_that_does_not_jump_are_refused(
    tmp_path: Path, save_pair: SavePair
) -> None:
    path = save_pair(tmp_path, network={"name": "c", "digest": digest(SMOOTH), "settings": {}, "source": SMOOTH})
    with pytest.raises(JobError, match=r"differs .* at 256x128 \(width x height; relative 0\.00\d+, limit 0\.0001\)"):
        export.export_onnx(path, tmp_path / "m.onnx", size=(128, 256), trust=trusted(path))
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.slow
def test_export_onnx__pooling_that_jumps_between_equal_values_is_exported(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path, network={"name": "j", "digest": digest(JUMPS), "settings": {}, "source": JUMPS})
    found = export.export_onnx(path, tmp_path / "m.onnx", size=(256, 256), trust=trusted(path)).difference
    assert found.largest > export.TOLERANCE
    assert found.jumps
    assert 0 < found.apart <= 8 * 8 * 4 / 256**2
    assert found.relabelled == 0


TIED = """
from torch import nn

class Tied(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layer = nn.Conv2d(3, n, 1)

    def forward(self, x):
        {}
        return self.layer(x) * (1.0 if x.shape[2] == 64 else 2.0)

def build(num_classes):
    return Tied(num_classes)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("pass", r"differs|cannot write|does not run"),
        ("assert x.shape[3] % 8 == 0, 'width is no multiple of 8'", r"cannot write|does not run"),
    ],
)
def test_export_onnx__size_is_fixed_where_another_one_does_not_agree(
    tmp_path: Path, save_pair: SavePair, line: str, why: str
) -> None:
    source = TIED.replace("{}", line)
    path = save_pair(
        tmp_path / "m", network={"name": "tied", "digest": digest(source), "settings": {}, "source": source}
    )
    report = export.export_onnx(path, tmp_path / "m.onnx", size=(64, 64), any_size=True, trust=trusted(path))
    assert (report.sizes, report.shape) == (((64, 64),), "[N, 3, 64, 64]")
    assert report.fixed
    assert re.match(rf"Width and height are fixed at 64x64, not free: .*({why})", report.fixed.en)
    assert open_session(tmp_path / "m.onnx", 1).get_inputs()[0].shape[1:] == [3, 64, 64]
