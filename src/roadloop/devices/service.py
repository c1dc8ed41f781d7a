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
LOOK_SECONDS: Final = 0.05  # for an answer that is late
HUNG_SECONDS: Final = 30.0  # a driver that needs longer hangs; after a broken answer, do not ask again for so long


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
    asked: subprocess.Popen[bytes] | None = None  #: has not answered yet
    given_up: float = 0.0  #: when it counts as hung


_cache: dict[tuple[str, ...], _Cache] = {}
_hung: list[subprocess.Popen[bytes]] = []
_lock = threading.Lock()


def inventory(settings: Settings) -> tuple[Gpu, ...]:
    """The GPUs of this host; empty without a driver, with a hung one or with a senseless answer.

    Waits for about a second. Who needs longer, as on a busy host, is asked no second time: until the answer is there,
    the last one counts.
    """
    command = settings.gpu_probe or (sys.executable, "-P", "-m", "roadloop.devices.probe")
    with _lock:
        cache = _cache.setdefault(command, _Cache())
        if cache.asked is not None:
            _take(cache, LOOK_SECONDS)
        elif time.monotonic() >= cache.until:
            _ask(cache, command)
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


def _ask(cache: _Cache, command: Sequence[str]) -> None:
    """Ask the driver in a process of its own, and wait a moment for the answer."""
    _hung[:] = [process for process in _hung if process.poll() is None]
    try:
        cache.asked = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        cache.gpus, cache.until = (), time.monotonic() + HUNG_SECONDS
        return
    cache.given_up = time.monotonic() + HUNG_SECONDS
    _take(cache, PROBE_SECONDS)


def _take(cache: _Cache, seconds: float) -> None:
    """Take the answer if it comes within some seconds; give up who has hung for too long."""
    process = cache.asked
    assert process is not None
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        if time.monotonic() < cache.given_up:
            return
        process.kill()
        assert process.stdout is not None
        process.stdout.close()
        _hung.append(process)  # not waited for: a process inside a hung driver may never end
        cache.asked, cache.gpus, cache.until = None, (), time.monotonic() + HUNG_SECONDS
        return
    cache.asked = None
    try:
        cache.gpus = tuple(_gpu(entry) for entry in json.loads(output))
        cache.until = time.monotonic() + CACHE_SECONDS
    except (ValueError, KeyError, TypeError):
        cache.gpus, cache.until = (), time.monotonic() + HUNG_SECONDS


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
