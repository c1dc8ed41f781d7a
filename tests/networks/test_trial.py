"""A network that nobody has run before, in a process of its own with limits."""

from pathlib import Path

import pytest

from roadloop.errors import JobError
from roadloop.networks import load, trial

GOOD = """
import torch
from torch import nn

print("x" * 10_000_000)

def build(num_classes, *, width=1):
    return nn.Sequential(nn.Conv2d(3, width, 1), nn.Conv2d(width, num_classes, 1))
"""
FOREVER = """
def build(num_classes):
    while True:
        pass
"""
#: Two levels without padding: 96 x 64 fits, 360 rows do not.
MULTIPLES_OF_16 = """
import torch
from torch import nn
from torch.nn import functional

class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.down, self.up = nn.Conv2d(3, n, 16, stride=16), nn.Upsample(scale_factor=16)

    def forward(self, x):
        return self.up(self.down(x)) + x.mean(1, keepdim=True)

def build(num_classes):
    return Net(num_classes)
"""


def run(folder: Path, source: str, **settings: int) -> dict[str, object]:
    (folder / "network.py").write_text(source)
    return trial.run(folder, settings, "networks/own/network.py", lambda: None)


def test_run__answers_what_a_network_costs_whatever_it_prints(tmp_path: Path) -> None:
    """3 * 2 + 2 and 2 * 3 + 3 numbers; 12 multiply-adds for each pixel."""
    found = run(tmp_path, GOOD, width=2)
    assert (found["parameters"], found["multiply_adds"]) == (17, 12 * 480 * 360)
    assert found == load.tried(tmp_path, {"width": 2}, file="network.py")


def test_run__a_network_without_an_end_is_ended_by_its_cpu_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "CPU_SECONDS", 1)
    with pytest.raises(
        JobError, match=r"own/network\.py: the trial did not end within 1 s of CPU time.*a loop"
    ) as caught:
        run(tmp_path, FOREVER)
    assert "死循环" in caught.value.text.zh


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import os\nos._exit(3)\n", r"ended without an answer \(exit code 3\)"),
        ("import numpy\nx = numpy.ones(2**50)\n", "more than half of this host's memory"),
    ],
)
def test_run__a_process_that_fails_otherwise_is_named(tmp_path: Path, source: str, says: str) -> None:
    with pytest.raises(JobError, match=says) as caught:
        run(tmp_path, source)
    assert caught.value.details["file"] == "networks/own/network.py"


def test_run__ends_at_once_when_its_job_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text(FOREVER)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trial.run(tmp_path, {}, "network.py", stop)


def test_tried__a_network_takes_any_size(tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text(MULTIPLES_OF_16)
    with pytest.raises(
        JobError, match=r"fails for pictures of 480x360 .* pad in forward.*network\.py, line 12"
    ) as caught:
        load.tried(tmp_path, file="network.py")
    assert "请在 forward 中补边" in caught.value.text.zh
    assert caught.value.details["line"] == 12
