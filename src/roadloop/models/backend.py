"""PyTorch or ONNX Runtime, for each model on CPU: what is faster on pictures of the job, where both say the same.

An export takes seconds, so it is only tried where the pictures that are left would give them back.
"""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from torch.nn import functional

from roadloop.errors import RoadloopError
from roadloop.jobs.context import TaskContext
from roadloop.models.encoder import Encoder
from roadloop.models.engines import is_engine
from roadloop.models.manner import Manner, tiles
from roadloop.models.predict import Answer, Network, Predictor
from roadloop.models.prediction import UInt8
from roadloop.networks.load import COARSE
from roadloop.networks.trust import Trust
from roadloop.storage import reading

EQUAL: Final = 0.9999  #: share of pixels that must have the same label
FASTER: Final = 0.9  #: of PyTorch's time, or less, makes ONNX Runtime worth it
EXPORT_SECONDS: Final = 20.0  #: what an export and its checks may take on a busy machine
FEW: Final = 50  #: pictures for which it is not even worth measuring
PREDICTORS: Final = "predictors"  #: in the job's memo
_RUNS: Final = 3
_LOOKED_AT: Final = 8  #: pictures, for those of the most frequent size

Reason = Literal[
    "engine", "setting", "device", "scales", "few pictures", "export failed", "labels differ", "not faster", "faster"
]


@dataclass(frozen=True)
class Choice:
    """How one model predicts, and why; kept in the job's memo, so that every attempt does the same.

    Attributes:
        backend: torch or onnx.
        why: What decided.
        size: Height and width that the exported network takes; pictures of other sizes go through PyTorch.
        torch_seconds: Of one picture on one core.
        onnx_seconds: Of one picture on one core.
        export_seconds: Of the export and its checks.
        equal: Share of pixels with the same label.
        detail: What else there is to say, such as why the export failed.
    """

    backend: Literal["torch", "onnx"]
    why: Reason
    size: tuple[int, int] | None = None
    torch_seconds: float | None = None
    onnx_seconds: float | None = None
    export_seconds: float | None = None
    equal: float | None = None
    detail: str = ""

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Choice":
        """The choice that `record` wrote."""
        return cls(**values | {"size": None if values["size"] is None else tuple(values["size"])})

    @property
    def record(self) -> dict[str, Any]:
        """The same as JSON values; times in milliseconds' precision."""
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(self).items()}

    def __str__(self) -> str:
        figures = [f"{name}={value}" for name, value in self.record.items() if value not in (None, "")]
        return " ".join(figures)


@dataclass(frozen=True)
class Trial:
    """What a choice depends on.

    Attributes:
        network: The model.
        params: Its `.params` file, or the `.onnx` of an engine, which is what it is.
        trust: What may run.
        images: A few pictures of the job, all of one size; uint8 [H, W, 3].
        left: How many pictures are to be predicted.
        threads: How many are predicted at once.
        remote: Only the bottom half of each.
        manner: Tiles, mirrored and scaled copies.
        place: Where the exported file may stand for a moment.
    """

    network: Network
    params: Path
    trust: Trust
    images: Sequence[UInt8]
    left: int
    threads: int
    remote: bool
    manner: Manner
    place: Path

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what the network sees."""
        height, width = self.images[0].shape[:2]
        window = tiles(height - height // 2 if self.remote else height, width, self.manner.tile)[0].window
        return window[0].stop - window[0].start, window[1].stop - window[1].start


def choose(trial: Trial, *, always: bool = False) -> tuple[Choice, Network]:
    """Measure both, on one core each.

    Args:
        trial: What to measure.
        always: Take ONNX Runtime wherever the labels are equal, without asking whether it pays.

    Returns:
        The choice, and the network that follows it.
    """
    if trial.manner.scales not in ((), (1.0,)):
        return Choice("torch", "scales"), trial.network
    expected, torch_seconds = _measure(trial, trial.network)
    choice = Choice("torch", "few pictures", trial.size, torch_seconds)
    if not always and trial.left * torch_seconds / 2 / trial.threads < EXPORT_SECONDS:
        return choice, trial.network
    began = time.perf_counter()
    try:
        network = exported(trial, trial.size)
        found, onnx_seconds = _measure(trial, network)
    except (RoadloopError, RuntimeError) as error:  # an odd network may fail anywhere between trace and run
        return replace(choice, why="export failed", detail=f"{error}"[:300]), trial.network
    equal = float(np.mean([np.mean(a == b) for a, b in zip(expected, found, strict=True)]))
    choice = replace(choice, onnx_seconds=onnx_seconds, export_seconds=time.perf_counter() - began, equal=equal)
    if equal < EQUAL:
        return replace(choice, why="labels differ"), trial.network
    if not always and onnx_seconds > FASTER * torch_seconds:
        return replace(choice, why="not faster"), trial.network
    return replace(choice, backend="onnx", why="setting" if always else "faster"), network


def pictures_to_try(context: TaskContext, left: int, images: Iterable[UInt8]) -> list[UInt8]:
    """A few pictures of one size to measure on; none where there is nothing to measure.

    Args:
        context: Of the job.
        left: How many pictures are to be predicted.
        images: Of the job, uint8 [H, W, 3]; read as far as needed.
    """
    setting = context.platform.settings.predictor
    worth = setting == "onnx" or (setting == "auto" and left >= FEW)
    if context.gpus or PREDICTORS in context.memo or not worth:
        return []
    return common_size(list(islice(images, _LOOKED_AT)))


def settled(context: TaskContext, trials: Sequence[Trial]) -> tuple[list[Choice], list[Network]]:
    """PyTorch or ONNX Runtime for each model of a job: as an earlier attempt had it, else by measuring, and noted down.

    Args:
        context: Of the job.
        trials: Of all its models, with the images of `pictures_to_try`.
    """
    if PREDICTORS in context.memo:
        choices = [Choice.of(values) for values in context.memo[PREDICTORS]]
        return choices, as_chosen(trials, choices)
    setting = context.platform.settings.predictor
    why: Reason = "device" if context.gpus else "setting" if setting == "torch" else "few pictures"
    choices, networks = [], []
    for trial in trials:
        context.check_stop()
        choice, ready = Choice("torch", why), trial.network
        if is_engine(trial.params):
            choice = Choice("onnx", "engine")
        elif trial.images:
            choice, ready = choose(trial, always=setting == "onnx")
        context.log(f"{trial.params.name}: {choice}")
        choices.append(choice)
        networks.append(ready)
    context.publish([], {PREDICTORS: [choice.record for choice in choices]})
    return choices, networks


def as_chosen(trials: Sequence[Trial], choices: Sequence[Choice]) -> list[Network]:
    """The networks of a job as an earlier attempt, or another process of it, has them.

    Args:
        trials: Of all its models; they need no images.
        choices: What was chosen for each.
    """
    return [
        exported(trial, choice.size) if trial.left and choice.backend == "onnx" and choice.size else trial.network
        for trial, choice in zip(trials, choices, strict=True)
    ]


def exported(trial: Trial, size: tuple[int, int]) -> Network:
    """The trial's network with ONNX Runtime in its place for pictures of one size, height and width.

    Raises:
        JobError: The export failed, or its answers are others.
    """
    from roadloop.models.export import export_onnx  # noqa: PLC0415 - seconds to import, and most jobs need none of it

    network, place = trial.network, trial.place
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        export_onnx(trial.params, place, size=size, part=partial(_answering, network), trust=trial.trust)
        module = OnnxNetwork(reading.read_bytes(place), size, network)
    finally:
        place.unlink(missing_ok=True)
    return replace(network, module=module, channels_last=False, encode=module.encode if network.embedding else None)


def _answering(network: Network, module: torch.nn.Module) -> torch.nn.Module:
    """What answers as the network is asked."""
    from roadloop.models.export import Coarse  # noqa: PLC0415 - as above

    if network.embedding:
        return Encoder(module, network.outputs, coarse=network.coarse)
    return Coarse(module) if network.coarse else module


class OnnxNetwork(torch.nn.Module):
    """An exported network on one core; pictures of another size go through the original.

    Args:
        data: The file; it answers coarse logits where the original does.
        size: Height and width that it takes.
        original: The network that it was made from.
    """

    def __init__(self, data: bytes, size: tuple[int, int], original: Network) -> None:
        super().__init__()
        from roadloop.models.onnx_session import OnnxModule  # noqa: PLC0415 - as above

        self._exported = OnnxModule(data, 1)
        self._size = size
        self._network = original
        self.original = original.module
        self._answer: Answer = getattr(original.module, COARSE) if original.coarse else original.module

    def forward(self, image_NCHW: torch.Tensor) -> torch.Tensor:
        """Logits float32 [N, C, H, W] of float32 [N, 3, H, W]."""
        size = list(image_NCHW.shape[-2:])
        return functional.interpolate(self.coarse_logits(image_NCHW), size, mode="bilinear", align_corners=False)

    def coarse_logits(self, image_NCHW: torch.Tensor) -> torch.Tensor:
        """What the original resizes, or its logits."""
        if tuple(image_NCHW.shape[-2:]) != self._size:
            return self._answer(image_NCHW)
        logits_NChw: torch.Tensor = self._exported(image_NCHW)
        return logits_NChw

    def encode(self, image_NCHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, and embeddings, float32 [N, D]; the file must answer them."""
        if tuple(image_NCHW.shape[-2:]) != self._size:
            return self._network.encoder(image_NCHW)
        logits_NChw, vectors_ND = self._exported.run(image_NCHW, "logits", "embedding")
        return logits_NChw, vectors_ND


def common_size(images: Sequence[UInt8], most: int = _RUNS) -> list[UInt8]:
    """Some of the pictures that have the most frequent size."""
    sizes = [image.shape for image in images]
    return [image for image in images if image.shape == max(sizes, key=sizes.count)][:most]


def _measure(trial: Trial, network: Network) -> tuple[list[UInt8], float]:
    """The labels of the trial's pictures, and the seconds that one takes on one core (the least of a few runs)."""
    predictor = Predictor(network, torch.device("cpu"), remote=trial.remote, manner=trial.manner)

    def timed(image: UInt8) -> tuple[UInt8, float]:
        began = time.thread_time()
        (ids,) = predictor([image])
        return ids, time.thread_time() - began

    with ThreadPoolExecutor(1, "calibrate", torch.set_num_threads, (1,)) as pool:
        _first, *runs = pool.map(timed, (trial.images[0], *trial.images))
    return [ids for ids, _ in runs], min(seconds for _, seconds in runs)
