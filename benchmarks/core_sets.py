"""`python -m benchmarks selection-parts`: picks from more embeddings than memory holds, against greedy over all at once.

Each side is a process of its own that reads the same files, so that its peak memory says something.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from benchmarks.scripts import CHECKOUT
from benchmarks.selection import PER_TRACK, Float32, clustered
from roadloop.selection.core_sets import Bench, capacity_of
from roadloop.selection.embeddings import Embeddings
from roadloop.selection.picking import Picking, Pool
from roadloop.selection.rules import Rules, Traits
from roadloop.selection.scorebook import NAME, ScoreBook

VECTORS: Final = "vectors"
_BLOCK: Final = 200_000
_CHILD: Final = """
import json, sys
from pathlib import Path
from benchmarks.core_sets import Lesson, learn
print(json.dumps(learn(Path(sys.argv[1]), Lesson(**json.loads(sys.argv[2])))))
"""


@dataclass(frozen=True)
class Lesson:
    """What one process does.

    Attributes:
        vectors: How many there are.
        dimensions: Numbers of each.
        picks: How many are taken.
        memory_mib: Memory for embeddings.
        weighted: Weights from 0 to 1, drawn; else all are 1.
    """

    vectors: int
    dimensions: int
    picks: int
    memory_mib: int
    weighted: bool


def race(lesson: Lesson, folder: Path | None, *, exact: bool) -> list[dict[str, float]]:
    """Take in parts, and all at once.

    Args:
        lesson: Of the side that takes in parts.
        folder: Where the embeddings are written; the system's temporary folder when None.
        exact: Run the other side, too; it holds all embeddings.

    Returns:
        Figures of each side (see `learn`).
    """
    sides = [lesson]
    if exact:
        sides.append(Lesson(lesson.vectors, lesson.dimensions, lesson.picks, 2**20, lesson.weighted))
    with TemporaryDirectory(prefix="roadloop-bench-", dir=folder) as made:
        with (Path(made) / VECTORS).open("wb") as file:
            for block in drives(lesson.vectors, lesson.dimensions):
                block.tofile(file)
        return [_in_a_process(Path(made), side) for side in sides]


def drives(count: int, dimensions: int) -> Iterator[Float32]:
    """`clustered` vectors, block by block, float32 [up to 200,000, dimensions] each."""
    for start in range(0, count, _BLOCK):
        yield clustered(min(_BLOCK, count - start), dimensions, start, np.random.default_rng(0))


def learn(folder: Path, lesson: Lesson) -> dict[str, float]:
    """Take pictures, and say how long it took and how much memory.

    Args:
        folder: Has the file of embeddings.
        lesson: What to do.

    Returns:
        `parts`, `seconds` (wall), `cpu_seconds`, `radius`, `peak_mib`, and `before_mib`: the peak before anything was taken.
    """
    count = lesson.vectors
    rng = np.random.default_rng(1)
    scores = rng.random(count, np.float32) if lesson.weighted else np.ones(count, np.float32)
    nan = np.full(count, np.nan)
    rows = np.arange(count)
    traits = Traits(rows // PER_TRACK, rows % PER_TRACK, nan, nan, nan, rng.integers(0, 2**63, (count, 4), np.uint64))
    none = np.zeros((count, 0), np.float32)
    pool = Pool(traits, none, none, Embeddings(folder / VECTORS, lesson.dimensions))
    order = np.argsort(-scores, kind="stable")
    before, began, cpu = _peak_mib(), time.perf_counter(), time.process_time()
    path = folder / NAME
    with ScoreBook(path) as book:
        capacity = capacity_of(lesson.memory_mib, lesson.dimensions, lesson.picks)
        bench = Bench(capacity, book, lambda _done, _steps: None, lambda: None)
        picking = Picking(pool, scores, np.ones(count, bool), Rules(per_track=PER_TRACK), bench)
        radius = picking.take(order, lesson.picks)
    path.unlink()
    return {
        "parts": picking.parts,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "radius": radius,
        "before_mib": before,
        "peak_mib": _peak_mib(),
    }


def _peak_mib() -> float:
    """Of this process since it began; what `getrusage` says holds that of its parent, too."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _in_a_process(folder: Path, lesson: Lesson) -> dict[str, float]:
    command = [sys.executable, "-c", _CHILD, str(folder), json.dumps(vars(lesson))]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))
