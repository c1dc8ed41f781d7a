"""PyTorch or ONNX Runtime: what decides, that labels stay the same, and that a resumed job does not change its mind."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from approved import trusted
from roadloop.errors import JobError, Text
from roadloop.models import backend
from roadloop.models.backend import Choice, OnnxNetwork, Trial, choose, common_size, exported
from roadloop.models.load import load_model
from roadloop.models.manner import Manner
from roadloop.models.predict import Network, Predictor
from roadloop.networks.folder import digest

UInt8 = NDArray[np.uint8]


@pytest.fixture
def trial(tmp_path: Path, write_model: Callable[..., Path]) -> Trial:
    """A model that sees the brightest channel, and two pictures."""
    params = write_model(tmp_path, "tiny", 1)
    module, record = load_model(params, trusted(params))
    network = Network(module, (0, 0, 0), (1, 1, 1), record.num_classes, [0, 1, 2])
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (12, 16, 3), dtype=np.uint8) for _ in range(2)]
    return Trial(
        network, params, trusted(params), images, 100, 2, False, Manner(), tmp_path / "scratch" / ".export.onnx"
    )


def predicted(network: Network, image: UInt8, **options: Any) -> list[list[int]]:
    (ids,) = Predictor(network, torch.device("cpu"), **{"remote": False, **options})([image])
    return [list(map(int, row)) for row in ids]


def test_choose__onnx_runtime_says_the_same_and_leaves_no_file(trial: Trial) -> None:
    choice, network = choose(trial, always=True)
    assert (choice.backend, choice.why, choice.size, choice.equal) == ("onnx", "setting", (12, 16), 1.0)
    assert choice.onnx_seconds is not None
    assert isinstance(network.module, OnnxNetwork)
    assert predicted(network, trial.images[0]) == predicted(trial.network, trial.images[0])
    other = np.random.default_rng(1).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    assert predicted(network, other) == predicted(trial.network, other)  # through the original
    assert list((trial.place).parent.iterdir()) == []
    assert Choice.of(choice.record).size == (12, 16)
    assert "backend=onnx why=setting" in str(choice)


COARSE = """
import torch
from torch.nn import functional

class Half(torch.nn.Conv2d):
    def forward(self, x):
        return functional.interpolate(self.coarse_logits(x), x.shape[-2:], mode="bilinear", align_corners=False)

    def coarse_logits(self, x):
        return super().forward(functional.avg_pool2d(x, 2))

def build(num_classes):
    return Half(3, num_classes, 1, bias=False)
"""


def test_choose__onnx_runtime_answers_the_coarse_logits_of_networks_that_have_them(
    trial: Trial, tmp_path: Path, write_model: Callable[..., Path]
) -> None:
    source = {"name": "half", "digest": digest(COARSE), "settings": {}, "source": COARSE}
    params = write_model(tmp_path, "half", 1, network=source)
    half = replace(trial.network, module=load_model(params, trusted(params))[0])
    choice, network = choose(replace(trial, network=half, params=params, trust=trusted(params)), always=True)
    assert (choice.backend, choice.equal) == ("onnx", 1.0)
    picture = torch.rand(2, 3, 12, 16)
    assert isinstance(network.module, OnnxNetwork)
    assert network.module.coarse_logits(picture).shape == (2, 3, 6, 8)
    torch.testing.assert_close(network.module(picture), half.module(picture))
    other = np.random.default_rng(1).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    assert predicted(network, other) == predicted(half, other)


def test_exported__answers_embeddings_where_they_are_wanted(trial: Trial) -> None:
    wanted = replace(trial.network, embedding=True)
    network = exported(replace(trial, network=wanted), (12, 16))
    rng = np.random.default_rng(1)
    for size in ((12, 16), (7, 9)):  # the file's, and another, which goes through the original
        pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(2)]
        ours, theirs = (Predictor(one, torch.device("cpu")).look(pictures) for one in (network, wanted))
        torch.testing.assert_close(ours.logits, theirs.logits)
        torch.testing.assert_close(ours.vectors, theirs.vectors)
        assert theirs.vectors.norm(dim=1).tolist() == pytest.approx([1, 1])


def slow(seconds: float, wrong: int = 0) -> Callable[..., Network]:
    """Instead of an export: a network that takes its time, and says something else about some pixels."""

    class Other(torch.nn.Module):
        def __init__(self, original: torch.nn.Module) -> None:
            super().__init__()
            self.original = original

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.original(x)
            logits = logits.clone()
            logits.view(1, 3, -1)[:, :, :wrong] *= -1
            return logits

    return lambda trial, _size: replace(trial.network, module=Other(trial.network.module))


@pytest.mark.parametrize(
    ("times", "wrong", "left", "expected"),
    [
        ((1.0, 0.5), 0, 100, ("onnx", "faster")),
        ((1.0, 0.95), 0, 100, ("torch", "not faster")),
        ((1.0, 0.5), 1, 100, ("torch", "labels differ")),  # one pixel of 192 is more than 0.01 %
        ((1.0, 0.5), 0, 79, ("torch", "few pictures")),  # half of 79 s on two cores is less than 20 s
    ],
)
def test_choose__by_time_labels_and_number_of_pictures(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, times: tuple[float, float], wrong: int, left: int, expected: Any
) -> None:
    monkeypatch.setattr(backend, "exported", slow(0, wrong))
    measure, clock = backend._measure, iter(times)
    monkeypatch.setattr(backend, "_measure", lambda *what: (measure(*what)[0], next(clock)))
    choice, network = choose(replace(trial, left=left))
    assert (choice.backend, choice.why) == expected
    assert (network is trial.network) == (expected[0] == "torch")


def test_choose__an_export_that_fails_is_no_failure(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Network:
        raise JobError(Text("无法导出", "cannot be exported"))

    monkeypatch.setattr(backend, "exported", fail)
    choice, network = choose(trial, always=True)
    assert (choice.backend, choice.why, choice.detail) == ("torch", "export failed", "cannot be exported")
    assert network is trial.network


def test_choose__copies_of_other_sizes_need_pytorch(trial: Trial) -> None:
    choice, _ = choose(replace(trial, manner=Manner(scales=(0.5, 1.0))), always=True)
    assert (choice.backend, choice.why) == ("torch", "scales")


@pytest.mark.parametrize(
    ("remote", "tile", "size"),
    [(False, 0, (41, 60)), (True, 0, (21, 60)), (False, 32, (32, 32)), (True, 32, (21, 32))],
)
def test_trial__the_size_is_what_the_network_sees(trial: Trial, remote: bool, tile: int, size: tuple[int, int]) -> None:
    images = [np.zeros((41, 60, 3), np.uint8)]
    assert replace(trial, images=images, remote=remote, manner=Manner(tile=tile)).size == size


def test_common_size__is_the_most_frequent() -> None:
    small, large = np.zeros((2, 2, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    assert [len(image) for image in common_size([small, large, large, small, large], 2)] == [4, 4]
    assert common_size([]) == []
