"""Score candidates: read, run the network, write down; several at a time, in constant memory. Needs torch.

N pictures in a batch, C outputs, K classes aimed at, H, W pixels.
"""

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from roadloop.errors import JobError, OutOfMemoryError, RoadloopError, Text
from roadloop.evaluation.predict import Stages, devices, run
from roadloop.imaging.decode import decode_image
from roadloop.models.files import ModelFile, mismatch
from roadloop.models.load import load_model
from roadloop.networks.trust import Trust
from roadloop.selection.acquisition import class_scores
from roadloop.selection.encoder import Encoder
from roadloop.selection.fingerprint import fingerprint
from roadloop.selection.recipe import MineRecipe
from roadloop.selection.scorebook import Scored
from roadloop.tracks.service import TrackPoint, TrackStore

UInt8 = NDArray[np.uint8]
Outputs = tuple[NDArray[np.float32], NDArray[np.float32]]


class Loaded(NamedTuple):
    """A candidate that was read."""

    point: TrackPoint
    image: UInt8


class Scorer:
    """One network on one device.

    Args:
        module: In evaluation mode; moved to the device, gets a hook.
        record: Its description.
        classes: Train ids aimed at.
        method: How uncertainty is measured.
        device: Where it runs.
    """

    def __init__(
        self, module: nn.Module, record: ModelFile, classes: Sequence[int], method: str, device: torch.device
    ) -> None:
        self._module: Final = module.to(device).eval()
        self._device: Final = device
        self._encoder: Final = Encoder(self._module, record.num_classes)
        self._method: Final = method
        used = [c.train_id for c in record.classes]
        self._used: Final = torch.tensor(used, dtype=torch.int64, device=device)
        self._places: Final = [used.index(train_id) for train_id in classes]
        mean, std = (
            torch.tensor(v, dtype=torch.float32) for v in (record.normalisation.mean, record.normalisation.std)
        )
        self._scale_C11: Final = (1 / (255 * std)).view(3, 1, 1).to(device)
        self._shift_C11: Final = (-mean / std).view(3, 1, 1).to(device)

    def __call__(self, images: Sequence[UInt8]) -> list[Outputs]:
        """(uncertainty float32 [K], embedding float32 [D]) of each picture, uint8 [H, W, 3] of one size.

        Raises:
            OutOfMemoryError: The batch does not fit; the text says what to change.
        """
        try:
            with torch.inference_mode():
                bytes_NCHW = torch.from_numpy(np.stack(images)).to(self._device).permute(0, 3, 1, 2)
                image_NCHW = bytes_NCHW.float().mul_(self._scale_C11).add_(self._shift_C11).contiguous()
                p_NCHW = self._module(image_NCHW)[:, self._used].float().softmax(1)
                scores_NK = class_scores(p_NCHW, self._places, self._method).cpu().numpy()
                vectors_ND = self._encoder.embeddings().cpu().numpy()
        except torch.OutOfMemoryError as error:
            height, width = images[0].shape[:2]
            fits = max(1, len(images) // 2)
            raise OutOfMemoryError(
                Text(
                    f"显存不足：一次 {len(images)} 张 {width}x{height} 的图片放不下。请把 single_gpu 调到 {fits}。",
                    f"Out of GPU memory: {len(images)} pictures of {width}x{height} at once do not fit."
                    f" Set single_gpu to {fits}.",
                )
            ) from error
        return list(zip(scores_NK, vectors_ND, strict=True))


def load_scorers(path: Path, recipe: MineRecipe, gpus: Sequence[str], threads: int, trust: Trust) -> list[list[Scorer]]:
    """The model of a mining, once for each device.

    Args:
        path: The model file.
        recipe: Of the job.
        gpus: UUIDs of the leased GPUs; empty = CPU.
        threads: CPU threads to use; 0 = all cores.
        trust: What may run.

    Raises:
        UntrustedCodeError: The network's source may not run here.
        BrokenFileError: The model file is not the one that was chosen.
    """
    module, record = load_model(path, trust)
    if record.params_sha256 != recipe.model_sha256:
        raise mismatch(path)
    classes = [aim.train_id for aim in recipe.aims]
    places = devices(gpus, threads or os.cpu_count() or 1)
    return [[Scorer(copy.deepcopy(module), record, classes, recipe.method, place)] for place in places]


class Failed(NamedTuple):
    """A candidate that could not be read, and why."""

    point: TrackPoint
    reason: Text


def score(
    points: Iterable[TrackPoint],
    store: TrackStore,
    scorers: Sequence[Sequence[Callable[[Sequence[UInt8]], list[Outputs]]]],
    batch: int,
    max_pixels: int,
) -> Iterator[tuple[TrackPoint, Scored] | Failed]:
    """Score pictures of a track store.

    Args:
        points: What to score.
        store: Has the pictures.
        scorers: For each device a list of one scorer.
        batch: Pictures of one size at once on each device.
        max_pixels: Largest picture that is decoded.

    Yields:
        A picture with its scores, or one that could not be read.
    """
    failed: SimpleQueue[Failed] = SimpleQueue()

    def read(point: TrackPoint) -> Loaded | None:
        try:
            return Loaded(point, decode_image(store.picture(point), max_pixels))
        except JobError:
            raise
        except RoadloopError as error:
            failed.put(Failed(point, error.text))
            return None

    def finish(loaded: Loaded, outputs: list[Outputs]) -> tuple[TrackPoint, Scored]:
        classes, vector = outputs[0]
        return loaded.point, Scored(classes, vector, fingerprint(loaded.image))

    for found in run(points, Stages(read, lambda loaded: loaded.image, finish), scorers, batch):
        yield found
        while not failed.empty():
            yield failed.get()
    while not failed.empty():
        yield failed.get()
