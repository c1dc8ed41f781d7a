"""Export a model file to ONNX and to safetensors. Needs torch; ONNX also onnxscript and onnxruntime."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.numpy import save as encode_safetensors

from roadloop.errors import InvalidValueError, JobError, Text
from roadloop.models.files import ModelFile, load_description, read_state
from roadloop.models.load import load_model
from roadloop.storage import publish

OPSET: Final = 20
TOLERANCE: Final = 1e-4
BATCHES: Final = (1, 3)  # sizes that are run and compared; the file is traced with 2


@dataclass(frozen=True)
class OnnxReport:
    """How an exported file was checked.

    Attributes:
        size: Height and width that the file takes; the number of pictures is free.
        difference: Largest difference between ONNX Runtime's logits and torch's, relative to the largest logit.
    """

    size: tuple[int, int]
    difference: float


def export_onnx(params_path: Path, target: Path, *, size: tuple[int, int] | None = None) -> OnnxReport:
    """Write a model as ONNX and compare what ONNX Runtime answers with what torch answers.

    The file takes `image`, normalised RGB float32 [N, 3, H, W], and answers `logits` float32 [N, C, H, W]. N is free,
    H and W are fixed. Its metadata says the normalisation and the classes.

    Args:
        params_path: The `.params` file; its `.json` stands beside it.
        target: The `.onnx` file; replaced when it is there.
        size: H and W; by default the size of the pictures that the model was made for.

    Raises:
        NotFoundError: One of the two files is missing.
        BrokenFileError: The pair is damaged.
        JobError: The export failed, or the answers differ by more than 1e-4; nothing was written.
    """
    network, record = load_model(params_path)
    height, width = size or record.input.size or record.input.crop
    if not (1 <= height <= 16384 and 1 <= width <= 16384):
        raise InvalidValueError(
            Text(f"导出尺寸 {height}x{width} 无效。", f"{height}x{width} is not a size to export."),
            parameter="size",
        )
    with publish.publishing_file(target) as temporary:
        _trace(network, (height, width), temporary)
        _describe(temporary, record)
        difference = _compare(network, temporary, (height, width))
        if not difference <= TOLERANCE:
            raise JobError(
                Text(
                    f"导出的 ONNX 与训练的网络不一致（相对差 {difference:.2g}，上限 {TOLERANCE:g}），未写入。",
                    f"The exported ONNX differs from the trained network (relative {difference:.2g}, limit"
                    f" {TOLERANCE:g}); it was not written.",
                ),
                difference=difference,
            )
    return OnnxReport((height, width), difference)


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
    metadata = {"roadloop": json.dumps(record.model_dump(mode="json"), ensure_ascii=False)}
    publish.write_bytes(target, encode_safetensors(read_state(params_path, record), metadata))


def _trace(network: torch.nn.Module, size: tuple[int, int], path: Path) -> None:
    example = torch.zeros((2, 3, *size))
    batch = torch.export.Dim("batch", min=1, max=4096)
    with _quiet():
        try:
            torch.onnx.export(
                network,
                (example,),
                str(path),
                dynamo=True,
                opset_version=OPSET,
                input_names=["image"],
                output_names=["logits"],
                dynamic_shapes=({0: batch},),
                external_data=False,
                verbose=False,
            )
        except (torch.onnx.errors.OnnxExporterError, torch._dynamo.exc.TorchDynamoException) as error:  # noqa: SLF001
            first = str(error).strip().partition("\n")[0][:300]
            raise JobError(
                Text(f"无法导出为 ONNX：{first}", f"This network cannot be exported to ONNX: {first}")
            ) from error


def _describe(path: Path, record: ModelFile) -> None:
    model = onnx.load(path)
    entries = {
        "roadloop": f"{record.task} {record.prefix} epoch {record.epoch}",
        "params_sha256": record.params_sha256,
        "normalisation": record.normalisation.model_dump_json(),
        "classes": json.dumps([c.model_dump() for c in record.classes], ensure_ascii=False),
    }
    onnx.helper.set_model_props(model, entries)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _compare(network: torch.nn.Module, path: Path, size: tuple[int, int]) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for count in BATCHES:
        image_NCHW = torch.randn((count, 3, *size), generator=generator)
        with torch.no_grad():
            expected = network(image_NCHW).numpy()
        got = session.run(["logits"], {"image": image_NCHW.numpy()})[0]
        difference = float(np.abs(got - expected).max() / max(1.0, float(np.abs(expected).max())))
        worst = max(worst, difference) if np.isfinite(difference) else float("inf")
    return worst


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's warnings about its own insides to itself."""
    names = ("torch.onnx", "onnxscript", "onnx_ir")
    levels = [logging.getLogger(name).level for name in names]
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in zip(names, levels, strict=True):
            logging.getLogger(name).setLevel(level)
