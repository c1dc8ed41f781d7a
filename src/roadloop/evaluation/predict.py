"""Predicting many pictures: read, predict and write at the same time, in constant memory.

Threads read and decode ahead, pictures of one size form a batch, each device (or group of CPU cores) predicts
batches with all models, and threads encode and write. Every stage has a bounded window, so neither a million pictures
nor a slow disk fills the memory.

N pictures in a batch, C outputs, H, W pixels.
"""

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

import cv2
import numpy as np
import torch
from torch.nn import functional

from roadloop.errors import JobError, OutOfMemoryError, Text
from roadloop.evaluation.decide import UInt8, decide
from roadloop.evaluation.manner import PLAIN, Manner, tiles
from roadloop.evaluation.metrics import IGNORE
from roadloop.evaluation.quality import Prediction
from roadloop.networks.load import COARSE, answers_coarsely
from roadloop.storage.ahead import in_order, threads

A = TypeVar("A")
P = TypeVar("P")
L = TypeVar("L")
V = TypeVar("V")
R = TypeVar("R")

_TRIED: Final = (64, 96)  # height and width of the picture that is tried in another layout
CODEC_THREADS: Final = 4  #: threads that decode, and as many that encode, for each device


@dataclass(frozen=True)
class Network:
    """A network with what its input and output mean.

    Attributes:
        module: In evaluation mode; float32 [N, 3, H, W] to logits [N, C, H, W].
        mean: Of the input, per RGB channel, 0..1.
        std: Of the input, per RGB channel, 0..1.
        outputs: How many outputs it has.
        used: Outputs that are classes, which are the train ids; the others are left out of the argmax.
        mirrored: Pairs of outputs that change places in a mirrored picture.
        channels_last: Whether to try that layout of tensors on the CPU.
        predict_ignored: Whether the others take part, too; where one of them wins, the pixel is 255.
    """

    module: torch.nn.Module
    mean: Sequence[float]
    std: Sequence[float]
    outputs: int
    used: Sequence[int]
    mirrored: Sequence[tuple[int, int]] = ()
    channels_last: bool = True
    predict_ignored: bool = False

    @cached_property
    def layout(self) -> torch.memory_format:
        """Of weights and pictures on the CPU, where the module must be: channels_last, unless its code cannot do that.

        In contiguous tensors ENet, Fast-SCNN, PIDNet-S, BiSeNetV2 and DDRNet-23-slim take 1.05 to 1.25 times as long,
        ResNet-A1 and SegFormer 0.95 to 0.98 times. Code that calls `view` needs contiguous ones.
        """
        if self.channels_last:
            try:
                _apply_layout(self.module, torch.channels_last)
                with torch.inference_mode():
                    self.module.eval()(torch.zeros(1, 3, *_TRIED).contiguous(memory_format=torch.channels_last))
            except Exception:  # noqa: BLE001 - a team's code raises what it likes; contiguous pictures say what is wrong
                _apply_layout(self.module, torch.contiguous_format)
            else:
                return torch.channels_last
        return torch.contiguous_format

    @cached_property
    def coarse(self) -> bool:
        """Whether the module also answers logits before its last resize, found out while it is on the CPU."""
        try:
            return answers_coarsely(self.module)
        except JobError:  # of code that nobody has tried; its answer alone counts
            return False


class Predictor:
    """One network on one device.

    Args:
        network: The network; its module is moved to the device.
        device: Where it runs.
        remote: Only the bottom half of each picture is predicted, the rest is 255.
        manner: Tiles, mirrored and scaled copies.
    """

    def __init__(self, network: Network, device: torch.device, *, remote: bool, manner: Manner = PLAIN) -> None:
        if device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False  # of this process from now on; see `exact`
        module = network.module.to(device).eval()
        self._layout: Final = network.layout if device.type == "cpu" else torch.contiguous_format
        self._answer: Final[Answer] = module
        self._coarse: Final[Answer] = getattr(module, COARSE) if device.type == "cpu" and network.coarse else module
        self._device: Final = device
        self._remote: Final = remote
        self._manner: Final = manner
        scale = 1 / (255 * np.array(network.std, np.float32))
        shift = -np.array(network.mean, np.float32) / np.array(network.std, np.float32)
        self._scale_C11: Final = torch.from_numpy(scale.astype(np.float32)).view(3, 1, 1).to(device)
        self._shift_C11: Final = torch.from_numpy(shift.astype(np.float32)).view(3, 1, 1).to(device)
        chosen, ids = choices(network.used, network.outputs, predict_ignored=network.predict_ignored)
        self._chosen: Final = None if chosen == list(range(network.outputs)) else chosen
        self._ids: Final = None if ids.tolist() == list(range(network.outputs)) else ids
        self._swapped: Final = torch.tensor(_swapped(network, chosen), dtype=torch.int64, device=device)

    def __call__(self, images: Sequence[UInt8]) -> list[UInt8]:
        """Train ids, uint8 [H, W] each, of pictures of one size, uint8 [H, W, 3].

        Raises:
            OutOfMemoryError: The batch does not fit; the text says what to change.
        """
        return [found.ids for found in self.predict(images, certain=False)]

    def predict(self, images: Sequence[UInt8], *, certain: bool = True) -> list[Prediction]:
        """What the network makes of pictures of one size, uint8 [H, W, 3].

        Args:
            images: The pictures.
            certain: Whether to say how certain it is as well.

        Raises:
            OutOfMemoryError: The batch does not fit; the text says what to change.
        """
        top = images[0].shape[0] // 2 if self._remote else 0
        try:
            found = self._predict(np.stack([image[top:] for image in images]), certain=certain)
        except torch.OutOfMemoryError as error:
            height, width = images[0].shape[:2]
            raise OutOfMemoryError(
                Text(
                    f"显存不足：一次 {len(images)} 张 {width}x{height} 的图片放不下。请把 single_gpu 调到 {max(1, len(images) // 2)}。",
                    f"Out of GPU memory: {len(images)} pictures of {width}x{height} at once do not fit."
                    f" Set single_gpu to {max(1, len(images) // 2)}.",
                )
            ) from error
        above = ((top, 0), (0, 0))
        return [
            Prediction(
                np.pad(ids, above, constant_values=IGNORE), None if certainty is None else np.pad(certainty, above)
            )
            for ids, certainty in found
        ]

    def _predict(self, image_NHWC: UInt8, *, certain: bool) -> list[Prediction]:
        """A batch, tile by tile; never more logits in memory than those of a tile."""
        count, height, width, _ = image_NHWC.shape
        cuts = tiles(height, width, self._manner.tile)
        if len(cuts) == 1:
            return self._predict_tile(image_NHWC, certain=certain)
        whole = [
            Prediction(np.empty((height, width), np.uint8), np.empty((height, width), np.uint16) if certain else None)
            for _ in range(count)
        ]
        for cut in cuts:
            parts = self._predict_tile(image_NHWC[:, *cut.window], certain=certain)
            for (ids, certainty), part in zip(whole, parts, strict=True):
                ids[cut.kept] = part.ids[cut.inside]
                if certainty is not None and part.certainty is not None:
                    certainty[cut.kept] = part.certainty[cut.inside]
        return whole

    def _predict_tile(self, image_NHWC: UInt8, *, certain: bool) -> list[Prediction]:
        with torch.inference_mode():
            bytes_NCHW = torch.from_numpy(image_NHWC).to(self._device).permute(0, 3, 1, 2)
            image_NCHW = bytes_NCHW.float().mul_(self._scale_C11).add_(self._shift_C11)
            image_NCHW = image_NCHW.contiguous(memory_format=self._layout)
            averaged = self._manner.averaged
            logits_NChw = self._averaged(image_NCHW) if averaged else self._of_used(self._coarse(image_NCHW))
            found = decide(logits_NChw, image_NHWC.shape[1:3], certain=certain)
        if self._ids is None:
            return found
        return [Prediction(self._ids[places], certainty) for places, certainty in found]

    def _logits(self, image_NCHW: torch.Tensor) -> torch.Tensor:
        """Of the outputs that take part."""
        return self._of_used(self._answer(image_NCHW))

    def _of_used(self, logits_NCHW: torch.Tensor) -> torch.Tensor:
        return logits_NCHW if self._chosen is None else logits_NCHW[:, self._chosen]

    def _averaged(self, image_NCHW: torch.Tensor) -> torch.Tensor:
        """Logarithm of the mean probability over all scales, as it is and mirrored."""
        size = image_NCHW.shape[-2:]
        found = []
        for scale in self._manner.scales or (1.0,):
            scaled_NCHW = _resize(image_NCHW, [max(1, round(side * scale)) for side in size])
            found.append(_resize(self._logits(scaled_NCHW), size).float().softmax(dim=1))
            if self._manner.flip:
                logits_NCHW = self._logits(scaled_NCHW.flip(3)).flip(3)[:, self._swapped]
                found.append(_resize(logits_NCHW, size).float().softmax(dim=1))
        return torch.stack(found).mean(dim=0).clamp_(min=1e-30).log_()


def _apply_layout(module: torch.nn.Module, layout: torch.memory_format) -> None:
    module.to(memory_format=layout)  # type: ignore[call-overload]


def choices(used: Sequence[int], outputs: int, *, predict_ignored: bool) -> tuple[list[int], UInt8]:
    """The outputs that take part in the argmax, and uint8 [of them] what is predicted where each wins.

    Args:
        used: Outputs that are classes.
        outputs: How many there are.
        predict_ignored: Whether the others take part, too, as 255.
    """
    chosen = list(range(outputs)) if predict_ignored else list(used)
    return chosen, np.array([i if i in set(used) else IGNORE for i in chosen], np.uint8)


def _swapped(network: Network, chosen: list[int]) -> list[int]:
    """For each output that takes part, the place of the one that it is in a mirrored picture."""
    other = {a: b for pair in network.mirrored for a, b in (pair, pair[::-1])}
    return [chosen.index(other[i]) if other.get(i) in chosen else place for place, i in enumerate(chosen)]


def _resize(x_NCHW: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    if list(x_NCHW.shape[-2:]) == list(size):
        return x_NCHW
    smaller = size[0] < x_NCHW.shape[-2]
    return functional.interpolate(x_NCHW, list(size), mode="bilinear", align_corners=False, antialias=smaller)


def devices(gpus: Sequence[str], threads: int) -> list[torch.device]:
    """Where to predict: each leased GPU, or the CPU once for each thread.

    Batches on single threads use CPU cores better than one batch on all of them, and do not suffer when other
    processes are busy.
    """
    if gpus:
        return [torch.device("cuda", i) for i in range(len(gpus))]
    return [torch.device("cpu")] * max(1, threads)


Answer = Callable[[torch.Tensor], torch.Tensor]  # logits of float32 [N, 3, H, W]
Model = Callable[[Sequence[UInt8]], list[V]]  # pictures of one size to what is made of each; a `Predictor` is one


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

    def finish(pair: tuple[L, list[V]]) -> R:
        return stages.finish(*pair)

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
        yield from in_order(writers, finish, predicted, codecs + batch)


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
