"""Published checkpoints, built here with their names in any order, come out as their authors' networks."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.published_checkpoints import (
    SETTINGS,
    ademxapp,
    answers,
    blueprint,
    enet_of_today,
    modules,
    published,
    renamed,
    stored,
    trained,
)
from roadloop.errors import InvalidValueError
from roadloop.models import load
from roadloop.models.params import write_params


def start(folder: Path, state: dict[str, Tensor], plan: load.Blueprint, **options: Any) -> tuple[nn.Module, Any]:
    """A fresh network begun from a file, which keeps the order of its tensors."""
    torch.manual_seed(99)
    network = plan.build()
    return network, load.load_start_weights(stored(folder, state), network, plan, **options)


@pytest.mark.parametrize("template", SETTINGS)
def test_start__published_names_in_any_order_are_the_authors_network(tmp_path: Path, template: str) -> None:
    plan = blueprint(template, **SETTINGS[template])
    network = trained(plan)
    begun, report = start(tmp_path, published(template, network), plan)
    assert torch.equal(answers(begun), answers(network))
    assert report.published == plan.published[0].name
    assert not report.unused
    assert all(name.startswith("auxiliaries.1") for name in report.missing)


def test_start__enet_of_today_is_a_variant(tmp_path: Path) -> None:
    plan = blueprint("enet", variant="master", width=0.25)
    network = trained(plan)
    state = published("enet", network, enet_of_today())
    begun, report = start(tmp_path, state, plan)
    assert torch.equal(answers(begun), answers(network))
    assert report.published == "PyTorch-ENet of today"
    with pytest.raises(
        InvalidValueError, match=r'of PyTorch-ENet of today.*Add \{"variant": "master"\} to network_settings'
    ):
        start(tmp_path, state, blueprint("enet", width=0.25))


def test_start__resnet_a1_has_the_names_of_mxnet(tmp_path: Path) -> None:
    plan = blueprint("rna-a1", 19, width=1 / 32)
    network = trained(plan)
    words = {"running_mean": "moving_mean", "running_var": "moving_var"}
    stored = {}
    for name, tensor in renamed(network, ademxapp(19)).items():
        module, _, leaf = name.rpartition(".")
        norm = {"weight": "gamma", "bias": "beta"} if module.startswith("bn") else {}
        if leaf != "num_batches_tracked":
            prefix = "aux" if leaf in words else "arg"
            stored[f"{prefix}:{module}_{(words | norm).get(leaf, leaf)}"] = tensor.numpy()
    assert len(stored) == 195
    (tmp_path / "cityscapes_rna-a1_cls19_s8_ep-0001.params").write_bytes(write_params(stored))
    begun = plan.build()
    report = load.load_start_weights(tmp_path / "cityscapes_rna-a1_cls19_s8_ep-0001.params", begun, plan)
    assert len(report.taken) == 195
    assert torch.equal(answers(begun), answers(network))


def test_start__another_number_of_classes_begins_the_classifier_anew_and_nothing_else(tmp_path: Path) -> None:
    plan = blueprint("rna-a1", 19, width=1 / 32)
    state = renamed(trained(plan), ademxapp(19))
    _begun, report = start(tmp_path, state, blueprint("rna-a1", 7, width=1 / 32))
    assert [name for name, _, _ in report.skipped] == ["classify.2.weight", "classify.2.bias"]
    assert "2 of another shape, which begin anew (classify.2.weight [19, 16, 3, 3]/[7, 16, 3, 3]" in report.text().en
    with pytest.raises(InvalidValueError, match=r"first\.weight \[8, 3, 3, 3\] \(\[8, 3, 5, 5\]\)"):
        start(tmp_path, state | {"conv1a.weight": torch.zeros(8, 3, 5, 5)}, blueprint("rna-a1", 7, width=1 / 32))


def test_start__segformer_as_transformers_saves_it(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="SegFormer needs transformers, which make setup installs")
    plan = blueprint("segformer", width=0.25)
    network = trained(plan)
    saved: Any = network.model
    saved.save_pretrained(tmp_path)
    for file in ("model.safetensors", "pytorch_model.bin"):
        if file.endswith(".bin"):
            torch.save(saved.state_dict(), tmp_path / file)
        begun = plan.build()
        report = load.load_start_weights(tmp_path / file, begun, plan)
        assert torch.equal(answers(begun), answers(network))
        assert report.published.startswith("SegFormer of ")


def test_start__segformer_s_encoder_alone_is_known(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="SegFormer needs transformers, which make setup installs")
    plan = blueprint("segformer", width=0.25)
    model: Any = trained(plan)
    config = model.model.config
    config.num_labels = 1000
    transformers.SegformerForImageClassification(config).save_pretrained(tmp_path)
    begun = plan.build()
    report = load.load_start_weights(tmp_path / "model.safetensors", begun, plan)
    assert report.missing
    assert all(name.startswith("model.decode_head.") for name in report.missing)
    assert report.apart == ("classifier.bias", "classifier.weight")


def test_start__heads_for_training_and_weights_of_a_loss_are_apart(tmp_path: Path) -> None:
    network = trained(blueprint("pidnet-s", auxiliary=True, width=0.25))
    state = {f"model.{name}": tensor for name, tensor in published("pidnet-s", network).items()}
    plain = blueprint("pidnet-s", width=0.25)
    begun, report = start(tmp_path, state | {"sem_loss.criterion.weight": torch.ones(5)}, plain)
    assert torch.equal(answers(begun), answers(network))
    assert not report.missing
    assert {name.split(".")[1] for name in report.apart} == {"seghead_p", "seghead_d", "criterion"}


def test_start__part_of_published_weights_goes_by_their_names(tmp_path: Path) -> None:
    """As from ImageNet: the classification network has neither pyramid nor segmentation head, but a layer of its own."""
    plan = blueprint("ddrnet-23-slim", width=0.25)
    network = trained(blueprint("ddrnet-23-slim", **SETTINGS["ddrnet-23-slim"]))
    state = {name: t for name, t in published("ddrnet-23-slim", network).items() if name.startswith(("conv1", "layer"))}
    state["linear.weight"] = torch.zeros(1000, 128)
    with pytest.raises(InvalidValueError, match=r"1 of the file have no place in the network: linear\.weight"):
        start(tmp_path, state, plan)
    begun, report = start(tmp_path, state, plan, pairing="part")
    assert {name.partition(".")[0] for name in report.missing} == {
        "compress3", "compress4", "down3", "down4", "pyramid", "head"
    }  # fmt: skip
    own, theirs = begun.state_dict(), network.state_dict()
    assert all(torch.equal(own[name], theirs[name]) for name in report.taken)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"feature_fusion.dwconv.conv.0.bias": (32,)},
            r"1 of the file .*: feature_fusion\.dwconv\.conv\.0\.bias \[32\]",
        ),
        (
            {"classifier.dsconv1.conv.3.weight": None},
            r"1 tensor of the network is not .*: classify\.0\.1\.0\.weight \[",
        ),
        ({"classifier.conv.1.weight": (5, 31, 1, 1)}, r"classify\.3\.weight \[7, 32, 1, 1\] \(\[5, 31, 1, 1\]\)"),
    ],
)
def test_start__a_tensor_without_a_place_refuses_the_file(
    tmp_path: Path, changes: dict[str, tuple[int, ...] | None], says: str
) -> None:
    state = published("fast-scnn", trained(blueprint("fast-scnn", **SETTINGS["fast-scnn"])))
    plan = blueprint("fast-scnn", 7, **SETTINGS["fast-scnn"])
    for name, shape in changes.items():
        state.pop(name, None)
        if shape is not None:
            state[name] = torch.zeros(shape)
    before = plan.build()
    kept = {name: tensor.clone() for name, tensor in before.state_dict().items()}
    with pytest.raises(InvalidValueError, match=says) as caught:
        load.load_start_weights(stored(tmp_path, state), before, plan)
    assert all("weights_pairing=part" in text for text in caught.value.text)
    assert all(torch.equal(kept[name], tensor) for name, tensor in before.state_dict().items())
    begun, report = start(tmp_path, state, plan, pairing="part")
    assert len(report.taken) > 250
    assert answers(begun).shape == (2, 7, 64, 96)


def test_start__the_order_of_the_tensors_counts_only_where_it_is_asked_for(tmp_path: Path) -> None:
    plan = blueprint("ddrnet-23-slim", width=0.25)
    network = trained(plan)
    equal = ("down3.0", "down3.1")  # a few names that are ours, too
    pairs = [(m, m if m in equal else f"part{i}") for i, m in enumerate(modules(network))]
    state = {f"{dict(pairs)[n.rpartition('.')[0]]}.{n.rpartition('.')[2]}": t for n, t in network.state_dict().items()}
    with pytest.raises(InvalidValueError, match="weights_pairing=order pairs them so"):
        start(tmp_path, state, plan)
    begun, report = start(tmp_path, state, plan, pairing="order")
    assert torch.equal(answers(begun), answers(network))
    assert report.ordered
    aside = blueprint("ddrnet-23-slim", 9, width=0.25, auxiliary=True)
    _begun, report = start(tmp_path, state, aside, pairing="order")
    assert [name for name, _, _ in report.skipped] == ["head.5.weight", "head.5.bias"]
    assert all(name.startswith("head_fine.") for name in report.missing)
    with pytest.raises(InvalidValueError, match=r"head\.5\.bias \[5\]"):
        start(tmp_path, {name: t for name, t in state.items() if name != list(state)[-1]}, plan, pairing="order")


def test_start__nothing_random_is_drawn_by_asking_what_a_tensor_is_for(tmp_path: Path) -> None:
    plan = blueprint("fast-scnn", width=0.25)
    torch.manual_seed(5)
    plan.parts()
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))
