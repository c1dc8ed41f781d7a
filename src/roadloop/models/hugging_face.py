"""A SegFormer as Hugging Face saves it: `config.json` and `preprocessor_config.json` beside the tensors. No torch here."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from roadloop.errors import BrokenFileError, InvalidValueError, Text
from roadloop.labels.colors import distinct_colors
from roadloop.labels.label_map import LabelMap, default_map
from roadloop.labels.table import SHIPPED, ClassTable, LabelClass, shipped
from roadloop.storage import reading

TENSORS: Final = ("model.safetensors", "pytorch_model.bin")
CONFIG: Final = "config.json"
PREPROCESSOR: Final = "preprocessor_config.json"
SEGFORMER: Final = "segformer"
_HEADS: Final = (1, 2, 5, 8)
_VARIANTS: Final = {  # channels of one head, layers of the four stages, channels of the decoder
    "b0": (32, [2, 2, 2, 2], 256),
    "b1": (64, [2, 2, 2, 2], 256),
    "b2": (64, [3, 4, 6, 3], 768),
}
_FIXED: Final = {  # of the configuration; other values are other networks
    "num_attention_heads": list(_HEADS),
    "sr_ratios": [8, 4, 2, 1],
    "mlp_ratios": [4, 4, 4, 4],
    "patch_sizes": [7, 3, 3, 3],
    "strides": [4, 2, 2, 2],
    "hidden_act": "gelu",
    "num_channels": 3,
    "reshape_last_stage": True,
}


def folder_of(path: Path) -> Path | None:
    """The folder that a folder or a file of tensors belongs to, if it has a configuration."""
    folder = path if path.is_dir() else path.parent
    named = path.is_dir() or path.name in TENSORS
    return folder if named and (folder / CONFIG).is_file() else None


def tensors_of(folder: Path) -> Path:
    """The file of tensors in a folder.

    Raises:
        InvalidValueError: There is none, or they are in several files.
    """
    for name in TENSORS:
        if (folder / name).is_file():
            return folder / name
    raise InvalidValueError(
        Text(
            f"文件夹 {folder.name} 中没有 {' 或 '.join(TENSORS)}；分成多个文件的权重请先合并为一个 safetensors。",
            f"The folder {folder.name} has no {' or '.join(TENSORS)}; tensors in several files must be joined into one"
            " safetensors first.",
        ),
        parameter="file",
    )


def read(folder: Path) -> dict[str, Any]:
    """What a folder's configuration says, under the names of `About`.

    Raises:
        BrokenFileError: A configuration is not a JSON object.
        InvalidValueError: It is no SegFormer that the template can be; says what is other.
    """
    config = _object(folder / CONFIG)
    found: dict[str, Any] = {"network": SEGFORMER, "settings": _settings(config, folder)}
    labels = config.get("id2label") or {}
    names = [str(labels.get(str(i), "")) for i in range(len(labels))]
    found["outputs"] = len(names)
    values = _object(folder / PREPROCESSOR) if (folder / PREPROCESSOR).is_file() else {}
    if names and names != [f"LABEL_{i}" for i in range(len(names))]:
        reduced = bool(values.get("do_reduce_labels", values.get("reduce_labels", False)))
        found["table"], found["label_map"] = _classes(folder.name, names, first=int(reduced))
    return found | _pictures(values)


def _settings(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Settings of the template's `build`."""
    if config.get("model_type") != SEGFORMER:
        raise _another(folder, f"model_type {config.get('model_type')!r}")
    for name, value in _FIXED.items():
        if config.get(name, value) != value:
            raise _another(folder, f"{name} {config[name]}")
    hidden, layers, decoder = (config.get(name) for name in ("hidden_sizes", "depths", "decoder_hidden_size"))
    for variant, (head, depths, channels) in _VARIANTS.items():
        width = hidden[0] / head if isinstance(hidden, list) and hidden else 0.0
        same = hidden == [max(8, round(head * width)) * heads for heads in _HEADS]
        if same and layers == depths and decoder == max(8, round(channels * width)):
            return {"variant": variant} | ({} if width == 1 else {"width": width})
    raise _another(folder, f"depths {layers}, hidden_sizes {hidden}, decoder_hidden_size {decoder}")


def _classes(name: str, names: list[str], *, first: int) -> tuple[ClassTable, LabelMap]:
    """A shipped table whose classes are exactly these, in this order; else one of their names, counted from `first`."""
    for known in SHIPPED:
        table = shipped(known)
        label_map = default_map(table)
        if [n.casefold() for n in label_map.names("en")] == [n.casefold() for n in names]:
            return table, label_map
    colors = distinct_colors(len(names))
    table = ClassTable(
        name,
        tuple(LabelClass(first + i, n, n, color, i) for i, (n, color) in enumerate(zip(names, colors, strict=True))),
    )
    return table, default_map(table)


def _pictures(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is done to pictures before they go in."""
    if values.get("do_flip_channel_order"):
        raise InvalidValueError(
            Text(
                "该模型要求 BGR 通道顺序（do_flip_channel_order），此处的网络只接受 RGB。",
                "This model wants BGR (do_flip_channel_order); networks here are given RGB.",
            ),
            parameter="file",
        )
    found: dict[str, Any] = {}
    if values.get("do_normalize", True) and "image_mean" in values and "image_std" in values:
        found |= {"mean": tuple(values["image_mean"]), "std": tuple(values["image_std"])}
    elif values.get("do_normalize") is False:
        found |= {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    size = values.get("size")
    if isinstance(size, int):
        size = {"height": size, "width": size}
    if isinstance(size, dict) and {"height", "width"} <= size.keys():
        found["size"] = (int(size["height"]), int(size["width"]))
    return found


def _another(folder: Path, what: str) -> InvalidValueError:
    return InvalidValueError(
        Text(
            f"{folder.name}/{CONFIG} 描述的不是模板 segformer 所能构建的网络（{what}）；可导入 SegFormer {'、'.join(_VARIANTS)}。",
            f"{folder.name}/{CONFIG} describes no network that the template segformer can be ({what}); SegFormer"
            f" {', '.join(_VARIANTS)} can be imported.",
        ),
        parameter="file",
    )


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(reading.read_bytes(path))
    except (OSError, ValueError) as error:
        raise BrokenFileError(
            Text(f"{path.name} 无法读取：{error}", f"{path.name} cannot be read: {error}"), path=str(path)
        ) from error
    if not isinstance(value, dict):
        raise BrokenFileError(
            Text(f"{path.name} 不是 JSON 对象。", f"{path.name} is not a JSON object."), path=str(path)
        )
    return value
