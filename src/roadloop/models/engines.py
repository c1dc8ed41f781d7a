"""Converted models: what they are called, where they stand, what is said of them. No onnx here.

```
engines/<source>/<model>.<precision>-<width>x<height>/
    <model>.<precision>-<width>x<height>.onnx    what ONNX Runtime loads
    <model>.<precision>-<width>x<height>.json    the model's description, as beside its `.params`
    engine.json                                  how it was made, and how it differs from the trained network
```
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from roadloop.errors import BrokenFileError, NotFoundError, Text
from roadloop.models.files import PARAMS
from roadloop.storage import reading
from roadloop.storage.paths import Workspace, check_name

ONNX: Final = ".onnx"
ENGINE: Final = "engine.json"
FORMAT: Final = "roadloop-engine/1"
Precision = Literal["fp32", "fp16", "int8"]


def engine_file(params: str, precision: Precision, size: tuple[int, int]) -> str:
    """What an engine is called, beside the model that it is made from.

    Args:
        params: The `.params`, in a release with its bundle: `<env>-<adcode>/<file>`.
        precision: Of its numbers.
        size: Height and width that it takes.
    """
    height, width = size
    return f"{params.removesuffix(PARAMS)}.{precision}-{width}x{height}{ONNX}"


def engine_folder(source: str, file: str) -> str:
    """Where an engine stands, relative to the home."""
    return f"engines/{source}/{file.removesuffix(ONNX)}"


def is_engine(file: str | Path) -> bool:
    """Whether a name or a path is that of an engine."""
    return str(file).endswith(ONNX)


def find_engine(workspace: Workspace, source: str, file: str) -> Path:
    """The `.onnx` file of an engine.

    Args:
        workspace: Has it.
        source: Of the model that it was made from: a training task, `weights`, or `<category>/<version>`.
        file: As `engine_file` names it.

    Raises:
        InvalidNameError: One of the two cannot be a name.
        NotFoundError: There is no such engine.
    """
    for part in (*source.split("/"), *file.split("/")):
        check_name(part, "dicts")
    path = workspace.find_path(engine_folder(source, file)) / file.rpartition("/")[2]
    workspace.follow(path)
    if not path.is_file():
        raise NotFoundError(
            Text(
                f"{source} 没有转换得到的引擎 {file}；/v1/engines 列出已有的，POST /v1/engines 转换一个。",
                f"{source} has no engine {file}; /v1/engines lists those that there are, POST /v1/engines converts one.",
            ),
            source=source,
            file=file,
        )
    return path


def read_engine(path: Path) -> dict[str, Any]:
    """What `engine.json` says of an engine.

    Args:
        path: Its `.onnx` file.

    Raises:
        BrokenFileError: It is missing, or says something else.
    """
    place = path.with_name(ENGINE)
    try:
        found = json.loads(reading.read_bytes(place))
        if isinstance(found, Mapping) and found["format"] == FORMAT and isinstance(found["sha256"], str):
            return dict(found)
    except (OSError, ValueError, KeyError) as error:
        raise _broken(place) from error
    raise _broken(place)


def _broken(path: Path) -> BrokenFileError:
    return BrokenFileError(
        Text(
            f"引擎的说明 {path.name} 缺失或无法识别；请删除这个引擎后重新转换。",
            f"The description {path.name} of the engine is missing or not of a known format; delete the engine and convert"
            " the model again.",
        ),
        path=str(path),
    )
