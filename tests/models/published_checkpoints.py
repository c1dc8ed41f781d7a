"""Checkpoints as they are published: names of modules in the order in which their authors' networks make them.

The names are written down from the authors' repositories without a look at `names.json`, so that the tables can be held against
them: our templates make their modules in the same order, but for ResNet-A1, whose files have none.
"""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from roadloop.models import load
from roadloop.models.params import write_params
from roadloop.networks.folder import TEMPLATES, read_source
from roadloop.networks.names import read_published

CONVOLUTION_NORM = ("conv", "bn")


def names(template: str) -> list[str]:
    """Modules with tensors of the checkpoint that a template's table knows first."""
    return list(_TABLES[template]())


def _block(name: str, convolutions: int, *, down: bool) -> Iterator[str]:
    for i in range(1, convolutions + 1):
        yield from (f"{name}.conv{i}", f"{name}.bn{i}")
    yield from (f"{name}.downsample.0", f"{name}.downsample.1") if down else ()


def _stem_and_layers(blocks: tuple[int, ...]) -> Iterator[str]:
    yield from (f"conv1.{i}" for i in (0, 1, 3, 4))
    for layer, count in enumerate(blocks, 1):
        for b in range(count):
            yield from _block(f"layer{layer}.{b}", 2, down=b == 0 and layer > 1)


def _pooled(name: str) -> Iterator[str]:
    for scale in (1, 2, 3, 4):
        yield from (f"{name}.scale{scale}.1", f"{name}.scale{scale}.3")
    yield from (f"{name}.scale0.0", f"{name}.scale0.2")


def _head(name: str) -> Iterator[str]:
    yield from (f"{name}.{part}" for part in ("bn1", "conv1", "bn2", "conv2"))


def _ddrnet() -> Iterator[str]:
    yield from _stem_and_layers((2, 2, 2, 2))
    for name in ("compression3", "compression4", "down3"):
        yield from (f"{name}.0", f"{name}.1")
    yield from (f"down4.{i}" for i in (0, 1, 3, 4))
    for layer in ("layer3_", "layer4_"):
        for b in (0, 1):
            yield from _block(f"{layer}.{b}", 2, down=False)
    yield from _block("layer5_.0", 3, down=True)
    yield from _block("layer5.0", 3, down=True)
    yield from _pooled("spp")
    for part in ("process1", "process2", "process3", "process4", "compression", "shortcut"):
        yield from (f"spp.{part}.0", f"spp.{part}.2")
    yield from _head("seghead_extra")
    yield from _head("final_layer")


def _pidnet() -> Iterator[str]:
    yield from _stem_and_layers((2, 2, 3, 3))
    yield from _block("layer5.0", 3, down=True)
    yield from _block("layer5.1", 3, down=False)
    for name in ("compression3", "compression4", "pag3.f_x", "pag3.f_y", "pag4.f_x", "pag4.f_y"):
        yield from (f"{name}.0", f"{name}.1")
    for layer in ("layer3_", "layer4_"):
        for b in (0, 1):
            yield from _block(f"{layer}.{b}", 2, down=False)
    yield from _block("layer5_.0", 3, down=True)
    yield from _block("layer3_d", 2, down=True)
    yield from _block("layer4_d.0", 3, down=True)
    for name in ("diff3", "diff4"):
        yield from (f"{name}.0", f"{name}.1")
    yield from _pooled("spp")
    for part in ("scale_process", "compression", "shortcut"):
        yield from (f"spp.{part}.0", f"spp.{part}.2")
    for name in ("dfm.conv_p", "dfm.conv_i"):
        yield from (f"{name}.0", f"{name}.1")
    yield from _block("layer5_d.0", 3, down=True)
    for name in ("seghead_p", "seghead_d", "final_layer"):
        yield from _head(name)


def _bisenetv2() -> Iterator[str]:
    for stage, count in (("S1", 2), ("S2", 3), ("S3", 3)):
        yield from (f"detail.{stage}.{i}.{part}" for i in range(count) for part in CONVOLUTION_NORM)
    for name in ("conv", "left.0", "left.1", "fuse"):
        yield from (f"segment.S1S2.{name}.{part}" for part in CONVOLUTION_NORM)
    for stage, count in (("S3", 2), ("S4", 2), ("S5_4", 4)):
        for b in range(count):
            layer = f"segment.{stage}.{b}"
            yield from (f"{layer}.conv1.{part}" for part in CONVOLUTION_NORM)
            for name in ("dwconv", "conv2") if b else ("dwconv1", "dwconv2", "conv2"):
                yield from (f"{layer}.{name}.0", f"{layer}.{name}.1")
            yield from () if b else (f"{layer}.shortcut.{i}" for i in range(4))
    yield "segment.S5_5.bn"
    for name in ("conv_gap", "conv_last"):
        yield from (f"segment.S5_5.{name}.{part}" for part in CONVOLUTION_NORM)
    for name, count in (("left1", 3), ("left2", 2), ("right1", 2), ("right2", 3), ("conv", 2)):
        yield from (f"bga.{name}.{i}" for i in range(count))
    yield from ("head.conv.conv", "head.conv.bn", "head.conv_out.1")


def _fast_scnn() -> Iterator[str]:
    def separable(name: str) -> Iterator[str]:
        yield from (f"{name}.conv.{i}" for i in (0, 1, 3, 4))

    yield from ("learning_to_downsample.conv.conv.0", "learning_to_downsample.conv.conv.1")
    yield from separable("learning_to_downsample.dsconv1")
    yield from separable("learning_to_downsample.dsconv2")
    for stage in (1, 2, 3):
        for b in range(3):
            block = f"global_feature_extractor.bottleneck{stage}.{b}.block"
            yield from (f"{block}.{part}" for part in ("0.conv.0", "0.conv.1", "1.conv.0", "1.conv.1", "2", "3"))
    for name in ("conv1", "conv2", "conv3", "conv4", "out"):
        yield from (f"global_feature_extractor.ppm.{name}.conv.{i}" for i in (0, 1))
    for name in ("dwconv.conv", "conv_lower_res", "conv_higher_res"):
        yield from (f"feature_fusion.{name}.0", f"feature_fusion.{name}.1")
    yield from separable("classifier.dsconv1")
    yield from separable("classifier.dsconv2")
    yield "classifier.conv.1"
    yield from ("auxlayer.0", "auxlayer.1", "auxlayer.4")


def _enet(activation: str, *, later: bool) -> Iterator[str]:
    yield from (f"initial_block.{part}" for part in ("main_branch", "batch_norm", activation))
    kinds = ("regular", "dilated", "asymmetric", "dilated", "regular", "dilated", "asymmetric", "dilated")
    blocks = ["downsample1_0", *(f"regular1_{i}" for i in (1, 2, 3, 4)), "downsample2_0"]
    blocks += [f"{kind}2_{i}" for i, kind in enumerate(kinds, 1)] + [f"{kind}3_{i}" for i, kind in enumerate(kinds)]
    blocks += ["upsample4_0", "regular4_1", "regular4_2", "upsample5_0", "regular5_1"]
    for block in blocks:
        sloped = not later or block[-3] in "123"  # the later decoder has ReLU, which has no slopes
        layers = range(3) if sloped else range(2)
        up = block.startswith("up")
        yield from (f"{block}.main_conv1.{i}" for i in ((0, 1) if up else ()))
        yield from (f"{block}.ext_conv1.{i}" for i in layers)
        if up and later:
            yield from (f"{block}.{part}" for part in ("ext_tconv1", "ext_tconv1_bnorm", "ext_conv2.0", "ext_conv2.1"))
            continue
        yield from (f"{block}.ext_conv2.{i}" for i in (range(6) if block.startswith("asym") else layers))
        yield from (f"{block}.ext_conv3.{i}" for i in layers)
        yield from (f"{block}.{activation}",) if sloped else ()
    yield "transposed_conv"


def _enet_2018() -> Iterator[str]:
    yield from _enet("out_prelu", later=False)


def enet_of_today() -> list[str]:
    """The modules of PyTorch-ENet's master."""
    return list(_enet("out_activation", later=True))


def ademxapp(classes: int) -> Iterator[tuple[str, str]]:
    """(our module, theirs) of ResNet-A1: levels of blocks of convolutions, each behind its norm."""
    yield "first", "conv1a"
    for level, (blocks, convolutions) in enumerate(zip((3, 3, 6, 3, 1, 1), (2, 2, 2, 2, 3, 3), strict=True)):
        for b in range(blocks):
            n = f"{level + 2}b{b}" if b else f"{level + 2}a"
            for j in range(convolutions):
                branch = f"{n}_branch2b{j}" if j else f"{n}_branch2a"
                yield f"levels.{level}.{b}.norms.{j}", f"bn{branch}"
                yield f"levels.{level}.{b}.convolutions.{j}", f"res{branch}"
        yield f"levels.{level}.0.project", f"res{level + 2}a_branch1"
    yield from (("norm", "bn7"), ("classify.0", "conv6a"), ("classify.2", f"linear{classes}"))


_TABLES = {
    "bisenetv2": _bisenetv2,
    "ddrnet-23-slim": _ddrnet,
    "enet": _enet_2018,
    "fast-scnn": _fast_scnn,
    "pidnet-s": _pidnet,
}


SETTINGS: dict[
    str, dict[str, Any]
] = {  # of the networks whose tensors published files hold; narrow, so that a test takes a moment
    "bisenetv2": {"upsampling": "nearest", "width": 0.25},
    "ddrnet-23-slim": {"auxiliary": True, "width": 0.25},
    "enet": {"variant": "2018", "width": 0.25},
    "fast-scnn": {"variant": "tramac", "auxiliary": True, "width": 0.25},
    "pidnet-s": {"auxiliary": True, "width": 0.25},
}


def blueprint(template: str, outputs: int = 5, **settings: Any) -> load.Blueprint:
    folder = TEMPLATES / template
    return load.Blueprint(read_source(folder), outputs, settings, read_published(folder), template)


def trained(plan: load.Blueprint, seed: int = 1) -> nn.Module:
    """A network with other values in every tensor than a fresh one has."""
    torch.manual_seed(seed)
    network = plan.build()
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.ndim == 1:
                tensor.add_(0.2 * torch.rand(tensor.shape))
    return network.eval()


def modules(network: nn.Module) -> list[str]:
    """Names of those that have tensors, in order."""
    return list(dict.fromkeys(name.rpartition(".")[0] for name in network.state_dict()))


def renamed(network: nn.Module, pairs: Iterable[tuple[str, str]]) -> dict[str, Tensor]:
    """Its state dict under other names, in an order that says nothing."""
    theirs = dict(pairs)
    state = {}
    for name, tensor in network.state_dict().items():
        module, _, leaf = name.rpartition(".")
        if module in theirs:
            state[f"{theirs[module]}.{leaf}"] = tensor.clone()
    order = list(state)
    random.Random(7).shuffle(order)
    return {name: state[name] for name in order}


def published(template: str, network: nn.Module, known: list[str] | None = None) -> dict[str, Tensor]:
    """A checkpoint with its authors' names."""
    ours = [
        m for m in modules(network) if not m.startswith("auxiliaries.1")
    ]  # the third-party Fast-SCNN has one such head
    return renamed(network, zip(ours, known or names(template), strict=True))


def answers(network: nn.Module) -> Tensor:
    picture = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        logits: Tensor = network.eval()(picture)
    return logits


def stored(folder: Path, state: dict[str, Tensor]) -> Path:
    """A `.params` of a state dict; unlike a torch file it needs no process of its own to be read."""
    path = folder / "x.params"
    path.write_bytes(write_params({name: np.atleast_1d(tensor.numpy()) for name, tensor in state.items()}))
    return path
