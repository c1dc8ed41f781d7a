"""The pictures of an import's preview: the first pairs and the oddest ones, each beside its label in the classes' colours."""

import heapq
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError
from roadloop.imaging.decode import decode_image
from roadloop.imaging.encode import encode_jpeg
from roadloop.labels.colors import palette
from roadloop.labels.table import ClassTable
from roadloop.sources.importers.found import FileLabel, Item, Line
from roadloop.sources.importers.matching import PLAIN
from roadloop.sources.importers.read import Ready
from roadloop.sources.importers.tree import Tree, shown

UInt8 = NDArray[np.uint8]
PAIRS: Final = 12
_FIRST: Final = 4
_WIDTH: Final = 480
_HEIGHT: Final = 1920  # at most; a narrow picture is narrower, too
_WEAK: Final = 10.0  # a weaker rule is odder than any share of pixels


class _Shown(NamedTuple):
    oddness: float
    number: int
    row: dict[str, Any]
    picture: bytes


class Samples:
    """Keeps the first pairs and the oddest; the picture of each is drawn when it is taken.

    Args:
        table: Class table of the source set.
        tree: The imported folder.
    """

    def __init__(self, table: ClassTable, tree: Tree) -> None:
        self._colors: Final = palette(table)
        self._tree: Final = tree
        self._first: Final[list[_Shown]] = []
        self._odd: Final[list[_Shown]] = []

    def see(self, number: int, item: Item, result: Ready | list[Line]) -> None:
        """Look at one pair."""
        oddness = self._oddness(item, result)
        odd = oddness > 0 and (len(self._odd) < PAIRS - _FIRST or oddness > self._odd[0].oddness)
        if len(self._first) >= PAIRS and not odd:
            return
        pair = self._show(oddness, number, item, result)
        if len(self._first) < PAIRS:
            self._first.append(pair)
        if odd and number > _FIRST:
            push = heapq.heappush if len(self._odd) < PAIRS - _FIRST else heapq.heapreplace
            push(self._odd, pair)

    def write(self, folder: Path) -> list[dict[str, Any]]:
        """Write the pictures, `1.jpg` and so on; returns what is known of each pair: first ones, odd ones, further ones."""
        odd = sorted(self._odd, key=lambda pair: -pair.oddness)
        more = [pair for pair in self._first[_FIRST:] if pair not in odd]
        rows = []
        for place, pair in enumerate([*self._first[:_FIRST], *odd, *more][:PAIRS], 1):
            (folder / f"{place}.jpg").write_bytes(pair.picture)
            rows.append({**pair.row, "file": f"{place}.jpg"})
        return rows

    def _oddness(self, item: Item, result: Ready | list[Line]) -> float:
        weak = 0.0 if item.rule in PLAIN else _WEAK
        if isinstance(result, Ready):
            return weak + (result.unknown + max(0, result.ignored)) / result.ids.size
        return weak + 1.0

    def _show(self, oddness: float, number: int, item: Item, result: Ready | list[Line]) -> _Shown:
        if isinstance(result, Ready):
            image, ids, outcome, note = result.image, result.ids, "added", result.note
        else:
            image, ids, outcome, note = self._tree.peek(item.image), None, result[0].fate.value, result[0].text
        label = item.claims[0].file if item.claims else ""
        if isinstance(item.label, FileLabel):
            label = shown(item.label.file)
        row = {
            "picture": shown(item.image),
            "label": label,
            "outcome": outcome,
            "rule": list(item.rule),
            "note": list(note),
        }
        return _Shown(oddness, -number, row, encode_jpeg(self._drawn(image, ids)))

    def _drawn(self, image: bytes, ids: UInt8 | None) -> UInt8:
        """uint8 [h, 2 w, 3]: the picture and its label; grey where there is none."""
        try:
            rgb = decode_image(image)
        except BrokenFileError:
            rgb = np.full((90, 160, 3), 160, np.uint8)
        size = (_WIDTH, max(1, round(_WIDTH * rgb.shape[0] / rgb.shape[1])))
        if size[1] > _HEIGHT:
            size = (max(1, round(_HEIGHT * rgb.shape[1] / rgb.shape[0])), _HEIGHT)
        left = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        right = np.full_like(left, 160)
        if ids is not None:
            right = cv2.resize(self._colors[ids], size, interpolation=cv2.INTER_NEAREST_EXACT)
        return np.concatenate((left, right), axis=1).astype(np.uint8, copy=False)
