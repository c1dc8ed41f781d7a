"""What a weights file says of itself: the description in our exports, the configuration beside Hugging Face's files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from roadloop.errors import InvalidValueError, Text
from roadloop.labels.label_map import LabelMap
from roadloop.labels.table import ClassTable, from_rows
from roadloop.models import hugging_face
from roadloop.models.engines import ONNX
from roadloop.models.files import (
    DESCRIPTION,
    PARAMS,
    SAFETENSORS,
    ModelFile,
    is_described,
    load_description,
    parse_description,
)
from roadloop.networks.names import Three


@dataclass(frozen=True)
class Said:
    """What a network's numbers mean, as a file or somebody says; None or empty where nothing is said.

    Attributes:
        table: Its class table.
        label_map: Raw id -> output; outputs that it does not name are left out of the argmax.
        outputs: How many outputs it has.
        mean: Subtracted from RGB in 0..1.
        std: Divides what is left.
        size: Height and width of the pictures that it is usually given.
        settings: Keyword arguments of the network's `build`.
        predict_ignored: Whether outputs without a class take part in the argmax, too.
    """

    table: ClassTable | None = None
    label_map: LabelMap | None = None
    outputs: int = 0
    mean: Three | None = None
    std: Three | None = None
    size: tuple[int, int] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    predict_ignored: bool = False


@dataclass(frozen=True)
class About(Said):
    """What a file says of itself.

    Attributes:
        crop: Height and width of what it saw while training.
        network: Name of the network, or of the template.
        digest: sha256 of the network's source.
        flip_pairs: Outputs that change places in a mirrored picture.
    """

    crop: tuple[int, int] | None = None
    network: str = ""
    digest: str = ""
    flip_pairs: Any = None


def read_about(path: Path) -> About:
    """What a file or folder says of itself.

    Args:
        path: `.params` with its `.json`, one of our exports, or a folder or file as Hugging Face saves it.

    Raises:
        BrokenFileError: The description is not valid, or that of another file.
        InvalidValueError: It is of a kind that no network here can be.
    """
    if path.suffix == ONNX:
        raise InvalidValueError(
            Text(
                f"{path.name} 是导出的 ONNX：其中的层已合并，不能还原为网络的张量。请导入同一模型的 .params 与 .json，或 .safetensors。",
                f"{path.name} is an ONNX export: its layers are merged and cannot become the network's tensors again."
                " Import the model's .params with its .json, or its .safetensors.",
            ),
            parameter="file",
        )
    if path.suffix == PARAMS and is_described(path):
        return of_record(load_description(path))
    if path.suffix == SAFETENSORS and (text := _metadata(path).get(DESCRIPTION)):
        return of_record(parse_description(text, path))
    folder = hugging_face.folder_of(path)
    return About(**hugging_face.read(folder)) if folder else About()


def of_record(record: ModelFile) -> About:
    """What a model file's description says."""
    rows: Any = record.class_table
    norm, size = record.normalisation, record.input
    return About(
        table=from_rows("classes", rows),
        label_map=LabelMap.from_json(record.label_map),
        outputs=record.num_classes,
        mean=norm.mean,
        std=norm.std,
        size=size.size or size.crop,
        settings=record.network.settings,
        predict_ignored=record.predict_ignored,
        crop=size.crop,
        network=record.network.name,
        digest=record.network.digest,
        flip_pairs=record.training.get("flip_pairs"),
    )


def _metadata(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, "np") as opened:
            return dict(opened.metadata() or {})
    except (SafetensorError, OSError, ValueError):  # said by whoever reads the tensors
        return {}
