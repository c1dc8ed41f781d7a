"""Candidates made of numbers, without pictures."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadloop.selection.core_sets import Bench
from roadloop.selection.embeddings import Embeddings
from roadloop.selection.picking import Pool
from roadloop.selection.rules import Traits
from roadloop.selection.scorebook import ScoreBook

Float32 = NDArray[np.float32]


def pool_of(folder: Path, vectors: Float32, tracks: int = 1) -> Pool:
    """Candidates with these embeddings, their tracks one after another; no two are near-duplicates, none has a time."""
    folder.mkdir(exist_ok=True)
    path = folder / "vectors"
    path.write_bytes(vectors.tobytes())
    count = len(vectors)
    rng, nan, rows = np.random.default_rng(0), np.full(count, np.nan), np.arange(count)
    length = -(-count // tracks)
    prints = rng.integers(0, 2**63, (count, 4), np.uint64)
    traits = Traits(rows // length, rows % length, nan, nan, nan, prints)
    classes = rng.random((count, 2)).astype(np.float32)
    return Pool(traits, classes, np.zeros((count, 2), np.float32), Embeddings(path, vectors.shape[1]))


def bench(book: ScoreBook, capacity: int) -> Bench:
    """Where so many embeddings are held at once."""
    return Bench(capacity, book, lambda _done, _steps: None, lambda: None)
