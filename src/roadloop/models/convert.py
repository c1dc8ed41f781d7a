"""Convert an exported file to half precision or to 8-bit integers. Needs onnx and onnxruntime; decision 0059 has the choices.

Source: ONNX Runtime, "Quantize ONNX models" and "Float16 and mixed precision models"
(https://onnxruntime.ai/docs/performance/model-optimizations/).
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from roadloop.errors import JobError, RoadloopError, Text
from roadloop.models.engines import Precision
from roadloop.models.export import OnnxReport, export_onnx
from roadloop.models.onnx_session import open_session
from roadloop.networks.trust import SHIPPED, Trust
from roadloop.storage import publish

#: What becomes integers: what takes the time, and what stands between two of these.
INTEGERS: Final = ("Conv", "ConvTranspose", "MatMul", "Gemm", "Add", "Mul", "Concat", "MaxPool", "Relu", "Resize")
Float32 = NDArray[np.float32]


class Images(Protocol):
    """Pictures as the network takes them, by their place: float32 [1, 3, H, W]."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int, /) -> Float32: ...


class Form(NamedTuple):
    """What a model is to become.

    Attributes:
        precision: Of its numbers.
        size: Height and width that it takes; by default those of the pictures that the model was made for.
        images: For int8, to find ranges with.
    """

    precision: Precision
    size: tuple[int, int] | None = None
    images: Images | None = None


def converted(
    params: Path,
    target: Path,
    form: Form,
    trust: Trust = SHIPPED,
    *,
    tick: Callable[[int], None] = lambda _done: None,
) -> OnnxReport:
    """Write a model as ONNX in a precision.

    Args:
        params: The `.params` file; its `.json` stands beside it.
        target: The `.onnx` file; replaced when it is there.
        form: What it is to become.
        trust: What may run.
        tick: Called with every picture's place before it is looked at; may raise to stop the work.

    Returns:
        How the exported file in full precision, from which it was made, was checked.

    Raises:
        As `export_onnx`.
        JobError: It cannot be converted; nothing was written.
    """
    if form.precision == "fp32":
        return export_onnx(params, target, size=form.size, trust=trust)
    with TemporaryDirectory(prefix="roadloop-") as folder:
        exported = Path(folder) / "exported.onnx"
        report = export_onnx(params, exported, size=form.size, trust=trust)
        with publish.publishing_file(target) as scratch:
            try:
                if form.precision == "fp16":
                    _to_fp16(exported, scratch)
                else:
                    assert form.images is not None
                    _to_int8(exported, scratch, form.images, tick)
            except (RoadloopError, OSError):  # a full disk is no fault of the network
                raise
            except Exception as error:  # an odd network may fail anywhere in a converter
                raise _refused(form.precision, error) from error
    return report


def _refused(precision: Precision, error: Exception) -> JobError:
    why = (str(error).strip().partition("\n")[0] or type(error).__name__)[:300].rstrip(".")
    return JobError(
        Text(
            f"这个网络无法转换为 {precision}（转换器的说明：{why}）。未写入；请改用 fp32，原模型没有改变。",
            f"This network cannot be converted to {precision} (in the converter's words: {why}). Nothing was written; take"
            " fp32. The model is as it was.",
        )
    )


def _to_fp16(exported: Path, target: Path) -> None:
    """Half the size: weights and activations are float16; what goes in and comes out stays float32.

    Args:
        exported: As `export_onnx` writes it.
        target: The file to write.
    """
    model = onnx.load(exported)
    with _quiet():
        half = convert_float_to_float16(model, keep_io_types=True)
    _finish(half, model, target)


def _to_int8(exported: Path, target: Path, images: Images, tick: Callable[[int], None]) -> None:
    """A quarter of the size: weights of each channel and activations are 8-bit integers, their ranges from pictures.

    Args:
        exported: As `export_onnx` writes it, of fixed height and width.
        target: The file to write.
        images: What the ranges are found with.
        tick: Called before every one of these; may raise to stop the work.
    """
    model = onnx.load(exported)
    with TemporaryDirectory(prefix="roadloop-") as folder, _quiet():
        prepared, made = Path(folder) / "prepared.onnx", Path(folder) / "made.onnx"
        quant_pre_process(exported, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            made,
            _Pictures(images, tick),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(INTEGERS),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"CalibStridedMinMax": 1},
        )
        whole = onnx.load(made)
    _finish(whole, model, target)


class _Pictures:
    """A `CalibrationDataReader`: pictures one at a time, so that what the network makes of them is never in memory for two at once."""

    def __init__(self, images: Images, tick: Callable[[int], None]) -> None:
        self._images: Final = images
        self._tick: Final = tick
        self._left: Iterator[int] = iter(range(len(images)))

    def __len__(self) -> int:
        return len(self._images)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Which pictures come next."""
        self._left = iter(range(start_index, end_index))

    def get_next(self) -> dict[str, Float32]:
        """The next one; nothing at the end."""
        place = next(self._left, None)
        if place is None:
            return {}
        self._tick(place)
        return {"image": self._images[place]}


def _finish(model: Any, exported: Any, target: Path) -> None:
    """Say of a converted file what the exported one says, and see that ONNX Runtime runs it."""
    ONNXModel(model).topological_sort()
    for node in model.graph.node:  # where it came from in torch: a third of a small network's file
        del node.metadata_props[:]
    del model.metadata_props[:]
    model.metadata_props.extend(exported.metadata_props)
    onnx.checker.check_model(model)
    onnx.save(model, target)
    height, width = (side.dim_value for side in exported.graph.input[0].type.tensor_type.shape.dim[2:])
    noise = np.random.default_rng(0).standard_normal((1, 3, height, width), np.float32)
    open_session(target, 1).run(None, {"image": noise})


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converters' advice on how to call them to itself; they write it to the root logger."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
