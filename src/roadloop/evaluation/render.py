"""Pictures for people: colour labels, overlays, comparison sheets and a plot of the confusion matrix.

Pure: arrays in, arrays out, RGB always. H, W pixels; C classes. Text in pictures is English ASCII, because OpenCV's
built-in font has no Chinese characters and no font file is shipped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.evaluation.metrics import IGNORE, Matrix
from roadloop.labels.table import Color

UInt8 = NDArray[np.uint8]

SHEET_WIDTH: Final = 960  #: widest a picture stands on a sheet, pixels
SHEET_HEIGHT: Final = 3840  #: and highest; a JPEG has at most 65,500 rows
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_WHITE: Final = (255, 255, 255)
_INK: Final = (40, 40, 40)
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


@dataclass(frozen=True)
class Panel:
    """One picture of a sheet with its caption (ASCII)."""

    caption: str
    image: UInt8


def sheet(panels: Sequence[Panel]) -> UInt8:
    """Pictures of one size side by side in two columns, each under its caption.

    Args:
        panels: One or more; all uint8[H, W, 3] of the same H and W.

    Returns:
        uint8[H', W', 3] on white; larger pictures than `SHEET_WIDTH`, `SHEET_HEIGHT` are made smaller.
    """
    height, width = panels[0].image.shape[:2]
    scale = min(1.0, SHEET_WIDTH / width, SHEET_HEIGHT / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    cells = [_cell(panel, size) for panel in panels]
    if len(cells) % 2:
        cells.append(np.full_like(cells[0], 255))
    rows = [np.hstack(cells[i : i + 2]) for i in range(0, len(cells), 2)]
    return np.vstack(rows).astype(np.uint8)


def _cell(panel: Panel, size: tuple[int, int]) -> UInt8:
    image = cv2.resize(panel.image, size, interpolation=cv2.INTER_AREA)
    cell = np.full((size[1] + 28, size[0] + 8, 3), 255, np.uint8)
    cell[24 : 24 + size[1], 4 : 4 + size[0]] = image
    cv2.putText(cell, panel.caption, (6, 17), _FONT, 0.45, _INK, 1, cv2.LINE_AA)
    return cell


def confusion_plot(matrix: Matrix, names: Sequence[str]) -> UInt8:
    """The confusion matrix as a picture: each row is a true class, shaded by the share of its pixels.

    Args:
        matrix: int64[C, C], rows the truth.
        names: C English names; one that the font cannot show becomes `class <id>`.

    Returns:
        uint8[H, W, 3]; every cell of a row that has pixels shows its share in percent.
    """
    labels = [_label(i, name) for i, name in enumerate(names)]
    cell = 44 if len(labels) <= 20 else 30
    margin = 36 + max(_text_width(label) for label in labels)
    side = cell * len(labels)
    canvas = np.full((margin + side + 20, margin + side + 20, 3), 255, np.uint8)
    for row, label in enumerate(labels):
        y = margin + row * cell
        cv2.putText(
            canvas, label, (margin - 8 - _text_width(label), y + cell // 2 + 5), _FONT, 0.42, _INK, 1, cv2.LINE_AA
        )
        total = int(matrix[row].sum())
        for column in range(len(labels)):
            share = int(matrix[row, column]) / total if total else None
            _draw_cell(canvas, (margin + column * cell, y), cell, share, diagonal=row == column)
    _column_labels(canvas, labels, margin, cell)
    cv2.putText(canvas, "truth (rows), prediction (columns), % of the row", (6, 14), _FONT, 0.4, _INK, 1, cv2.LINE_AA)
    return canvas


def _label(train_id: int, name: str) -> str:
    shown = name if name.isascii() and name.isprintable() and name.strip() else f"class {train_id}"
    return shown if len(shown) <= 24 else shown[:22] + ".."


def _text_width(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, 0.42, 1)[0][0])


def _draw_cell(canvas: UInt8, corner: tuple[int, int], cell: int, share: float | None, *, diagonal: bool) -> None:
    x, y = corner
    strength = 0.0 if share is None else share
    full = (20, 90, 160) if diagonal else (190, 60, 30)
    color = tuple(round(255 + (c - 255) * strength) for c in full)
    cv2.rectangle(canvas, (x, y), (x + cell - 2, y + cell - 2), color, cv2.FILLED)
    if share is None or (round(share * 100) == 0 and not diagonal):
        return
    text = f"{share * 100:.0f}"
    size = 0.42 if cell > 40 else 0.32
    width = int(cv2.getTextSize(text, _FONT, size, 1)[0][0])
    ink = _WHITE if strength > 0.5 else _INK
    cv2.putText(canvas, text, (x + (cell - width) // 2, y + cell // 2 + 4), _FONT, size, ink, 1, cv2.LINE_AA)


def _column_labels(canvas: UInt8, labels: Sequence[str], margin: int, cell: int) -> None:
    """Write the labels of the columns upright: drawn on a strip, turned by 90 degrees."""
    strip = np.full((cell * len(labels), margin - 24, 3), 255, np.uint8)
    for row, label in enumerate(labels):
        cv2.putText(strip, label, (4, row * cell + cell // 2 + 5), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
    upright = np.rot90(strip)  # first row becomes the first column, bottom to top
    canvas[24:margin, margin : margin + cell * len(labels)] = upright
