"""Jobs on a real GPU over HTTP: the list shows it, a training leases it, another waits, evaluations predict on it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
import torch

from live import ENDED, LiveServer
from roadloop.demo.write import Drives, write_source_set
from roadloop.evaluation.outputs import ID
from roadloop.imaging.decode import decode_label
from roadloop.settings import Settings
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(420)]


@pytest.fixture
def server(gpu: torch.device, tmp_path: Path) -> Iterator[LiveServer]:
    """A server as users have it, on four synthetic drives."""
    settings = Settings(home=tmp_path / "home", port=0, poll_seconds=0.05, min_free_mib=0)
    platform = open_platform(settings, upgrade=True)
    write_source_set(platform.workspace, "drives", [Drives("suzhou", range(4), 4, size=(192, 128))], processes=1)
    platform.database.close()
    live = LiveServer(settings)
    live.start()
    yield live
    live.close()


def post(client: httpx.Client, path: str, **values: Any) -> Any:
    answer = client.post(path, json=values)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def card(client: httpx.Client) -> dict[str, Any]:
    """GPU 0 as /gups_info shows it."""
    return next(row for row in client.get("/gups_info").json()["data"] if row["id"] == 0)


def start(client: httpx.Client, name: str) -> str:
    task: str = post(client, "/create_train", train_name=name, network="net", data="d", task_desc="")
    settings = {"network_settings": {"width": 0.5}, "optimizer": "adamw", "memory_format": "auto"}
    post(
        client, "/starttask", task_id=task, num_classes=13, num_epoch=20, batch_size=4, base_lr=0.003, gpus="0",
        model=name, steps="", weights="", data_type="all", train_con=settings, data_con={"crop": [128, 192]},
    )  # fmt: skip
    return task


def test_training__leases_the_gpu_and_evaluations_give_the_cpu_s_labels(server: LiveServer, gpu: torch.device) -> None:
    client = server.client()
    free = card(client)
    assert free["name"] == torch.cuda.get_device_name(gpu)
    assert free["totalMemory"] == pytest.approx(torch.cuda.mem_get_info(gpu)[1] / 2**20, rel=0.05)
    assert (free["isLock"], free["job"]) == (False, None)
    post(client, "/create_net", network_name="net", src_net="fast-scnn", net_describe="")
    made = post(client, "/create_data", data_name="d", sour_data="drives", train=0.5, val=0.5, test=0, l_value=1)
    server.wait("/data_history", made, client=client)
    first, second = start(client, "first"), start(client, "second")

    held, waited = set(), False
    deadline = time.monotonic() + 240
    while True:
        held.add((card(client)["isLock"], card(client)["job"]))
        rows = [post(client, "/train_history", task_id=task) for task in (first, second)]
        waited = waited or (rows[0]["state"] == "running" and "using" in str(rows[1]["reason"]))
        if all(row["state"] in ENDED for row in rows):
            break
        assert time.monotonic() < deadline, rows
        time.sleep(0.2)
    assert [row["state"] for row in rows] == ["succeeded"] * 2, rows
    assert {(True, first), (True, second)} <= held
    assert waited
    assert (card(client)["isLock"], card(client)["job"]) == (False, None)

    losses = [row["loss"] for row in client.get(f"/v1/tasks/{first}/metrics").json()["data"]["epochs"]]
    assert losses[-1] < losses[0]
    model = next(name for name in client.get("/model").json()["data"]["first"] if name.endswith(".params"))
    for place, gpus in (("on-gpu", "0"), ("on-cpu", "")):
        sent = {"dicts": {"first": [model]}, "type": "full", "sour_dir": "dataset:d/val", "dest_dir": place}
        evaluation = post(client, "/starteva", **sent, gpus=gpus, single_gpu=4)
        row = server.wait("/eva_rate", evaluation, client=client)
        assert row["state"] == "succeeded", row
    on_cpu = sorted((server.home / "on-cpu").glob(f"first/*/{ID}/**/*.png"))
    assert len(on_cpu) == 8
    for path in on_cpu:
        other = server.home / "on-gpu" / path.relative_to(server.home / "on-cpu")
        assert np.mean(decode_label(path.read_bytes()) == decode_label(other.read_bytes())) >= 0.9999
