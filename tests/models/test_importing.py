"""Foreign weights become model files: what they mean is said, what does not fit is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from roadloop.errors import InvalidValueError, NameTakenError, NotFoundError
from roadloop.models import cli, files, load
from roadloop.models.params import write_params

SOURCE = """
from torch import nn

def build(num_classes):
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, num_classes, 1))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace with a network of three layers, a class table and a label map beside it."""
    folder = tmp_path / "home"
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


def run(home: Path, *arguments: str) -> str:
    command = ["import", *arguments, "--network", "c_network", "--name", "道路", "--classes", "road"]
    result = CliRunner().invoke(cli.app, [*command, "--home", str(home)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_import__is_a_model_that_can_be_loaded(tmp_path: Path, home: Path) -> None:
    file = foreign(tmp_path)
    output = run(home, str(file), "--outputs", "3", "--map", str(tmp_path / "map.json"), "--mean", "0.5,0.4,0.3")
    assert "reshaped 3.weight [3, 4] -> [3, 4, 1, 1]" in output
    network, record = load.load_model(home / "weights" / "道路_ep-0001.params")
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
        match=r"lacks 3 tensors.*1\.running_mean \[4\], 3\.weight \[2, 4, 1, 1\] \(\[3, 4\].* in the file are 0: none",
    ):
        run(home, str(file))  # the map has two classes, the file three outputs
    assert not (home / "weights").exists()


def test_import__strange_names_show_the_shapes_of_both_sides(tmp_path: Path, home: Path) -> None:
    shapes = [(4, 3, 3, 3), (4,), (4,), (4,), (4,), (4,), (3, 4), (3,)]
    file = tmp_path / "x.params"
    file.write_bytes(write_params({f"layer{i}": np.zeros(shape, np.float32) for i, shape in enumerate(shapes)}))
    with pytest.raises(
        InvalidValueError, match=r"lacks 2 tensors.*3\.weight \[2, 4, 1, 1\].* file are 2: layer6 \[3, 4\]"
    ):
        run(home, str(file))
    assert "Not one name fits: they are paired by shape" in run(home, str(file), "--outputs", "3")


@pytest.mark.parametrize(
    ("option", "error", "says"),
    [
        (("--map", "none.json"), NotFoundError, "label map none.json"),
        (("--map", "no-template"), InvalidValueError, "no-template"),
        (("--mean", "1,2"), InvalidValueError, "--mean"),
        (("--settings", "[]"), InvalidValueError, "--settings"),
        (("--size", "big"), InvalidValueError, "--size"),
    ],
)
def test_import__options_that_cannot_be_right(
    tmp_path: Path, home: Path, option: tuple[str, str], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        run(home, str(foreign(tmp_path)), "--outputs", "3", *option)


def test_import__more_classes_than_outputs_names_the_options(tmp_path: Path, home: Path) -> None:
    (home / "class-tables" / "road.txt").write_text("1 2 3 a\n4 5 6 b\n7 8 9 c\n10 11 12 d\n")
    with pytest.raises(InvalidValueError, match=r"has 3 outputs \(--outputs\), too few for the 4 classes") as caught:
        run(home, str(foreign(tmp_path)), "--outputs", "3")
    for text in caught.value.text:
        assert all(word in text for word in ("--classes", "--map", "road"))
    assert not (home / "weights").exists()


def test_import__size_is_width_before_height(tmp_path: Path, home: Path) -> None:
    run(home, str(foreign(tmp_path)), "--outputs", "3", "--size", "48x32")
    assert files.load_description(home / "weights" / "道路_ep-0001.params").input.size == (32, 48)
