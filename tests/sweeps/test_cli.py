"""`roadloop sweep` against a real server: trials stop at their rung, one goes on, the same command changes nothing."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from live import LiveServer
from roadloop.demo.write import Drives, write_source_set
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EPOCHS = 45  # so that a fast trial is stopped before it has done them all
COMMAND = [
    "sweep", "搜索", "--data", "d", "--network", "fast", "--try", "base_lr=0.02,0.0000002,0.0000001",
    "--set", "batch_size=4", "--set", "crop=[48,64]", "--set", 'network_settings={"width": 0.25}',
    "--epochs", str(EPOCHS), "--first", "1", "--keep", str(EPOCHS),
]  # fmt: skip


@pytest.fixture
def platform_with_data(settings: Settings) -> Iterator[Platform]:
    platform = open_platform(settings, upgrade=True)
    write_source_set(platform.workspace, "s", [Drives("suzhou", range(4), 4, size=(96, 72))], processes=1)
    live = LiveServer(settings)
    live.start()
    try:
        client = live.client()
        shares = {"train": 0.75, "val": 0.25, "test": 0}
        body = {"data_name": "d", "data_type": "all", "sour_data": "s", "thread": 1, "l_value": 1, **shares}
        data = client.post("/create_data", json=body).json()["data"]
        assert live.wait("/data_history", data)["state"] == "succeeded"
        net = client.post("/create_net", json={"network_name": "fast", "src_net": "fast-scnn"}).json()["data"]
        assert live.wait("/network_history", net)["state"] == "succeeded"
        yield platform
    finally:
        live.close()
        platform.database.close()


def call(platform: Platform, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "roadloop", *arguments, "--home", str(platform.workspace.home)],
        env=platform.settings.child_environment() | {"LC_ALL": "C.UTF-8", "COLUMNS": "200"},
        capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip


def miou(platform: Platform, task: str) -> list[float]:
    """Validation mIoU by epoch, from the task's own curves."""
    lines = (platform.workspace.tasks / task / "log" / "metrics.jsonl").read_text().splitlines()
    return [line["miou"] for line in map(json.loads, lines) if line["kind"] == "epoch"]


def test_sweep__trains_all_a_little_and_the_best_to_the_end(platform_with_data: Platform) -> None:
    platform = platform_with_data
    refused = call(platform, *COMMAND[:6], "--try", "base_lr=-1,0.1")
    assert refused.returncode == 1
    assert "base_lr" in refused.stderr
    assert not (platform.workspace.sweeps / "搜索").exists()

    done = call(platform, *COMMAND)
    assert done.returncode == 0, done.stdout + done.stderr
    first = [miou(platform, f"搜索-{k}")[0] for k in (1, 2, 3)]
    best = f"搜索-{first.index(max(first)) + 1}"
    assert f"The best: {best}, mIoU {max(miou(platform, best)):.4f}" in done.stdout
    folder = platform.workspace.sweeps / "搜索"
    with (folder / "trials.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[0]["task"] == best
    assert [row["state"] for row in rows] == ["succeeded", "cancelled", "cancelled"]
    assert rows[0]["epochs"] == str(EPOCHS)
    assert all(1 <= int(row["epochs"]) < EPOCHS for row in rows[1:])
    assert [row["left_behind_after"] for row in rows] == ["", "1", "1"]
    picture = cv2.imread(str(folder / "curves.png"))
    assert picture is not None
    assert np.ptp(picture.reshape(-1, 3), axis=1).any()  # a line in colour

    again = call(platform, *COMMAND)
    assert again.returncode == 0
    assert "Going on" in again.stdout
    other = call(platform, *COMMAND, "--seed", "1", "--trials", "2")
    assert other.returncode == 1
    assert "other arguments" in other.stderr
