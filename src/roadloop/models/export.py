"""Export a model file to ONNX and to safetensors. Needs torch; ONNX also onnxscript and onnxruntime."""

import json
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from safetensors.numpy import save as encode_safetensors

from roadloop.errors import InvalidValueError, JobError, Text
from roadloop.models.encoder import Encoder
from roadloop.models.files import DESCRIPTION, ModelFile, load_description, read_state
from roadloop.models.load import load_model
from roadloop.models.onnx_session import open_session
from roadloop.networks.load import COARSE
from roadloop.networks.trust import SHIPPED, Trust
from roadloop.storage import publish

OPSET: Final = 20
TOLERANCE: Final = 1e-4  #: of a logit, relative to the largest
APART: Final = 0.005  #: share of pixels that may be beyond it where the network itself jumps; see `Deviation`
RELABELLED: Final = 1e-4  #: share of pixels that may then have another label
NUDGE: Final = 1e-6  #: relative change of the input under which only a network that jumps moves beyond the tolerance
NUDGES: Final = 4  #: how often it is tried
STACK: Final = "pkg.torch.onnx.stack_trace"  #: under which torch keeps where a node came from, with paths
OTHER_SIZES: Final = ((96, 160), (131, 77))  # that a file of any size must take; the second is a multiple of nothing
BATCHES: Final = (1, 3)  # sizes that are run and compared; the file is traced with 2
Sizes = tuple[tuple[int, int], ...]
_OUTPUTS: Final = ("logits", "embedding")


@dataclass(frozen=True)
class Deviation:
    """How far ONNX Runtime's answers are from torch's, on noise.

    Max-pooling that keeps its indices jumps where two inputs are equal but for rounding: ENet's unpooling then puts a
    value beside its place, and some hundred logits around change visibly, in one of a few pictures of drive size. Such a
    network moves as far from itself when its input changes by a millionth. Where it does, and only there, a few pixels
    may be beyond the tolerance, as long as labels stay.

    Attributes:
        largest: Difference of logits, relative to the largest logit; infinite where shapes differ or numbers are none.
        apart: Share of pixels with a difference beyond the tolerance.
        relabelled: Share of pixels with another label.
        jumps: Whether torch's own answer moves beyond the tolerance when its input changes by a millionth.
    """

    largest: float
    apart: float = 0.0
    relabelled: float = 0.0
    jumps: bool = False

    @property
    def within(self) -> bool:
        """Whether every logit is within the tolerance."""
        return self.largest <= TOLERANCE

    @property
    def small(self) -> bool:
        """Whether the export is the network."""
        few = math.isfinite(self.largest) and self.apart <= APART and self.relabelled <= RELABELLED
        return self.within or (self.jumps and few)

    def __str__(self) -> str:
        if self.within or not math.isfinite(self.largest):
            return f"{self.largest:.2g}"
        return (
            f"{self.largest:.2g} ({self.apart:.3%} of the pixels above {TOLERANCE:g},"
            f" {self.relabelled:.4%} with another label)"
        )

    @classmethod
    def between(cls, got_NCHW: NDArray[np.float32], expected_NCHW: NDArray[np.float32]) -> "Deviation":
        """Compare two answers to the same pictures; embeddings are [N, D]."""
        if got_NCHW.shape != expected_NCHW.shape:
            return cls(math.inf, 1.0, 1.0)
        apart_NHW = np.abs(got_NCHW - expected_NCHW).max(axis=1) / max(1.0, float(np.abs(expected_NCHW).max()))
        if not np.isfinite(apart_NHW).all():
            return cls(math.inf, 1.0, 1.0)
        relabelled = got_NCHW.argmax(axis=1) != expected_NCHW.argmax(axis=1)
        return cls(float(apart_NHW.max()), float((apart_NHW > TOLERANCE).mean()), float(relabelled.mean()))


@dataclass(frozen=True)
class OnnxReport:
    """How an exported file was checked.

    Attributes:
        size: Height and width that the file was traced with; without `sizes` beside it, the only ones that it takes.
        sizes: Every size that was run and compared; more than one where height and width are free, too.
        difference: Between ONNX Runtime's answers and torch's, of the size and batch where it is largest.
        fixed: Why height and width are fixed, though they were asked to be free.
    """

    size: tuple[int, int]
    sizes: tuple[tuple[int, int], ...]
    difference: Deviation
    fixed: Text | None = None

    @property
    def shape(self) -> str:
        """What goes in, such as `[N, 3, 360, 480]`; letters are free."""
        return f"[N, 3, {self.size[0]}, {self.size[1]}]" if len(self.sizes) == 1 else "[N, 3, H, W]"


class Coarse(torch.nn.Module):
    """A network that answers its coarse logits.

    Args:
        network: Has them.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network
        self.eval()

    def forward(self, image_NCHW: torch.Tensor) -> torch.Tensor:
        """Float32 [N, 3, H, W] to [N, C, h, w]."""
        logits_NChw: torch.Tensor = getattr(self.network, COARSE)(image_NCHW)
        return logits_NChw


def export_onnx(
    params_path: Path,
    target: Path,
    *,
    size: tuple[int, int] | None = None,
    any_size: bool = False,
    part: Callable[[torch.nn.Module], torch.nn.Module] = lambda network: network,
    trust: Trust = SHIPPED,
) -> OnnxReport:
    """Write a model as ONNX and compare what ONNX Runtime answers with what torch answers.

    The file takes `image`, normalised RGB float32 [N, 3, H, W], and answers `logits` float32 [N, C, H, W]. N is free,
    H and W are fixed, unless they are asked to be free and two more sizes, run and compared, agree. Its metadata has the
    description as JSON under `roadloop`, and the normalisation and the classes once more for other readers.

    Args:
        params_path: The `.params` file; its `.json` stands beside it.
        target: The `.onnx` file; replaced when it is there.
        size: H and W; by default the size of the pictures that the model was made for.
        any_size: Leave H and W free where that works; the report says why where it does not.
        part: What of the network answers; by default its `forward`. An `Encoder` answers `embedding` beside `logits`.
        trust: What may run.

    Raises:
        NotFoundError: One of the two files is missing.
        UntrustedCodeError: The network's source may not run here.
        BrokenFileError: The pair is damaged.
        JobError: The export failed, or the answers differ (see `Deviation`); nothing was written.
    """
    network, record = load_model(params_path, trust)
    network = part(network)
    height, width = size or record.input.size or record.input.crop
    if not (1 <= height <= 16384 and 1 <= width <= 16384):
        raise InvalidValueError(
            Text(
                f"导出尺寸 {width}x{height}（宽x高）无效：每边 1 到 16384 像素。",
                f"{width}x{height} (width x height) is not a size to export: each side is 1 to 16384 pixels.",
            ),
            parameter="size",
        )
    fixed = None
    with publish.publishing_file(target) as temporary:
        if any_size:
            try:
                return _write(network, record, temporary, ((height, width), *OTHER_SIZES))
            except JobError as error:
                fixed = Text(
                    f"宽和高固定为 {width}x{height}，不能任意：{error.text.zh}",
                    f"Width and height are fixed at {width}x{height}, not free: {error.text.en}",
                )
        try:
            return replace(_write(network, record, temporary, ((height, width),)), fixed=fixed)
        except JobError as error:
            raise JobError(
                Text(
                    f"{error.text.zh}未写入；原模型没有改变。",
                    f"{error.text.en} It was not written; the model is as it was.",
                )
            ) from error


def export_safetensors(params_path: Path, target: Path) -> None:
    """Write a model's tensors as safetensors, under the names of the network's state dict.

    The description goes into the metadata as JSON under `roadloop`.

    Args:
        params_path: The `.params` file; its `.json` stands beside it.
        target: The `.safetensors` file; replaced when it is there.

    Raises:
        NotFoundError: One of the two files is missing.
        BrokenFileError: The pair is damaged.
    """
    record = load_description(params_path)
    metadata = {DESCRIPTION: json.dumps(record.model_dump(mode="json"), ensure_ascii=False)}
    publish.write_bytes(target, encode_safetensors(read_state(params_path, record), metadata))


def _write(network: torch.nn.Module, record: ModelFile, path: Path, sizes: Sizes) -> OnnxReport:
    """Write and compare; height and width are free where there is more than one size.

    Raises:
        JobError: The export failed, or answers otherwise.
    """
    _trace(network, sizes[0], path, free=len(sizes) > 1)
    _describe(path, record)
    differences: list[Deviation] = []
    for height, width in sizes:
        try:
            differences += _compare(network, path, (height, width))
        except Exception as error:  # a network's code may raise anything
            raise JobError(
                Text(
                    f"网络或其导出无法处理 {width}x{height}（宽x高）的图片：{_first(error)}。",
                    f"The network or its export does not run at {width}x{height} (width x height): {_first(error)}.",
                )
            ) from error
        if not all(found.small for found in differences):
            raise JobError(_unlike(next(d for d in differences if not d.small), f"{width}x{height}"))
    return OnnxReport(sizes[0], sizes, max(differences, key=lambda d: d.largest))


def _unlike(found: Deviation, size: str) -> Text:
    if not math.isfinite(found.largest):
        return Text(
            f"导出的 ONNX 在 {size}（宽x高）上的应答形状不同或含有 NaN。",
            f"The exported ONNX answers other shapes, or NaN, at {size} (width x height).",
        )
    if not found.jumps:
        return Text(
            f"导出的 ONNX 在 {size}（宽x高）上与训练的网络不一致（相对差 {found.largest:.2g}，上限 {TOLERANCE:g}）。",
            f"The exported ONNX differs from the trained network at {size} (width x height; relative"
            f" {found.largest:.2g}, limit {TOLERANCE:g}).",
        )
    return Text(
        f"导出的 ONNX 在 {size}（宽x高）上与训练的网络不一致：相对差 {found.largest:.2g}；{found.apart:.2%} 的像素超过 {TOLERANCE:g}"
        f"（上限 {APART:.1%}），{found.relabelled:.3%} 的像素标签不同（上限 {RELABELLED:.2%}）。",
        f"The exported ONNX differs from the trained network at {size} (width x height): relative {found.largest:.2g};"
        f" {found.apart:.2%} of the pixels are beyond {TOLERANCE:g} (limit {APART:.1%}), {found.relabelled:.3%} have another"
        f" label (limit {RELABELLED:.2%}).",
    )


def _trace(network: torch.nn.Module, size: tuple[int, int], path: Path, *, free: bool) -> None:
    example = torch.zeros((2, 3, *size))
    dims = {0: torch.export.Dim("batch", min=1, max=4096)}
    if free:
        dims |= {2: torch.export.Dim("height", min=2, max=16384), 3: torch.export.Dim("width", min=2, max=16384)}
    with _quiet():
        try:
            torch.onnx.export(
                network,
                (example,),
                str(path),
                dynamo=True,
                opset_version=OPSET,
                input_names=["image"],
                output_names=list(_OUTPUTS if isinstance(network, Encoder) else _OUTPUTS[:1]),
                dynamic_shapes=(dims,),
                external_data=False,
                verbose=False,
            )
        except (torch.onnx.errors.OnnxExporterError, torch._dynamo.exc.TorchDynamoException) as error:  # noqa: SLF001
            why = _first(error.__cause__ or error)
            reason = Text(f"无法将此网络导出为 ONNX：{why}。", f"This network cannot be exported to ONNX: {why}.")
            if free:
                reason = Text(
                    f"PyTorch 无法为任意高宽写出此网络的层（其说明：{why}）。导出其它尺寸请用 --size 另存一个文件。",
                    f"PyTorch cannot write this network's layers for every height and width (in its words: {why})."
                    " For another size, export another file with --size.",
                )
            raise JobError(reason) from error


def _describe(path: Path, record: ModelFile) -> None:
    model = onnx.load(path)
    entries = {
        DESCRIPTION: json.dumps(record.model_dump(mode="json"), ensure_ascii=False),
        "params_sha256": record.params_sha256,
        "normalisation": record.normalisation.model_dump_json(),
        "classes": json.dumps([c.model_dump() for c in record.classes], ensure_ascii=False),
    }
    onnx.helper.set_model_props(model, entries)
    for node in model.graph.node:  # whoever gets the file learns nothing of this machine's folders
        named = [entry for entry in node.metadata_props if entry.key != STACK]
        del node.metadata_props[:]
        node.metadata_props.extend(named)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _compare(network: torch.nn.Module, path: Path, size: tuple[int, int]) -> Iterator[Deviation]:
    session = open_session(path, torch.get_num_threads())
    generator = torch.Generator().manual_seed(0)
    for count in BATCHES:
        image_NCHW = torch.randn((count, 3, *size), generator=generator)
        expected = _answers(network, image_NCHW)
        got = session.run(None, {"image": image_NCHW.numpy()})
        for one, wanted in zip(got, expected, strict=True):
            found = Deviation.between(one, wanted)
            yield found if found.within else replace(found, jumps=_jumps(network, image_NCHW, expected[0]))


def _jumps(network: torch.nn.Module, image_NCHW: torch.Tensor, expected_NCHW: NDArray[np.float32]) -> bool:
    generator = torch.Generator().manual_seed(1)
    factors = (1 + NUDGE * torch.randn(image_NCHW.shape, generator=generator) for _ in range(NUDGES))
    answers = (_answers(network, image_NCHW * factor_NCHW)[0] for factor_NCHW in factors)
    return any(not Deviation.between(got_NCHW, expected_NCHW).within for got_NCHW in answers)


@torch.no_grad()
def _answers(network: torch.nn.Module, image_NCHW: torch.Tensor) -> list[NDArray[np.float32]]:
    """The logits, and the embeddings of an `Encoder`."""
    answer = network(image_NCHW)
    return [one.numpy() for one in (answer if isinstance(network, Encoder) else (answer,))]


def _first(error: BaseException) -> str:
    """The first paragraph of what an error says, as one line."""
    return " ".join(str(error).strip().partition("\n\n")[0].split())[:300].rstrip(".") or type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's warnings about its own insides to itself."""
    tops = ("torch", "onnxscript", "onnx_ir")
    names = [*tops, *(n for n in logging.root.manager.loggerDict if n.partition(".")[0] in tops)]
    levels = [logging.getLogger(name).level for name in names]
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in zip(names, levels, strict=True):
            logging.getLogger(name).setLevel(level)
