"""Embeddings in a file: N rows of D bare float32 numbers, read where they are needed, so that no process holds all of them."""

import os
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, Text
from roadloop.storage import reading

Float32 = NDArray[np.float32]


class Embeddings:
    """The file. Whoever reads it needs nothing but it, so that parts of it can be worked on anywhere.

    Args:
        path: Where it is.
        dimensions: D.
    """

    def __init__(self, path: Path, dimensions: int) -> None:
        self.path: Final = path
        self.dimensions: Final = dimensions

    def rows(self, rows: NDArray[np.int64]) -> Float32:
        """Some rows.

        They are copied and not mapped: how much of a mapped file is in memory would be the kernel's choice.

        Args:
            rows: int64 [M], 0..N-1.

        Returns:
            float32 [M, D].

        Raises:
            BrokenFileError: The file is too short.
        """
        size = 4 * self.dimensions
        found = np.empty((len(rows), self.dimensions), np.float32)
        with reading.open_file(self.path) as file:
            handle = file.fileno()
            for place in np.argsort(rows, kind="stable").tolist():
                if os.preadv(handle, [found[place]], int(rows[place]) * size) != size:
                    name = self.path.name
                    raise BrokenFileError(Text(f"{name} 被截断。", f"{name} has been cut short."))
        return found
