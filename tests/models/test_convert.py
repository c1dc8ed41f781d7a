"""Converting to half precision and to integers: what a network must not do, and what is said of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from approved import trusted
from roadloop.errors import JobError
from roadloop.models import convert
from roadloop.models.convert import Form, converted
from roadloop.models.export import export_onnx

SavePair = Callable[..., Path]


def test_converted__what_a_converter_says_is_the_reason(
    tmp_path: Path, save_pair: SavePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_pair(tmp_path / "m")

    def odd(*_: object, **__: object) -> None:
        raise ValueError("no range for Odd\nand more")

    monkeypatch.setattr(convert, "quantize_static", odd)
    form = Form("int8", (8, 8), [np.zeros((1, 3, 8, 8), np.float32)])
    with pytest.raises(JobError, match=r"cannot be converted to int8 .*: no range for Odd\). Nothing was written"):
        converted(path, tmp_path / "m.onnx", form, trusted(path))
    assert not (tmp_path / "m.onnx").exists()


def test_converted__int8_is_told_the_description_and_nothing_of_torch(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path / "m")
    looked_at: list[int] = []
    pictures = list(np.random.default_rng(0).standard_normal((3, 1, 3, 8, 8), np.float32))
    converted(path, tmp_path / "q.onnx", Form("int8", (8, 8), pictures), trusted(path), tick=looked_at.append)
    export_onnx(path, tmp_path / "m.onnx", size=(8, 8), trust=trusted(path))
    exported, quantised = onnx.load(tmp_path / "m.onnx"), onnx.load(tmp_path / "q.onnx")
    assert looked_at == [0, 1, 2]
    assert [p.key for p in quantised.metadata_props] == [p.key for p in exported.metadata_props]
    assert not any(node.metadata_props for node in quantised.graph.node)
