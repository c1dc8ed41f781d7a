"""Pictures and labels from bytes: complete or an error, never more pixels than allowed.

The usual pictures (8-bit, grey or colour) are decoded by OpenCV, which is two to three times as fast as Pillow
and gives the same pixels; the rest (CMYK, 16 bits, alpha, palettes) by Pillow. EXIF rotation is applied
here, from our own reading of the header, so that it is the same everywhere.
"""

import io
import zlib
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from zlib_ng import zlib_ng

from roadloop.errors import BrokenFileError
from roadloop.imaging.header import (
    GREY,
    PALETTE,
    Encoded,
    Header,
    broken,
    check_complete,
    png_chunks,
    read_header,
    truncated,
)

UInt8 = NDArray[np.uint8]

MAX_PIXELS: Final = 64_000_000
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a PNG's pixel, by colour type
_PIECE: Final = 2**20  # bytes that are inflated at once
#: First column, first row, and the distances to the next ones, of each pass of a PNG.
_AT_ONCE: Final = ((0, 0, 1, 1),)
_ADAM7: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PILLOW_ERRORS: Final = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    TypeError,
    MemoryError,
    zlib.error,
    zlib_ng.error,
    Image.DecompressionBombError,
)


def decode_image(data: Encoded, max_pixels: int = MAX_PIXELS) -> UInt8:
    """The picture as uint8 [H, W, 3], red first, upright.

    Grey is repeated, alpha dropped, 16 bits cut to the upper 8, CMYK converted.

    Raises:
        BrokenFileError: Not a JPEG or PNG, truncated, damaged, or larger than `max_pixels`.
    """
    header = _checked(data, max_pixels)
    return _upright(_pixels(data, header), header.orientation)


def check_image(data: Encoded, max_pixels: int = MAX_PIXELS) -> Header:
    """Find out cheaply whether `decode_image` will work, and return the header.

    A JPEG is decoded at an eighth of its size: all of its entropy-coded data is read, few pixels are made.

    Raises:
        BrokenFileError: As `decode_image`.
    """
    header = _checked(data, max_pixels)
    if not (header.plain and header.format == "jpeg"):
        _pixels(data, header)
    elif _opencv(data, cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION) is None:
        raise _undecodable()
    return header


def decode_quarter(data: Encoded, max_pixels: int = MAX_PIXELS) -> UInt8 | None:
    """An upright, usual JPEG in grey at a quarter of its sides, uint8 [h, w], much faster; None for any other picture.

    Raises:
        BrokenFileError: As `decode_image`, of the file's header and end.
    """
    header = _checked(data, max_pixels)
    if not (header.format == "jpeg" and header.plain and header.orientation == 1):
        return None
    return _opencv(data, cv2.IMREAD_REDUCED_GRAYSCALE_4 | cv2.IMREAD_IGNORE_ORIENTATION)


def decode_label(data: Encoded, max_pixels: int = MAX_PIXELS) -> UInt8:
    """The label as uint8 [H, W]: the values of an 8-bit grey PNG, the indices of a palette PNG.

    Raises:
        BrokenFileError: Anything else: another format, colours, 16 bits; truncated or damaged.
    """
    header = _checked(data, max_pixels)
    grey = header.format == "png" and header.channels == GREY and header.depth == 8
    if not grey and not (header.format == "png" and header.channels == PALETTE):
        raise broken(
            "标注不是 8 位灰度或调色板 PNG；彩色标注请命名为 label-<图片名>.png",
            "Not an 8-bit grey or palette PNG; a colour label is named label-<picture>.png",
        )
    if header.depth == 8 and data[28] == 0 and (ids := _unfiltered(data, header)) is not None:
        return ids
    if grey and (decoded := _opencv(data, cv2.IMREAD_UNCHANGED)) is not None and decoded.ndim == 2:
        return decoded
    return _pillow(data, header, None)


def decode_color_label(data: Encoded, max_pixels: int = MAX_PIXELS) -> UInt8:
    """The colour label as uint8 [H, W, 3], red first; PNG only, because JPEG changes colours.

    Raises:
        BrokenFileError: Not a PNG, 16 bits, truncated or damaged.
    """
    header = _checked(data, max_pixels)
    if header.format != "png" or header.depth == 16:
        raise broken("彩色标注不是 8 位 PNG", "The colour label is not an 8-bit PNG")
    return _pixels(data, header)


def decode_mask(data: Encoded, max_pixels: int = MAX_PIXELS) -> NDArray[np.bool_]:
    """What a PNG marks, bool [H, W]: where it is at least half opaque, or, without transparency, not black.

    Raises:
        BrokenFileError: Not a PNG, truncated or damaged.
    """
    header = _checked(data, max_pixels)
    if header.format != "png":
        raise broken("掩码不是 PNG", "The mask is not a PNG")
    rgba = _pillow(data, header, "RGBA")
    clear = bool((rgba[..., 3] < 255).any())
    marked: NDArray[np.bool_] = np.asarray(rgba[..., 3] >= 128 if clear else rgba[..., :3].any(axis=2))
    return marked


def _checked(data: Encoded, max_pixels: int) -> Header:
    header = read_header(data)
    if header.width * header.height > max_pixels:
        limit = max_pixels / 1e6
        raise broken(
            f"图片尺寸 {header.width}x{header.height} 超过上限 {limit:g} 百万像素",
            f"A size of {header.width}x{header.height} exceeds the limit of {limit:g} megapixels",
            width=header.width,
            height=header.height,
        )
    check_complete(data, header)
    return header


def _pixels(data: Encoded, header: Header) -> UInt8:
    """uint8 [H, W, 3] as stored, before any rotation."""
    if header.plain:
        rgb = _opencv(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
        if rgb is not None and rgb.shape[:2] == (header.height, header.width):
            return rgb
    return _pillow(data, header, "RGB")


def _opencv(data: Encoded, flags: int) -> UInt8 | None:
    try:
        decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error:
        return None
    return None if decoded is None else decoded.astype(np.uint8, copy=False)


def _pillow(data: Encoded, header: Header, mode: str | None) -> UInt8:
    try:
        if header.format == "png":
            _check_rows(data, header)
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            image.load()
            if mode is None:
                return np.asarray(image, dtype=np.uint8).copy()
            if image.mode.startswith("I"):
                high = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
                return np.repeat(high[:, :, None], 3, axis=2)
            return np.asarray(image.convert(mode)).copy()
    except _PILLOW_ERRORS as error:  # type: ignore[misc]  # the stub of zlib_ng.error has an instance
        raise _undecodable() from error


def _check_rows(data: Encoded, header: Header) -> None:
    """Raise unless a PNG's stream holds all rows: Pillow makes those that are missing black, without an error."""
    left, inflate = _length(header, interlaced=data[28] == 1), zlib_ng.decompressobj()
    for kind, start, end in png_chunks(data, check=False):
        rest: Encoded = data[start:end] if kind == b"IDAT" else b""
        while left:
            made = len(inflate.decompress(rest, min(left, _PIECE)))
            left, rest = left - made, inflate.unconsumed_tail
            if not made and not rest:
                break
    if left:
        raise truncated()


def _length(header: Header, *, interlaced: bool) -> int:
    """Bytes of all rows, each with the byte that names its filter."""
    bits, total = header.depth * _SAMPLES.get(header.channels, 1), 0
    for x, y, across, down in _ADAM7 if interlaced else _AT_ONCE:
        width, height = -((x - header.width) // across), -((y - header.height) // down)
        total += height * (1 + (width * bits + 7) // 8) if width > 0 and height > 0 else 0
    return total


def _undecodable() -> BrokenFileError:
    return broken("图片数据无法解码，文件已损坏", "The picture data cannot be decoded: the file is damaged")


def _unfiltered(data: Encoded, header: Header) -> UInt8 | None:
    """The bytes of an 8-bit PNG whose rows all have filter 0, as ours do; None when another filter is used."""
    row = header.width + 1
    inflate = zlib_ng.decompressobj()
    try:
        parts = [data[start:end] for kind, start, end in png_chunks(data, check=False) if kind == b"IDAT"]
        first = inflate.decompress(parts[0], 1) if parts else b""
        if first != b"\0":
            return None
        rest = inflate.unconsumed_tail + b"".join(parts[1:])
        body = inflate.decompress(rest, row * header.height - 1)
    except zlib_ng.error as error:  # type: ignore[misc]  # its stub has an instance there
        raise _undecodable() from error
    if len(body) != row * header.height - 1:
        raise truncated()
    filters = np.ndarray(header.height - 1, np.uint8, body, offset=header.width, strides=(row,))
    ids = np.ndarray((header.height, header.width), np.uint8, body, strides=(row, 1))
    return None if filters.any() else np.ascontiguousarray(ids)


def _upright(pixels: UInt8, orientation: int) -> UInt8:
    """Apply an EXIF orientation, as Pillow's `exif_transpose` does."""
    if orientation == 1:
        return pixels
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
