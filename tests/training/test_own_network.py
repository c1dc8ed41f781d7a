"""The worked example of docs/networks.md: taken out of the page, checked, and trained for one step."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from roadloop.jobs import queue
from roadloop.networks.api import routes
from roadloop.storage.platform import Platform

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str) -> list[str]:
    """The files that a page shows: network.py, train.json, data.json."""
    return re.findall(r"```(?:python|json)\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def test_example__is_the_same_in_both_languages() -> None:
    assert len(blocks("networks.md")) == 3
    assert blocks("networks.md") == blocks("networks.zh.md")


def test_example__is_checked_and_trains_one_step(site: Any, run_job: Callable[[Platform, str], queue.Job]) -> None:
    site.client.app.include_router(routes(site.platform))
    folder = site.platform.workspace.networks / "lane_net"
    folder.mkdir()
    for name, text in zip(("network.py", "train.json", "data.json"), blocks("networks.md"), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    checked = run_job(site.platform, site.call("/v1/networks", network_name="lane_net")["data"])
    assert (checked.state, checked.reason) == ("succeeded", None)
    assert checked.result is not None
    said = f"{checked.result['parameters']:,}", f"{checked.result['multiply_adds'] / 1e9:.2f} G"
    for page in ("networks.md", "networks.zh.md"):
        assert all(fact in (DOCS / page).read_text(encoding="utf-8") for fact in said), said
    task = site.call("/create_train", train_name="lanes", network="lane_net", data="20180727")["data"]
    small = {"num_epoch": 1, "train_con": {"log_every": 1}, "data_con": {"crop": [32, 48]}}
    site.call("/starttask", task_id=task, **small)
    job = run_job(site.platform, task)
    assert (job.state, job.reason) == ("succeeded", None)
    steps = site.get(f"/v1/tasks/{task}/metrics")["data"]["steps"]
    assert [math.isfinite(step["loss"]) for step in steps] == [True]
    used = json.loads((site.folder("lanes") / "conf" / "train.json").read_text(encoding="utf-8"))
    wanted = json.loads(blocks("networks.md")[1])
    assert {key: used[key] for key in wanted} == wanted
