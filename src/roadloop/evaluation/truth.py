"""The truth of a picture as one model sees it: raw ids or colours, through their class table and the model's map."""

from collections.abc import Collection
from typing import Final

import numpy as np

from roadloop.errors import BrokenFileError, Text
from roadloop.evaluation.pictures import LabelKind
from roadloop.imaging.decode import UInt8, decode_color_label, decode_label
from roadloop.labels.colors import ColorCoder, describe_unknown
from roadloop.labels.table import IGNORE, ClassTable

MOST_UNKNOWN: Final = 0.01  #: a label with a larger share of unknown pixels is left out


def decode_truth(data: bytes, kind: LabelKind, size: tuple[int, int], max_pixels: int) -> UInt8:
    """Decode a label once for all models: uint8[H, W] raw ids, or uint8[H, W, 3] colours.

    Args:
        data: The PNG.
        kind: `id` or `color`.
        size: (height, width) of the picture.
        max_pixels: Larger labels are refused before decoding.

    Raises:
        BrokenFileError: Not such a PNG, damaged, or of another size than the picture.
    """
    label = decode_label(data, max_pixels) if kind == "id" else decode_color_label(data, max_pixels)
    if label.shape[:2] != size:
        (height, width), (rows, columns) = size, label.shape[:2]
        raise BrokenFileError(
            Text(
                f"标注尺寸 {columns}x{rows} 与图片 {width}x{height} 不同",
                f"The label is {columns}x{rows}, the picture {width}x{height}",
            )
        )
    return label


class TruthReader:
    """Turns decoded labels into the train ids of one model.

    Args:
        table: The class table of the labels.
        lut: uint8 [256], raw id of the labels -> train id, 255 = ignored.
        predicted: Train ids that the model predicts; any other truth is ignored.
    """

    def __init__(self, table: ClassTable, lut: UInt8, predicted: Collection[int]) -> None:
        self._lut: Final = np.where(np.isin(lut, list(predicted)), lut, np.uint8(IGNORE)).astype(np.uint8)
        self._table: Final = table
        self._coder: ColorCoder | None = None  # made on first use: tables with twin colours still read id labels
        self._known: Final = np.zeros(256, bool)
        self._known[[*table.raw_ids, IGNORE]] = True

    def train_ids(self, label: UInt8) -> UInt8:
        """uint8[H, W] train ids, 255 = ignore, of raw ids [H, W] or colours [H, W, 3].

        Raises:
            BrokenFileError: More than 1 % of the pixels have an id or a colour that is not in the class table.
            LabelMapError: The table has twin colours, and the label is one of colours.
        """
        if label.ndim == 2:
            unknown = int(np.bincount(label.ravel(), minlength=256)[~self._known].sum())
            found = ", ".join(str(i) for i in np.unique(label) if not self._known[i])[:200] if unknown else ""
            ids = label
        else:
            self._coder = self._coder or ColorCoder(self._table)
            decoded = self._coder.to_ids(label)
            ids, unknown, found = decoded.ids, decoded.unknown_pixels, describe_unknown(decoded.unknown)
        if unknown > MOST_UNKNOWN * ids.size:
            share = f"{100 * unknown / ids.size:.1f} %"
            raise BrokenFileError(
                Text(
                    f"标注中 {share} 的像素不在类别表 {self._table.name} 中：{found}",
                    f"{share} of the label's pixels are not in the class table {self._table.name}: {found}",
                )
            )
        return self._lut[ids]
