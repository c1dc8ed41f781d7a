"""Foreign weights become model files: what they mean is said, what does not fit is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from approved import trusted
from models import published_checkpoints as theirs
from models.conftest import SOURCE as TINY
from roadloop.errors import InvalidValueError, NameTakenError, NotFoundError
from roadloop.labels.label_map import default_map
from roadloop.labels.table import shipped
from roadloop.models import cli, export, files, load
from roadloop.models.params import write_params
from roadloop.storage.platform import Platform

SavePair = Callable[..., Path]

SOURCE = """
from torch import nn

def build(num_classes):
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, num_classes, 1))
"""


@pytest.fixture
def home(platform: Platform, tmp_path: Path) -> Path:
    """A workspace with a network of three layers, a class table and a label map beside it."""
    folder = platform.workspace.home
    (folder / "networks" / "c_network").mkdir(parents=True)
    (folder / "networks" / "c_network" / "network.py").write_text(SOURCE)
    (folder / "class-tables").mkdir()
    (folder / "class-tables" / "road.txt").write_text("1 2 3 road\n4 5 6 sky\n7 8 9 void\n")
    (tmp_path / "map.json").write_text(json.dumps({"0": ["road", "道路", 0], "1": ["sky", "天空", 1]}))
    return folder


def foreign(tmp_path: Path, left_out: str = "") -> Path:
    torch.manual_seed(2)
    layers = {"0.weight": (4, 3, 3, 3), "0.bias": (4,), "1.weight": (4,), "1.bias": (4,), "1.running_mean": (4,)}
    layers |= {"1.running_var": (4,), "3.weight": (3, 4), "3.bias": (3,)}
    state = {name: torch.rand(shape) for name, shape in layers.items()}
    state.pop(left_out, None)
    save_file(state, tmp_path / "x.safetensors")
    return tmp_path / "x.safetensors"


def load_model(path: Path) -> tuple[torch.nn.Module, files.ModelFile]:
    return load.load_model(path, trusted(path))


def run(home: Path, *arguments: str) -> str:
    command = ["import", *arguments, "--network", "c_network", "--name", "道路", "--classes", "road"]
    result = CliRunner().invoke(cli.app, [*command, "--home", str(home)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_import__is_a_model_that_can_be_loaded(tmp_path: Path, home: Path) -> None:
    file = foreign(tmp_path)
    output = run(home, str(file), "--outputs", "3", "--map", str(tmp_path / "map.json"), "--mean", "0.5,0.4,0.3")
    assert "reshaped 3.weight [3, 4] -> [3, 4, 1, 1]" in output
    network, record = load_model(home / "weights" / "道路_ep-0001.params")
    assert (record.num_classes, [c.name_zh for c in record.classes]) == (3, ["道路", "天空"])
    assert record.normalisation == files.Normalisation(mean=(0.5, 0.4, 0.3), std=(1, 1, 1))
    assert record.label_map["entries"]["2"][0] == 255  # type: ignore[index,call-overload]
    assert record.training["imported"] == "x.safetensors"
    torch.manual_seed(2)
    assert np.array_equal(network.state_dict()["0.weight"].numpy(), torch.rand(4, 3, 3, 3).numpy())
    with pytest.raises(NameTakenError, match="already"):
        run(home, str(file), "--outputs", "3")


def test_import__what_is_lacking_is_named_and_nothing_is_written(tmp_path: Path, home: Path) -> None:
    file = foreign(tmp_path, "1.running_mean")
    with pytest.raises(
        InvalidValueError,
        match=r": 3 tensors of the network.*1\.running_mean \[4\], 3\.weight \[2, 4, 1, 1\] \(\[3, 4\].*; 0 of the file",
    ):
        run(home, str(file))  # the map has two classes, the file three outputs
    assert not any((home / "weights").iterdir())


def test_import__strange_names_show_the_shapes_of_both_sides(tmp_path: Path, home: Path) -> None:
    shapes = [(4, 3, 3, 3), (4,), (4,), (4,), (4,), (4,), (3, 4), (3,)]
    file = tmp_path / "x.params"
    file.write_bytes(write_params({f"layer{i}": np.zeros(shape, np.float32) for i, shape in enumerate(shapes)}))
    with pytest.raises(
        InvalidValueError,
        match=r": 8 tensors of the network.*0\.weight \[4, 3, 3, 3\].*; 8 of the file .*layer0 \[4, 3, 3, 3\]",
    ) as caught:
        run(home, str(file), "--outputs", "3")
    assert all("--by-order" in text for text in caught.value.text)
    with pytest.raises(InvalidValueError, match=r"3\.weight \[2, 4, 1, 1\] \(\[3, 4\]\)"):
        run(home, str(file), "--by-order")
    assert "They are paired in their order" in run(home, str(file), "--outputs", "3", "--by-order")


@pytest.mark.parametrize(
    ("option", "error", "says"),
    [
        (("--map", "none.json"), NotFoundError, "label map none.json"),
        (("--map", "no-template"), InvalidValueError, "no-template"),
        (("--mean", "1,2"), InvalidValueError, "--mean"),
        (("--mean", "123.7,116.3,103.5"), InvalidValueError, "divide values of 0..255"),
        (("--std", "0,1,1"), InvalidValueError, "std above 0"),
        (("--settings", "[]"), InvalidValueError, "--settings"),
        (("--size", "big"), InvalidValueError, "--size"),
    ],
)
def test_import__options_that_cannot_be_right(
    tmp_path: Path, home: Path, option: tuple[str, str], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        run(home, str(foreign(tmp_path)), "--outputs", "3", *option)


@pytest.mark.parametrize(
    ("tensor", "values", "says"),
    [
        ("0.weight", torch.full((4, 3, 3, 3), float("nan")), "NaN"),
        ("1.running_var", torch.tensor([1.0, 1.0, -1.0, 1.0]), "negative"),
        ("3.weight", torch.ones((3, 4), dtype=torch.int8), "quantised"),
    ],
)
def test_import__values_that_no_trained_network_has(
    tmp_path: Path, home: Path, tensor: str, values: torch.Tensor, says: str
) -> None:
    file = foreign(tmp_path)
    save_file({**load_file(file), tensor: values}, file)
    with pytest.raises(InvalidValueError, match=f"{tensor}.*{says}"):
        run(home, str(file), "--outputs", "3")
    assert not any((home / "weights").iterdir())


def test_import__more_classes_than_outputs_names_the_options(tmp_path: Path, home: Path) -> None:
    (home / "class-tables" / "road.txt").write_text("1 2 3 a\n4 5 6 b\n7 8 9 c\n10 11 12 d\n")
    with pytest.raises(InvalidValueError, match=r"has 3 outputs \(--outputs\), too few for the 4 classes") as caught:
        run(home, str(foreign(tmp_path)), "--outputs", "3")
    for text in caught.value.text:
        assert all(word in text for word in ("--classes", "--map", "road"))
    assert not any((home / "weights").iterdir())


def test_import__size_is_width_before_height(tmp_path: Path, home: Path) -> None:
    run(home, str(foreign(tmp_path)), "--outputs", "3", "--size", "48x32")
    assert files.load_description(home / "weights" / "道路_ep-0001.params").input.size == (32, 48)


def bare(home: Path, *arguments: str) -> str:
    """`weights import` without any option but a name."""
    result = CliRunner().invoke(cli.app, ["import", *arguments, "--home", str(home)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_import__what_was_exported_is_the_same_model_again(tmp_path: Path, home: Path, save_pair: SavePair) -> None:
    (home / "networks" / "c_network" / "network.py").write_text(TINY)
    table = [
        {"raw_id": i, "name_en": f"c{i}", "name_zh": f"类{i}", "color": [i, 2, 3], "train_id": 255 if i == 3 else i}
        for i in range(4)
    ]
    entries = {str(i): [255 if i == 3 else i, f"c{i}", f"类{i}"] for i in range(4)}
    first = save_pair(
        tmp_path,
        num_classes=4,
        classes=[{"train_id": i, "name_en": f"c{i}", "name_zh": f"类{i}", "color": (i, 2, 3)} for i in range(3)],
        class_table=table,
        label_map={"template": "", "entries": entries},
        input={"crop": (16, 24), "size": (32, 48)},
        predict_ignored=True,
        training={"flip_pairs": [[1, 2]]},
    )
    export.export_safetensors(first, tmp_path / "x.safetensors")
    for i, file in enumerate((tmp_path / "x.safetensors", first)):
        output = bare(home, str(file), "--name", f"again{i}")
        assert "as the file says" in output
        network, record = load_model(home / "weights" / f"again{i}_ep-0001.params")
        original, before = load_model(first)
        kept = {
            "network",
            "num_classes",
            "classes",
            "class_table",
            "label_map",
            "normalisation",
            "input",
            "predict_ignored",
        }
        assert record.model_dump(include=kept) == before.model_dump(include=kept)
        assert record.training["flip_pairs"] == [[1, 2]]
        picture = torch.rand(1, 3, 32, 48)
        with torch.no_grad():
            assert torch.equal(network(picture), original(picture))


def test_import__onnx_is_refused_with_the_way_out(tmp_path: Path, home: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"")
    with pytest.raises(InvalidValueError, match=r"x\.onnx is an ONNX export.*Import the model's \.params") as caught:
        bare(home, str(tmp_path / "x.onnx"), "--name", "x")
    assert ".safetensors" in caught.value.text.zh


def test_import__what_nobody_says_is_asked_for(tmp_path: Path, home: Path) -> None:
    file = str(foreign(tmp_path))
    with pytest.raises(InvalidValueError, match="does not say what its outputs mean"):
        bare(home, file, "--name", "x", "--network", "c_network")
    with pytest.raises(InvalidValueError, match="Say by --network"):
        bare(home, file, "--name", "x", "--classes", "road")
    with pytest.raises(InvalidValueError, match="Of which class table"):
        bare(home, file, "--name", "x", "--network", "c_network", "--map", str(tmp_path / "map.json"))


def test_import__normalisation_comes_from_the_network_else_none_is_assumed(tmp_path: Path, home: Path) -> None:
    command = [str(foreign(tmp_path)), "--network", "c_network", "--classes", "road", "--outputs", "3"]
    assert "Normalisation (no normalisation known; none is assumed): RGB, mean 0,0,0, std 1,1,1." in bare(
        home, *command, "--name", "none"
    )
    (home / "networks" / "c_network" / "data.json").write_text('{"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}')
    assert "(as its network usually has it (data.json)): RGB, mean 0.1,0.2,0.3" in bare(
        home, *command, "--name", "usual"
    )
    record = files.load_description(home / "weights" / "usual_ep-0001.params")
    assert record.normalisation == files.Normalisation(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))


def test_import__the_map_may_be_a_model_s_own_json(tmp_path: Path, home: Path, save_pair: SavePair) -> None:
    rows = [{"raw_id": i, "name_en": f"c{i}", "name_zh": f"类{i}", "color": [i, 2, 3], "train_id": i} for i in range(2)]
    model = save_pair(tmp_path, class_table=rows)
    options = ["--network", "c_network", "--outputs", "3", "--map", str(files.description_path(model))]
    bare(home, str(foreign(tmp_path)), "--name", "x", *options)
    record = files.load_description(home / "weights" / "x_ep-0001.params")
    assert [c.name_en for c in record.classes] == ["c0", "c1"]
    assert record.class_table == rows


@pytest.mark.parametrize("template", ["fast-scnn", "bisenetv2"])
def test_import__published_weights_bring_settings_and_normalisation(tmp_path: Path, home: Path, template: str) -> None:
    settings = {"width": 0.25}
    needed = theirs.SETTINGS[template]
    network = theirs.trained(theirs.blueprint(template, 19, **(needed | settings)))
    heads = {"bisenetv2": {"aux2.conv_out.1.bias": torch.ones(19)}}.get(template, {})  # built otherwise than ours
    file = theirs.stored(tmp_path, theirs.published(template, network) | heads)
    options = ["--network", template, "--classes", "cityscapes"]
    output = bare(home, str(file), "--name", "theirs", *options, "--settings", json.dumps(settings))
    loaded, record = load_model(home / "weights" / "theirs_ep-0001.params")
    assert torch.equal(theirs.answers(loaded), theirs.answers(network))
    whose = theirs.blueprint(template).published[0]
    assert record.network.settings == settings | whose.settings
    assert record.normalisation.mean == whose.mean
    assert f"as the authors of {whose.name} have it" in output
    other = {key: "bilinear" if key == "upsampling" else "paper" for key in whose.settings}
    with pytest.raises(InvalidValueError, match=f"weights of {whose.name}, whose network needs the settings"):
        bare(home, str(file), "--name", "x", *options, "--settings", json.dumps(settings | other))


def test_import__a_folder_of_hugging_face(tmp_path: Path, home: Path) -> None:
    pytest.importorskip("transformers", reason="SegFormer needs transformers, which make setup installs")
    network: Any = theirs.trained(theirs.blueprint("segformer", 19, width=0.25))
    folder = tmp_path / "cityscapes-b0"
    names = [c.name_en for c in default_map(shipped("cityscapes")).classes(shipped("cityscapes"))]
    network.model.config.id2label = dict(enumerate(names))
    network.model.save_pretrained(folder)
    pictures = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6], "size": {"height": 64, "width": 96}}
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures))
    bare(home, str(folder), "--name", "hf")
    loaded, record = load_model(home / "weights" / "hf_ep-0001.params")
    assert torch.equal(theirs.answers(loaded), theirs.answers(network))
    assert [c.name_en for c in record.classes] == names
    assert record.classes[0].color == (128, 64, 128)  # the shipped table's
    assert record.normalisation.mean == (0.1, 0.2, 0.3)
    assert record.input.size == (64, 96)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {str(i): f"n{i}" for i in range(19)}}))
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures | {"do_reduce_labels": True}))
    bare(home, str(folder / "model.safetensors"), "--name", "ade")
    record = files.load_description(home / "weights" / "ade_ep-0001.params")
    assert [c.name_en for c in record.classes][:2] == ["n0", "n1"]
    assert next(iter(record.label_map["entries"])) == "1"  # type: ignore[arg-type]
    for changes, says in (({"hidden_act": "relu"}, "hidden_act relu"), ({"depths": [9, 9, 9, 9]}, r"depths \[9")):
        (folder / "config.json").write_text(json.dumps(config | changes))
        with pytest.raises(InvalidValueError, match=says):
            bare(home, str(folder), "--name", "other")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_flip_channel_order": True}))
    with pytest.raises(InvalidValueError, match="wants BGR"):
        bare(home, str(folder), "--name", "other")
    (folder / "preprocessor_config.json").unlink()
    (folder / "model.safetensors").unlink()
    with pytest.raises(InvalidValueError, match=r"has no model\.safetensors or pytorch_model\.bin"):
        bare(home, str(folder), "--name", "other")
