"""Ways to compute a network: what is allowed, what is chosen, and what happens where nothing compiles."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from roadloop.errors import Text
from roadloop.training import kernels
from roadloop.training.group import Group
from roadloop.training.kernels import Kernels, Trial, candidates, continued
from roadloop.training.recipe import TrainConfig
from roadloop.training.reporting import Silent

CPU = torch.device("cpu")
CUDA = torch.device("cuda", 0)


PASSES: list[bool] = []  #: of every copy of a `Slow`: whether the pictures came channels last


class Slow(nn.Module):
    """Much slower in one layout."""

    def __init__(self, *, last: bool) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 1)
        self.last = last

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layer(image)
        PASSES.append(image.is_contiguous(memory_format=torch.channels_last))
        if PASSES[-1] == self.last:
            torch.rand(300_000).sort()
        return out


class Heard(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[Text] = []

    def log(self, line: str) -> None:
        self.lines.append(line)

    def warn(self, text: Text) -> None:
        self.warnings.append(text)


def trial(config: TrainConfig, network: nn.Module, reporter: Heard) -> Trial:
    return Trial(config, network, (2, 3, 8, 8), Group(CPU), reporter)


def test_seconds__batch_norms_that_see_other_pictures_too_need_none_of_their_own() -> None:
    """One picture, pooled to one pixel: a value for each channel, which batch norm refuses while it learns."""
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4))

    def measured(devices: int, **values: Any) -> float:
        return Trial(TrainConfig(**values), network, (1, 3, 8, 8), Group(CPU, 0, devices), Heard()).seconds(Kernels())

    for devices, values in ((2, {"sync_norm": True}), (1, {"freeze_norms": True}), (1, {"frozen": ("2",)})):
        assert measured(devices, **values) > 0
    for devices, values in ((1, {"sync_norm": True}), (2, {})):
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            measured(devices, **values)


def test_candidates__auto_measures_and_never_compiles_on_the_cpu() -> None:
    auto = TrainConfig(memory_format="auto", compile="auto")
    assert candidates(auto, CPU) == [Kernels(), Kernels(channels_last=True)]
    assert len(candidates(auto, CUDA)) == 4
    assert candidates(TrainConfig(), CUDA) == [Kernels(channels_last=True)]
    assert candidates(TrainConfig(compile="on", memory_format="contiguous"), CPU) == [Kernels(compiled=True)]


@pytest.mark.parametrize("memory_format", ["contiguous", "channels_last", "auto"])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_candidates__a_cpu_computes_16_bits_in_contiguous_tensors(memory_format: Any, precision: Any) -> None:
    config = TrainConfig(memory_format=memory_format, precision=precision)
    assert candidates(config, CPU) == [Kernels(precision=precision)]
    both = candidates(config.model_copy(update={"memory_format": "auto"}), CUDA)
    assert both == [Kernels(precision=precision), Kernels(channels_last=True, precision=precision)]


@pytest.mark.parametrize("last", [True, False])
def test_choose__takes_the_faster_and_leaves_the_network_alone(last: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "ENOUGH_SECONDS", 1000.0)
    network, heard = Slow(last=last), Heard()
    before = network.layer.weight.clone()
    PASSES.clear()
    chosen = trial(TrainConfig(), network, heard).choose([Kernels(), Kernels(channels_last=True)])
    assert chosen == Kernels(channels_last=not last)
    assert PASSES == [False] * 5 + [True] * 5
    assert torch.equal(network.layer.weight, before)
    assert network.layer.weight.grad is None
    name = "fp32 channels_last" if chosen.channels_last else "fp32 contiguous"
    wanted = (
        rf"kernels: {name}; a forward and backward pass takes fp32 contiguous [\d.]+ ms, fp32 channels_last [\d.]+ ms"
    )
    assert [re.fullmatch(wanted, line) is not None for line in heard.lines] == [True]


def test_choose__measures_no_longer_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "ENOUGH_SECONDS", 1e-9)
    PASSES.clear()
    one = trial(TrainConfig(), Slow(last=True), Heard())
    one.choose([Kernels(), Kernels(channels_last=True)])
    assert PASSES == [False, False, True, True]
    PASSES.clear()
    assert one.choose([Kernels(channels_last=True)]) == Kernels(channels_last=True)
    assert PASSES == []


def test_choose__a_network_that_fails_does_so_by_itself() -> None:
    wrong = nn.Conv2d(4, 2, 1)  # four channels; pictures have three
    with pytest.raises(RuntimeError, match="channels"):
        trial(TrainConfig(), wrong, Heard()).choose([Kernels(), Kernels(channels_last=True)])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, while it imports its compiler
def test_choose__without_a_compiler_nothing_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, "/nonexistent/g++"))
    heard = Heard()
    tried = trial(TrainConfig(), nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.ReLU()), heard)
    both = [Kernels(channels_last=True, compiled=True)]
    assert tried.choose(both) == Kernels(channels_last=True)
    assert "torch.compile does not work here: " in heard.lines[0]
    assert "C++ compiler" in heard.lines[0]
    assert [("g++" in text.zh, "g++" in text.en) for text in heard.warnings] == [(True, True)]
    assert tried.choose([Kernels(), *both]) == Kernels()
    assert len(heard.warnings) == 1


@pytest.mark.parametrize("instructions", ["", "avx512_bf16", "amx_bf16", "bf16"])
def test_candidates__auto_precision_tries_bf16_on_a_cpu_that_has_it(
    instructions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "bf16": False, instructions: True})
    plain = [Kernels(channels_last=True)]
    assert candidates(TrainConfig(precision="auto"), CPU) == plain + [Kernels(precision="bf16")] * bool(instructions)
    assert candidates(TrainConfig(), CPU) == plain
    assert candidates(TrainConfig(precision="fp16"), CUDA) == [Kernels(channels_last=True, precision="fp16")]


@pytest.mark.parametrize("device", [CPU, CUDA])
def test_settings__allow_the_way_that_was_chosen_and_no_other(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    ways = candidates(TrainConfig(memory_format="auto", compile="auto", precision="auto"), device)
    assert len(ways) == (4 if device == CUDA else 3)
    assert [candidates(TrainConfig.model_validate(way.settings), device) for way in ways] == [[way] for way in ways]


def test_continued__a_checkpoint_without_precision_has_the_configurations() -> None:
    older = Kernels(channels_last=False)
    assert continued(older, TrainConfig(precision="bf16")).dtype is torch.bfloat16
    assert continued(older, TrainConfig()).dtype is None
    chosen = Kernels(precision="bf16")
    assert continued(chosen, TrainConfig(precision="auto")) == chosen


class Fussy(nn.Module):
    """Much slower in one precision."""

    def __init__(self, *, slow: torch.dtype) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 1)
        self.slow = slow

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layer(image)
        if out.dtype is self.slow:
            torch.rand(300_000).sort()
        return out


@pytest.mark.parametrize(("slow", "chosen"), [(torch.float32, "bf16"), (torch.bfloat16, "fp32")])
def test_choose__takes_the_faster_precision(slow: torch.dtype, chosen: str) -> None:
    heard = Heard()
    ways = [Kernels(channels_last=True), Kernels(precision="bf16")]
    assert trial(TrainConfig(precision="auto"), Fussy(slow=slow), heard).choose(ways).precision == chosen
    assert heard.lines[0].startswith(f"kernels: {chosen} ")
