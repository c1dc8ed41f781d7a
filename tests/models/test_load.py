"""Model files as networks again, and start weights."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from approved import trusted
from roadloop.errors import BrokenFileError, InvalidValueError, NotFoundError
from roadloop.models import files, load
from roadloop.models.fit import Pairing
from roadloop.models.params import read_params, write_params
from roadloop.networks.folder import TEMPLATES, digest, read_source
from roadloop.networks.load import load_network
from roadloop.networks.trust import Trust
from roadloop.storage import publish

SavePair = Callable[..., Path]


def plan(path: Path, outputs: int = 3, **changes: str) -> load.Blueprint:
    """A network of a model file's source, edited."""
    source = files.load_description(path).network.source
    for old, new in changes.items():
        source = source.replace(f"{old}(), ", f"{old}(), {new}")
    return load.Blueprint(source, outputs, trust=Trust.of(source))


def test_load_model__is_the_saved_network_bit_for_bit(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path)
    network, record = load.load_model(path, trusted(path))
    assert not network.training
    assert record.num_classes == 3
    state = network.state_dict()
    assert state["1.num_batches_tracked"].item() == 1
    stored = files.read_state(path, record)
    assert all(np.array_equal(np.atleast_1d(value.numpy()), stored[name]) for name, value in state.items())


@pytest.mark.parametrize("name", ["enet", "fast-scnn", "pidnet-s", "segformer"])
def test_load_model__templates_answer_the_same_after_the_round_trip(
    tmp_path: Path, save_pair: SavePair, name: str
) -> None:
    source = read_source(TEMPLATES / name)
    part = {"name": name, "digest": digest(source), "settings": {"width": 0.25}, "source": source}
    path = save_pair(tmp_path, network=part)
    first, _ = load.load_model(path, trusted(path))
    again = load_network(TEMPLATES / name, 3, {"width": 0.25})
    report = load.load_start_weights(path, again, load.Blueprint(source, 3, {"width": 0.25}))
    assert len(report.taken) == len(again.state_dict())
    picture = torch.rand(1, 3, 33, 40)
    with torch.no_grad():
        assert torch.equal(first(picture), again.eval()(picture))


def test_load_model__needs_no_folder_that_training_began_from(tmp_path: Path, save_pair: SavePair) -> None:
    source = """
from pathlib import Path
from torch import nn

def build(num_classes, *, checkpoint=""):
    if checkpoint:
        Path(checkpoint, "model.safetensors").read_bytes()
    return nn.Conv2d(3, num_classes, 1)
"""
    begin = tmp_path / "begin"
    begin.mkdir()
    (begin / "model.safetensors").write_bytes(b"")
    part = {"name": "n", "digest": digest(source), "settings": {"checkpoint": str(begin)}, "source": source}
    path = save_pair(tmp_path, network=part)
    (begin / "model.safetensors").unlink()
    network, record = load.load_model(path, trusted(path))
    assert record.network.settings == {"checkpoint": str(begin)}
    assert network(torch.rand(1, 3, 2, 2)).shape == (1, 3, 2, 2)


def test_load_model__refuses_another_file_s_tensors(tmp_path: Path, save_pair: SavePair) -> None:
    path, other = save_pair(tmp_path, epoch=5), save_pair(tmp_path, epoch=6)
    path.write_bytes(other.read_bytes())
    with pytest.raises(BrokenFileError, match="sha256"):
        load.load_model(path, trusted(path))


def test_load_model__refuses_tensors_that_do_not_fit_the_source(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path)
    arrays = read_params(path.read_bytes())
    arrays["arg:extra"] = np.zeros(2, np.float32)
    data = write_params(arrays)
    path.write_bytes(data)
    description = files.description_path(path)
    values = json.loads(description.read_text(encoding="utf-8"))
    description.write_text(json.dumps(values | {"params_sha256": publish.sha256_file(path)}))
    with pytest.raises(BrokenFileError, match="1 tensor differs in name or shape, such as extra"):
        load.load_model(path, trusted(path))


def test_load_start_weights__of_an_edited_network_only_where_it_is_asked_for(
    tmp_path: Path, save_pair: SavePair
) -> None:
    path = save_pair(tmp_path)
    edited = plan(path, ReLU="nn.Identity(), ")
    network = edited.build()
    before = network.state_dict()["4.weight"].clone()
    with pytest.raises(InvalidValueError, match=r"4\.weight \[3, 4, 1, 1\], 4\.bias \[3\]; 2 of the file .*3\.weight"):
        load.load_start_weights(path, network, edited)
    report = load.load_start_weights(path, network, edited, "part")
    assert report.taken[:2] == ("0.weight", "0.bias")
    assert report.missing == ("4.weight", "4.bias")
    assert report.unused == ("3.weight", "3.bias")
    assert torch.equal(network.state_dict()["4.weight"], before)
    stored = files.read_state(path, files.load_description(path))
    assert np.array_equal(network.state_dict()["0.weight"].numpy(), stored["0.weight"])


def test_load_start_weights__another_number_of_classes(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path)
    seven = plan(path, 7)
    report = load.load_start_weights(path, seven.build(), seven)
    assert report.skipped == (("3.weight", (3, 4, 1, 1), (7, 4, 1, 1)), ("3.bias", (3,), (7,)))
    assert (
        "7 tensors taken, 2 of another shape, which begin anew (3.weight [3, 4, 1, 1]/[7, 4, 1, 1]" in report.text().en
    )


def test_load_start_weights__a_params_file_alone(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path)
    same = plan(path)
    files.description_path(path).unlink()
    assert len(load.load_start_weights(path, same.build(), same).taken) == 9


def test_load_start_weights__nothing_fits(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path)
    source = "from torch import nn\n\ndef build(num_classes):\n    return nn.Linear(2, num_classes)\n"
    other = load.Blueprint(source, 2, trust=Trust.of(source))
    pairings: tuple[Pairing, ...] = ("names", "order", "part")
    for pairing in pairings:
        with pytest.raises(InvalidValueError, match=r"kd_suzhou_ep-0005\.params does not fit this network wholly"):
            load.load_start_weights(path, other.build(), other, pairing)
    with pytest.raises(NotFoundError):
        load.load_start_weights(tmp_path / "absent.params", other.build(), other)
    (tmp_path / "odd.params").write_bytes(b"not one")
    with pytest.raises(BrokenFileError):
        load.load_start_weights(tmp_path / "odd.params", other.build(), other)
