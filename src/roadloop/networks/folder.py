"""Network folders: what a template and a team's copy of one consist of.

`network.py` has `build(num_classes, **settings)`; `train.json` and `data.json` hold the defaults of a training task;
`names.json` says what published weights call its tensors; `about.json` says what it costs, its licence and its paper; `README.md` says where the network comes from. A network that ends in a bilinear resize to the picture may also have a
method `coarse_logits(x)`, what it resizes, from which the CPU predicts faster. The digest of `network.py` is taken anew at every use, because a team
edits its copy.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.storage import reading
from roadloop.storage.paths import Workspace, find_entry

SOURCE: Final = "network.py"
TRAIN: Final = "train.json"
DATA: Final = "data.json"
NAMES: Final = "names.json"
ABOUT: Final = "about.json"
FILES: Final = (SOURCE, TRAIN, DATA, NAMES, ABOUT, "README.md")
TEMPLATES: Final = Path(__file__).parent / "templates"
#: Setting of `build` that names a folder of first values; a model file, which holds all values, is built without it.
CHECKPOINT: Final = "checkpoint"
#: Setting of `build` that adds the heads which only training needs.
AUXILIARY: Final = "auxiliary"
#: The interface document's example name for a template.
ALIASES: Final = {"kd-seg.template": "enet"}


@dataclass(frozen=True)
class NetworkInfo:
    """One finished network.

    Attributes:
        name: The name the team gave it.
        folder: Where its files are.
        digest: sha256 of `network.py` as it stands now, 64 hex digits.
    """

    name: str
    folder: Path
    digest: str


def list_templates() -> list[str]:
    """Names that `template_folder` takes: the shipped folders, then the aliases."""
    shipped = sorted(path.name for path in TEMPLATES.iterdir() if (path / SOURCE).is_file())
    return [*shipped, *ALIASES]


def network_folder(workspace: Workspace, name: str) -> Path:
    """The folder of a team's network, however its name is written on the disk; it need not exist.

    Raises:
        InvalidNameError: Several folders read like it.
    """
    return find_entry(workspace.networks, name, "network")


def template_folder(name: str) -> Path:
    """The folder of a shipped template.

    Raises:
        NotFoundError: No template has that name.
    """
    if name not in list_templates():
        known = list_templates()
        raise NotFoundError(
            Text(
                f"没有名为 {name[:120]!r} 的 network 源文件夹；可选：{'、'.join(known)}。",
                f"No network template is named {name[:120]!r}; there are: {', '.join(known)}.",
            ),
            parameter="src_net",
        )
    return TEMPLATES / ALIASES.get(name, name)


def read_source(folder: Path) -> str:
    """The text of a network's `network.py`.

    Raises:
        NotFoundError: The file is gone.
        InvalidValueError: It is not UTF-8 text.
    """
    path = folder / SOURCE
    try:
        return reading.read_text(path)
    except UnicodeDecodeError as error:
        raise InvalidValueError(
            Text(f"{path} 不是 UTF-8 文本；请用 UTF-8 保存。", f"{path} is not UTF-8 text; save it as UTF-8."),
            path=str(path),
        ) from error
    except OSError as error:
        raise NotFoundError(
            Text(f"找不到 {path}；请恢复该文件。", f"{path} is missing; put it back."), path=str(path)
        ) from error


def digest(source: str) -> str:
    """The identity of a network: sha256 of its source text, 64 hex digits."""
    return hashlib.sha256(source.encode()).hexdigest()


def read_defaults(folder: Path, file: str) -> dict[str, Any]:
    """The defaults that a network brings along.

    Args:
        folder: The network's folder.
        file: `TRAIN` or `DATA`.

    Returns:
        The JSON object; empty when the file is absent.

    Raises:
        InvalidValueError: The file cannot be read, or is not a JSON object; the text names the line.
    """
    path = folder / file
    try:
        value = json.loads(reading.read_bytes(path))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _not_an_object(path, reading.why(error)) from error
    except ValueError as error:
        raise _not_an_object(path, Text(str(error), str(error))) from error
    if not isinstance(value, dict):
        raise _not_an_object(path, Text(type(value).__name__, type(value).__name__))
    return value


def about(folder: Path) -> dict[str, Any]:
    """What a network's folder says of it in `about.json`: paper, licence, cost; empty where it says nothing readable."""
    with suppress(InvalidValueError):
        return read_defaults(folder, ABOUT)
    return {}


def check_files(folder: Path) -> None:
    """Look at a network's files without running anything.

    Raises:
        NotFoundError: `network.py` is not there.
        InvalidValueError: It is no text, or `train.json` or `data.json` is no JSON object; the text names the line.
    """
    read_source(folder)
    for file in (TRAIN, DATA):
        read_defaults(folder, file)


def _not_an_object(path: Path, why: Text) -> InvalidValueError:
    return InvalidValueError(
        Text(
            f"{path} 不是有效的 JSON 对象（{why.zh}）；请改正后重试。",
            f"{path} is not a valid JSON object ({why.en}); correct it and try again.",
        ),
        path=str(path),
    )
