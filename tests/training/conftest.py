"""A tiny dataset of synthetic pictures, a tiny network, and a reporter made of lists."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from roadloop.datasets.info import DATASET, SPLITS, ClassCount, DatasetInfo, Shard
from roadloop.datasets.shards import Row, checksum, writing_shard
from roadloop.datasets.store import datasets
from roadloop.errors import Text
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.jobs import queue
from roadloop.labels.label_map import LabelMap, MapEntry
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.networks.folder import digest
from roadloop.networks.store import networks
from roadloop.storage import publish
from roadloop.storage.platform import Platform
from roadloop.training import checkpoint, engine
from roadloop.training.group import Group
from roadloop.training.recipe import DataConfig, Named, TrainConfig, TrainingRecipe
from roadloop.training.work import Work

TABLE = ClassTable(
    "tiny",
    (
        LabelClass(0, "void", "未知", (0, 0, 0), 255),
        LabelClass(7, "road", "道路", (128, 64, 128), 0),
        LabelClass(23, "sky", "天空", (70, 130, 180), 1),
        LabelClass(24, "left edge", "左侧边缘", (255, 0, 0), 255),
        LabelClass(25, "right edge", "右侧边缘", (0, 255, 0), 255),
    ),
)

#: Three convolutions with batch norm and dropout: everything that has a state of its own.
NETWORK = '''"""A tiny network."""

from torch import nn


def build(num_classes, width=8, dropout=0.1):
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Dropout2d(dropout),
        nn.Conv2d(width, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, num_classes, 1),
    )
'''


def scene(rng: np.random.Generator, height: int = 32, width: int = 48) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A road under a sky, the horizon somewhere in the middle, with noise; and its raw ids."""
    horizon = int(rng.integers(height // 4, 3 * height // 4))
    ids = np.full((height, width), 7, np.uint8)
    ids[:horizon] = 23
    ids[:, :2] = 0
    color = {0: (0, 0, 0), 7: (90, 90, 95), 23: (120, 150, 210)}
    image = np.zeros((height, width, 3), np.float64)
    for raw, value in color.items():
        image[ids == raw] = value
    image += rng.normal(0, 25, image.shape)
    return image.clip(0, 255).astype(np.uint8), ids


WriteDataset = Callable[..., DatasetInfo]


@pytest.fixture
def write_dataset() -> WriteDataset:
    """Write a dataset folder of synthetic pictures: `write(folder, train=8, val=3)`."""

    def write(folder: Path, *, seed: int = 0, mixed: bool = False, **counts: int) -> DatasetInfo:
        counts = {"train": 8, "val": 3, "test": 0} | counts
        rng = np.random.default_rng(seed)
        folder.mkdir(parents=True)
        shards: dict[str, tuple[Shard, ...]] = {}
        statistics: dict[str, dict[int, ClassCount]] = {}
        number = 0
        for split in SPLITS:
            pixels: dict[int, int] = {}
            names = []
            file = f"{split}-00000.arrow"
            with writing_shard(folder / file) as shard:
                for _ in range(counts[split]):
                    size = (32 + 8 * (number % 3), 48 - 4 * (number % 2)) if mixed else (32, 48)
                    image, ids = scene(rng, *size)
                    for raw, n in zip(*np.unique(ids, return_counts=True), strict=True):
                        pixels[int(raw)] = pixels.get(int(raw), 0) + int(n)
                    names.append(f"1/图_{number:04d}")
                    shard.add(_row(names[-1], image, ids))
                    number += 1
            shards[split] = (Shard(file, counts[split]),) if counts[split] else ()
            statistics[split] = {raw: ClassCount(n, 1, 1) for raw, n in pixels.items()}
            publish.write_text(folder / "splits" / f"{split}.txt", "".join(f"{n}\n" for n in names))
        info = DatasetInfo(
            name=folder.name, table=TABLE, data_type="all", base_data="", sources=("s",),
            shares={"train": 0.7, "val": 0.3, "test": 0.0}, split_by="track", seed=0, counts=counts,
            tracks=dict.fromkeys(SPLITS, 1), statistics=statistics, sizes={"48x32": number}, leaks=(), identical=0,
            bad=0, unknown_pixels=0, all_ignored=0, warnings=(), shards=shards, digest=f"{seed:064d}",
        )  # fmt: skip
        publish.write_json(folder / DATASET, info.to_json())
        return info

    return write


def _row(name: str, image: NDArray[np.uint8], ids: NDArray[np.uint8]) -> Row:
    package, stem = name.split("/")
    picture, label = encode_color(image), encode_label(ids)
    return Row(
        name=name, source="s", package=package, stem=stem, track="t", point=stem, city="苏州",
        width=image.shape[1], height=image.shape[0], image=picture, image_format="png",
        label=label, image_sha256="0" * 64, label_sha256="0" * 64, crc32=checksum(name, picture, label),
    )  # fmt: skip


def make_recipe(info: DatasetInfo, source: str = NETWORK, *, gpus: str = "", **values: Any) -> TrainingRecipe:
    """A complete recipe; keys of `data_con` and of `train_con` as keywords."""
    label_map = LabelMap({7: MapEntry(0, "road", "道路"), 23: MapEntry(1, "sky", "天空"), 0: MapEntry(255, "v", "v")})
    data = {"crop": (24, 32), "flip_pairs": ()} | {k: v for k, v in values.items() if k in DataConfig.model_fields}
    train = {
        "num_classes": 2, "num_epoch": 2, "batch_size": 3, "base_lr": 0.05, "class_weights": (1.0, 1.0),
        "log_every": 1, "model": "模型",
    } | {k: v for k, v in values.items() if k in TrainConfig.model_fields}  # fmt: skip
    return TrainingRecipe(
        task="任务", dataset=Named(name=info.name, digest=info.digest), network=Named(name="net", digest=digest(source)),
        start_weights=None, label_map=label_map.to_json(), gpus=gpus, train=TrainConfig.model_validate(train),
        data=DataConfig.model_validate(data),
    )  # fmt: skip


def make_work(path: Path, info: DatasetInfo, source: str, task: str, mlflow_url: str = "", **values: Any) -> Work:
    """A piece of work in folders under `path`, where the dataset stands."""
    return Work(
        recipe=make_recipe(info, source, **values),
        source=source,
        dataset=path / info.name,
        base_dataset=None,
        task=path / task,
        threads=1,
        loaders=0,
        mlflow_url=mlflow_url,
    )


class Notes:
    """A reporter made of lists. Asks to stop after `stop_after` steps."""

    def __init__(self, attempt: int = 1, stop_after: int | None = None) -> None:
        self.attempt = attempt
        self.stop_after = stop_after
        self.lines: list[str] = []
        self.warnings: list[Text] = []
        self.memo: dict[str, Any] = {}
        self.asked = 0
        self.points: list[str] = []
        self.finished: bool | None = None
        self.shares: list[float] = []

    def log(self, line: str) -> None:
        self.lines.append(line)

    def progress(self, done: float, total: float, note: Text | None = None) -> None:
        self.shares.append(done / total)
        self.note = note

    def warn(self, text: Text) -> None:
        self.warnings.append(text)

    def should_stop(self) -> bool:
        self.asked += 1
        return self.stop_after is not None and self.asked >= self.stop_after

    def reach(self, point: str) -> None:
        self.points.append(point)

    def scratch(self, target: Path) -> Path:
        return target.parent / f".{target.name}.{self.attempt}{publish.PARTIAL}"

    def publish(self, moves: Sequence[tuple[Path, Path]], memo: Mapping[str, Any] | None = None) -> None:
        self.memo |= dict(memo or {})
        for scratch, target in moves:
            publish.move(scratch, target)


@dataclass
class Bench:
    """Runs the engine in this process, in folders under `path`, on the synthetic dataset `数据`."""

    path: Path
    info: DatasetInfo

    def work(self, task: str = "任务", source: str = NETWORK, **values: Any) -> Work:
        """A piece of work; keys of `train_con` and `data_con` as keywords."""
        return make_work(self.path, self.info, source, task, **values)

    def notes(self, attempt: int = 1, stop_after: int | None = None) -> Notes:
        """A reporter made of lists."""
        return Notes(attempt, stop_after)

    def run(self, work: Work, notes: Notes | None = None) -> Notes:
        """Run the engine; returns what it reported."""
        notes = notes or Notes()
        notes.finished = engine.run(work, Group(torch.device("cpu")), notes)
        return notes

    def outcome(self, work: Work) -> dict[str, str]:
        """sha256 of everything that a finished run leaves: last checkpoint, curves, model files."""
        last = checkpoint.listed(work.checkpoints)[-1]
        models = sorted(path for path in work.results.iterdir() if path.name[0] != ".")
        paths = [last / checkpoint.TENSORS, last / checkpoint.METRICS, work.metrics, *models]
        return {path.name: publish.sha256_file(path) for path in paths}

    def lines(self, work: Work) -> list[dict[str, Any]]:
        """The lines of its curves."""
        return [json.loads(line) for line in work.metrics.read_text().splitlines()]


@pytest.fixture
def bench(tmp_path: Path, write_dataset: WriteDataset) -> Bench:
    """Eight pictures to train on and three to validate."""
    return Bench(tmp_path, write_dataset(tmp_path / "数据"))


@dataclass
class Site:
    """A workspace with a finished dataset `20180727` and a finished network `c_network`, and its training API."""

    platform: Platform
    client: TestClient

    def call(self, path: str, status: int = 200, **values: Any) -> Any:
        """POST JSON and return the reply."""
        reply = self.client.post(path, json=values)
        assert reply.status_code == status, reply.text
        return reply.json()

    def get(self, path: str, status: int = 200, **values: Any) -> Any:
        """GET with a query and return the reply."""
        reply = self.client.get(path, params=values)
        assert reply.status_code == status, reply.text
        return reply.json()

    def create(self, name: str = "suzhou", **values: Any) -> str:
        """Create a training task."""
        reply = self.call("/create_train", train_name=name, network="c_network", data="20180727", **values)
        return str(reply["data"])

    def row(self, task_id: str) -> dict[str, Any]:
        """A task's history row."""
        return dict(self.call("/train_history", task_id=task_id)["data"])

    def folder(self, name: str = "suzhou") -> Path:
        """A task's folder."""
        return self.platform.workspace.tasks / name


def finished_job(platform: Platform, kind: str, name: str) -> str:
    """A job that has succeeded."""
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission(kind=kind, payload={}, title=name))
        db.execute(queue.jobs.update().where(queue.jobs.c.id == task_id).values(state="succeeded"))
    return task_id


def add_network(platform: Platform, name: str = "c_network", source: str = NETWORK) -> None:
    """A finished network."""
    folder = platform.workspace.networks / name
    publish.write_text(folder / "network.py", source)
    publish.write_json(folder / "train.json", {"optimizer": "sgd", "class_weighting": "none"})
    publish.write_json(folder / "data.json", {"mean": [0.4, 0.4, 0.4], "std": [0.25, 0.25, 0.25]})
    task_id = finished_job(platform, "create_net", name)
    row = {"task_id": task_id, "name": name, "template": "enet", "description": "神经网络", "live": True}
    with platform.database.transaction() as db:
        db.execute(networks.insert().values(**row))


def add_dataset(platform: Platform, write: WriteDataset, name: str = "20180727", **counts: int) -> DatasetInfo:
    """A finished dataset."""
    info = write(platform.workspace.datasets / name, **counts)
    row = {"name": name, "description": "苏州数据", "data_type": "all", "sour_data": "s"}
    shares = {"train": 0.7, "val": 0.3, "test": 0.0}
    task_id = finished_job(platform, "create_data", name)
    with platform.database.transaction() as db:
        db.execute(datasets.insert().values(task_id=task_id, live=True, **row, **shares))
    return info


@pytest.fixture
def site(platform: Platform, write_dataset: WriteDataset, client: TestClient) -> Site:
    """A workspace ready to train in."""
    add_network(platform)
    add_dataset(platform, write_dataset)
    return Site(platform, client)
