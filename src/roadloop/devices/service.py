"""GPUs of this host: asked for in a process of its own, so that a hung driver never hangs the server."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from roadloop.errors import InvalidValueError, Text
from roadloop.settings import Settings

CACHE_SECONDS: Final = 2.0
PROBE_SECONDS: Final = 0.9
HUNG_SECONDS: Final = 30.0  # after a hung or broken answer, do not ask again for so long


@dataclass(frozen=True)
class Gpu:
    """One GPU as its driver describes it."""

    index: int  #: number on this host
    uuid: str
    name: str
    utilisation: float  #: 0..1
    total_mib: int
    free_mib: int
    host: str


@dataclass
class _Cache:
    gpus: tuple[Gpu, ...] = ()
    until: float = 0.0


_cache: dict[tuple[str, ...], _Cache] = {}
_hung: list[subprocess.Popen[bytes]] = []
_lock = threading.Lock()


def inventory(settings: Settings) -> tuple[Gpu, ...]:
    """The GPUs of this host; empty without a driver, with a hung one (about 1 s) or with a senseless answer."""
    command = settings.gpu_probe or (sys.executable, "-m", "roadloop.devices.probe")
    with _lock:
        cache = _cache.setdefault(command, _Cache())
        if time.monotonic() >= cache.until:
            gpus = _probe(command)
            cache.gpus = gpus or ()
            cache.until = time.monotonic() + (HUNG_SECONDS if gpus is None else CACHE_SECONDS)
        return cache.gpus


def wanted(gpus: str) -> list[int]:
    """The indices in a `gpus` text; none for CPU.

    Raises:
        InvalidValueError: It is neither empty, `cpu`, nor numbers separated by commas.
    """
    text = gpus.strip().lower()
    if text in {"", "cpu", "-1"}:
        return []
    parts = [part.strip() for part in text.replace("，", ",").split(",")]
    if not all(part.isdecimal() and len(part) < 4 for part in parts) or len(set(parts)) != len(parts):
        raise InvalidValueError(
            Text(
                f"gpus 的值 {gpus[:80]!r} 无效：请用逗号分隔的 GPU 编号（如 0,1），或 cpu。",
                f"gpus: {gpus[:80]!r} is not valid; use GPU numbers separated by commas (such as 0,1), or cpu.",
            ),
            parameter="gpus",
        )
    return [int(part) for part in parts]


def check(settings: Settings, gpus: str) -> list[int]:
    """The indices in a `gpus` text, each of them present on this host.

    Raises:
        InvalidValueError: Not a valid text, or a GPU that is not there; says which are.
    """
    indices = wanted(gpus)
    if indices:
        present = [gpu.index for gpu in inventory(settings)]
        missing = [i for i in indices if i not in present]
        if missing:
            there = ", ".join(map(str, present))
            raise InvalidValueError(
                Text(
                    f"gpus：本机没有 GPU {missing}。"
                    + (f"可用的是 {there}；" if there else "本机没有可用的 GPU；")
                    + "用 cpu 可在 CPU 上运行。",
                    f"gpus: this host has no GPU {missing}. "
                    + (f"There are: {there}." if there else "It has none that answers.")
                    + " Use cpu to run on the CPU.",
                ),
                parameter="gpus",
                available=present,
            )
    return indices


def _probe(command: Sequence[str]) -> tuple[Gpu, ...] | None:
    """Ask the driver; None when it hangs or answers nonsense."""
    _hung[:] = [process for process in _hung if process.poll() is None]
    try:
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            output, _ = process.communicate(timeout=PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            assert process.stdout is not None
            process.stdout.close()
            _hung.append(process)  # not waited for: a process inside a hung driver may never end
            return None
        return tuple(_gpu(entry) for entry in json.loads(output))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _gpu(entry: dict[str, Any]) -> Gpu:
    return Gpu(
        index=int(entry["index"]),
        uuid=str(entry["uuid"]),
        name=str(entry["name"]),
        utilisation=float(entry["utilisation"]),
        total_mib=int(entry["total_mib"]),
        free_mib=int(entry["free_mib"]),
        host=socket.gethostname(),
    )
