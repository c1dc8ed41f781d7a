"""Sheets for people: white paper, text in Chinese and English, pictures in a grid, tables of coloured cells. Pure.

Arrays in, arrays out, uint8 [H, W, 3], RGB. Text is drawn with the font that OpenCV brings with it, which has Chinese,
Japanese, Korean, Latin, Greek and Cyrillic characters; another one is a question mark. Text never leaves the room that
it is given: what is longer ends in an ellipsis.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.errors import Text

UInt8 = NDArray[np.uint8]
RGB = tuple[int, int, int]

SIZE: Final = 14  #: of text, pixels
SMALL: Final = 12
GAP: Final = 8  #: white around what stands on a sheet, pixels
CAPTION: Final = 24  #: height of the line above a picture
INK: Final = (40, 40, 40)
PAPER: Final = (255, 255, 255)
LABEL: Final = 240  #: longest label of a row or a column of a table, pixels
_ELLIPSIS: Final = "…"
_LINE: Final = 20  #: from one line of text to the next
_TITLE: Final = 800  #: longest title, pixels, on a sheet that is narrower
_DARK: Final = 450  #: sum of a colour on which text is white
_MIDDLE: Final = 5  #: from the middle of a line of text down to its baseline


def blank(height: int, width: int) -> UInt8:
    """White paper."""
    return np.full((height, width, 3), 255, np.uint8)


def both(zh: str, en: str) -> str:
    """A name in both languages, said once where they are the same or one is missing."""
    return " ".join(dict.fromkeys(name for name in (zh.strip(), en.strip()) if name))


def width_of(text: str, size: int = SIZE) -> int:
    """How wide a line of text is drawn, pixels."""
    return int(cv2.getTextSize((0, 0), _shown(text), (0, 0), cv2.FontFace("uni"), size)[2])


def fitted(text: str, room: int, size: int = SIZE) -> str:
    """As much of the text as is at most `room` pixels wide; it ends in an ellipsis where something is left out."""
    if width_of(text, size) <= room:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if width_of(text[:middle].rstrip() + _ELLIPSIS, size) <= room:
            fits = middle
        else:
            too_long = middle
    return text[:fits].rstrip() + _ELLIPSIS if fits else ""


def draw_text(
    sheet: UInt8,
    text: str,
    at: tuple[int, int, int],
    *,
    size: int = SIZE,
    ink: RGB = INK,
    align: Literal["left", "middle", "right"] = "left",
) -> None:
    """Draw one line of text, in place.

    Args:
        sheet: uint8 [H, W, 3].
        text: What does not fit is cut; characters that cannot be seen are question marks.
        at: Left end and baseline of the room for it, and how wide that is, pixels.
        size: Of the characters, pixels.
        ink: Their colour, in the order of the sheet's channels.
        align: Where in the room the text stands.
    """
    left, baseline, room = at
    line = _shown(fitted(text, room, size))
    spare = 0 if align == "left" else room - width_of(line, size)
    cv2.putText(
        sheet, line, (left + (spare // 2 if align == "middle" else spare), baseline), ink, cv2.FontFace("uni"), size
    )


def headed(title: Text, body: UInt8) -> UInt8:
    """A sheet under two lines of title; narrow ones become wide enough for it."""
    longest = max(map(width_of, title))
    width = max(body.shape[1], min(longest, _TITLE) + 2 * GAP)
    top = GAP + 2 * _LINE + 2 * GAP
    sheet = blank(top + body.shape[0], width)
    for k, line in enumerate(title, 1):
        draw_text(sheet, line, (GAP, GAP + k * _LINE - _MIDDLE, width - 2 * GAP))
    sheet[top:, : body.shape[1]] = body
    return sheet


class Tile(NamedTuple):
    """One picture of a grid, uint8 [H, W, 3], and the line above it."""

    caption: str
    image: UInt8


def grid(tiles: Sequence[Tile], cell: tuple[int, int], columns: int) -> UInt8:
    """Pictures side by side in rows, each under its caption.

    Args:
        tiles: At least one; each picture is made as large as the cell allows and keeps its proportions.
        cell: Width and height that each picture has, pixels.
        columns: At most so many side by side.

    Returns:
        uint8 [H, W, 3]: a cell with its caption takes (cell height + `CAPTION` + `GAP`) x (cell width + 2 `GAP`).
    """
    width, height = cell
    columns = min(columns, len(tiles))
    step_x, step_y = width + 2 * GAP, CAPTION + height + GAP
    sheet = blank(-(-len(tiles) // columns) * step_y, columns * step_x)
    for k, tile in enumerate(tiles):
        x, y = k % columns * step_x + GAP, k // columns * step_y
        image = _within(tile.image, cell)
        draw_text(sheet, tile.caption, (x, y + CAPTION - 7, width))
        left = x + (width - image.shape[1]) // 2
        sheet[y + CAPTION : y + CAPTION + image.shape[0], left : left + image.shape[1]] = image
    return sheet


class Cell(NamedTuple):
    """One cell of a table: its colour and what stands in it."""

    color: RGB
    text: str = ""


def table(
    rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Cell | None]], least: tuple[int, int]
) -> UInt8:
    """Coloured cells with labels on the left and above; those above stand upright when they are too wide.

    Args:
        rows: At least one label.
        columns: At least one label.
        cells: For each row, one for each column; None leaves the paper white.
        least: Width and height of a cell, pixels; all become wider when a text needs it.

    Returns:
        uint8 [H, W, 3].
    """
    size = SMALL if least[1] >= _LINE else SMALL - 1
    texts = {cell.text for row in cells for cell in row if cell is not None}
    step_x, step_y = max(least[0], max((width_of(text, size) for text in texts), default=0) + 8), least[1]
    left = GAP + min(LABEL, max(map(width_of, rows))) + GAP
    above = _column_labels(columns, step_x)
    sheet = blank(above.shape[0] + len(rows) * step_y + GAP, left + len(columns) * step_x + GAP)
    sheet[: above.shape[0], left : left + above.shape[1]] = above
    for k, (label, row) in enumerate(zip(rows, cells, strict=True)):
        y = above.shape[0] + k * step_y
        baseline = y + step_y // 2 + _MIDDLE - 1
        draw_text(sheet, label, (GAP, baseline, left - 2 * GAP), align="right")
        for column, cell in enumerate(row):
            if cell is not None:
                x = left + column * step_x
                cv2.rectangle(sheet, (x, y), (x + step_x - 2, y + step_y - 2), cell.color, cv2.FILLED)
                ink = PAPER if sum(cell.color) < _DARK else INK
                draw_text(sheet, cell.text, (x, baseline - 1, step_x - 2), size=size, ink=ink, align="middle")
    return sheet


def _column_labels(labels: Sequence[str], step: int) -> UInt8:
    widest = max(map(width_of, labels))
    if widest <= step - 6:
        strip = blank(_LINE + GAP, len(labels) * step)
        for k, label in enumerate(labels):
            draw_text(strip, label, (k * step, _LINE, step - 2), align="middle")
        return strip
    room = min(LABEL, widest)
    strip = blank(len(labels) * step, room + GAP)  # each label beside its column, then turned by 90 degrees
    for k, label in enumerate(labels):
        draw_text(strip, label, (GAP // 2, k * step + step // 2 + _MIDDLE - 1, room))
    return np.rot90(strip)


def _within(image: UInt8, cell: tuple[int, int]) -> UInt8:
    scale = min(cell[0] / image.shape[1], cell[1] / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)  # line ends would begin lines, half pairs end OpenCV
