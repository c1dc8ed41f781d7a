"""`roadloop networks`: real networks, counted and measured."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from roadloop.errors import InvalidValueError, NameTakenError, NotFoundError
from roadloop.jobs import queue
from roadloop.networks import cli, folder, service, speed
from roadloop.networks.recipe import CreateNet
from roadloop.storage.platform import Platform
from shipped_templates import NAMES

NETWORK = """
from torch import nn

def build(num_classes):
    return nn.Conv2d(3, num_classes, 1)
"""


def run(*arguments: str) -> list[list[str]]:
    result = CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.output.splitlines()]


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one tiny template in the place of the shipped ones."""
    place = tmp_path / "templates"
    (place / "tiny").mkdir(parents=True)
    (place / "tiny" / "network.py").write_text(NETWORK)
    for module in (cli, folder):
        monkeypatch.setattr(module, "TEMPLATES", place)
    return place


def test_networks__counts_by_hand_and_a_speed(templates: Path) -> None:
    head, row, facts = run("--size", "100x50", "--classes", "250")
    assert head[-1] == "张/秒"
    assert row[:5] == ["tiny", "0.00", "M", "0.00", "G"]
    assert float(row[5]) > 0
    assert facts[:3] == ["100x50,", "250", "classes;"]
    (templates / "tiny" / "network.py").write_text(NETWORK.replace("num_classes, 1)", "num_classes, 101, padding=50)"))
    assert run("--size", "100x50", "--classes", "250", "--no-speed")[1] == ["tiny", "7.65", "M", "38.25", "G"]


def test_networks__names_the_shipped_ones_and_skips_what_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    assert set(NAMES) < set(folder.list_templates())
    monkeypatch.setattr(cli, "list_templates", lambda: ["enet", "segformer", "kd-seg.template"])
    head, row, skipped, facts = run("--size", "64x32", "--no-speed")
    assert head[0] == "name"
    assert row == ["enet", "0.36", "M", "0.02", "G"]
    assert skipped[1] == "segformer:"
    assert "roadloop[transformers]" in " ".join(skipped)
    assert facts == ["64x32,", "19", "classes"]


def test_networks__with_a_workspace_the_team_s_own(
    templates: Path, platform: Platform, run_job: Callable[[Platform, str], queue.Job]
) -> None:
    task_id = platform.database.write(lambda: service.create(platform, CreateNet(name="车道", template="tiny")))
    run_job(platform, task_id)
    rows = run("--home", str(platform.workspace.home), "--no-speed", "--size", "8x8")
    assert [row[0] for row in rows[1:3]] == ["tiny", "车道"]


def test_add__a_folder_from_elsewhere_is_copied_checked_and_listed(
    templates: Path, platform: Platform, tmp_path: Path
) -> None:
    """In a job's process and in the trial's below it, as everywhere."""
    home = str(platform.workspace.home)
    own = tmp_path / "车道"
    own.mkdir()
    (own / "network.py").write_text(NETWORK)
    (own / "left.bin").write_bytes(b"no file of a network")
    (platform.workspace.networks / "half").mkdir()
    assert run("add", str(own), "--home", home, "--describe", "自有")[0][:6] == [
        "车道",
        "can",
        "be",
        "trained:",
        "12",
        "parameters,",
    ]
    assert [path.name for path in (platform.workspace.networks / "车道").iterdir()] == ["network.py"]
    with platform.database.reading() as db:
        assert service.description(db, "车道") == "自有"
    rows = run("--home", home, "--no-speed", "--size", "8x8")
    assert [row[0] for row in rows[1:3]] == ["tiny", "车道"]
    assert " ".join(rows[3]).startswith("skipped half: ")
    assert "network.py is missing" in " ".join(rows[3])
    assert rows[3][-5:] == ["Then:", "roadloop", "networks", "add", "half"]
    with pytest.raises(NameTakenError, match="rename its folder"):
        run("add", str(own), "--home", home)


def test_add__what_cannot_be_checked_is_named(platform: Platform, tmp_path: Path) -> None:
    home = str(platform.workspace.home)
    with pytest.raises(NotFoundError, match=r"no folder nowhere, .* there are: -\."):
        run("add", "nowhere", "--home", home)
    with pytest.raises(NotFoundError, match=r"network\.py is missing"):
        run("add", str(tmp_path), "--home", home)
    assert list(platform.workspace.networks.iterdir()) == []


def test_networks__bad_size_is_named() -> None:
    with pytest.raises(InvalidValueError, match="480x360"):
        run("--size", "big")


def test_images_per_second__is_the_median_without_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.9, 0, 0.1, 0, 0.2, 0, 0.4, 0, 0.5])  # starts and ends; the sum of 1.2 s is enough
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert speed.images_per_second(torch.nn.Identity(), (2, 2), torch.device("cpu")) == pytest.approx(1 / 0.3)
    slow = iter([0.0, 4.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(slow))
    assert speed.images_per_second(torch.nn.Identity(), (2, 2), torch.device("cpu")) == 0.25
