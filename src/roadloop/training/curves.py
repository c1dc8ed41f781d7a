"""The curves of a training task for people to look at: its metrics file, thinned out in bounded memory."""

from pathlib import Path
from typing import Any

from roadloop.training.metrics_log import read_lines

_TABLES = ("confusion", "void")


class Thinned:
    """Every n-th item of a stream of any length, and the last one; n doubles when there are too many.

    Args:
        most: Items kept are at most twice this many while reading, and at most this many at the end.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._every = 1
        self._seen = 0
        self._kept: list[Any] = []
        self._last: Any = None

    def add(self, item: Any) -> None:
        """See the next item."""
        if self._seen % self._every == 0:
            self._kept.append(item)
            if len(self._kept) >= 2 * self._most:
                self._kept = self._kept[::2]
                self._every *= 2
        self._seen += 1
        self._last = item

    def items(self) -> list[Any]:
        """What is left of them."""
        stride = -(-len(self._kept) // self._most) if self._kept else 1
        kept = self._kept[::stride]
        return kept if not kept or kept[-1] is self._last else [*kept, self._last]


def curves(path: Path, points: int) -> dict[str, list[dict[str, Any]]]:
    """Steps (step, epoch, loss, lr) and epochs (scores on the validation split, whose tables stay in the file).

    Args:
        path: The metrics file; absent before the first step.
        points: About how many of each.
    """
    found = {"step": Thinned(points), "epoch": Thinned(points)}
    for line in read_lines(path):
        kind = line.pop("kind")
        found[kind].add({name: value for name, value in line.items() if name not in _TABLES})
    return {"steps": found["step"].items(), "epochs": found["epoch"].items()}
