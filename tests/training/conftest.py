"""A tiny dataset of synthetic pictures, a tiny network, and a reporter made of lists."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from roadloop.datasets.info import DATASET, SPLITS, ClassCount, DatasetInfo, Shard
from roadloop.datasets.shards import Row, writing_shard
from roadloop.errors import Text
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.labels.label_map import LabelMap, MapEntry
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.networks.folder import digest
from roadloop.storage import publish
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
    return Row(
        name=name, source="s", package=package, stem=stem, track="t", point=stem, city="苏州",
        width=image.shape[1], height=image.shape[0], image=encode_color(image), image_format="png",
        label=encode_label(ids), image_sha256="0" * 64, label_sha256="0" * 64,
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


def make_work(tmp_path: Path, info: DatasetInfo, source: str = NETWORK, task: str = "任务", **values: Any) -> Work:
    """A piece of work in folders under `tmp_path`; the dataset stands in `tmp_path/<its name>`."""
    return Work(
        recipe=make_recipe(info, source, **values),
        source=source,
        dataset=tmp_path / info.name,
        base_dataset=None,
        task=tmp_path / task,
        threads=1,
        loaders=0,
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

    def scratch(self, target: Path) -> Path:
        return target.parent / f".{target.name}.{self.attempt}{publish.PARTIAL}"

    def publish(self, moves: Sequence[tuple[Path, Path]], memo: Mapping[str, Any] | None = None) -> None:
        self.memo |= dict(memo or {})
        for scratch, target in moves:
            publish.move(scratch, target)
