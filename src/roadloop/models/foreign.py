"""The tensors of a weights file of any kind: `.params`, `.safetensors`, `.pth`. Needs torch."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open

from roadloop.errors import BrokenFileError, NotFoundError, Text
from roadloop.models.files import PARAMS, SAFETENSORS, decode_params, is_described, load_description, read_state
from roadloop.models.hugging_face import tensors_of
from roadloop.models.params import LIST_MAGIC, Arrays
from roadloop.models.torch_file import NAMES, UNWRITTEN
from roadloop.storage import reading
from roadloop.storage.publish import disk_errors, disk_full

SECONDS: Final = 300  #: wall time of the process that reads a torch file


def read_weights(path: Path) -> Arrays:
    """Read the named tensors of a weights file.

    Args:
        path: `.params` (a `.json` beside it is checked, but not needed), `.safetensors`, or a torch file, which is read
            in a process of its own, under limits, without running anything that is in it. MXNet's files are known by
            their first bytes, too. Of a folder, as Hugging Face saves it, the file of tensors.

    Returns:
        Name -> array, in the file's order; bfloat16 is float32.

    Raises:
        NotFoundError: The file is missing.
        BrokenFileError: It is damaged, has no tensors, or wants more than tensors to be read.
        DiskFullError: A torch file's tensors find no room beside it, in the temporary directory.
    """
    if path.is_dir():
        path = tensors_of(path)
    if not path.is_file():
        raise NotFoundError(
            Text(f"找不到权重文件 {path.name}。", f"The weights file {path.name} is missing."), path=str(path)
        )
    if is_described(path):
        return read_state(path, load_description(path))
    if path.suffix == PARAMS or _begins_as_params(path):
        return decode_params(reading.read_bytes(path), path.name)
    if path.suffix == SAFETENSORS:
        return _read_safetensors(path, path.name)
    return _read_torch(path)


def _begins_as_params(path: Path) -> bool:
    with reading.open_file(path) as opened:
        return opened.read(8) == LIST_MAGIC.to_bytes(8, "little")


def _read_safetensors(path: Path, name: str) -> Arrays:
    """In the order of the names, or of the list that `torch_file` leaves."""
    arrays = {}
    try:
        with safe_open(path, "pt") as opened:
            keys = sorted(opened.keys())
            names = json.loads((opened.metadata() or {}).get(NAMES, "null")) or keys
            for own, key in zip(names, keys, strict=True):
                tensor: torch.Tensor = opened.get_tensor(key)
                odd = tensor.is_floating_point() and tensor.dtype not in {torch.float16, torch.float64}
                arrays[str(own)] = (tensor.float() if odd else tensor).numpy()
    except (SafetensorError, ValueError, TypeError, RuntimeError) as error:
        first = str(error).partition("\n")[0][:300]
        raise _broken(name, Text(first, first)) from error
    return arrays


def _read_torch(path: Path) -> Arrays:
    with disk_errors(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory(prefix="roadloop-") as folder:
        target = Path(folder) / f"tensors{SAFETENSORS}"
        command = [sys.executable, "-P", "-m", "roadloop.models.torch_file", str(path.resolve()), str(target)]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            text = Text(f"读取超过 {SECONDS} 秒", f"reading it took more than {SECONDS} s")
            raise _broken(path.name, text) from error
        if done.returncode == UNWRITTEN:
            raise disk_full(target, _reason(done).en)
        if done.returncode:
            raise _broken(path.name, _reason(done))
        return _read_safetensors(target, path.name)


def _reason(done: subprocess.CompletedProcess[str]) -> Text:
    """What the process that read a torch file said last, or how it ended."""
    if done.returncode < 0:
        return Text(f"读取进程被信号 {-done.returncode} 结束", f"reading it ended by signal {-done.returncode}")
    last = (done.stderr.strip().splitlines() or ["?"])[-1]
    return Text(*json.loads(last)) if last.startswith('["') else Text(last, last)


def _broken(name: str, why: Text) -> BrokenFileError:
    return BrokenFileError(
        Text(
            f"无法从 {name} 读出张量：{why.zh}。可读取 .params、.safetensors，以及只含张量的 .pth、.pt：请用"
            " torch.save(model.state_dict(), ...) 另存，或换成 safetensors。",
            f"No tensors can be read from {name}: {why.en}. What can be read is .params, .safetensors, and .pth or .pt with"
            " nothing but tensors: save it again with torch.save(model.state_dict(), ...), or as safetensors.",
        ),
        file=name,
    )
