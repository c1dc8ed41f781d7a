"""The run lengths of Label Studio's brush: numbers <-> a mask, exactly.

A bit stream (thi.ng's rle-pack): 32 bits count of values, 5 bits word size - 1, four times 4 bits a length's size - 1;
then runs: 1 bit repeated?, 2 bits which of the four sizes, the length - 1, and one word, or as many words as the
length. The values are the red, green, blue and alpha of each pixel; the brush is where alpha is not 0.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, Text

_CHANNELS: Final = 4
_WORD: Final = 8
_SIZES: Final = (3, 4, 8, 16)  # what Label Studio writes


def decode_brush(rle: Sequence[int], width: int, height: int) -> NDArray[np.bool_]:
    """The mask, bool [H, W], of a brush stroke.

    Args:
        rle: Bytes, 0..255 each.
        width: Pixels.
        height: Pixels.

    Raises:
        BrokenFileError: Not such a bit stream, or of another size.
    """
    try:
        data = bytes(rle)
    except (ValueError, TypeError) as error:
        raise _broken("编码含有 0..255 以外的值", "a value outside 0..255") from error
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    reader = _Bits(bits)
    count = reader.read(32)
    if count != width * height * _CHANNELS:
        raise _broken(
            f"编码含 {count} 个值，{width}x{height} 应有 {width * height * _CHANNELS} 个",
            f"{count} values where {width}x{height} needs {width * height * _CHANNELS}",
        )
    word = reader.read(5) + 1
    sizes = [reader.read(4) + 1 for _ in range(4)]
    if word != _WORD:
        raise _broken(f"字长 {word} 不是 8", f"words of {word} bits, not 8")
    values = np.zeros(count, np.uint8)
    place = 0
    while place < count:
        repeated = reader.read(1)
        length = reader.read(sizes[reader.read(2)]) + 1
        values[place : place + length] = reader.read(_WORD) if repeated else reader.words(length)[: count - place]
        place += length
    mask: NDArray[np.bool_] = values.reshape(height, width, _CHANNELS)[..., 3] != 0
    return mask


def encode_brush(mask: NDArray[np.bool_]) -> list[int]:
    """The run lengths of a mask, bool [H, W], as Label Studio reads them; `decode_brush` reads them back."""
    flat = np.repeat(mask.ravel(), _CHANNELS)
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = np.diff(starts, append=flat.size)
    parts = [_to_bits(flat.size, 32), _to_bits(_WORD - 1, 5), *(_to_bits(size - 1, 4) for size in _SIZES)]
    longest = 1 << _SIZES[-1]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        value = _to_bits(255 * int(flat[start]), _WORD)
        for piece in (*[longest] * (length // longest), length % longest):
            if piece:
                kind = next(i for i, size in enumerate(_SIZES) if piece <= 1 << size)
                parts += [_to_bits(1, 1), _to_bits(kind, 2), _to_bits(piece - 1, _SIZES[kind]), value]
    return np.packbits(np.concatenate(parts)).tolist()


class _Bits:
    """Reads numbers from bits, the highest first."""

    def __init__(self, bits: NDArray[np.uint8]) -> None:
        self._bits: Final = bits
        self._place = 0

    def read(self, size: int) -> int:
        """The next `size` bits as a number."""
        taken = self._take(size)
        return int.from_bytes(np.packbits(taken).tobytes()) >> (-size % 8)

    def words(self, count: int) -> NDArray[np.uint8]:
        """The next `count` words of eight bits."""
        return np.packbits(self._take(count * _WORD))

    def _take(self, size: int) -> NDArray[np.uint8]:
        end = self._place + size
        if end > len(self._bits):
            raise _broken("编码提前结束", "it ends too early")
        taken = self._bits[self._place : end]
        self._place = end
        return taken


def _to_bits(value: int, size: int) -> NDArray[np.uint8]:
    return np.array([value >> (size - 1 - i) & 1 for i in range(size)], np.uint8)


def _broken(zh: str, en: str) -> BrokenFileError:
    return BrokenFileError(Text(f"画笔标注的游程编码无效：{zh}", f"The brush's run lengths are not valid: {en}"))
