"""Is the exported file the trained model: counted by hand on pictures whose answer is known. And the export command."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import typer
from onnx import numpy_helper
from typer.testing import CliRunner

from approved import approve, trusted
from roadloop.errors import BrokenFileError, InvalidValueError, JobError, NotFoundError
from roadloop.evaluation import cli, parity
from roadloop.evaluation.pictures import FolderSource
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.models import export
from roadloop.models.files import ModelFile
from roadloop.models.load import load_model
from roadloop.models.onnx_session import open_session
from roadloop.networks.folder import digest
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform

SavePair = Callable[..., Path]
SOURCE = """
import torch
from torch import nn

def build(num_classes):
    layer = nn.Conv2d(3, 3, 1)  # the class is the brightest channel
    with torch.no_grad():
        layer.weight.copy_(torch.eye(3)[:, :, None, None])
        layer.bias.zero_()
    return layer
"""
TABLE = [{"raw_id": i, "name_en": f"c{i}", "name_zh": f"类{i}", "color": [i, 2, 3], "train_id": i} for i in range(3)]


@pytest.fixture
def model(tmp_path: Path, save_pair: SavePair) -> Path:
    part = {"name": "brightest", "digest": digest(SOURCE), "settings": {}, "source": SOURCE}
    entries = {str(i): [i, f"c{i}", f"类{i}"] for i in range(3)}
    return save_pair_of_size(tmp_path, save_pair, network=part, label_map={"template": "", "entries": entries})


def save_pair_of_size(tmp_path: Path, save_pair: SavePair, **changes: object) -> Path:
    return save_pair(tmp_path / "m", class_table=TABLE, input={"crop": (4, 5), "size": (4, 5)}, **changes)


def loaded(path: Path) -> tuple[torch.nn.Module, ModelFile]:
    return load_model(path, trusted(path))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Red, green and blue columns with their right labels; one of twice the size; one without a label, one broken."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    ids = np.array([[0, 0, 1, 1, 2]] * 4, np.uint8)
    image = (np.eye(3, dtype=np.uint8)[ids] * 200).astype(np.uint8)
    (folder / "a_1.png").write_bytes(encode_color(image))
    (folder / "label-a_1.png").write_bytes(encode_color(np.dstack([ids, ids * 0 + 2, ids * 0 + 3])))
    (folder / "b_1.png").write_bytes(encode_color(image.repeat(2, 0).repeat(2, 1)))
    (folder / "bad.png").write_bytes(encode_label(ids)[:40])
    return folder


def test_compare__equal_and_then_one_row_changed(tmp_path: Path, model: Path, pictures: Path) -> None:
    target = tmp_path / "m.onnx"
    export.export_onnx(model, target, trust=trusted(model))
    source = FolderSource(pictures, Workspace(tmp_path))
    found = parity.compare(loaded(model), target, source, "pictures", max_pixels=1000)
    assert (found.pictures, found.resized, found.labelled, found.bad) == (2, 1, 1, 1)
    assert (found.size, found.pixels, found.different, found.share) == ((4, 5), 40, 0, 0.0)
    assert (found.miou_trained, found.miou_exported) == (1.0, 1.0)
    assert found.notes()[1].en == "Pictures of another size, brought to 4x5 before the comparison: 1."
    found.require(0.0)

    spoilt = onnx.load(target)  # blue always wins: of 40 pixels the 32 that are not blue differ
    weight = next(t for t in spoilt.graph.initializer if numpy_helper.to_array(t).shape == (3, 3, 1, 1))
    rows = np.array([[1, 0, 0], [0, 1, 0], [-1e3, -1e3, -1e3]], np.float32)  # each pixel's normalised sum is negative
    weight.CopyFrom(numpy_helper.from_array(rows.reshape(3, 3, 1, 1), weight.name))
    onnx.save(spoilt, target)
    found = parity.compare(loaded(model), target, source, "pictures", max_pixels=1000)
    assert (found.different, found.share, found.miou_trained) == (32, 0.8, 1.0)
    assert found.miou_exported == pytest.approx(0.2 / 3)  # blue: 4 of 20, red and green: never
    found.require(0.8)
    with pytest.raises(JobError, match=r"parity=0\.5.*trained 100\.000, exported 6\.667; 32 of 40 pixels differ"):
        found.require(0.5)


@pytest.mark.slow
def test_compare__another_model_s_export_is_refused(
    tmp_path: Path, model: Path, pictures: Path, save_pair: SavePair
) -> None:
    other = save_pair_of_size(tmp_path / "other", save_pair)
    export.export_onnx(other, tmp_path / "other.onnx", trust=trusted(other))
    with pytest.raises(BrokenFileError, match="another model"):
        parity.compare(
            loaded(model), tmp_path / "other.onnx", FolderSource(pictures, Workspace(tmp_path)), "x", max_pixels=99
        )


def test_compare__nothing_to_compare_is_said(tmp_path: Path, model: Path) -> None:
    export.export_onnx(model, tmp_path / "m.onnx", trust=trusted(model))
    (tmp_path / "empty").mkdir()
    source = FolderSource(tmp_path / "empty", Workspace(tmp_path))
    with pytest.raises(JobError, match="no picture that can be read"):
        parity.compare(loaded(model), tmp_path / "m.onnx", source, "empty", max_pixels=99)


@pytest.mark.slow
def test_export_command__check_writes_the_report_beside_the_export(
    tmp_path: Path, model: Path, pictures: Path, platform: Platform
) -> None:
    approve(platform, model)
    app = typer.Typer()
    app.command()(cli.export)
    command = [str(model), "--out", str(tmp_path / "out"), "--check", str(pictures), "--home", str(tmp_path / "home")]
    result = CliRunner().invoke(app, [*command, "--any-size"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "100.000" in result.output
    assert "image [N, 3, H, W]" in result.output
    assert "Pictures without a label that can be used: 1;" in result.output
    assert "brought to" not in result.output
    assert "could not be read: 1." in result.output
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == ["kd_suzhou_ep-0005.onnx", "kd_suzhou_ep-0005.parity.json"]
    written = json.loads((tmp_path / "out" / names[1]).read_text())
    assert (written["different"], written["miou_exported"], written["source"]) == (0, 1.0, str(pictures))
    assert (written["size"], written["pixels"], written["resized"]) == (None, 4 * 5 + 8 * 10, 0)


def test_export_onnx__any_size_runs_at_sizes_that_were_not_traced(tmp_path: Path, model: Path) -> None:
    report = export.export_onnx(model, tmp_path / "free.onnx", any_size=True, trust=trusted(model))
    assert (report.size, report.sizes[0], len(report.sizes), report.fixed) == ((4, 5), (4, 5), 3, None)
    session = open_session(tmp_path / "free.onnx", 1)
    image = np.random.default_rng(0).random((2, 3, 7, 9), np.float32)
    (logits,) = session.run(["logits"], {"image": image})
    assert np.array_equal(logits, image)  # its weights are the identity


@pytest.mark.parametrize("check", ["nothing", "dataset:nothing/val", "."])
def test_export_command__pictures_that_are_not_there_are_said_before_the_work(
    platform: Platform, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotFoundError, match=r"nothing to compare|named nothing|no picture folder"):
        cli.export(model, tmp_path / "out", check=check, home=platform.workspace.home)
    assert not (tmp_path / "out").exists()


def test_export_command__writes_both(tmp_path: Path, save_pair: SavePair, platform: Platform) -> None:
    app = typer.Typer()
    app.command()(cli.export)
    out = tmp_path / "out"
    path = save_pair(tmp_path)
    approve(platform, path)
    home = ["--home", str(platform.workspace.home)]
    result = CliRunner().invoke(app, [str(path), "--out", str(out), "--size", "24x16", *home])
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == ["kd_suzhou_ep-0005.onnx", "kd_suzhou_ep-0005.safetensors"]
    assert "image [N, 3, 16, 24]" in result.output


def test_export_command__help_says_what_is_written() -> None:
    """A test above has it that --check alone writes ONNX only."""
    app = typer.Typer()
    app.command()(cli.export)
    said = " ".join(CliRunner().invoke(app, ["--help"], terminal_width=200).output.split())
    assert "without --onnx, --safetensors or --check both are written" in said
    assert "--check writes ONNX, and safetensors only with --safetensors" in said


def test_export_command__bad_size_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"480x360 \(width x height\)"):
        cli.export(tmp_path / "x.params", onnx=True, size="big")


def test_export_command__int8_with_calibration_pictures(
    tmp_path: Path, model: Path, pictures: Path, platform: Platform
) -> None:
    app = typer.Typer()
    app.command()(cli.export)
    approve(platform, model)
    out = tmp_path / "out"
    command = [str(model), "--out", str(out), "--home", str(platform.workspace.home), "--precision", "int8"]
    refused = CliRunner().invoke(app, command)
    assert isinstance(refused.exception, InvalidValueError)
    assert "int8 needs calibration pictures" in refused.exception.text.en
    refused = CliRunner().invoke(app, [*command, "--calibrate", str(pictures), "--any-size"])
    assert isinstance(refused.exception, InvalidValueError)
    assert "--any-size is for fp32 only" in refused.exception.text.en
    result = CliRunner().invoke(
        app, [*command, "--calibrate", str(pictures), "--check", str(pictures)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == [f"{model.stem}.int8.onnx", f"{model.stem}.int8.parity.json"]
    kinds = {node.op_type for node in onnx.load(out / f"{model.stem}.int8.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear", "Conv"} <= kinds
    assert json.loads((out / f"{model.stem}.int8.parity.json").read_text())["different"] == 0
