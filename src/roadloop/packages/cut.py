"""What an annotator sees of a picture, and what of a returned label is the picture's: pure, on pixels.

`full` is the whole picture; `remote` its bottom half inside a white border. The bottom half of H rows begins at row
H // 2, so of an odd number it has the middle row.
"""

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.imaging.decode import decode_image
from roadloop.imaging.encode import encode_color, encode_jpeg
from roadloop.imaging.header import read_header

UInt8 = NDArray[np.uint8]
PackageType = Literal["full", "remote"]

BORDER: Final = 50  # white pixels on each side of a remote picture
QUALITY: Final = 95


class Size(NamedTuple):
    """Pixels as a person sees the picture, after the EXIF rotation."""

    width: int
    height: int


def border_of(kind: PackageType) -> int:
    """Border of a package type, pixels on each side."""
    return BORDER if kind == "remote" else 0


def packed_size(size: Size, kind: PackageType) -> Size:
    """Size of the picture in a package, from that of the original."""
    if kind == "full":
        return size
    return Size(size.width + 2 * BORDER, size.height - size.height // 2 + 2 * BORDER)


def lower_half(pixels: UInt8) -> UInt8:
    """The bottom half of a picture or a label, [H, W, ...]."""
    return pixels[pixels.shape[0] // 2 :]


def framed(pixels: UInt8, border: int, value: int) -> UInt8:
    """Pixels, [H, W, ...], with a border of one value on all sides."""
    if not border:
        return pixels
    width = [(border, border), (border, border)] + [(0, 0)] * (pixels.ndim - 2)
    return np.pad(pixels, width, constant_values=value)


def inner(pixels: UInt8, border: int) -> UInt8:
    """Pixels, [H, W, ...], without their border."""
    return pixels[border : pixels.shape[0] - border, border : pixels.shape[1] - border] if border else pixels


def for_package(data: bytes, kind: PackageType, max_pixels: int) -> bytes:
    """The file that goes into a package: `full` is the original to the byte, `remote` is cut and framed.

    A JPEG stays a JPEG, a PNG a PNG.

    Raises:
        BrokenFileError: The picture cannot be decoded whole.
    """
    if kind == "full":
        return data
    return _encode_like(data, framed(lower_half(decode_image(data, max_pixels)), BORDER, 255))


def half_of(data: bytes, max_pixels: int, border: int = 0) -> bytes:
    """The bottom half of a full picture as a file; of a bordered file, what is inside the border.

    Raises:
        BrokenFileError: The picture cannot be decoded whole.
    """
    pixels = decode_image(data, max_pixels)
    return _encode_like(data, inner(pixels, border) if border else lower_half(pixels))


def _encode_like(data: bytes, pixels: UInt8) -> bytes:
    return encode_jpeg(pixels, QUALITY) if read_header(data).format == "jpeg" else encode_color(pixels)
