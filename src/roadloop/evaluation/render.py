"""Pictures for people: colour labels, overlays, comparison sheets and a plot of the confusion matrix.

Pure: arrays in, arrays out, RGB always. H, W pixels; C classes.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np

from roadloop.errors import Text
from roadloop.evaluation.metrics import IGNORE, Matrix
from roadloop.imaging.drawing import Cell, Tile, UInt8, grid, headed, table
from roadloop.labels.table import Color

SHEET_WIDTH: Final = 960  #: widest a picture stands on a sheet, pixels
SHEET_HEIGHT: Final = 3840  #: and highest; a JPEG has at most 65,500 rows
_EMPTY: Final = 247  #: grey of a cell of the confusion plot without pixels
_FEW: Final = 20  #: classes of a confusion plot with large cells
_WRONG: Final = (230, 30, 30)


def palette(colors: Mapping[int, Color]) -> UInt8:
    """uint8[256, 3]: train id -> display colour; black for ids without a class and for 255."""
    table = np.zeros((256, 3), np.uint8)
    for train_id, color in colors.items():
        table[train_id] = color
    table[IGNORE] = 0
    return table


def colorize(ids: UInt8, table: UInt8) -> UInt8:
    """The colour picture, uint8[H, W, 3], of train ids, uint8[H, W], under a palette, uint8[256, 3]."""
    return np.take(table, ids, axis=0)


def overlay(image: UInt8, ids: UInt8, table: UInt8, opacity: float = 0.5) -> UInt8:
    """The picture with the classes' colours laid over it; ignored pixels (255) show the picture alone.

    Args:
        image: uint8[H, W, 3].
        ids: uint8[H, W], train ids or 255.
        table: uint8[256, 3], the palette.
        opacity: Weight of the colour, 0..1.
    """
    mixed = cv2.addWeighted(image, 1 - opacity, colorize(ids, table), opacity, 0).astype(np.uint8)
    mixed[ids == IGNORE] = image[ids == IGNORE]
    return mixed


def errors(image: UInt8, prediction: UInt8, target: UInt8) -> UInt8:
    """The grey picture with wrong pixels in red; pixels that do not count (255 on either side) are darkened."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    shown = np.repeat((grey // 2 + 100)[..., None], 3, axis=2).astype(np.uint8)
    counted = (target != IGNORE) & (prediction != IGNORE)
    shown[~counted] = (grey // 3)[~counted, None]
    shown[counted & (prediction != target)] = _WRONG
    return shown


def sheet(tiles: Sequence[Tile]) -> UInt8:
    """Pictures of one size in two columns, each under its caption; large ones are made smaller.

    Args:
        tiles: One or more.

    Returns:
        uint8[H', W', 3].
    """
    height, width = tiles[0].image.shape[:2]
    scale = min(1.0, SHEET_WIDTH / width, SHEET_HEIGHT / height)
    return grid(tiles, (max(1, round(width * scale)), max(1, round(height * scale))), 2)


def confusion_plot(matrix: Matrix, names: Sequence[str]) -> UInt8:
    """The confusion matrix as a picture: each row is a true class, shaded by the share of its pixels.

    Args:
        matrix: int64[C, C], rows the truth.
        names: Of the C classes.

    Returns:
        uint8[H, W, 3]; every cell of a row that has pixels shows its share in percent.
    """
    cells = [
        [_cell(int(pixels), int(row.sum()), diagonal=i == j) for j, pixels in enumerate(row)]
        for i, row in enumerate(matrix)
    ]
    side = 44 if len(names) <= _FEW else 30
    title = Text(
        "每行：一个标注类别的像素被预测为各列类别的比例，%",
        "% of each true class (row) that is predicted as each class (column)",
    )
    return headed(title, table(names, names, cells, (side, side)))


def _cell(pixels: int, total: int, *, diagonal: bool) -> Cell:
    share = pixels / total if total else 0.0
    full = (20, 90, 160) if diagonal else (190, 60, 30)
    red, green, blue = (round(_EMPTY + (c - _EMPTY) * share) for c in full)
    shown = total and (diagonal or round(share * 100))
    return Cell((red, green, blue), f"{share * 100:.0f}" if shown else "")
