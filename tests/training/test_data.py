"""From shards to batches: what is kept decoded changes nothing."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from roadloop.datasets.reader import DatasetReader
from roadloop.labels.label_map import LabelMap
from roadloop.training.augment import Augmentation
from roadloop.training.data import Batch, Sampling, TrainingSamples, Waiting, read_ahead
from roadloop.training.sampler import BatchPlan

PICTURE = 32 * 48 * 4  # bytes of a decoded picture and its label


class Counted:
    """A split that notes what is read from it."""

    def __init__(self, pictures: Any) -> None:
        self.pictures = pictures
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.pictures)

    def encoded(self, index: int) -> Any:
        self.read.append(index)
        return self.pictures.encoded(index)


def batches_of(work: Any, keep: int, workers: int = 0) -> tuple[list[Batch], list[int]]:
    """The batches of three epochs of eight pictures, and which pictures were read for them."""
    counted: Any = Counted(DatasetReader(work.dataset).split("train"))
    sampling = Sampling(counted, LabelMap.from_json(work.recipe.label_map).lut())
    samples = TrainingSamples(sampling, Augmentation(work.recipe.data, (1, 1)), 5, keep)
    plan = BatchPlan(8, 4, 3, 5).from_step(0)
    return list(read_ahead(samples, plan, workers, pin=False)), counted.read


@pytest.mark.parametrize(("keep", "reads"), [(0, 24), (3 * PICTURE + 5, 3 + 3 * 5), (8 * PICTURE, 8)])
def test_read_ahead__kept_pictures_are_read_once_and_give_the_same_samples(bench: Any, keep: int, reads: int) -> None:
    work = bench.work(rare_class_share=0.5, rotate=10)
    plain, _ = batches_of(work, 0)
    kept, read = batches_of(work, keep)
    assert len(read) == reads
    for a, b in zip(plain, kept, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.targets, b.targets)
        assert a.names == b.names


def test_read_ahead__loader_processes_keep_pictures_too(bench: Any) -> None:
    work = bench.work()
    plain, _ = batches_of(work, 0)
    kept, _ = batches_of(work, 8 * PICTURE, workers=2)
    assert all(torch.equal(a.images, b.images) for a, b in zip(plain, kept, strict=True))


def test_waiting__counts_the_loader_and_not_the_loop() -> None:
    def slow() -> Iterator[Batch]:
        for name in ("a", "b"):
            time.sleep(0.05)
            yield Batch(torch.zeros(0), torch.zeros(0), [name], [])

    waiting = Waiting()
    names = []
    for batch in waiting.timed(slow()):
        names += batch.names
        time.sleep(0.3)
    assert names == ["a", "b"]
    assert 0.1 <= waiting.seconds < 0.4


def test_training_samples__broken_pictures_are_not_kept(bench: Any, tmp_path: Path) -> None:
    class Damaged:
        def __len__(self) -> int:
            return 1

        def encoded(self, index: int) -> Any:
            return (
                DatasetReader(tmp_path / "数据")
                .split("train")
                .encoded(index)
                ._replace(image=memoryview(b"\xff\xd8\xff"))
            )

    damaged: Any = Damaged()
    sampling = Sampling(damaged, np.arange(256, dtype=np.uint8))
    samples = TrainingSamples(sampling, Augmentation(bench.work().recipe.data, (1, 1)), 0, 10**9)
    for _ in range(2):
        plan = BatchPlan(1, 1, 1, 0).from_step(0)
        (batch,) = read_ahead(samples, plan, 0, pin=False)
        assert batch.broken == batch.names == ["1/图_0000"]
        assert (batch.targets == 255).all()
