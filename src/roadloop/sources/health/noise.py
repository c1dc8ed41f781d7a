"""Label-noise candidates: connected pieces where a confident model disagrees with the label. Pure.

The confident-learning idea (Northcutt, Jiang, Chuang, JAIR 2021) by piece instead of by pixel, because people correct
areas: a piece is a connected area of one labelled and one predicted class whose pixels all exceed the confidence.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.labels.table import IGNORE

UInt8 = NDArray[np.uint8]

CONFIDENCE: Final = 0.9
MIN_PIXELS: Final = 100


class Opinion(NamedTuple):
    """What a model says of a picture.

    Attributes:
        ids: uint8 [H, W], predicted train ids.
        confidence: float32 [H, W], probability of the predicted class, 0..1.
        lut: uint8 [256], raw id of the label -> train id of the model, 255 = ignored.
    """

    ids: UInt8
    confidence: NDArray[np.float32]
    lut: UInt8


Judge = Callable[[UInt8], Opinion]


class Piece(NamedTuple):
    """A connected area where label and model differ.

    Attributes:
        labelled: Most frequent raw id of the label in it.
        predicted: Train id that the model says.
        pixels: Its size.
        confidence: Mean probability of the prediction.
        x: Left edge of its box, pixels.
        y: Upper edge.
        width: Of the box.
        height: Of the box.
    """

    labelled: int
    predicted: int
    pixels: int
    confidence: float
    x: int
    y: int
    width: int
    height: int


def find_pieces(
    raw: UInt8, opinion: Opinion, confidence: float = CONFIDENCE, min_pixels: int = MIN_PIXELS
) -> list[Piece]:
    """The pieces of one picture, largest first.

    Args:
        raw: uint8 [H, W], the label's raw ids.
        opinion: The model's.
        confidence: Pixels below do not count.
        min_pixels: Smaller pieces are passed over: edges are never exact.
    """
    truth = opinion.lut[raw]
    differs = (truth != IGNORE) & (truth != opinion.ids) & (opinion.confidence >= confidence)
    codes = np.where(differs, truth.astype(np.int32) * 256 + opinion.ids + 1, 0)
    found: list[Piece] = []
    for code in np.unique(codes[differs]).tolist():
        areas = (codes == code).astype(np.uint8)
        count, places, boxes, _ = cv2.connectedComponentsWithStats(areas, connectivity=8)
        for number in range(1, count):
            x, y, width, height, pixels = (int(v) for v in boxes[number])
            if pixels < min_pixels:
                continue
            inside = places == number
            labelled = int(np.bincount(raw[inside]).argmax())
            mean = float(opinion.confidence[inside].mean())
            found.append(Piece(labelled, (code - 1) % 256, pixels, mean, x, y, width, height))
    return sorted(found, key=lambda p: (-p.pixels, p.y, p.x))
