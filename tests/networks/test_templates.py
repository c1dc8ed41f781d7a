"""The shipped networks: published counts, any size, one value per channel."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from roadloop.errors import JobError
from roadloop.networks import load
from roadloop.networks.folder import ABOUT, DATA, FILES, TEMPLATES, TRAIN, read_defaults, read_source
from roadloop.training.recipe import DataConfig, TrainConfig
from shipped_templates import NAMES, WIDTHS

#: Of a picture of 640x360 and the classes of the README, to the last operation; a network that is not here has its README's.
MULTIPLY_ADDS = {
    "bisenetv2": 10_834_386_944,
    "ddrnet-23-slim": 4_043_254_784,
    "enet": 1_819_411_200,
    "fast-scnn": 753_171_200,
    "pidnet-s": 5_263_423_488,
    "rna-a1": 526_364_467_200,
    "segformer": 6_015_528_960,
}
TRAINING_HEADS = {  # channels of each answer while training, with 5 classes and auxiliary=True
    "bisenetv2": [5, 5, 5, 5, 5],
    "ddrnet-23-slim": [5, 5],
    "fast-scnn": [5, 5, 5],
    "pidnet-s": [5, 5, 1],
}


def source(name: str) -> str:
    return read_source(TEMPLATES / name)


#: Templates with training heads, which `build` leaves out by itself.
WITH_HEADS = [name for name in NAMES if "auxiliary: bool" in source(name)]


def build(name: str, num_classes: int, **settings: object) -> torch.nn.Module:
    return load.load_network(TEMPLATES / name, num_classes, settings)


@pytest.mark.parametrize("name", NAMES)
def test_build__has_the_counts_of_its_readme(name: str) -> None:
    """A row of parameters with so many classes, and one of multiply-adds that begins with a picture of 640x360."""
    text = (TEMPLATES / name / "README.md").read_text(encoding="utf-8")
    (classes, parameters), *_ = re.findall(r"^\| parameters.*?, (\d+) classes \|([^|]+)\|", text, re.MULTILINE)
    ((wide, giga),) = re.findall(r"^\| multiply-adds.*?, 640x360.*?, (\d+) classes \| ([\d.]+) G", text, re.MULTILINE)
    assert wide == classes
    with torch.device("meta"):
        network = build(name, int(classes))
        counted = load.count_multiply_adds(network, (360, 640))
    assert f"{load.count_parameters(network):,}" in re.findall(r"[\d,]+\d", parameters)
    assert counted == MULTIPLY_ADDS.get(name, counted)
    assert f"{counted / 1e9:.{len(giga.partition('.')[2])}f}" == giga


@pytest.mark.parametrize("name", NAMES)
def test_about__costs_what_it_says(name: str) -> None:
    """Parameters as counted, and what the backward pass keeps of a pixel with the template's own settings, to 2 percent."""
    said = json.loads((TEMPLATES / name / ABOUT).read_text(encoding="utf-8"))
    cost, classes = said["cost"], int(said["cost"]["classes"])
    with torch.device("meta"):
        plain = build(name, classes)
        counted = load.count_multiply_adds(plain, (cost["size"][1], cost["size"][0]))
    assert cost["parameters"] == load.count_parameters(plain)
    assert cost["multiply_adds"] == pytest.approx(counted, rel=0.005)
    network = build(name, classes, **read_defaults(TEMPLATES / name, TRAIN).get("network_settings", {})).train()
    held = {tensor.untyped_storage().data_ptr() for tensor in (*network.parameters(), *network.buffers())}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        answer = network(torch.randn(2, 3, 128, 128))
    assert answer is not None  # it holds what is kept
    found = sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in held)
    assert said["training"]["kept_bytes_per_pixel"] == pytest.approx(found / (2 * 128 * 128), rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_build__has_the_counts_of_the_front_page(name: str) -> None:
    with torch.device("meta"):
        network = build(name, 19)
        costs = (load.count_parameters(network) / 1e6, load.count_multiply_adds(network, (360, 480)) / 1e9)
    for readme in ("README.md", "README.zh-CN.md"):
        rows = (Path(__file__).parents[2] / readme).read_text(encoding="utf-8").splitlines()
        row = next(row for row in rows if row.startswith(f"| `{name}` |"))
        source, *counts = (cell.strip() for cell in row.split("|")[3:6])
        assert counts == [f"{costs[0]:.2f} M", f"{costs[1]:.2f} G"]
        assert source in (TEMPLATES / name / "README.md").read_text(encoding="utf-8")


def test_build__fast_scnn_has_the_1_11_million_of_its_paper_without_batch_norm() -> None:
    convolutions = [m for m in build("fast-scnn", 19).modules() if isinstance(m, torch.nn.Conv2d)]
    assert sum(p.numel() for m in convolutions for p in m.parameters()) == 1_114_115


@pytest.mark.parametrize(
    ("variant", "parameters", "published"),
    [("b0", 3_752_694, 8.4e9), ("b1", 13_715_798, 15.9e9), ("b2", 27_461_974, 62.4e9)],
)
def test_segformer__has_the_published_multiply_adds(variant: str, parameters: int, published: float) -> None:
    """Of its convolutions and linear layers, and of queries times keys and shares times values, at 512 x 512."""
    with torch.device("meta"):
        network = build("segformer", 150, variant=variant)
        counted = load.count_multiply_adds(network, (512, 512))
    assert load.count_parameters(network) == parameters
    assert f"{parameters:,}" in (TEMPLATES / "segformer" / "README.md").read_text(encoding="utf-8")
    head, layers, _ = sys.modules[type(network).__module__].VARIANTS[variant]
    for stage, heads in enumerate((1, 2, 5, 8)):  # each place looks at 16 x 16 blocks
        counted += layers[stage] * 2 * (128 >> stage) ** 2 * 16**2 * head * heads
    assert counted == pytest.approx(published, rel=0.002)


def test_segformer__begins_from_a_folder_with_safetensors(tmp_path: Path) -> None:
    trained: Any = build("segformer", 4, width=0.25)
    trained.model.save_pretrained(tmp_path / "four")
    states = [
        network.state_dict()
        for network in (trained, build("segformer", 4, width=0.25, checkpoint=str(tmp_path / "four")))
    ]
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))
    other = build("segformer", 5, width=0.25, checkpoint=str(tmp_path / "four")).state_dict()
    changed = [name for name, value in states[0].items() if not torch.equal(value, other[name])]
    assert changed == ["model.decode_head.classifier.weight", "model.decode_head.classifier.bias"]
    with pytest.raises(JobError, match="does not fit this variant: 205 tensors"):
        build("segformer", 4, width=0.5, checkpoint=str(tmp_path / "four"))
    (tmp_path / "bin").mkdir()
    torch.save({}, tmp_path / "bin" / "pytorch_model.bin")
    with pytest.raises(JobError, match=r"has no model\.safetensors"):
        build("segformer", 4, checkpoint=str(tmp_path / "bin"))
    with pytest.raises(JobError, match="b0, b1, b2"):
        build("segformer", 4, variant="b9")


def test_segformer__without_transformers_says_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(JobError, match=r"pip install 'roadloop\[transformers\]'"):
        build("segformer", 4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (32, 32), (33, 65), (48, 40)])
def test_forward__takes_any_size_even_one_picture_in_training(name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = build(name, 4, width=WIDTHS[name])
    logits = network.train()(torch.randn(1, 3, *size))
    assert logits.shape == (1, 4, *size)
    logits.mean().backward()
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in network.parameters())
    assert network.eval()(torch.randn(2, 3, *size)).shape == (2, 4, *size)


class Operations(TorchDispatchMode):
    """Names of all that tensors go through, in order."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.name())
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (33, 65), (64, 96)])
def test_coarse_logits__are_what_forward_resizes(name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = build(name, 4, width=WIDTHS[name], **({"auxiliary": True} if name in WITH_HEADS else {})).eval()
    with torch.no_grad(), Operations() as seen:
        network(torch.randn(1, 3, *size))
    resizes = seen.names[-1] == "aten::upsample_bilinear2d"  # else a transposed convolution may come last
    assert hasattr(network, load.COARSE) == load.answers_coarsely(network, size=size) == resizes


@pytest.mark.parametrize("name", NAMES)
def test_forward__padding_leaves_sizes_that_need_none_alone(name: str) -> None:
    network = build(name, 3, width=WIDTHS[name]).eval()
    picture = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(network(picture), network(picture))
        assert network(picture[..., :61, :90]).shape == (1, 3, 61, 90)


@pytest.mark.parametrize("name", WITH_HEADS)
def test_build__auxiliary_heads_answer_only_while_training(name: str) -> None:
    network = build(name, 5, width=WIDTHS[name], auxiliary=True)
    heads = network.train()(torch.rand(2, 3, 33, 65))
    main, *others = [tuple(head.shape) for head in heads]
    assert main == (2, 5, 33, 65)
    assert others[:-1] == [main] * (len(others) - 1)
    assert others[-1] in (main, (2, 1, 33, 65))  # the last one may be the boundary
    channels = [head.shape[1] for head in heads]
    assert channels == TRAINING_HEADS.get(name, channels)
    torch.stack([head.square().mean() for head in heads]).sum().backward()
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in network.parameters())
    assert network.eval()(torch.rand(2, 3, 33, 65)).shape == (2, 5, 33, 65)
    plain = build(name, 5, width=WIDTHS[name])
    assert network.state_dict().keys() > plain.state_dict().keys()


def test_pidnet_s__training_heads_see_what_the_next_layer_sees() -> None:
    """The authors' ReLU is in place: their heads see features after it."""
    network: Any = build("pidnet-s", 3, width=0.25, auxiliary=True)
    seen: dict[str, torch.Tensor] = {}
    for name in ("head_p", "head_d", "layer4_p", "layer5_d"):
        getattr(network, name).register_forward_pre_hook(
            lambda _, inputs, key=name: seen.update({key: inputs[0].clone()})
        )
    network.train()(torch.randn(2, 3, 64, 64))
    assert torch.equal(seen["head_p"], seen["layer4_p"])
    assert torch.equal(seen["head_d"], seen["layer5_d"])
    assert all(features.min() == 0 for features in seen.values())


def test_rna_a1__drops_as_the_published_segmentation_network() -> None:
    network: Any = build("rna-a1", 3, width=1 / 64)
    assert [[block.dropout.p for block in level] for level in network.levels[3:]] == [[0.0] * 3, [0.3], [0.5]]
    network = build("rna-a1", 3, width=1 / 64, dropout=[0.1, 0])
    assert [level[0].dropout.p for level in network.levels] == [0, 0, 0, 0, 0.1, 0]


@pytest.mark.parametrize("name", NAMES)
def test_build__same_seed_gives_same_values(name: str) -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(build(name, 3, width=WIDTHS[name]).state_dict())
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_templates__are_whole_and_their_defaults_are_valid(name: str) -> None:
    assert all((TEMPLATES / name / file).is_file() for file in FILES)
    train = TrainConfig.model_validate(read_defaults(TEMPLATES / name, TRAIN))
    DataConfig.model_validate(read_defaults(TEMPLATES / name, DATA))
    load.try_network(build(name, 3, **train.network_settings, width=WIDTHS[name]), 3)
