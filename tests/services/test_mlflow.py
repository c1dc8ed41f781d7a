"""A training's curves as the real tools read them: a real MLflow server, and TensorBoard's own reader.

`make test-services` installs both in an environment of their own (900 MB); without that the tests are skipped.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from real_server import free_port, serving
from roadloop.training.event_log import EventLog, scalars
from roadloop.training.mlflow import MlflowLog
from roadloop.training.recipe import DataConfig, Named, TrainConfig, TrainingRecipe

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]
HOME = Path(__file__).parents[2] / ".services" / "mlflow"
STARTING = 300  # seconds; the first start makes the database
STEPS: list[dict[str, Any]] = [{"kind": "step", "step": n, "epoch": 1, "loss": 1 / n, "lr": 0.01} for n in (1, 2, 3)]
EPOCHS: list[dict[str, Any]] = [
    {"kind": "epoch", "epoch": n, "step": 3 * n, "loss": 0.5, "miou": 0.25 * n, "iou": [0.5, None], "ece": None}
    for n in (1, 2, 3)
]
READER = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
found = EventAccumulator(sys.argv[1])
found.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}))
"""


class Notes:
    """What a reporter is asked to do."""

    def __init__(self) -> None:
        self.warnings: list[Any] = []

    def warn(self, text: Any) -> None:
        self.warnings.append(text)

    def scratch(self, target: Path) -> Path:
        return target.with_name(f".{target.name}.partial")

    def publish(self, moves: list[tuple[Path, Path]], _memo: Any = None) -> None:
        for scratch, target in moves:
            scratch.rename(target)


@pytest.fixture
def python() -> Path:
    """The Python of the services' environment."""
    found = HOME / "bin" / "python"
    if not found.exists():
        pytest.skip("MLflow is not installed under .services/: run make test-services")
    return found


@pytest.fixture
def mlflow(python: Path, tmp_path: Path) -> Iterator[str]:
    """URL of a fresh MLflow."""
    port = free_port()
    command = [
        str(python.with_name("mlflow")), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db", "--artifacts-destination", f"file://{tmp_path}/artifacts",
    ]  # fmt: skip
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PATH": f"{python.parent}:{os.environ['PATH']}",
    }
    with serving(command, quiet, port, tmp_path / "server.log", seconds=STARTING) as url:
        yield url


def recipe() -> TrainingRecipe:
    named = Named(name="数据", digest="0" * 64)
    return TrainingRecipe(
        task="苏州任务", dataset=named, network=named, start_weights=None, label_map={}, gpus="",
        train=TrainConfig(num_epoch=3), data=DataConfig(),
    )  # fmt: skip


def test_mlflow__has_one_run_with_every_epoch_once_after_a_resume(mlflow: str) -> None:
    notes = Notes()
    for lines in (EPOCHS[:2], EPOCHS[1:]):
        log = MlflowLog(mlflow, recipe(), notes)  # type: ignore[arg-type]
        for line in lines:
            log.append(line)
        log.close()
    assert notes.warnings == []
    api = f"{mlflow}/api/2.0/mlflow"
    experiment = httpx.get(f"{api}/experiments/get-by-name", params={"experiment_name": "roadloop"}).json()
    search = {"experiment_ids": [experiment["experiment"]["experiment_id"]]}
    (run,) = httpx.post(f"{api}/runs/search", json=search).json()["runs"]
    assert (run["info"]["run_name"], run["info"]["status"]) == ("苏州任务", "FINISHED")
    assert {"key": "train.num_epoch", "value": "3"} in run["data"]["params"]
    asked = {"run_id": run["info"]["run_id"], "metric_key": "val/miou"}
    points = httpx.get(f"{api}/metrics/get-history", params=asked).json()["metrics"]
    assert [(int(p["step"]), p["value"]) for p in points] == [(3, 0.25), (6, 0.5), (9, 0.75)]


def test_tensorboard__reads_every_point_once_after_a_resume(python: Path, tmp_path: Path) -> None:
    lines = [*STEPS, EPOCHS[0]]
    for known, new in ((0, lines), (3, lines[3:])):
        history = "".join(json.dumps(line) + "\n" for line in lines[:known]).encode()
        log = EventLog(tmp_path / "tensorboard", history, Notes())  # type: ignore[arg-type]
        for line in new:
            log.append(line)
        log.close()
    done = subprocess.run(
        [python, "-c", READER, str(tmp_path / "tensorboard")], capture_output=True, text=True, check=True, timeout=300
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["train/loss"] == [[1, 1.0], [2, 0.5], [3, pytest.approx(1 / 3)]]
    assert found["val/miou"] == [[3, 0.25]]
    assert set(found) == {tag for line in lines for tag, _ in scalars(line)}
