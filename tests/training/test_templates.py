"""Every shipped network, from /create_net to a finished training by its own recipe, over HTTP."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roadloop.jobs import queue
from roadloop.networks import folder
from roadloop.networks.api import routes
from roadloop.storage.platform import Platform
from shipped_templates import NAMES, WIDTHS

RunJob = Callable[[Platform, str], queue.Job]
WIDTH = "width: float = 1.0"


@pytest.fixture
def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped templates, as `build` would make them narrow by itself."""
    place = tmp_path / "templates"
    for name, width in WIDTHS.items():
        shutil.copytree(folder.TEMPLATES / name, place / name)
        source = folder.read_source(place / name)
        assert source.count(WIDTH) == 1
        (place / name / folder.SOURCE).write_text(source.replace(WIDTH, f"width: float = {width}"), encoding="utf-8")
    monkeypatch.setattr(folder, "TEMPLATES", place)
    return place


@pytest.mark.parametrize("name", NAMES)
def test_template__is_created_and_trains_by_its_recipe(site: Any, run_job: RunJob, narrow: Path, name: str) -> None:
    if name == "segformer":
        pytest.importorskip("transformers", reason="SegFormer needs transformers, which make setup installs")
    site.client.app.include_router(routes(site.platform))
    created = site.call("/create_net", network_name="net", src_net=name, net_describe="")
    assert run_job(site.platform, created["data"]).state == "succeeded"
    task = site.call("/create_train", train_name="t", network="net", data="20180727")["data"]
    small = {"num_epoch": 1, "batch_size": 4}
    site.call("/starttask", task_id=task, train_con={"log_every": 1}, data_con={"crop": [32, 48]}, **small)
    job = run_job(site.platform, task)
    assert (job.state, job.reason, job.warnings) == ("succeeded", None, ())
    conf = site.folder("t") / "conf"
    for file in (folder.TRAIN, folder.DATA):
        wanted = folder.read_defaults(narrow / name, file) | (small if file == folder.TRAIN else {})
        used = json.loads((conf / file).read_text(encoding="utf-8"))
        assert {key: used[key] for key in wanted} == wanted
    steps = site.get(f"/v1/tasks/{task}/metrics")["data"]["steps"]
    assert len(steps) == 2
    assert all(math.isfinite(step["loss"]) for step in steps)
