"""Whether a PNG's stream holds all rows of its picture: Pillow makes those that are missing black, without an error."""

from typing import Final

from zlib_ng import zlib_ng

from roadloop.imaging.header import Encoded, Header, png_chunks, truncated

_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
_PIECE: Final = 2**20  # bytes that are inflated at once
#: First column, first row, and the distances to the next ones, of each pass.
_AT_ONCE: Final = ((0, 0, 1, 1),)
_ADAM7: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def check_rows(data: Encoded, header: Header) -> None:
    """Raise unless the rows are all there.

    Raises:
        BrokenFileError: The stream ends before them.
        zlib_ng.error: It is damaged.
    """
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
