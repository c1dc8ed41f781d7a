"""Pictures and labels to bytes; the same pixels always give the same bytes."""

import struct

import cv2
import numpy as np
from numpy.typing import NDArray
from zlib_ng import zlib_ng

from roadloop.imaging.header import GREY, PALETTE, PNG_SIGNATURE

UInt8 = NDArray[np.uint8]


def encode_label(ids: UInt8) -> bytes:
    """An 8-bit grey PNG of ids, uint8 [H, W].

    zlib level 1 with run lengths and no filter: labels are areas of one value, so this is about five times as
    fast as OpenCV's encoder, and smaller.
    """
    return _png(ids, GREY, b"")


def encode_palette(ids: UInt8, palette: UInt8) -> bytes:
    """A palette PNG: pixels are the ids, uint8 [H, W]; their colours come from `palette`, uint8 [256, 3]."""
    return _png(ids, PALETTE, _chunk(b"PLTE", np.ascontiguousarray(palette).tobytes()))


def encode_color(rgb: UInt8) -> bytes:
    """A colour PNG of uint8 [H, W, 3], red first."""
    return _opencv(".png", rgb, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def encode_jpeg(rgb: UInt8, quality: int = 90) -> bytes:
    """A JPEG of uint8 [H, W, 3], red first; `quality` 1..100."""
    return _opencv(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])


def _opencv(ending: str, rgb: UInt8, options: list[int]) -> bytes:
    done, data = cv2.imencode(ending, cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGR), options)
    assert done, f"OpenCV could not encode {rgb.shape} as {ending}"
    return data.tobytes()


def _png(ids: UInt8, color_type: int, before_data: bytes) -> bytes:
    height, width = ids.shape
    rows = np.zeros((height, width + 1), dtype=np.uint8)
    rows[:, 1:] = ids
    deflate = zlib_ng.compressobj(1, zlib_ng.DEFLATED, zlib_ng.MAX_WBITS, 9, zlib_ng.Z_RLE)
    body = deflate.compress(rows.data) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    return PNG_SIGNATURE + _chunk(b"IHDR", header) + before_data + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib_ng.crc32(kind + body))
