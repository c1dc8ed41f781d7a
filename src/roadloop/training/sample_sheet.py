"""One picture that shows training samples: each beside itself with its classes laid over, and what the colours mean.

Pure: arrays in, an array out, RGB always.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np

from roadloop.evaluation.render import overlay, palette
from roadloop.imaging.drawing import GAP, Tile, UInt8, blank, both, draw_text, grid
from roadloop.labels.label_map import TrainClass
from roadloop.labels.table import IGNORE, Color

WIDTH: Final = 320  #: of a sample on the sheet, pixels
COLUMNS: Final = 3  #: pairs side by side
_LINE: Final = 26  #: height of a line of the legend
_ENTRY: Final = WIDTH + GAP // 2  #: width of an entry of the legend
_HATCH: Final = 6  #: pixels from one stripe to the next
_SHARE: Final = 50  #: width of a class's share of the pixels


class Sample(NamedTuple):
    """One sample: its name, uint8 [h, w, 3], and train ids, uint8 [h, w]; all samples have the same h and w."""

    name: str
    image: UInt8
    ids: UInt8


def draw(samples: Sequence[Sample], classes: Sequence[TrainClass]) -> UInt8:
    """The sheet, uint8 [H, W, 3], white where nothing is.

    Args:
        samples: At least one.
        classes: What the network learns, by train id.
    """
    height = max(1, round(WIDTH * samples[0].ids.shape[0] / samples[0].ids.shape[1]))
    colors = palette({c.train_id: c.color for c in classes})
    pairs = grid([_pair(sample, height, colors) for sample in samples], (2 * WIDTH, height), COLUMNS)
    return np.vstack([pairs, legend(samples, classes, pairs.shape[1])])


def _pair(sample: Sample, height: int, colors: UInt8) -> Tile:
    image, ids = _sized(sample.image, height), _sized(sample.ids, height)
    return Tile(sample.name, np.hstack([image, hatched(overlay(image, ids, colors), ids)]))


def hatched(image: UInt8, ids: UInt8) -> UInt8:
    """The picture with its ignored pixels darkened under light stripes.

    Args:
        image: uint8 [H, W, 3].
        ids: uint8 [H, W]; 255 is ignored.
    """
    stripe = np.add.outer(np.arange(ids.shape[0]), np.arange(ids.shape[1])) % _HATCH == 0
    ignored = ids == IGNORE
    image = image.copy()
    image[ignored] //= 3
    image[ignored & stripe] += 110
    return image


def legend(samples: Sequence[Sample], classes: Sequence[TrainClass], width: int) -> UInt8:
    """The classes with colour, id, both names and their share of the samples' pixels, uint8 [H, width, 3]."""
    pixels = np.bincount(np.concatenate([s.ids.ravel() for s in samples]), minlength=256)
    shares = pixels / max(1, pixels.sum())
    entries: list[tuple[int, Color | None, str]] = [
        (c.train_id, c.color, f"{c.train_id} {both(c.name_zh, c.name_en)}") for c in classes
    ]
    entries.append((IGNORE, None, "忽略 ignored"))
    columns = max(1, width // _ENTRY)
    drawn = blank(GAP + -(-len(entries) // columns) * _LINE + GAP, width)
    for k, (train_id, color, name) in enumerate(entries):
        x, y = GAP + k % columns * _ENTRY, GAP + k // columns * _LINE
        drawn[y + 2 : y + 20, x : x + 30] = _swatch(color)
        draw_text(drawn, name, (x + 38, y + 16, _ENTRY - 38 - _SHARE - GAP))
        draw_text(drawn, f"{shares[train_id]:.1%}", (x + _ENTRY - _SHARE - GAP, y + 16, _SHARE), align="right")
    return drawn


def _swatch(color: Color | None) -> UInt8:
    if color is None:
        return hatched(np.full((18, 30, 3), 200, np.uint8), np.full((18, 30), IGNORE, np.uint8))
    return np.tile(np.array(color, np.uint8), (18, 30, 1))


def _sized(pixels: UInt8, height: int) -> UInt8:
    smaller = pixels.shape[1] > WIDTH and pixels.ndim == 3
    method = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST_EXACT
    return cv2.resize(pixels, (WIDTH, height), interpolation=method).astype(np.uint8, copy=False)
