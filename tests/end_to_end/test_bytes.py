"""What a round of the loop leaves, byte for byte, against the sums that were recorded before the code was put in order.

Formats outlive the code that writes them: a dataset's digest, a package that is out, a model file, a set that others build
upon. `bytes.json` holds the sha256 of each file that one small round writes, by what it belongs to; they were recorded at
the commit before issue 12. Only what holds on every processor is in it: no sum of many floats. The training learns at a
rate that moves no weight, so that its model file is what the seed draws; `tests/training/test_golden.py` holds what is
learnt. Pictures drawn for people, reports with times or task ids, and ONNX files (PyTorch writes its own path into
them) are left out.

A difference means that files of others have changed, too, or that a library (an encoder) writes others. If that is meant,
say so in a decision (docs/decisions) and in the changelog, and record anew:

    .venv/bin/python -m pytest -n 0 tests/end_to_end/test_bytes.py --write-sums
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import import_folders
from in_process import Caller
from mining_data import scene, write_drives, write_network
from package_data import annotate, mask, write_images
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.platform import Platform

SUMS = Path(__file__).parent / "bytes.json"
TABLE = ClassTable(
    "colours",
    (
        LabelClass(10, "red", "红", (255, 0, 0), 0),
        LabelClass(20, "green", "绿", (0, 255, 0), 1),
        LabelClass(30, "blue", "蓝", (0, 0, 255), 2),
    ),
)
#: Draws its weights as whole numbers, which every processor draws alike, and none of them 0.
NETWORK = """import torch
from torch import nn


def build(num_classes):
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, num_classes, 1))
    for weights in net.parameters():
        weights.data = torch.randint(1, 64, weights.shape) / 512
    return net
"""
MODEL = "kd_ep-0001.params"
#: What it belongs to -> files of the workspace.
LEFT: Mapping[str, tuple[str, ...]] = {
    "class table": ("sources/苏州/classes.csv", "datasets/d/classes.csv", "packages/v1/1/classes.csv"),
    "import": ("sources/苏州/**/*",),
    "dataset": ("datasets/d/**/*",),
    "increment": ("datasets/d2/**/*",),
    "training": ("tasks/t/conf/*", "tasks/t/output/models/*"),
    "evaluation": ("out/kd/*/id/**/*", "out/kd/*/color/**/*"),
    "sampling": ("images/random/*.jpg", "images/random/*.csv", "images/random/random.txt"),
    "mining": ("images/mined/*.jpg", "images/mined/mined.txt", "images/mined/control.txt"),
    "packages": ("packages/**/*",),
    "labels": ("sources/lane-aug-*/**/*",),
}

Post = Callable[..., str]


@pytest.fixture
def post(platform: Platform, run_job: Callable[[Platform, str], queue.Job]) -> Iterator[Post]:
    """Call an endpoint and run the job that it queues; its task id."""
    with Caller(platform) as caller:

        def call(path: str, **values: Any) -> str:
            reply = caller("POST", path, values)
            assert reply.status == 200, reply.value
            task_id: str = reply.value["data"]
            with platform.database.reading() as db:
                queued = queue.get(db, task_id).state is JobState.QUEUED if path != "/create_train" else False
            if queued:
                job = run_job(platform, task_id)
                assert job.state is JobState.SUCCEEDED, (job.reason, job.error)
            return task_id

        yield call


def write_set(platform: Platform) -> None:
    """Source set 色: three tracks of two pictures, with one wrong square in each label."""
    with writing_set(platform.workspace, "色", TABLE) as writer:
        for n in range(6):
            image = scene(50 + n, 2 * n, (10, 10, 230))
            label = np.where(image[..., 0] > 128, 10, np.where(image[..., 1] > 128, 20, 30)).astype(np.uint8)
            label[20:40, 20:40] = 20
            writer.add(NewSample("1", f"c{n // 2}_{n:03d}", encode_color(image), encode_label(label)))


def go_round(platform: Platform, post: Post) -> None:
    """The loop once, everything tiny."""
    workspace = platform.workspace
    write_set(platform)
    import_folders.plain(workspace.imports / "in")
    post("/offimport", src="imports/in", dest="苏州", author="张三", city="苏州")
    post("/create_data", data_name="d", sour_data="色", train=0.5, val=0.5, thread=1, seed=7)
    post("/create_data", data_name="d2", sour_data="色", base_data="d", filter={"picture": ["c0_000"]}, thread=1)
    learn(platform, post)

    write_network(workspace.tasks / "kd" / "output" / "models", training={"best_so_far": True})
    write_drives(platform, tracks=3, frames=5)
    post("/starteva", dicts={"kd": [MODEL]}, sour_dir="sources/色", dest_dir="out")
    post("/sam_value", ratio="20%", track_file="tracks.txt", seed=5, output_dir="images/random")
    post(
        "/sele_value", ratio="3", track_file="tracks.txt", weights_dir="kd", classes="blue", control=2,
        output_dir="images/mined",
    )  # fmt: skip

    write_images(platform, "v1", [f"a_{n}.png" for n in range(3)])
    write_images(platform, "v2", [f"b_{n}.png" for n in range(3)], 64, 64)
    post("/task_divide", version="v1", step=2, types="remote")
    post("/task_divide", version="v2", step=2, overlap="1", gold="1", gold_set="色", seed=5, pre_model=f"kd/{MODEL}")
    for number in (1, 2):
        annotate(platform, "v1", number, lambda stem: mask(ord(stem[-1])))
    post("/process_label", version="v1", types="remote")


def learn(platform: Platform, post: Post) -> None:
    """Train task t, whose weights stay as they were drawn."""
    network = platform.workspace.networks / "n"
    network.mkdir()
    (network / "network.py").write_text(NETWORK)
    (network / "train.json").write_text(json.dumps({"optimizer": "sgd", "class_weighting": "none"}))
    (network / "data.json").write_text(json.dumps({"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}))
    post("/v1/networks", network_name="n")
    task_id = post("/create_train", train_name="t", network="n", data="d")
    threads = torch.get_num_threads()
    try:
        post("/starttask", task_id=task_id, num_epoch=1, batch_size=2, base_lr=1e-30, data_con={"crop": [32, 32]})
    finally:
        torch.set_num_threads(threads)


def sums(home: Path) -> dict[str, dict[str, str]]:
    """The sha256 of every file of `LEFT`, by its name; a date in a folder's name counts for nothing."""
    found: dict[str, dict[str, str]] = {}
    for part, patterns in LEFT.items():
        paths = sorted(path for pattern in patterns for path in home.glob(pattern) if path.is_file())
        found[part] = {undated(path.relative_to(home)): hashlib.sha256(timeless(path)).hexdigest() for path in paths}
    return found


def undated(path: Path) -> str:
    first, second, *rest = path.parts
    return "/".join((first, second.rstrip("0123456789"), *rest)) if "-aug-" in second else path.as_posix()


def timeless(path: Path) -> bytes:
    """The file's bytes; of a model's description without what was measured, whose last digits are the processor's."""
    data = path.read_bytes()
    if path.parent.name == "models" and path.suffix == ".json":
        described = json.loads(data)
        del described["training"]
        return json.dumps(described, ensure_ascii=False, indent=1).encode()
    return data


def test_files__are_those_that_were_recorded(platform: Platform, post: Post, request: pytest.FixtureRequest) -> None:
    go_round(platform, post)
    found = sums(platform.workspace.home)
    assert all(found.values()), [part for part, files in found.items() if not files]
    if request.config.getoption("--write-sums"):
        SUMS.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    recorded = json.loads(SUMS.read_text())
    assert found.keys() == recorded.keys()
    changed = [
        f"{part}: {name}"
        for part, files in recorded.items()
        for name in sorted(files.keys() | found[part].keys())
        if files.get(name) != found[part].get(name)
    ]
    assert not changed, "other bytes than were recorded; say so in a decision, then --write-sums"
