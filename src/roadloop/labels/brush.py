"""Label Studio's brush masks: run lengths of an RGBA picture, bit for bit.

The format is @thi.ng/rle-pack's, as Label Studio's page writes it and `label_studio_sdk.converter.brush` reads it: a
header (32 bits: number of values; 5 bits: bits of a value - 1; 4 x 4 bits: bits of each length - 1), then runs (one
bit: is it a run; two bits: which length; the length - 1; a value) and literals (the same with as many values as the
length says). A mask is the same 0 or 255 in all four channels of each pixel.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, Text, many

Mask = NDArray[np.bool_]
UInt8 = NDArray[np.uint8]

_WORD: Final = 8
_SIZES: Final = (3, 4, 8, 16)
_HEADER_BITS: Final = 32 + 5 + 4 * len(_SIZES)
_CHANNELS: Final = 4
_HALF: Final = 128  # a soft edge of the page's brush counts from half coverage on


def encode(mask: Mask) -> list[int]:
    """The bytes of a mask, bool [H, W], as Label Studio's SDK writes them."""
    values = np.where(mask.ravel(), np.uint8(255), np.uint8(0))
    starts = np.flatnonzero(np.diff(values, prepend=values[:1] ^ 1))
    lengths = np.diff(starts, append=values.size) * _CHANNELS
    lengths, runs = _split(lengths, values[starts])
    kind = np.searchsorted(np.array([2**size for size in _SIZES]), lengths)
    sizes = np.array(_SIZES)[kind]
    # 1, the kind in two bits, the length in `sizes` bits, the value in eight.
    words = ((4 + kind) << (sizes + _WORD)) | ((lengths - 1) << _WORD) | runs
    header = values.size * _CHANNELS
    for width, number in ((5, _WORD - 1), *((4, size - 1) for size in _SIZES)):
        header = header << width | number
    head = [header >> (_HEADER_BITS - 1 - i) & 1 for i in range(_HEADER_BITS)]  # more than NumPy's 64 bits can be
    bits = np.concatenate((np.array(head, np.uint8), _bits(words, sizes + _WORD + 3)))
    # The SDK appends 1 to 8 zero bits, never none.
    padding = np.zeros(8 - len(bits) % 8, np.uint8)
    return [int(b) for b in np.packbits(np.concatenate((bits, padding)))]


def decode(rle: Sequence[int], width: int, height: int) -> Mask:
    """The mask, bool [H, W], of Label Studio's bytes.

    Raises:
        BrokenFileError: Not of that size, or it ends too early.
    """
    try:
        data = bytes(rle)
    except (TypeError, ValueError) as error:
        raise _broken("不是字节序列", "it is not a list of bytes") from error
    total = width * height * _CHANNELS
    reader = _Bits(data)
    if reader.read(32) != total:
        raise _broken(f"大小不是 {width}x{height}", f"its size is not {width}x{height}")
    word = reader.read(5) + 1
    sizes = [reader.read(4) + 1 for _ in _SIZES]
    if word > _WORD:
        raise _broken(f"每个值 {word} 位", f"its values have {many(word, 'bit')}")
    lengths: list[int] = []
    values: list[int] = []
    done = 0
    while done < total:
        run, kind = reader.read(1), reader.read(2)
        length = reader.read(sizes[kind]) + 1
        done += length
        if run:
            lengths.append(length)
            values.append(reader.read(word))
        else:
            lengths += [1] * length
            values += [reader.read(word) for _ in range(length)]
    flat: UInt8 = np.repeat(np.array(values, np.uint8), lengths)[:total]
    alpha: UInt8 = flat.reshape(height, width, _CHANNELS)[:, :, _CHANNELS - 1]
    return alpha >= _HALF


class _Bits:
    """Reads numbers of a few bits from bytes, most significant first."""

    def __init__(self, data: bytes) -> None:
        self._data: Final = data
        self._place = 0

    def read(self, size: int) -> int:
        end = self._place + size
        if end > len(self._data) * 8:
            raise _broken("数据提前结束", "it ends too early")
        first, last = self._place >> 3, (end + 7) >> 3
        window = int.from_bytes(self._data[first:last])
        self._place = end
        return window >> ((last << 3) - end) & ((1 << size) - 1)


def _split(lengths: NDArray[np.int64], values: UInt8) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut runs that are longer than the longest length can say."""
    longest = 2 ** _SIZES[-1]
    parts = (lengths - 1) // longest + 1
    cut = np.full(int(parts.sum()), longest, np.int64)
    cut[np.cumsum(parts) - 1] = lengths - (parts - 1) * longest
    return cut, np.repeat(values, parts).astype(np.int64)


def _bits(numbers: NDArray[np.int64], sizes: NDArray[np.int64]) -> UInt8:
    """Numbers of given sizes as bits, uint8 0 or 1, most significant first."""
    ends = np.cumsum(sizes)
    shift = np.repeat(ends, sizes) - 1 - np.arange(int(ends[-1]))
    return (np.repeat(numbers, sizes) >> shift & 1).astype(np.uint8)


def _broken(zh: str, en: str) -> BrokenFileError:
    return BrokenFileError(Text(f"画笔标注无效：{zh}。", f"The brush mask is not valid: {en}."))
