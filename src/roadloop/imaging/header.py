"""What the header of a JPEG or PNG says, read without decoding a pixel, and whether the file is all there.

Decoders are lenient: OpenCV returns a picture for a truncated JPEG without an error. So completeness is checked
here, on the structure: a JPEG must reach its end marker after scan data, a PNG's chunks must carry the right
CRCs up to IEND.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from roadloop.errors import BrokenFileError, Text

Format = Literal["jpeg", "png"]
Encoded = bytes | memoryview  #: a file's bytes; a view of unsigned bytes is read where it lies

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
GREY, PALETTE = 0, 3  # PNG colour types
_JPEG_SIGNATURE: Final = b"\xff\xd8\xff"
_JPEG_END: Final = b"\xff\xd9"  # scan data has no such bytes
_START_OF_FRAME: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN, _END_OF_IMAGE, _APP1 = 0xDA, 0xD9, 0xE1
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_ORIENTATION_TAG: Final = 0x0112
# In scan data FF 00 is a stuffed byte and FF D0..D7 a restart; FF FF is fill. Anything else is a marker.
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class Header(NamedTuple):
    """What a picture's header says.

    Attributes:
        format: `jpeg` or `png`, from the content; the file's ending does not matter.
        width: Pixels as stored, before any rotation.
        height: Pixels as stored.
        orientation: EXIF orientation 1..8; 1 when the file has none.
        channels: Components of a JPEG; colour type of a PNG.
        depth: Bits per sample.
        plain: True when OpenCV's decoder gives exactly Pillow's pixels: 8-bit grey or colour without surprises.
    """

    format: Format
    width: int
    height: int
    orientation: int
    channels: int
    depth: int
    plain: bool

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels as a person sees the picture: after the EXIF rotation."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def broken(zh: str, en: str, **details: object) -> BrokenFileError:
    """The error for bytes that are not the file they should be."""
    return BrokenFileError(Text(zh, en), **details)


def truncated() -> BrokenFileError:
    """The error for a file that ends too early."""
    return broken(
        "文件不完整：数据在结束标记之前中断，请重新复制", "The file is incomplete: it ends too early; copy it again"
    )


def read_header(data: Encoded) -> Header:
    """The header of a JPEG or PNG.

    Raises:
        BrokenFileError: Empty, neither JPEG nor PNG, or the header itself is incomplete.
    """
    if not data:
        raise broken("文件是空的", "The file is empty")
    if data[: len(PNG_SIGNATURE)] == PNG_SIGNATURE:
        return _png_header(data)
    if data[: len(_JPEG_SIGNATURE)] == _JPEG_SIGNATURE:
        return _jpeg_header(data)
    raise broken("不是 JPEG 或 PNG 图片", "Neither a JPEG nor a PNG picture")


def check_complete(data: Encoded, header: Header) -> None:
    """Raise unless the file reaches its end.

    Raises:
        BrokenFileError: Truncated, (PNG) a chunk whose CRC does not fit, or (JPEG) nothing between the header of the
            first scan and the next marker, of which decoders make a grey picture.
    """
    if header.format == "png":
        for kind, _, _ in png_chunks(data, check=True):
            if kind == b"IEND":
                return
    elif _has_scan(data) and (
        data[-2:] == _JPEG_END or any(marker == _END_OF_IMAGE for marker, _, _ in _jpeg_segments(data))
    ):
        return
    raise truncated()


def _has_scan(data: Encoded) -> bool:
    ends = (end for marker, _, end in _jpeg_segments(data) if marker == _START_OF_SCAN)
    end = next(ends, len(data))
    return data[end : end + 1] != b"\xff" or data[end + 1 : end + 2] == b"\0"  # coded data writes 0xff as 0xff 0


def png_chunks(data: Encoded, *, check: bool) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of the body of each complete chunk of a PNG, IEND included; stops where data ends.

    Args:
        data: The whole file.
        check: Verify every chunk's CRC.

    Raises:
        BrokenFileError: With `check`, a chunk whose CRC does not fit.
    """
    view, place = memoryview(data), len(PNG_SIGNATURE)
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        start, end = place + 8, place + 8 + length
        if end + 4 > len(data):
            return
        if check and zlib.crc32(view[place + 4 : end]) != int.from_bytes(view[end : end + 4]):
            raise broken("PNG 数据校验和不符，文件已损坏", "A PNG checksum does not fit: the file is damaged")
        yield kind, start, end
        if kind == b"IEND":
            return
        place = end + 4


def _png_header(data: Encoded) -> Header:
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise truncated()
    width, height, depth, color, _, _, _ = struct.unpack_from(">IIBBBBB", data, 16)
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise broken(f"图片尺寸 {width}x{height} 无效", f"A size of {width}x{height} is not possible")
    orientation, plain = 1, depth == 8 and color in (GREY, 2)
    for kind, start, end in png_chunks(data, check=False):
        if kind == b"eXIf":
            orientation = _exif_orientation(bytes(data[start:end]))
        plain = plain and kind != b"tRNS"
        if kind == b"IDAT":
            break
    return Header("png", width, height, orientation, color, depth, plain)


def _jpeg_header(data: Encoded) -> Header:
    frame: tuple[int, int, int, int] | None = None
    orientation, adobe = 1, False
    for marker, start, end in _jpeg_segments(data):
        if marker in _START_OF_FRAME and end - start >= 6:
            frame = struct.unpack_from(">BHHB", data, start)
        elif marker == _APP1 and data[start : start + 6] == b"Exif\0\0":
            orientation = _exif_orientation(bytes(data[start + 6 : end]))
        elif marker == 0xEE and data[start : start + 5] == b"Adobe":
            adobe = True
        elif marker == _START_OF_SCAN:
            break
    if frame is None:
        raise truncated()
    depth, height, width, channels = frame
    if not width or not height:
        raise broken(f"图片尺寸 {width}x{height} 无效", f"A size of {width}x{height} is not possible")
    plain = depth == 8 and channels in (1, 3) and not adobe
    return Header("jpeg", width, height, orientation, channels, depth, plain)


def _jpeg_segments(data: Encoded) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment's body; scan data is skipped; stops where the data ends.

    The end marker counts only after scan data: an EXIF thumbnail has one of its own, inside its segment.
    """
    place, scanned = 2, False
    while (found := _MARKER.search(data, place)) is not None:
        marker, start = data[found.end() - 1], found.end()
        if marker == _END_OF_IMAGE:
            if scanned:
                yield marker, start, start
            return
        if marker in _WITHOUT_LENGTH:
            place = start
            continue
        length = int.from_bytes(data[start : start + 2])
        end = start + length
        if length < 2 or end > len(data):
            return
        yield marker, start + 2, end
        scanned = scanned or marker == _START_OF_SCAN
        place = end


def _exif_orientation(exif: bytes) -> int:
    """Orientation 1..8 from a TIFF block; 1 when it is absent or nonsense."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return 1
    (ifd,) = struct.unpack_from(order + "I", exif, 4)
    if ifd + 2 > len(exif):
        return 1
    (count,) = struct.unpack_from(order + "H", exif, ifd)
    for entry in range(ifd + 2, min(ifd + 2 + count * 12, len(exif) - 11), 12):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, entry)
        if tag == _ORIENTATION_TAG and kind == 3 and 1 <= value <= 8:
            return int(value)
    return 1
