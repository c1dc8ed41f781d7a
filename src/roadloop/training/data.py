"""From packed samples to batches: decoded in loader processes, handed on as bytes, made floats on the device.

Legend: N pictures in a batch, H and W their pixels.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from roadloop.datasets.reader import Split
from roadloop.errors import BrokenFileError
from roadloop.imaging.decode import MAX_PIXELS, decode_image, decode_label
from roadloop.labels.table import IGNORE
from roadloop.training.augment import Augmentation, UInt8
from roadloop.training.sampler import Draw


class Batch(NamedTuple):
    """Some samples, still as bytes."""

    images: Tensor  #: uint8 [N, H, W, 3], RGB
    targets: Tensor  #: uint8 [N, H, W], train ids, 255 = ignore
    names: list[str]
    broken: list[str]  #: names of samples that could not be read; they are blank and teach nothing


@dataclass(frozen=True)
class Sampling:
    """How a split becomes samples.

    Attributes:
        pictures: The split.
        lut: uint8 [256], raw id -> train id.
        indices: Places in the split that are used, or None for all.
        max_pixels: Of the largest picture that is decoded.
    """

    pictures: Split
    lut: UInt8
    indices: Sequence[int] | None = None
    max_pixels: int = MAX_PIXELS

    def __len__(self) -> int:
        return len(self.pictures) if self.indices is None else len(self.indices)

    def decoded(self, index: int) -> tuple[str, UInt8, UInt8]:
        """Name, picture uint8 [H, W, 3] and train ids uint8 [H, W].

        Raises:
            BrokenFileError: The bytes are damaged.
        """
        packed = self.pictures.encoded(index if self.indices is None else self.indices[index])
        try:
            image, label = decode_image(packed.image, self.max_pixels), decode_label(packed.label, self.max_pixels)
        except BrokenFileError as error:
            raise BrokenFileError(error.text, name=packed.name) from error
        return packed.name, image, cv2.LUT(label, self.lut).astype(np.uint8, copy=False)


class TrainingSamples(Dataset[Batch]):
    """Augmented samples; the randomness of each comes from (seed, epoch, index) alone.

    Args:
        sampling: Of the training split.
        augmentation: What is done to each picture.
        seed: Of the run.
        keep: Bytes of decoded pictures that each process may keep. Those that come first stay: with a new order in
            every epoch, none is needed sooner than another. The samples are the same with any number.
    """

    def __init__(self, sampling: Sampling, augmentation: Augmentation, seed: int, keep: int = 0) -> None:
        self.sampling = sampling
        self._augmentation = augmentation
        self._seed = seed
        self._room = keep
        self._kept: dict[int, tuple[str, UInt8, UInt8]] = {}

    def __getitem__(self, draws: Sequence[Draw]) -> Batch:
        """The samples of one batch, each written where it lies in the batch; nothing is copied together later."""
        height, width = self._augmentation.crop
        images = torch.empty((len(draws), height, width, 3), dtype=torch.uint8)
        targets = torch.empty((len(draws), height, width), dtype=torch.uint8)
        names: list[str] = []
        broken: list[str] = []
        for draw, image, target in zip(draws, images, targets, strict=True):
            try:
                name, pixels, label = self._decoded(draw.picture)
            except BrokenFileError as error:
                name = _sample_of(error)
                broken.append(name)
                image.zero_()
                target.fill_(IGNORE)
            else:
                rng = np.random.default_rng((self._seed, draw.epoch, draw.picture))
                self._augmentation.apply(pixels, label, rng, out=(image.numpy(), target.numpy()))
            names.append(name)
        return Batch(images, targets, names, broken)

    def _decoded(self, picture: int) -> tuple[str, UInt8, UInt8]:
        kept = self._kept.get(picture)
        if kept is None:
            _name, image, label = kept = self.sampling.decoded(picture)
            size = image.nbytes + label.nbytes
            if size <= self._room:
                self._room -= size
                self._kept[picture] = kept
        return kept


class Waiting:
    """How long a loop has waited for its pictures.

    Attributes:
        seconds: In all, so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches; the time until each is there is counted."""
        while True:
            began = time.monotonic()
            batch = next(batches, None)
            self.seconds += time.monotonic() - began
            if batch is None:
                return
            yield batch


class WholePictures(Dataset[Batch]):
    """Pictures as they are, for validation."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling

    def __getitem__(self, index: int) -> Batch:
        """One picture as a batch of one."""
        broken: list[str] = []
        try:
            name, image, label = self._sampling.decoded(index)
        except BrokenFileError as error:
            name, image, label = _sample_of(error), np.zeros((32, 32, 3), np.uint8), np.full((32, 32), IGNORE, np.uint8)
            broken.append(name)
        images, targets = (torch.from_numpy(np.ascontiguousarray(pixels)[None]) for pixels in (image, label))
        return Batch(images, targets, [name], broken)


def read_ahead(samples: Dataset[Batch], order: Iterable[Any], workers: int, *, pin: bool = False) -> Iterator[Batch]:
    """What the samples answer for each of `order`, in that order, read ahead by `workers` processes (0: none).

    Args:
        samples: `TrainingSamples` for lists of draws, `WholePictures` for their places in the split.
        order: What is asked for.
        workers: Processes.
        pin: Into page-locked memory, from which a GPU copies while the processor goes on.
    """
    loader: DataLoader[Batch] = DataLoader(
        samples,
        batch_size=None,
        sampler=order,
        num_workers=workers,
        collate_fn=_as_it_is,
        pin_memory=pin,
        worker_init_fn=_prepare_worker,
        generator=torch.Generator(),  # torch's own stays untouched
    )
    return iter(loader)


def _as_it_is(batch: Any) -> Any:
    """A batch that the samples have made themselves."""
    return batch


class Normalise:
    """Bytes to floats on the device: (x / 255 - mean) / std.

    Args:
        mean: Red, green, blue, 0..1.
        std: Red, green, blue, 0..1.
        device: Where the network is.
        layout: Of the floats, as the network's weights have it.
    """

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], device: torch.device, layout: torch.memory_format
    ) -> None:
        self._device = device
        self._layout = layout
        self._mean = torch.tensor([255 * m for m in mean], device=device).view(1, 3, 1, 1)
        self._std = torch.tensor([255 * s for s in std], device=device).view(1, 3, 1, 1)

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """float32 [N, 3, H, W] and uint8 train ids [N, H, W], both on the device."""
        image_NHW3 = batch.images.to(self._device, non_blocking=True)
        image_N3HW = image_NHW3.permute(0, 3, 1, 2).float().contiguous(memory_format=self._layout)
        return (image_N3HW - self._mean) / self._std, batch.targets.to(self._device, non_blocking=True)


def _sample_of(error: BrokenFileError) -> str:
    """The damaged sample's name; the error itself goes on when a whole shard is damaged."""
    if "name" not in error.details:
        raise error
    return str(error.details["name"])


def _prepare_worker(_worker: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
