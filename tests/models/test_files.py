"""The pair of .params and .json: whole, checked, refused when damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from roadloop.errors import BrokenFileError, InvalidNameError, InvalidValueError, NotFoundError
from roadloop.models import files
from roadloop.models.params import read_params
from roadloop.storage import publish

SavePair = Callable[..., Path]


def test_save_model__names_are_those_of_the_contract(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path, "前缀", 205)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["前缀_ep-0205.json", "前缀_ep-0205.params"]
    assert list(read_params(path.read_bytes())) == [
        "arg:0.weight",
        "arg:0.bias",
        "arg:1.weight",
        "arg:1.bias",
        "aux:1.running_mean",
        "aux:1.running_var",
        "aux:1.num_batches_tracked",
        "arg:3.weight",
        "arg:3.bias",
    ]


def test_save_model__nothing_is_visible_before_the_moves(tmp_path: Path, save_pair: SavePair) -> None:
    record = files.load_description(save_pair(tmp_path / "a")).model_dump(mode="json")
    for key in ("format", "prefix", "epoch", "params_sha256"):
        del record[key]
    state = {"arg:w": np.zeros(2, np.float32), "b.running_var": torch.ones(2, dtype=torch.bfloat16)}
    moves = files.save_model(
        tmp_path / "b", "p", 1, state, record, scratch=lambda path: path.with_name(f".{path.name}.x.partial")
    )
    assert [target.name for _, target in moves] == ["p_ep-0001.params", "p_ep-0001.json"]
    assert all(scratch.name == f".{target.name}.x.partial" for scratch, target in moves)
    assert not any(target.exists() for _, target in moves)
    assert list(read_params(moves[0][0].read_bytes())) == ["arg:w", "aux:b.running_var"]


def test_load_description__says_what_was_saved(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path)
    record = files.load_description(path, verify=True)
    assert (record.format, record.prefix, record.epoch, record.task) == (files.FORMAT, "kd_suzhou", 5, "苏州任务")
    assert record.params_sha256 == publish.sha256_file(path)
    assert record.classes[1] == files.OutputClass(train_id=1, name_en="c1", name_zh="类1", color=(1, 2, 3))
    assert "类1" in files.description_path(path).read_text(encoding="utf-8")


def test_load_description__half_a_pair(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path)
    files.description_path(path).rename(tmp_path / "kept")
    with pytest.raises(NotFoundError, match=r"kd_suzhou_ep-0005\.json is missing"):
        files.load_description(path)
    (tmp_path / "kept").rename(files.description_path(path))
    path.unlink()
    with pytest.raises(NotFoundError, match=r"kd_suzhou_ep-0005\.params is missing"):
        files.load_description(path)


@pytest.mark.parametrize("damage", ["flipped", "cut", "longer", "empty"])
def test_read_state__damage_is_refused(tmp_path: Path, save_pair: SavePair, damage: str) -> None:
    path = save_pair(tmp_path)
    data = path.read_bytes()
    flipped = data[:100] + bytes([data[100] ^ 1]) + data[101:]
    path.write_bytes({"flipped": flipped, "cut": data[:-1], "longer": data + b"\0", "empty": b""}[damage])
    record = files.load_description(path)
    with pytest.raises(BrokenFileError, match="does not have the sha256"):
        files.read_state(path, record)
    with pytest.raises(BrokenFileError, match="does not have the sha256"):
        files.load_description(path, verify=True)


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", "{}", '{"format": "other"}', "[" * 100_000, "\x00"],
)
def test_load_description__broken_json_is_refused(tmp_path: Path, save_pair: SavePair, text: str) -> None:
    path = save_pair(tmp_path)
    files.description_path(path).write_text(text)
    with pytest.raises(BrokenFileError):
        files.load_description(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epoch": 0}, "epoch"),
        ({"num_classes": 2}, "do not fit 2 outputs"),
        ({"params_sha256": "ab"}, "params_sha256"),
        ({"classes": []}, "classes"),
        ({"surplus": 1}, "surplus"),
        ({"network": {"name": "n", "digest": "0" * 64, "settings": {}, "source": "x"}}, "network.digest"),
    ],
)
def test_load_description__what_does_not_fit_is_named(
    tmp_path: Path, save_pair: SavePair, change: dict[str, Any], says: str
) -> None:
    path = save_pair(tmp_path)
    description = files.description_path(path)
    description.write_text(json.dumps(json.loads(description.read_text(encoding="utf-8")) | change))
    with pytest.raises(BrokenFileError, match=says):
        files.load_description(path)


def test_save_model__refuses_before_writing(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"p_ep-0001\.json is not valid: task"):
        files.save_model(tmp_path, "p", 1, {"w": np.zeros(1)}, {})
    with pytest.raises(InvalidNameError):
        files.save_model(tmp_path, "../p", 1, {"w": np.zeros(1)}, {})
    assert list(tmp_path.iterdir()) == []
