"""The curves of a training task for people to look at: its metrics file, thinned out in bounded memory."""

import json
import os
from pathlib import Path
from typing import Any

from roadloop.training.metrics_log import whole_lines

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


def curves(path: Path, points: int, since: str = "") -> dict[str, Any]:
    """Steps (step, epoch, loss, lr) and epochs (scores on the validation split, whose tables stay in the file).

    Args:
        path: The metrics file; absent before the first step.
        points: About how many of each.
        since: `next` of an earlier answer: only what came after it. A resumed attempt begins a new file, which is told whole.

    Returns:
        `steps`, `epochs`, `next`, and whether they are `whole`.
    """
    found = {"step": Thinned(points), "epoch": Thinned(points)}
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return {"steps": [], "epochs": [], "next": "", "whole": True}
    with stream:
        about = os.fstat(stream.fileno())
        begin = end = _place(since, about)
        stream.seek(begin)
        for text in whole_lines(stream):
            end += len(text)
            line = json.loads(text)
            kind = line.pop("kind")
            found[kind].add({name: value for name, value in line.items() if name not in _TABLES})
    told = {"steps": found["step"].items(), "epochs": found["epoch"].items()}
    return {**told, "next": f"{about.st_ino}-{end}", "whole": begin == 0}


def _place(since: str, about: os.stat_result) -> int:
    """Where to go on reading: 0 where it is another file than the one that was read."""
    file, _, place = since.partition("-")
    known = file == str(about.st_ino) and place.isdecimal() and int(place) <= about.st_size
    return int(place) if known else 0
