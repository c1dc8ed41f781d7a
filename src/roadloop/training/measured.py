"""What `auto` has measured: a file in the task's folder, which every later attempt, and a second run, repeats.

The clock decides once. Whoever starts another task with the `train_con` that a started one shows, or with its
`conf/train.json`, computes in the same way, and so gets the same bits on the same machine. No torch.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from roadloop.errors import BrokenFileError, Text
from roadloop.storage import publish, reading
from roadloop.training.recipe import TrainConfig
from roadloop.training.reporting import Reporter

CONFIGURATION: Final = "conf"
TRAIN: Final = "train.json"
MEASURED: Final = "measured.json"
FIELDS: Final = ("memory_format", "compile", "precision")
AUTO: Final = "auto"


def settled(config: TrainConfig, task: Path) -> TrainConfig:
    """The configuration with what was measured in the place of `auto`; as it is, where nothing was yet.

    Args:
        config: As the task was started with it.
        task: The task's folder.

    Raises:
        BrokenFileError: The record is there, but cannot be read.
    """
    open_fields = [name for name in FIELDS if getattr(config, name) == AUTO]
    path = task / CONFIGURATION / MEASURED
    if not open_fields:
        return config
    try:
        found = json.loads(reading.read_bytes(path))
        return TrainConfig.model_validate({**config.model_dump(), **{name: found[name] for name in open_fields}})
    except FileNotFoundError:
        return config
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenFileError(
            Text(
                f"{path} 无法读取。请恢复该文件；若删除它，继续训练时会重新测量，结果可能不再逐位相同。",
                f"{path} cannot be read. Put it back; without it a continued training measures anew, and may no longer give"
                " the same bits.",
            ),
            path=str(path),
        ) from error


def keep(config: TrainConfig, task: Path, values: Mapping[str, str], reporter: Reporter) -> None:
    """Publish what was measured, and `conf/train.json` with it.

    Args:
        config: As the task was started with it.
        task: The task's folder.
        values: What was chosen, for each of `FIELDS`.
        reporter: Publishes.
    """
    chosen: dict[str, Any] = {name: values[name] for name in FIELDS if getattr(config, name) == AUTO}
    train = TrainConfig.model_validate({**config.model_dump(), **chosen}).model_dump(mode="json")
    folder = task / CONFIGURATION
    moves = []
    for name, value in ((MEASURED, dict(values)), (TRAIN, train)):
        scratch = reporter.scratch(folder / name)
        publish.write_json(scratch, value)
        moves.append((scratch, folder / name))
    reporter.publish(moves)
