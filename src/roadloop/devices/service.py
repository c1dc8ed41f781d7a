"""GPUs of this host: asked for in a process of its own, so that a hung driver never hangs the server."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from roadloop.errors import InvalidValueError, Text
from roadloop.lists import split_numbers
from roadloop.settings import Settings

CACHE_SECONDS: Final = 2.0
PROBE_SECONDS: Final = 0.9
HUNG_SECONDS: Final = 30.0  # a driver that needs longer hangs; after a broken answer, do not ask again for so long
ANSWER_BYTES: Final = 2**20
MOST_LEFT: Final = 8  # processes that do not even die, as inside a hung driver; then nobody else is sent there


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


@dataclass(frozen=True)
class Wish:
    """What a `gpus` text asks for; false for the CPU."""

    host: str = ""  #: the machine that has them; empty: this one
    indices: tuple[int, ...] = ()  #: numbers there
    any: int = 0  #: instead: so many, of whichever machine has them free

    @property
    def count(self) -> int:
        """How many GPUs."""
        return self.any or len(self.indices)

    def __bool__(self) -> bool:
        return bool(self.count)

    def __str__(self) -> str:
        numbers = ",".join(map(str, self.indices))
        return f"any:{self.any}" if self.any else f"{self.host}:{numbers}" if self.host else numbers


class _Probe:
    """A process that asks the driver, and a thread that takes down what it says."""

    def __init__(self, command: Sequence[str]) -> None:
        self.begun: Final = time.monotonic()
        self.answered: Final = threading.Event()
        self.ended = self.begun
        self.output = b""
        self.process: Final = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            self.output = stream.read(ANSWER_BYTES + 1)
        if len(self.output) > ANSWER_BYTES:
            self.process.kill()
        self.ended = time.monotonic()
        self.answered.set()


@dataclass
class _Cache:
    gpus: tuple[Gpu, ...] = ()
    until: float = 0.0
    asked: _Probe | None = None  #: has not answered yet


_cache: dict[tuple[str, ...], _Cache] = {}
_left: list[subprocess.Popen[bytes]] = []  #: not waited for: a process inside a hung driver may never end
_lock = threading.Lock()


def inventory(settings: Settings) -> tuple[Gpu, ...]:
    """The GPUs of this host; empty without a driver, with a hung one or with a senseless answer.

    Waits for about a second, however many ask at once. Who needs longer, as on a busy host, is asked no second time:
    until the answer is there, the last one counts.
    """
    with _lock:
        cache = _asked(settings)
        probe = cache.asked
    if probe is not None:
        probe.answered.wait(max(0.0, probe.begun + PROBE_SECONDS - time.monotonic()))
        with _lock:
            if cache.asked is probe:
                _take(cache, probe)
    return cache.gpus


def last_known(settings: Settings) -> tuple[Gpu, ...]:
    """The GPUs of this host as they last answered; waits for nobody, and asks anew for the next time."""
    with _lock:
        cache = _cache.get(_command(settings))
        if cache is not None and cache.asked is not None:
            _take(cache, cache.asked)
        return _asked(settings).gpus


def wish(gpus: str) -> Wish:
    """What a `gpus` text asks for.

    Raises:
        InvalidValueError: It is neither empty, `cpu`, numbers separated by commas with a machine's name and a colon before
            them or not, nor `any:` and how many.
    """
    text = gpus.strip()
    if text.lower() in {"", "cpu", "-1"}:
        return Wish()
    host, colon, numbers = text.replace("：", ":").rpartition(":")
    host = host.strip()
    parts = split_numbers(numbers)
    valid = all(part.isdecimal() and len(part) < 4 for part in parts) and len(set(parts)) == len(parts)
    if host.lower() == "any":
        if valid and len(parts) == 1 and int(parts[0]) > 0:
            return Wish(any=int(parts[0]))
    elif valid and bool(colon) == bool(host):
        return Wish(host, tuple(int(part) for part in parts))
    raise InvalidValueError(
        Text(
            f"gpus 的值 {gpus[:80]!r} 无效：请用逗号分隔的 GPU 编号（如 0,1；另一台机器上的写作 node2:0,1）、any:2（任一台有两块"
            "空闲的机器），或 cpu。",
            f"gpus: {gpus[:80]!r} is not valid; use GPU numbers separated by commas (such as 0,1, or node2:0,1 on another"
            " machine), any:2 (whichever machine has two free), or cpu.",
        ),
        parameter="gpus",
    )


def check(known: Mapping[str, Sequence[Gpu]], here: str, gpus: str) -> str:
    """A `gpus` text in its one spelling, if there are such GPUs; empty for the CPU.

    Args:
        known: The GPUs of each machine.
        here: The machine whose GPUs are meant where none is named.
        gpus: The text.

    Raises:
        InvalidValueError: Not a valid text, or a GPU that is not there; says which are.
    """
    asked = wish(gpus)
    if not asked:
        return ""
    present = [gpu.index for gpu in known.get(asked.host or here, ())]
    missing = [i for i in asked.indices if i not in present]
    if not missing and asked.any <= max(map(len, known.values()), default=0):
        return str(asked)
    lists = {name: ", ".join(str(gpu.index) for gpu in known[name]) for name in sorted(known) if known[name]}
    there = (
        lists.get(here, "") if lists.keys() <= {here} else "; ".join(f"{name}: {said}" for name, said in lists.items())
    )
    what_zh = f"没有一台机器有 {asked.any} 块 GPU。" if asked.any else f"{asked.host or '本机'}没有 GPU {missing}。"
    what_en = (
        f"no machine has {asked.any} GPUs. " if asked.any else f"{asked.host or 'this host'} has no GPU {missing}. "
    )
    raise InvalidValueError(
        Text(
            f"gpus：{what_zh}" + (f"可用的是 {there}；" if there else "没有可用的 GPU；") + "用 cpu 可在 CPU 上运行。",
            f"gpus: {what_en}"
            + (f"There are: {there}." if there else "There is none that answers.")
            + " Use cpu to run on the CPU.",
        ),
        parameter="gpus",
        available=present,
    )


def _command(settings: Settings) -> tuple[str, ...]:
    return settings.gpu_probe or (sys.executable, "-P", "-m", "roadloop.devices.probe")


def _asked(settings: Settings) -> _Cache:
    """What is known, and whoever is being asked, who is asked now if what is known is old; the caller holds the lock."""
    command = _command(settings)
    cache = _cache.setdefault(command, _Cache())
    if cache.asked is None and time.monotonic() >= cache.until:
        _ask(cache, command)
    return cache


def _ask(cache: _Cache, command: Sequence[str]) -> None:
    """Ask the driver in a process of its own."""
    _left[:] = [process for process in _left if process.poll() is None]
    try:
        if len(_left) < MOST_LEFT:
            cache.asked = _Probe(command)
            _left.append(cache.asked.process)
            return
    except OSError:
        pass
    cache.gpus, cache.until = (), time.monotonic() + HUNG_SECONDS


def _take(cache: _Cache, probe: _Probe) -> None:
    """Take the answer if it is there; give up who has hung for too long."""
    now = time.monotonic()
    if probe.answered.is_set():
        try:
            cache.gpus = tuple(_gpu(entry) for entry in json.loads(probe.output))
            cache.until = probe.ended + CACHE_SECONDS
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            cache.gpus, cache.until = (), now + HUNG_SECONDS
    elif now >= probe.begun + HUNG_SECONDS:
        probe.process.kill()
        cache.gpus, cache.until = (), now + HUNG_SECONDS
    else:
        return
    cache.asked = None


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
