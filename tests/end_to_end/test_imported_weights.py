"""Weights that somebody else trained: imported by the command line, evaluated over HTTP, the published figures come out."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from live import LiveServer
from roadloop.cli.main import app
from roadloop.models.files import load_description
from roadloop.settings import Settings

DATA = Path(__file__).parents[3] / "shared" / "data"
WEIGHTS = DATA / "weights" / "enet" / "ENet_default_camvid_921e40c.pth"

pytestmark = [pytest.mark.camvid, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    "gpus", [pytest.param("", marks=pytest.mark.slow), pytest.param("0", marks=pytest.mark.gpu)], ids=["cpu", "gpu"]
)
def test_enet__real_weights_give_the_published_miou_on_camvid(
    tmp_path: Path, gpus: str, request: pytest.FixtureRequest
) -> None:
    """Its author's code gives mIoU 65.54, class average 79.66, accuracy 92.34 on these 101 pictures, void ignored."""
    if gpus:
        request.getfixturevalue("gpu")
    if not (WEIGHTS.is_file() and (DATA / "camvid").is_dir()):
        pytest.skip("the ENet weights and CamVid are not beside the project (../shared/data)")
    settings = Settings(home=tmp_path / "home", port=0, poll_seconds=0.05, min_free_mib=0)
    server = LiveServer(settings)
    server.start()
    try:
        command = ["weights", "import", str(WEIGHTS), "--network", "enet", "--name", "enet", "--classes", "camvid"]
        command += ["--outputs", "12", "--size", "480x360", "--home", str(settings.home)]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        record = load_description(settings.home / "weights" / "enet_ep-0001.params", verify=True)
        assert (record.num_classes, [c.train_id for c in record.classes]) == (12, list(range(11)))
        mapping = record.training["mapping"]
        assert isinstance(mapping, dict)
        assert {name: len(rows) for name, rows in mapping.items() if isinstance(rows, list)} == {
            "taken": 554, "renamed": 554, "reshaped": 0, "skipped": 0, "missing": 0, "unused": 0, "apart": 0,
        }  # fmt: skip
        pictures = settings.home / "val"
        shutil.copytree(DATA / "camvid" / "val", pictures)
        shutil.copytree(DATA / "camvid" / "valannot", pictures, dirs_exist_ok=True)
        client = server.client()
        sent = {"dicts": {"weights": ["enet_ep-0001.params"]}, "type": "full", "sour_dir": "val", "dest_dir": "out"}
        answer = client.post("/starteva", json={**sent, "gpus": gpus, "single_gpu": 1}).json()
        row = server.wait("/eva_rate", answer["data"], client=client, seconds=500)
        assert row["state"] == "succeeded", row
        (model,) = row["report"]
        assert model["labelled_pictures"] == 101
        assert 100 * model["miou"] == pytest.approx(65.54, abs=0.05)
        assert 100 * model["class_accuracy"] == pytest.approx(79.66, abs=0.05)
        assert 100 * model["pixel_accuracy"] == pytest.approx(92.34, abs=0.05)
    finally:
        server.close()
