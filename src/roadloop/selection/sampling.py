"""How many pictures, and which of a track: the arithmetic of sampling. Pure.

A picture's chance depends on the seed and its own track alone, so other tracks of a list never change it.
"""

import re
import zlib
from collections.abc import Sequence
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np

from roadloop.errors import InvalidValueError, Text

MOST: Final = 1_000_000  #: pictures in one selection
_NUMBER: Final = re.compile(r"\d{1,12}(\.\d{1,12})?|\.\d{1,12}", re.ASCII)


class Ratio(NamedTuple):
    """How many pictures are wanted: a number, or a share of what there is.

    Attributes:
        number: So many pictures; 0 for a share.
        share: 0..1; 0 for a number.
    """

    number: int
    share: Fraction = Fraction(0)


def parse_ratio(text: str) -> Ratio:
    """Read `ratio`: a whole number of pictures, a fraction below 1, or percent (`2.5%`, `100%` = all).

    Raises:
        InvalidValueError: Anything else, or outside 1..1,000,000 pictures.
    """
    plain = text.strip().replace("％", "%")
    number = plain.removesuffix("%").strip()
    if not _NUMBER.fullmatch(number):
        raise _bad_ratio(text)
    value = Fraction(number)
    if plain.endswith("%"):
        if not 0 < value <= 100:
            raise _bad_ratio(text)
        return Ratio(0, value / 100)
    if 0 < value < 1:
        return Ratio(0, value)
    if value.denominator != 1 or not 1 <= value <= MOST:
        raise _bad_ratio(text)
    return Ratio(int(value), Fraction(0))


def apportion(sizes: Sequence[int], wanted: int) -> list[int]:
    """How many pictures each track gives, so that together they give `wanted`.

    Every track gives one, the rest in proportion to its size. With fewer pictures than wanted each gives all.

    Args:
        sizes: Pictures of each track; at most `wanted` of them are above 0.
        wanted: Pictures in all.

    Returns:
        One number for each track, 0..size.
    """
    total = sum(sizes)
    filled = sum(1 for size in sizes if size)
    if total <= wanted:
        return list(sizes)
    share = Fraction(wanted - filled, total - filled)
    quotas, seen = [], 0
    for size in sizes:
        inner = max(0, size - 1)
        quotas.append((1 if size else 0) + int(share * (seen + inner)) - int(share * seen))
        seen += inner
    return quotas


class Shares:
    """Quotas of tracks that come one by one: together they give a share of all pictures, rounded.

    Args:
        share: 0..1.
    """

    def __init__(self, share: Fraction) -> None:
        self._share: Final = share
        self._seen = 0

    def quota(self, size: int) -> int:
        """How many pictures the next track gives; it has `size`."""
        before = int(self._share * self._seen + Fraction(1, 2))
        self._seen += size
        return int(self._share * self._seen + Fraction(1, 2)) - before


def preferred(track: str, size: int, quota: int, *, seed: int, shuffle: bool) -> list[int]:
    """The pictures of a track, those to take first, then those that stand in when one is broken.

    Args:
        track: Track id; with the seed it decides the draw.
        size: Pictures of the track.
        quota: How many are wanted, 0..size.
        seed: Of the draw.
        shuffle: Drawn at random; else evenly spaced along the track, stand-ins next to the middle of the gaps.

    Returns:
        Indices 0..size-1, each once; the first `quota` ascending.
    """
    if shuffle:
        order = np.random.default_rng([seed, zlib.crc32(track.encode())]).permutation(size).tolist()
        return [*sorted(order[:quota]), *order[quota:]]
    chosen = [(2 * i + 1) * size // (2 * quota) for i in range(quota)]
    taken = set(chosen)
    rest = [i for i in range(size) if i not in taken]
    if not chosen:
        return rest
    fences = np.array([-size, *chosen, 2 * size], np.int64)
    after = np.searchsorted(fences, rest)
    gaps = np.minimum(fences[after] - rest, rest - fences[after - 1])
    return [*chosen, *(rest[i] for i in np.argsort(gaps, kind="stable"))]


def _bad_ratio(text: str) -> InvalidValueError:
    return InvalidValueError(
        Text(
            f"ratio 的值 {text[:40]!r} 无效：请用张数（1 到 {MOST}）、小于 1 的比例（如 0.1）或百分数（如 10%）。",
            f"ratio: {text[:40]!r} is not valid; use a number of pictures (1 to {MOST}), a share below 1 (such as"
            " 0.1) or percent (such as 10%).",
        ),
        parameter="ratio",
    )
