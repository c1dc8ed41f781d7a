"""One network on one device: labels, probabilities or an embedding of pictures. Needs torch.

Whoever asks a model about pictures does it here: evaluation, mining, label noise, drafts for annotators, parity.

N pictures in a batch, C outputs, D numbers of an embedding, H, W pixels, h, w the size of the logits.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, NamedTuple, Self

import numpy as np
import torch
from torch.nn import functional

from roadloop.errors import JobError, OutOfMemoryError, Text
from roadloop.labels.label_map import mirrored_pairs
from roadloop.labels.table import IGNORE
from roadloop.models.decide import decide, probabilities
from roadloop.models.encoder import Encoder
from roadloop.models.files import ModelFile
from roadloop.models.manner import PLAIN, Manner, tiles
from roadloop.models.prediction import Prediction, UInt8
from roadloop.networks.load import COARSE, answers_coarsely

_TRIED: Final = (64, 96)  # height and width of the picture that is tried in another layout

Answer = Callable[[torch.Tensor], torch.Tensor]  # logits of float32 [N, 3, H, W]
Encode = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]  # logits [N, C, h, w] and embeddings [N, D]


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
        resized_late: Whether to ask for coarse logits on the CPU, where the module has them.
        predict_ignored: Whether the others take part, too; where one of them wins, the pixel is 255.
        embedding: Whether embeddings are wanted, too.
        encode: What gives logits and embeddings at once; None asks an `Encoder` of the module.
    """

    module: torch.nn.Module
    mean: Sequence[float]
    std: Sequence[float]
    outputs: int
    used: Sequence[int]
    mirrored: Sequence[tuple[int, int]] = ()
    channels_last: bool = True
    resized_late: bool = True
    predict_ignored: bool = False
    embedding: bool = False
    encode: Encode | None = None

    @classmethod
    def of(cls, module: torch.nn.Module, record: ModelFile) -> Self:
        """The network of a model file, as `load_model` gives both."""
        norm, used = record.normalisation, sorted(c.train_id for c in record.classes)
        network = cls(module, norm.mean, norm.std, record.num_classes, used, _mirrored(record))
        return replace(network, predict_ignored=record.predict_ignored)

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
        """Whether to ask the module for logits before its last resize, found out while it is on the CPU."""
        try:
            return self.resized_late and answers_coarsely(self.module)
        except JobError:  # of code that nobody has tried; its answer alone counts
            return False

    @cached_property
    def encoder(self) -> Encode:
        """What gives logits and embeddings at once; coarse logits where it is made while the module is on the CPU."""
        return self.encode or Encoder(self.module, self.outputs, coarse=self._on_cpu and self.coarse)

    @property
    def _on_cpu(self) -> bool:
        return all(parameter.device.type == "cpu" for parameter in self.module.parameters())


class Look(NamedTuple):
    """What one pass of a network makes of pictures of one size.

    Attributes:
        logits: [N, C, h, w] of the outputs that take part; on the CPU they may be smaller than the pictures.
        size: H and W of the pictures.
        vectors: Embeddings of length 1, float32 [N, D].
    """

    logits: torch.Tensor
    size: tuple[int, int]
    vectors: torch.Tensor

    def probabilities(self) -> Iterator[torch.Tensor]:
        """Of the outputs that take part, sum 1: bands of rows from top to bottom, float32 [N, C, rows, W]."""
        return probabilities(self.logits, self.size)


class Predictor:
    """One network on one device.

    Args:
        network: The network; its module is moved to the device.
        device: Where it runs.
        remote: Only the bottom half of each picture is predicted, the rest is 255.
        manner: Tiles, mirrored and scaled copies.
    """

    def __init__(self, network: Network, device: torch.device, *, remote: bool = False, manner: Manner = PLAIN) -> None:
        if device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False  # of this process from now on; see `exact`
        module = network.module.to(device).eval()
        self._layout: Final = network.layout if device.type == "cpu" else torch.contiguous_format
        self._answer: Final[Answer] = module
        self._encode: Final = network.encoder if network.embedding else None
        self._coarse: Final[Answer] = getattr(module, COARSE) if device.type == "cpu" and network.coarse else module
        self._device: Final = device
        self._remote: Final = remote
        self._manner: Final = manner
        scale = 1 / (255 * np.array(network.std, np.float32))
        shift = -np.array(network.mean, np.float32) / np.array(network.std, np.float32)
        self._scale_C11: Final = torch.from_numpy(scale.astype(np.float32)).view(3, 1, 1).to(device)
        self._shift_C11: Final = torch.from_numpy(shift.astype(np.float32)).view(3, 1, 1).to(device)
        chosen = list(range(network.outputs)) if network.predict_ignored else list(network.used)
        ids = np.array([i if i in set(network.used) else IGNORE for i in chosen], np.uint8)
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
        with fitting(images):
            found = self._predict(np.stack([image[top:] for image in images]), certain=certain)
        above = ((top, 0), (0, 0))
        return [
            Prediction(
                np.pad(ids, above, constant_values=IGNORE), None if certainty is None else np.pad(certainty, above)
            )
            for ids, certainty in found
        ]

    @torch.inference_mode()
    def look(self, images: Sequence[UInt8]) -> Look:
        """Whole pictures of one size, uint8 [H, W, 3], once; the network's `embedding` must be asked for.

        Raises:
            OutOfMemoryError: The batch does not fit; the text says what to change.
        """
        assert self._encode is not None
        with fitting(images):
            logits_NChw, vectors_ND = self._encode(self._normalised(np.stack(images)))
        return Look(self._of_used(logits_NChw), images[0].shape[:2], vectors_ND)

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
            image_NCHW = self._normalised(image_NHWC)
            averaged = self._manner.averaged
            logits_NChw = self._averaged(image_NCHW) if averaged else self._of_used(self._coarse(image_NCHW))
            found = decide(logits_NChw, image_NHWC.shape[1:3], certain=certain)
        if self._ids is None:
            return found
        return [Prediction(self._ids[places], certainty) for places, certainty in found]

    def _normalised(self, image_NHWC: UInt8) -> torch.Tensor:
        bytes_NCHW = torch.from_numpy(image_NHWC).to(self._device).permute(0, 3, 1, 2)
        image_NCHW = bytes_NCHW.float().mul_(self._scale_C11).add_(self._shift_C11)
        return image_NCHW.contiguous(memory_format=self._layout)

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
            scaled_NCHW = resized(image_NCHW, [max(1, round(side * scale)) for side in size])
            found.append(resized(self._logits(scaled_NCHW), size).float().softmax(dim=1))
            if self._manner.flip:
                logits_NCHW = self._logits(scaled_NCHW.flip(3)).flip(3)[:, self._swapped]
                found.append(resized(logits_NCHW, size).float().softmax(dim=1))
        return torch.stack(found).mean(dim=0).clamp_(min=1e-30).log_()


@contextmanager
def fitting(images: Sequence[UInt8]) -> Iterator[None]:
    """What is done with a batch of pictures, uint8 [H, W, 3]; says what to change where it does not fit.

    Raises:
        OutOfMemoryError: Instead of torch's.
    """
    try:
        yield
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


def on_each(network: Network, devices: Sequence[torch.device]) -> list[Network]:
    """The network for each device: itself for the first one and for threads of the CPU, a copy for each other GPU."""
    return [
        replace(network, module=copy.deepcopy(network.module)) if place and device.type != "cpu" else network
        for place, device in enumerate(devices)
    ]


def _apply_layout(module: torch.nn.Module, layout: torch.memory_format) -> None:
    module.to(memory_format=layout)  # type: ignore[call-overload]


def _mirrored(record: ModelFile) -> tuple[tuple[int, int], ...]:
    """Pairs of outputs that change places in a mirrored picture: as the training had them, else by their names."""
    trained: Any = record.training.get("flip_pairs")
    if trained is not None:
        return tuple((int(a), int(b)) for a, b in trained)
    by_id = {c.train_id: c for c in record.classes}
    names = [(by_id[i].name_en, by_id[i].name_zh) if i in by_id else ("", "") for i in range(record.num_classes)]
    return mirrored_pairs([en for en, _ in names], [zh for _, zh in names])


def _swapped(network: Network, chosen: list[int]) -> list[int]:
    """For each output that takes part, the place of the one that it is in a mirrored picture."""
    other = {a: b for pair in network.mirrored for a, b in (pair, pair[::-1])}
    return [chosen.index(other[i]) if other.get(i) in chosen else place for place, i in enumerate(chosen)]


def resized(x_NCHW: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Bilinear, without aliases where it becomes smaller: [N, C, *size] of [N, C, H, W]."""
    if list(x_NCHW.shape[-2:]) == list(size):
        return x_NCHW
    smaller = size[0] < x_NCHW.shape[-2]
    return functional.interpolate(x_NCHW, list(size), mode="bilinear", align_corners=False, antialias=smaller)
