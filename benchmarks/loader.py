"""`python -m benchmarks loader`: training samples from shards against DataLoaders over a folder, and bare decoding."""

from collections.abc import Callable, Iterable, Sized
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import cv2
import numpy as np
import torch

from benchmarks.contest import Contender, Result, contest
from benchmarks.pictures import NAME, Choice, build, described, written
from benchmarks.scripts import opponent
from roadloop.datasets.info import DatasetInfo
from roadloop.datasets.reader import DatasetReader, Split
from roadloop.labels.label_map import default_map
from roadloop.storage.paths import Workspace
from roadloop.training.augment import Augmentation
from roadloop.training.configure import usual_crop
from roadloop.training.data import Sampling, TrainingSamples, read_ahead
from roadloop.training.recipe import DataConfig
from roadloop.training.sampler import BatchPlan

EVERYTHING: Final = 2**40  #: bytes to keep


def race(choice: Choice, rounds: int, batch_size: int = 8, *, magnify: bool = True) -> Result:
    """One epoch each, without loader processes: crop, mirroring and colours as by default, and magnification if asked."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with written(choice) as workspace:
        info = build(workspace, NAME, 1)
        label_map = default_map(info.table)
        crop, lut, folder = usual_crop(info.sizes), label_map.lut(), workspace.sources / NAME
        data = default_data(info) if magnify else default_data(info).model_copy(update={"scale": (1.0, 1.0)})
        samples = [make_samples(workspace, info, data, keep) for keep in (0, EVERYTHING)]
        plan = BatchPlan(info.counts["train"], batch_size, 1, 0)
        ours = [Contender(name, partial(pictures_of, s, plan)) for name, s in zip(OURS, samples, strict=True)]
        others = [
            Contender(name, partial(count, partial(opponent(module).loader, folder, crop, lut, plan.batch, data.scale)))
            for name, module in OPPONENTS.items()
        ]
        ceiling = Contender("decoding alone (libjpeg-turbo, zlib)", partial(decode_all, read_all(folder)))
        verified = Contender("", partial(verify_all, samples[0].sampling.pictures))
        *timings, verifying = contest([ours[0], *others, ceiling, ours[1], verified], rounds)
    magnified = "magnified {:g} to {:g} times".format(*data.scale) if magnify else "not magnified"
    title = f"Reading training samples, crop {crop[1]}x{crop[0]}, {magnified}: {described(choice, info)}"
    share = 100 * median(verifying.cpu) / median(timings[0].cpu)
    note = f"Finding a sample's bytes in its shard and comparing their checksum: {share:.1f} % of roadloop's CPU time."
    return Result(title, "samples", tuple(timings), (note,))


OURS: Final = ("roadloop", "roadloop, decoded pictures kept")
OPPONENTS: Final = {"DataLoader with Pillow": "pillow_loader", "DataLoader with OpenCV": "opencv_loader"}


def default_data(info: DatasetInfo) -> DataConfig:
    """What /starttask would make of the defaults."""
    return DataConfig(crop=usual_crop(info.sizes), flip_pairs=())


def make_samples(workspace: Workspace, info: DatasetInfo, data: DataConfig, keep: int) -> TrainingSamples:
    """Samples of the training split."""
    label_map = default_map(info.table)
    split = DatasetReader(workspace.datasets / info.name).split("train")
    return TrainingSamples(Sampling(split, label_map.lut()), Augmentation(data, ()), 0, keep)


def pictures_of(samples: TrainingSamples, plan: BatchPlan) -> int:
    """Make all samples of an epoch, and say how many they were."""
    return sum(len(batch.names) for batch in read_ahead(samples, plan.from_step(0), 0, pin=False))


def count(loader: Callable[[], Iterable[tuple[Sized, Any]]]) -> int:
    """Make all samples of an opponent, and say how many they were."""
    return sum(len(images) for images, _ in loader())


def verify_all(pictures: Split) -> int:
    """Find and verify the encoded bytes of all samples, and nothing else."""
    for index in range(len(pictures)):
        pictures.encoded(index)
    return len(pictures)


def read_all(folder: Path) -> list[tuple[Any, Any]]:
    """The encoded bytes of all pictures and labels, as arrays."""
    images = sorted(folder.rglob("*.jpg"))
    return [(read(image), read(image.with_suffix(".png"))) for image in images]


def read(path: Path) -> Any:
    """A file's bytes as an array."""
    return np.frombuffer(path.read_bytes(), np.uint8)


def decode_all(encoded: list[tuple[Any, Any]]) -> int:
    """Decode them, and nothing else."""
    for image, label in encoded:
        cv2.imdecode(image, cv2.IMREAD_COLOR)
        cv2.imdecode(label, cv2.IMREAD_UNCHANGED)
    return len(encoded)
