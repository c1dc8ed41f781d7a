"""GPUs of this host: asked for in a process of its own, so that a hung driver never hangs the server."""

import json
import re
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
CPU: Final = "cpu"
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
class Part:
    """What a `gpus` text asks of one machine."""

    host: str = ""  #: its name; empty: this one
    indices: tuple[int, ...] = ()  #: numbers of its GPUs; none: its processors

    def __str__(self) -> str:
        numbers = ",".join(map(str, self.indices)) or CPU
        return f"{self.host}:{numbers}" if self.host else numbers


@dataclass(frozen=True)
class Wish:
    """What a `gpus` text asks for; neither of both: the processors of whichever machine."""

    parts: tuple[Part, ...] = ()  #: of each machine, the first one's first
    any: int = 0  #: instead: so many GPUs, of whichever machine has them free

    @property
    def count(self) -> int:
        """How many GPUs."""
        return self.any or sum(len(part.indices) for part in self.parts)

    def __bool__(self) -> bool:
        return bool(self.parts or self.any)

    def __str__(self) -> str:
        return f"any:{self.any}" if self.any else ";".join(map(str, self.parts))


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
            them or not, several such with semicolons between them, nor `any:` and how many.
    """
    text = gpus.strip().replace("：", ":").replace("；", ";")
    if text.lower() in {"", CPU, "-1"}:
        return Wish()
    if found := re.fullmatch(r"any\s*:\s*(\d{1,3})", text, re.IGNORECASE):
        if int(found[1]) > 0:
            return Wish(any=int(found[1]))
    else:
        parts = [part for one in text.split(";") if (part := _part(one)) is not None]
        if len(parts) == text.count(";") + 1 and (len(parts) == 1 or _are_together(parts)):
            return Wish(tuple(parts))
    raise InvalidValueError(
        Text(
            f"gpus 的值 {gpus[:80]!r} 无效：请用逗号分隔的 GPU 编号（如 0,1；另一台机器上的写作 node2:0,1；多台机器上的写作"
            " node1:0,1;node2:0,1，各机器写一次，用 CPU 则写 node1:cpu;node2:cpu）、any:2（任一台有两块空闲的机器），或 cpu。",
            f"gpus: {gpus[:80]!r} is not valid; use GPU numbers separated by commas (such as 0,1, or node2:0,1 on another"
            " machine, or node1:0,1;node2:0,1 on several, each named once, or their CPUs: node1:cpu;node2:cpu), any:2"
            " (whichever machine has two free), or cpu.",
        ),
        parameter="gpus",
    )


def _part(text: str) -> Part | None:
    """What is asked of one machine; None where it makes no sense."""
    host, colon, numbers = (part.strip() for part in text.rpartition(":"))
    if bool(colon) != bool(host) or host.lower() == "any":
        return None
    if host and numbers.lower() == CPU:
        return Part(host)
    parts = split_numbers(numbers)
    valid = all(part.isdecimal() and len(part) < 4 for part in parts) and len(set(parts)) == len(parts)
    return Part(host, tuple(int(part) for part in parts)) if valid else None


def _are_together(parts: Sequence[Part]) -> bool:
    """Whether each of several has a machine of its own, and all of them GPUs, or none."""
    names = {part.host for part in parts}
    return "" not in names and len(names) == len(parts) and len({bool(part.indices) for part in parts}) == 1


def check(known: Mapping[str, Sequence[Gpu]], here: str, gpus: str) -> str:
    """A `gpus` text in its one spelling, if there are such machines and GPUs; empty for whichever machine's processors.

    Args:
        known: The GPUs of each machine.
        here: The machine whose GPUs are meant where none is named.
        gpus: The text.

    Raises:
        InvalidValueError: Not a valid text, or a machine or GPU that is not there; says which are.
    """
    asked = wish(gpus)
    if asked.any > max(map(len, known.values()), default=0):
        raise _absent(known, here, f"没有一台机器有 {asked.any} 块 GPU", f"no machine has {asked.any} GPUs")
    for part in asked.parts:
        name = part.host or here
        present = [gpu.index for gpu in known.get(name, ())]
        missing = [i for i in part.indices if i not in present]
        if missing:
            what = Text(f"{part.host or '本机'}没有 GPU {missing}", f"{part.host or 'this host'} has no GPU {missing}")
            raise _absent(known, here, *what, present)
        if name not in known:
            names = ", ".join(sorted(known))
            raise InvalidValueError(
                Text(
                    f"gpus：没有机器 {name}；有的是 {names}。", f"gpus: there is no machine {name}; there are {names}."
                ),
                parameter="gpus",
            )
    return str(asked)


def _absent(
    known: Mapping[str, Sequence[Gpu]], here: str, zh: str, en: str, present: Sequence[int] = ()
) -> InvalidValueError:
    """GPUs that are not there: says which are."""
    lists = {name: ", ".join(str(gpu.index) for gpu in known[name]) for name in sorted(known) if known[name]}
    there = (
        lists.get(here, "") if lists.keys() <= {here} else "; ".join(f"{name}: {said}" for name, said in lists.items())
    )
    return InvalidValueError(
        Text(
            f"gpus：{zh}。" + (f"可用的是 {there}；" if there else "没有可用的 GPU；") + "用 cpu 可在 CPU 上运行。",
            f"gpus: {en}. "
            + (f"There are: {there}." if there else "There is none that answers.")
            + " Use cpu to run on the CPU.",
        ),
        parameter="gpus",
        available=list(present),
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
