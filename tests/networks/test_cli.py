"""`roadloop networks`: real networks, counted and measured."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from roadloop.errors import InvalidValueError
from roadloop.jobs import queue
from roadloop.networks import cli, folder, service, speed
from roadloop.storage.platform import Platform

NETWORK = """
from torch import nn

def build(num_classes):
    return nn.Conv2d(3, num_classes, 1)
"""


def run(*arguments: str) -> list[list[str]]:
    app = typer.Typer()
    app.command()(cli.networks)
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
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
    for name in (
        "rna-a1",
        "bisenetv2",
        "ddrnet-23-slim",
        "pidnet-s",
    ):  # large; tests/networks/test_templates.py has them
        assert name in folder.list_templates()
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
    with platform.database.transaction() as db:
        task_id = service.create(db, platform, "车道", "tiny")
    run_job(platform, task_id)
    rows = run("--home", str(platform.workspace.home), "--no-speed", "--size", "8x8")
    assert [row[0] for row in rows[1:3]] == ["tiny", "车道"]


def test_networks__bad_size_is_named() -> None:
    with pytest.raises(InvalidValueError, match="480x360"):
        cli.networks(size="big")


def test_images_per_second__is_the_median_without_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.9, 0, 0.1, 0, 0.2, 0, 0.4, 0, 0.5])  # starts and ends; the sum of 1.2 s is enough
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    assert speed.images_per_second(torch.nn.Identity(), (2, 2), torch.device("cpu")) == pytest.approx(1 / 0.3)
    slow = iter([0.0, 4.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(slow))
    assert speed.images_per_second(torch.nn.Identity(), (2, 2), torch.device("cpu")) == 0.25
