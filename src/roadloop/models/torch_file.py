"""Turn a torch file into safetensors: `python -m roadloop.models.torch_file SOURCE TARGET`, a process of its own.

A `.pth` is a program for torch's reader. It is read with `weights_only`, which runs none of it but plain containers and
tensors, and under limits on memory, CPU time, open files and what is written, so that whatever is in it ends here.
The names stand in the metadata under `names`, as JSON in their order; the tensors are called by their place.
"""

import json
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from roadloop.errors import Text

CPU_SECONDS: Final = 120
SPARE_BYTES: Final = 2**29
COPIES: Final = 6  # of the file that may be in memory at once: read, as float32, encoded
NESTS: Final = ("state_dict", "model_state_dict", "model_state", "model", "network", "net", "weights")
PREFIXES: Final = ("module.", "_orig_mod.", "model.", "network.")
DEEPEST: Final = 3
NAMES: Final = "names"
UNWRITTEN: Final = 3  #: the exit code where the disk did not take what was read
REFUSED: Final = "Weights only load failed"  # how torch begins to refuse
WANTED: Final = re.compile(r"\bGLOBAL ([\w.]+)")  # what it says that the file asks for


def limit(size: int) -> None:
    """Bound what this process can take from now on, for a file of that many bytes."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(spent.ru_utime + spent.ru_stime) + CPU_SECONDS
    memory = psutil.Process().memory_info().vms + COPIES * size + SPARE_BYTES
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, COPIES * size + 2**20),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def tensors_of(content: Any) -> dict[str, torch.Tensor]:
    """The named tensors of what a file holds: a state dict, one in a `state_dict` or `model`, or a list.

    Raises:
        ValueError: It holds no tensors, or one of a kind that no network here has, or two networks.
    """
    for _ in range(DEEPEST):
        content = _inner(content)
    if isinstance(content, list | tuple):
        content = dict(enumerate(content))
    if not isinstance(content, Mapping):
        message = f"it holds {type(content).__name__}, no state dict"
        raise ValueError(message)
    found = _tensors(content)
    if not found:
        message = f"it has no tensors, only {', '.join(map(str, list(content)[:8])) or 'nothing'}"
        raise ValueError(message)
    return {name: _dense(name, value) for name, value in found.items()}


def _inner(content: Any) -> Any:
    """What a training's checkpoint keeps its network under, or the content itself.

    Raises:
        ValueError: It keeps the network twice, as with an average of the weights, and the two differ.
    """
    if not isinstance(content, Mapping):
        return content
    nest = next((n for n in NESTS if isinstance(content.get(n), Mapping)), None)
    if nest is None:
        return content
    own = _tensors(content[nest])
    for name, other in content.items():
        theirs = _tensors(other) if isinstance(other, Mapping) and name != nest else {}
        if theirs and theirs.keys() == own.keys() and not all(torch.equal(own[n], theirs[n]) for n in own):
            message = f"it holds the network twice, as {nest} and as {name}: save the one that is meant alone"
            raise ValueError(message)
    return content[nest]


def _tensors(content: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    """The named tensors of a mapping, without prefixes."""
    found = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    return dict(zip(_short(list(found)), found.values(), strict=True))


def _short(names: list[str]) -> list[str]:
    """Names without the prefixes that all of them have."""
    while prefix := next((p for p in PREFIXES if names and all(n.startswith(p) for n in names)), ""):
        names = [n.removeprefix(prefix) for n in names]
    return names


def _dense(name: str, value: torch.Tensor) -> torch.Tensor:
    if value.layout != torch.strided or value.is_quantized or value.is_complex() or value.is_meta:
        message = f"{name} is a tensor of another kind ({value.layout}, {value.dtype}, {value.device})"
        raise ValueError(message)
    known = (torch.float64, torch.float16)
    if value.is_floating_point() and value.dtype not in known:
        value = value.float()
    return value.detach().contiguous().clone()


def read(source: Path) -> dict[str, torch.Tensor]:
    """The named tensors of a torch file.

    Raises:
        Exception: Of any kind; anything may be in such a file.
    """
    return tensors_of(torch.load(source, map_location="cpu", weights_only=True))


def write(tensors: Mapping[str, torch.Tensor], target: Path) -> None:
    """Keep them as safetensors.

    Raises:
        SafetensorError: The disk does not take them.
    """
    numbered = {f"{place:08d}": tensor for place, tensor in enumerate(tensors.values())}
    save_file(numbered, target, {NAMES: json.dumps(list(tensors))})


def reason(error: Exception) -> Text:
    """Why a file could not be read, in one line; torch's own advice, to run what is in the file, is left out."""
    text = str(error).strip()
    if wanted := WANTED.search(text):
        return Text(f"其中不只有张量，还有 {wanted[1]}", f"it holds more than tensors: {wanted[1]}")
    if REFUSED in text or not isinstance(error, ValueError | RuntimeError | MemoryError | OSError):
        return Text("它不是完整的 torch 文件", "it is not a whole torch file")
    first = text.partition("\n")[0][:300].rstrip(".") or type(error).__name__
    return Text(first, first)


def main(source: Path, target: Path) -> None:
    """Convert within limits; what is wrong becomes one line on standard error and exit code 2, or `UNWRITTEN`."""
    torch.set_num_threads(1)
    limit(source.stat().st_size)
    try:
        write(read(source), target)
    except SafetensorError as error:
        first = str(error).partition("\n")[0]
        sys.stderr.write(f"\n{json.dumps([first, first])}\n")
        sys.exit(UNWRITTEN)
    except Exception as error:  # noqa: BLE001 - see read
        sys.stderr.write(f"\n{json.dumps(reason(error))}\n")
        sys.exit(2)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
