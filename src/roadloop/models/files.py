"""The model file pair: `<prefix>_ep-0005.params` with `<prefix>_ep-0005.json` beside it. No torch here.

The `.params` holds the tensors, `arg:<name>` for what is learned and `aux:<name>` for running statistics; the `.json`
says everything that is needed to use them, the network's source included, and the sha256 of the `.params`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, ValidationError, model_validator

from roadloop.errors import BrokenFileError, InvalidValueError, NotFoundError, Text, many
from roadloop.models.params import Arrays, read_params, write_params
from roadloop.networks.folder import digest
from roadloop.networks.names import Three
from roadloop.parameters import Record, rule_of
from roadloop.storage import publish, reading
from roadloop.storage.paths import check_name

FORMAT: Final = "roadloop-model/1"
PARAMS: Final = ".params"
SAFETENSORS: Final = ".safetensors"
#: Endings of the files that a training can start from; only a `.params` can be a model.
START_ENDINGS: Final = (PARAMS, SAFETENSORS, ".pth", ".pt", ".bin")
#: Under which an export's metadata has the description.
DESCRIPTION: Final = "roadloop"
MAX_JSON: Final = 16 * 2**20
_STATISTICS: Final = ("running_mean", "running_var", "num_batches_tracked")

Move = tuple[Path, Path]
Pair = tuple[int, int]


class NetworkPart(Record):
    """The network that the tensors belong to."""

    name: str = Field(description="The team's name for it.")
    digest: str = Field(description="sha256 of `source`.")
    settings: dict[str, JsonValue] = Field(description="Keyword arguments of its `build`.")
    source: str = Field(description="The text of its network.py.")


class OutputClass(Record):
    """What one output of the network means."""

    train_id: int = Field(ge=0, le=254)
    name_en: str
    name_zh: str
    color: tuple[int, int, int] = Field(description="Red, green, blue, 0..255, for display.")


class Normalisation(Record):
    """What is done to RGB values in 0..1 before they go in: minus mean, divided by std."""

    mean: Three
    std: Three
    channels: Literal["rgb"] = Field("rgb", description="Order in which the colours go in.")


class InputSize(Record):
    """Picture sizes in pixels, height first."""

    crop: Pair = Field(description="What the network saw while training.")
    size: Pair | None = Field(None, description="The pictures' own size, the usual one for prediction.")


class ModelFile(Record):
    """What the `.json` beside a `.params` file says."""

    format: Literal["roadloop-model/1"] = FORMAT
    task: str = Field(description="Name of the training task.")
    prefix: str
    epoch: int = Field(ge=1)
    network: NetworkPart
    num_classes: int = Field(ge=1, le=65535, description="Outputs of the network.")
    classes: tuple[OutputClass, ...] = Field(
        min_length=1, description="The outputs that take part in the argmax; any other one is left out."
    )
    predict_ignored: bool = Field(
        False, description="Outputs that `classes` does not name take part, too; where one wins, the pixel is 255."
    )
    class_table: JsonValue = Field(description="The raw classes of the dataset.")
    label_map: dict[str, JsonValue] = Field(description="Raw id -> train id, as `LabelMap.to_json` writes it.")
    normalisation: Normalisation
    input: InputSize
    training: dict[str, JsonValue] = Field(description="Summary of the training: metrics and the like.")
    params_sha256: str = Field(pattern="^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _fits_together(self) -> "ModelFile":
        ids = [c.train_id for c in self.classes]
        if len(set(ids)) != len(ids) or max(ids) >= self.num_classes:
            message = f"classes {ids} do not fit {many(self.num_classes, 'output')}"
            raise ValueError(message)
        if digest(self.network.source) != self.network.digest:
            message = "network.digest is not the sha256 of network.source"
            raise ValueError(message)
        return self


def file_name(prefix: str, epoch: int) -> str:
    """Name of a `.params` file, `<prefix>_ep-0005.params`."""
    return f"{prefix}_ep-{epoch:04d}{PARAMS}"


def description_path(params_path: Path) -> Path:
    """The `.json` that belongs to a `.params` file."""
    return params_path.with_suffix(".json")


def is_described(path: Path) -> bool:
    """Whether a weights file is a `.params` with its `.json` beside it."""
    return path.suffix == PARAMS and description_path(path).is_file()


def save_model(
    folder: Path,
    prefix: str,
    epoch: int,
    state: Mapping[str, Any],
    description: Mapping[str, Any],
    *,
    scratch: Callable[[Path], Path] | None = None,
) -> list[Move]:
    """Write a pair under scratch names; publishing the returned moves in their order makes it visible.

    Args:
        folder: Where the pair shall stand.
        prefix: Begins the file names.
        epoch: Number of the epoch, from 1.
        state: A network's state dict, or named NumPy arrays; torch tensors on any device. Names without `arg:` or
            `aux:` get one.
        description: Every field of `ModelFile` besides format, prefix, epoch and params_sha256.
        scratch: Makes a scratch path of a target, such as `TaskContext.scratch`; a dotted name beside it by default.

    Returns:
        (scratch, target) of the `.params`, then of the `.json`.

    Raises:
        InvalidValueError: The description lacks something, or a tensor cannot be stored.
        InvalidNameError: `prefix` cannot begin a file name.
        DiskFullError: No space left; nothing visible was changed.
    """
    check_name(prefix, "model")
    data = write_params({_stored_name(name): _to_array(value) for name, value in state.items()})
    values = {
        **description,
        "format": FORMAT,
        "prefix": prefix,
        "epoch": epoch,
        "params_sha256": hashlib.sha256(data).hexdigest(),
    }
    target = folder / file_name(prefix, epoch)
    try:
        record = ModelFile.model_validate(values)
    except ValidationError as error:
        raise InvalidValueError(_complaint(description_path(target).name, error)) from error
    place = scratch or _hidden
    pair = [(place(path), path) for path in (target, description_path(target))]
    publish.write_bytes(pair[0][0], data)
    publish.write_json(pair[1][0], record.model_dump(mode="json"))
    return pair


def load_description(params_path: Path, *, verify: bool = False) -> ModelFile:
    """Read the `.json` of a `.params` file.

    Args:
        params_path: The `.params` file.
        verify: Also compare the `.params` with the sha256 in the description.

    Raises:
        NotFoundError: One of the two files is missing.
        BrokenFileError: The description is not valid, or the sha256 differs.
    """
    path = description_path(params_path)
    for needed in (params_path, path):
        if not needed.is_file():
            raise NotFoundError(
                Text(
                    f"找不到 {needed.name}；模型由 .params 与同名 .json 组成，两者须在同一目录。",
                    f"{needed.name} is missing; a model is a .params file with its .json beside it.",
                ),
                path=str(needed),
            )
    if path.stat().st_size > MAX_JSON:
        raise BrokenFileError(Text(f"{path.name} 过大。", f"{path.name} is too large."), path=str(path))
    record = parse_description(reading.read_bytes(path), path)
    if verify and publish.sha256_file(params_path) != record.params_sha256:
        raise mismatch(params_path)
    return record


def parse_description(data: bytes | str, path: Path) -> ModelFile:
    """The description in a `.json`, or in an export's metadata; `path` is for messages.

    Raises:
        BrokenFileError: It is not valid.
    """
    try:
        return ModelFile.model_validate(json.loads(data))
    except ValidationError as error:
        raise BrokenFileError(_complaint(path.name, error), path=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise BrokenFileError(
            Text(f"{path.name} 不是有效的 JSON：{error}", f"{path.name} is not valid JSON: {error}"), path=str(path)
        ) from error


def read_state(params_path: Path, record: ModelFile) -> Arrays:
    """Read the tensors of a described pair; the bytes that are decoded are the bytes that were hashed.

    Returns:
        Name in the network's state dict -> array. What has no dimensions there has the shape (1,) here.

    Raises:
        BrokenFileError: The sha256 differs, or the file is not a valid `.params`.
    """
    data = reading.read_bytes(params_path)
    if hashlib.sha256(data).hexdigest() != record.params_sha256:
        raise mismatch(params_path)
    return decode_params(data, params_path.name)


def decode_params(data: bytes, name: str) -> Arrays:
    """The tensors of a `.params` file under a network's own names.

    Raises:
        BrokenFileError: It is not such a file; names it.
    """
    try:
        arrays = read_params(data)
        plain = {own.removeprefix("arg:").removeprefix("aux:"): array for own, array in arrays.items()}
        if len(plain) != len(arrays):
            raise BrokenFileError(
                Text("有张量同时以 arg: 和 aux: 保存。", "A tensor is stored as arg: and as aux: at once.")
            )
    except BrokenFileError as error:
        raise BrokenFileError(Text(f"{name}：{error.text.zh}", f"{name}: {error.text.en}"), file=name) from error
    return plain


def mismatch(params_path: Path) -> BrokenFileError:
    """The error for a `.params` file that is not the one its `.json` describes."""
    name = params_path.name
    return BrokenFileError(
        Text(
            f"{name} 的 sha256 与其 .json 不符：文件已损坏或被替换，不予加载。请恢复原文件或选择另一轮的模型。",
            f"{name} does not have the sha256 of its .json: it is damaged or was exchanged, and is not loaded."
            " Put the original back or choose another epoch.",
        ),
        path=str(params_path),
    )


def _stored_name(name: str) -> str:
    if name.startswith(("arg:", "aux:")):
        return name
    return ("aux:" if name.rpartition(".")[2] in _STATISTICS else "arg:") + name


def _to_array(value: Any) -> NDArray[Any]:
    """A NumPy array, at least one-dimensional, of a torch tensor or of what NumPy takes."""
    tensor = value.detach().cpu() if hasattr(value, "detach") else value
    if str(getattr(tensor, "dtype", "")) == "torch.bfloat16":  # NumPy has no such type
        tensor = tensor.float()
    return np.atleast_1d(np.asarray(tensor))


def _hidden(path: Path) -> Path:
    return path.with_name(publish.hidden_name(path.name, "new"))


def _complaint(file: str, error: ValidationError) -> Text:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "-"
    why = rule_of(first)
    return Text(
        f"模型说明 {file} 无效：{place}：{why.zh}",
        f"The model description {file} is not valid: {place}: {why.en}",
    )
