"""Carrying many pictures through a network: read, predict and write at the same time, in constant memory.

Threads read and decode ahead, pictures of one size form a batch, each device (or group of CPU cores) predicts
batches with all models, and threads encode and write. Every stage has a bounded window, so neither a million pictures
nor a slow disk fills the memory.
"""

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import cv2
import torch

from roadloop.models.prediction import UInt8
from roadloop.storage.ahead import in_order, threads

A = TypeVar("A")
P = TypeVar("P")
L = TypeVar("L")
V = TypeVar("V")
R = TypeVar("R")

CODEC_THREADS: Final = 4  #: threads that decode, and as many that encode, for each device

Model = Callable[[Sequence[UInt8]], list[V]]  # pictures of one size to what is made of each; a `Predictor` is one


def devices(gpus: Sequence[str], threads: int) -> list[torch.device]:
    """Where to predict: each leased GPU, or the CPU once for each thread.

    Batches on single threads use CPU cores better than one batch on all of them, and do not suffer when other
    processes are busy.
    """
    if gpus:
        return [torch.device("cuda", i) for i in range(len(gpus))]
    return [torch.device("cpu")] * max(1, threads)


@dataclass(frozen=True)
class Stages(Generic[P, L, V, R]):
    """What to do with a picture P: load it to L (None leaves it out), predict L's image to V, finish to R."""

    load: Callable[[P], L | None]
    image: Callable[[L], UInt8]
    finish: Callable[[L, list[V]], R]


def run(
    pictures: Iterable[P], stages: Stages[P, L, V, R], predictors: Sequence[Sequence[Model[V]]], batch: int
) -> Iterator[R]:
    """Carry pictures through all stages, several at a time.

    Args:
        pictures: What to predict, in any number.
        stages: How a picture is loaded and finished; called from several threads.
        predictors: For each device the models on it, all in the same order.
        batch: Pictures of one size predicted at once on one device.

    Yields:
        What `finish` returned, about in the order of the pictures.
    """
    free: queue.SimpleQueue[Sequence[Model[V]]] = queue.SimpleQueue()
    for models in predictors:
        free.put(models)

    def predict(loaded: list[L]) -> list[tuple[L, list[V]]]:
        models = free.get()
        try:
            images = [stages.image(one) for one in loaded]
            by_model = [model(images) for model in models]
        finally:
            free.put(models)
        return [(one, [ids[i] for ids in by_model]) for i, one in enumerate(loaded)]

    width = len(predictors)
    codecs = min(CODEC_THREADS * width, 32)
    with (
        threads(codecs, "read") as readers,
        threads(width, "predict", _one_thread) as workers,
        threads(codecs, "write") as writers,
    ):
        loaded = (one for one in in_order(readers, stages.load, pictures, codecs + width * batch) if one is not None)
        batches = _grouped(loaded, lambda one: stages.image(one).shape[:2], batch, limit=4 * width * batch)
        predicted = (pair for pairs in in_order(workers, predict, batches, width + 1) for pair in pairs)
        yield from in_order(writers, lambda pair: stages.finish(*pair), predicted, codecs + batch)


def _one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)  # resizing logits is OpenCV's


def _grouped(items: Iterable[A], key: Callable[[A], Any], size: int, *, limit: int) -> Iterator[list[A]]:
    """Lists of up to `size` items of one key; when more than `limit` wait, the longest list goes as it is."""
    groups: dict[Any, list[A]] = {}
    waiting = 0
    for item in items:
        group = groups.setdefault(key(item), [])
        group.append(item)
        waiting += 1
        if len(group) < size and waiting > limit:
            group = max(groups.values(), key=len)
        if len(group) >= size or waiting > limit:
            waiting -= len(group)
            yield groups.pop(key(group[0]))
    yield from groups.values()
