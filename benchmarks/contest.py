"""Run contenders in turns and say how they compare: the ratios of one run count, not the seconds of a machine.

Every round runs each contender once, beginning with another one each time, so that a busy neighbour or a warming
processor meets all of them. Ratios are taken within a round, then their median.
"""

import gc
import os
import platform
import resource
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil
from rich.console import Console
from rich.table import Table


class Lap(NamedTuple):
    """A round that was timed by the one who ran it: items, wall seconds, CPU seconds."""

    items: int
    wall: float
    cpu: float


@dataclass(frozen=True)
class Contender:
    """One side of a contest.

    Attributes:
        name: As it is shown.
        run: Does the work once, and says how many items that were; a `Lap` also says what counts of its time.
    """

    name: str
    run: Callable[[], int | Lap]


@dataclass(frozen=True)
class Timing:
    """What one contender needed, round by round.

    Attributes:
        name: Of the contender.
        items: Done in each round.
        wall: Seconds of each round.
        cpu: CPU seconds of each round, those of its child processes included.
    """

    name: str
    items: int
    wall: tuple[float, ...]
    cpu: tuple[float, ...]


@dataclass(frozen=True)
class Result:
    """A finished contest; the first timing is roadloop's.

    Attributes:
        title: What was done.
        unit: What the items are, in the plural.
        timings: Of all contenders.
        notes: Further findings, and who could not take part.
    """

    title: str
    unit: str
    timings: tuple[Timing, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the machine."""
        first = self.timings[0]
        rows = [
            {
                "name": t.name,
                "items": t.items,
                "wall_seconds": list(t.wall),
                "cpu_seconds": list(t.cpu),
                "wall_ratio": median(ratios(t.wall, t.items, first.wall, first.items)),
                "wall_ratios": ratios(t.wall, t.items, first.wall, first.items),
                "cpu_ratio": median(ratios(t.cpu, t.items, first.cpu, first.items)),
            }
            for t in self.timings
        ]
        return {"title": self.title, "machine": machine(), "unit": self.unit, "rows": rows, "notes": list(self.notes)}

    def show(self, console: Console) -> None:
        """Print a table: how many times as long as roadloop each contender takes, and the smallest and largest of the rounds."""
        console.print(f"[bold]{self.title}[/]\n{machine()}")
        table = Table("", f"{self.unit}/s", "CPU ms each", "time / roadloop", "of the rounds", "CPU / roadloop")
        for timing, row in zip(self.timings, self.to_json()["rows"], strict=True):
            speed = timing.items / median(timing.wall)
            cpu = 1000 * median(timing.cpu) / timing.items
            rounds = f"{min(row['wall_ratios']):.2f}-{max(row['wall_ratios']):.2f}"
            table.add_row(
                timing.name, f"{speed:.1f}", f"{cpu:.2f}", f"{row['wall_ratio']:.2f}", rounds, f"{row['cpu_ratio']:.2f}"
            )
        console.print(table)
        for note in self.notes:
            console.print(note)


def contest(contenders: Sequence[Contender], rounds: int, *, warm: bool = True) -> tuple[Timing, ...]:
    """Run all contenders in turns.

    Args:
        contenders: At least one.
        rounds: Times that each runs.
        warm: Run each once before, untimed.
    """
    if warm:
        for contender in contenders:
            contender.run()
    laps: list[list[Lap]] = [[] for _ in contenders]
    for first in range(rounds):
        for k in range(len(contenders)):
            place = (first + k) % len(contenders)
            laps[place].append(timed(contenders[place]))
    return tuple(
        Timing(c.name, done[-1].items, tuple(lap.wall for lap in done), tuple(lap.cpu for lap in done))
        for c, done in zip(contenders, laps, strict=True)
    )


def timed(contender: Contender) -> Lap:
    """Run one contender once."""
    gc.collect()
    began, spent = time.perf_counter(), cpu_seconds()
    done = contender.run()
    if isinstance(done, Lap):
        return done
    return Lap(done, time.perf_counter() - began, cpu_seconds() - spent)


def cpu_seconds() -> float:
    """CPU time of this process, of all its descendants that live, and of all that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            seconds += sum(child.cpu_times()[:4])  # its own, and those of its children that have ended
    return seconds


def ratios(seconds: Sequence[float], items: int, first: Sequence[float], first_items: int) -> list[float]:
    """How many times as long an item takes as the first contender's, in each round."""
    return [(a / items) / max(b / first_items, 1e-12) for a, b in zip(seconds, first, strict=True)]


def machine() -> str:
    """One line about where this runs and how busy it is."""
    cores = len(os.sched_getaffinity(0))
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{_processor()}, {cores} cores, load {load}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
