"""How a network is computed: the type and layout of its tensors, and whether it is compiled; `auto` measures.

Legend: N pictures in a batch, H and W their pixels.
"""

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import torch
from torch import Tensor, nn

from roadloop.errors import Text
from roadloop.training.finetune import fixed_norms
from roadloop.training.group import Group
from roadloop.training.recipe import Precision, TrainConfig
from roadloop.training.reporting import Reporter

MEASURED: Final = 4
ENOUGH_SECONDS: Final = 2.0  #: of measuring one way; two passes are made at least

BF16_INSTRUCTIONS: Final = ("avx512_bf16", "amx_bf16", "bf16")  #: names in torch.cpu.get_capabilities(); bf16 is ARM's

_UNCOMPILED: Final = Text(
    "此处无法使用 torch.compile（原因见日志）：训练照常进行，只是不编译；若为继续的任务，结果不再逐位相同。"
    "请安装 C++ 编译器（如 g++）后再试，或把 compile 设为 off。",
    "torch.compile does not work here (the log says why): training goes on without it; a continued task no"
    " longer bit by bit. Install a C++ compiler such as g++ before the next task, or set compile to off.",
)
_TYPES: Final = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Kernels:
    """One way to compute a network; a resumed run goes on with the one that its checkpoint names."""

    channels_last: bool = False  #: layout of weights and pictures
    compiled: bool = False  #: torch.compile
    precision: Precision = "fp32"  #: numbers of the forward pass

    @property
    def dtype(self) -> torch.dtype | None:
        """What the forward pass computes in; None is float32 throughout."""
        return _TYPES.get(self.precision)

    @property
    def layout(self) -> torch.memory_format:
        """Of weights and pictures."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    @property
    def settings(self) -> dict[str, str]:
        """The values of `train_con` that allow this way and no other."""
        layout = "channels_last" if self.channels_last else "contiguous"
        return {"memory_format": layout, "compile": "on" if self.compiled else "off", "precision": self.precision}

    def __str__(self) -> str:
        return " ".join([self.precision, self.settings["memory_format"], *(["compiled"] if self.compiled else [])])

    def forward(self, network: nn.Module, config: TrainConfig) -> Callable[..., Any]:
        """What is called to train the network."""
        if not self.compiled:
            return network
        return torch.compile(network, dynamic=False, options={"deterministic": config.deterministic})


PLAIN: Final = Kernels()


def candidates(config: TrainConfig, device: torch.device) -> list[Kernels]:
    """The ways that a configuration allows, the plainest first; without a GPU `auto` never compiles.

    In 16 bits a CPU computes contiguous tensors only: PyTorch 2.13 leaves some gradients of convolutions unwritten where
    the layout is channels_last (found by trying: with deterministic algorithms, which fill new memory with NaN, most
    runs of Fast-SCNN ended within twenty steps).
    """
    layouts = {"contiguous": [False], "channels_last": [True], "auto": [False, True]}[config.memory_format]
    measured = [False, True] if device.type == "cuda" else [False]
    compiled = {"off": [False], "on": [True], "auto": measured}[config.compile]
    return [
        Kernels(layout, one, precision)
        for precision in precisions(config.precision, device)
        for one in compiled
        for layout in (layouts if device.type == "cuda" or precision == "fp32" else [False])
    ]


def continued(kernels: Kernels, config: TrainConfig) -> Kernels:
    """The way that a checkpoint names; older ones name no precision, which is the configuration's, and fp32 for auto."""
    return kernels if config.precision == "auto" else replace(kernels, precision=config.precision)


def precisions(asked: Precision | Literal["auto"], device: torch.device) -> list[Precision]:
    """What the forward pass may compute in; auto: 16 bits on a GPU, and on a CPU that has instructions for them, either."""
    if asked != "auto":
        return [asked]
    if device.type == "cuda":
        return ["bf16" if torch.cuda.is_bf16_supported() else "fp16"]
    capable = torch.cpu.get_capabilities()
    return ["fp32", "bf16"] if any(capable.get(name) for name in BF16_INSTRUCTIONS) else ["fp32"]


@dataclass(frozen=True)
class Trial:
    """Tries ways to compute a network, on blank pictures and on copies: the network stays as it is.

    Attributes:
        config: How it is trained.
        network: On the group's device.
        shape: Of a batch, [N, 3, H, W].
        group: The device, and the ranks that must agree.
        reporter: Hears what was found.
    """

    config: TrainConfig
    network: nn.Module
    shape: tuple[int, int, int, int]
    group: Group
    reporter: Reporter

    def choose(self, ways: Sequence[Kernels]) -> Kernels:
        """The fastest way; nothing is measured where there is only one and it does not compile.

        Every rank measures, and all take the way whose times have the smallest sum. Where nothing but compiling is
        allowed and it does not work, the network is computed without.

        Args:
            ways: What is allowed, or what a checkpoint names.
        """
        if len(ways) == 1 and not ways[0].compiled:
            return ways[0]
        measured = torch.tensor([self.seconds(way) for way in ways], device=self.group.device)
        times = self.group.sum(measured).tolist()
        best = min(range(len(ways)), key=times.__getitem__)
        chosen = ways[best]
        if math.isinf(times[best]):
            chosen = replace(chosen, compiled=False)
            if self.group.first:
                self.reporter.warn(_UNCOMPILED)
        shown = ", ".join(f"{way} {1000 * t / self.group.size:.1f} ms" for way, t in zip(ways, times, strict=True))
        self.reporter.log(f"kernels: {chosen}; a forward and backward pass takes {shown}")
        return chosen

    def seconds(self, way: Kernels) -> float:
        """The shortest of some forward and backward passes; infinite where the network cannot be compiled."""
        try:
            return self._shortest(way)
        except Exception as error:  # compilers fail in many ways; where none is at work, it is the network's
            if not way.compiled:
                raise
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.reporter.log(f"torch.compile does not work here: {why[:300]}")
            return math.inf

    def _shortest(self, way: Kernels) -> float:
        copied = copy.deepcopy(self.network).train().to(memory_format=way.layout)  # type: ignore[call-overload]
        config = self.config
        if config.sync_norm and self.group.size > 1:  # its norms may find too few values in one rank's pictures
            config = config.model_copy(update={"freeze_norms": True})
        for norm in fixed_norms(config, copied):
            norm.eval()
        forward = way.forward(copied, self.config)
        image_N3HW = torch.zeros(self.shape, device=self.group.device).to(memory_format=way.layout)
        self._pass(way, forward, image_N3HW)
        times: list[float] = []
        while len(times) < MEASURED and sum(times) < ENOUGH_SECONDS:
            times.append(self._pass(way, forward, image_N3HW))
        return min(times)

    def _pass(self, way: Kernels, forward: Callable[..., Any], image_N3HW: Tensor) -> float:
        begin = time.perf_counter()
        device = self.group.device
        with torch.autocast(device.type, way.dtype, enabled=way.dtype is not None):
            outputs = forward(image_N3HW)
        heads = outputs if isinstance(outputs, tuple | list) else (outputs,)
        torch.stack([head.float().mean() for head in heads]).sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - begin
