"""What makes two pictures the same, or nearly, and the pairs of such pictures among many. Pure, from bytes.

Two 64-bit hashes that differ in at most d bits agree in at least one of d + 1 parts (pigeonhole), so only pictures
that share a part are compared: exact, and far from every pair. A candidate counts when the thumbnails agree too.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.imaging.header import broken

_SIDE: Final = 8  # of a thumbnail, pixels
DISTANCE: Final = 4  #: bits
_DIFFERENCE: Final = 6.0  # mean grey levels between thumbnails
_SMALL: Final = 128  # a picture whose side is shorter is not decoded at an eighth of its size

UInt8 = NDArray[np.uint8]


class Fingerprint(NamedTuple):
    """Of one picture.

    Attributes:
        sha256: Of the file.
        dhash: 64 bits: is a pixel brighter than its right neighbour, in 9 x 8 pixels of grey.
        thumbnail: 64 bytes: 8 x 8 pixels of grey.
    """

    sha256: str
    dhash: int
    thumbnail: bytes


def fingerprint(data: bytes, size: tuple[int, int]) -> Fingerprint:
    """The fingerprint of a JPEG or PNG that is known to be whole.

    Args:
        data: The file.
        size: (width, height) in pixels.

    Raises:
        BrokenFileError: It cannot be decoded.
    """
    reduced = cv2.IMREAD_REDUCED_GRAYSCALE_8 if min(size) >= _SMALL else cv2.IMREAD_GRAYSCALE
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), reduced | cv2.IMREAD_IGNORE_ORIENTATION)
    if grey is None:
        raise broken("图片数据无法解码", "The picture data cannot be decoded")
    small: UInt8 = np.asarray(cv2.resize(grey, (_SIDE + 1, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    bits = np.packbits(small[:, :-1] > small[:, 1:])
    thumbnail = np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    return Fingerprint(hashlib.sha256(data).hexdigest(), int.from_bytes(bits.tobytes()), thumbnail.tobytes())


class Alike(NamedTuple):
    """Two pictures by their places, the first before the second; distance in bits, -1 = byte for byte the same."""

    first: int
    second: int
    distance: int


def find_alike(prints: Sequence[Fingerprint], distance: int = DISTANCE) -> list[Alike]:
    """All pairs of the same or nearly the same pictures, closest first.

    Of n identical pictures n - 1 pairs are given, each with the first, not all n (n - 1) / 2; likewise of n pictures
    with one hash.

    Args:
        prints: In any number.
        distance: Most bits in which the hashes may differ.
    """
    found = list(_with_first(prints))
    by_hash: dict[int, int] = {}
    for place, known in enumerate(prints):
        by_hash.setdefault(known.dhash, place)
    chosen = list(by_hash.values())
    for a, b in sorted(_close(np.array(list(by_hash), np.uint64), distance)):
        first, second = sorted((chosen[a], chosen[b]))
        if _look_alike(prints[first], prints[second]):
            bits = (prints[first].dhash ^ prints[second].dhash).bit_count()
            found.append(Alike(first, second, bits))
    return sorted(found, key=lambda p: (p.distance, p.first, p.second))


def _with_first(prints: Sequence[Fingerprint]) -> Iterator[Alike]:
    by_sum: dict[str, int] = {}
    by_hash: dict[int, int] = {}
    for place, found in enumerate(prints):
        same = by_sum.get(found.sha256)
        alike = by_hash.get(found.dhash)
        if same is not None:
            yield Alike(same, place, -1)
        elif alike is not None and _look_alike(prints[alike], found):
            yield Alike(alike, place, 0)
        by_sum.setdefault(found.sha256, place)
        by_hash.setdefault(found.dhash, place)


def _close(hashes: NDArray[np.uint64], distance: int) -> set[tuple[int, int]]:
    """Pairs of different hashes, by place, that differ in at most `distance` bits."""
    found: set[tuple[int, int]] = set()
    edges = np.linspace(0, 64, distance + 2).astype(int)
    for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = hashes >> np.uint64(low) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(part, kind="stable")
        starts = np.flatnonzero(np.diff(part[order])) + 1
        for group in np.split(order, starts):
            for i, place in enumerate(group[:-1].tolist()):
                rest = group[i + 1 :]
                near = rest[np.bitwise_count(hashes[rest] ^ hashes[place]) <= distance]
                found.update((place, other) for other in near.tolist())
    return found


def _look_alike(a: Fingerprint, b: Fingerprint) -> bool:
    one, two = (np.frombuffer(p.thumbnail, np.uint8).astype(np.int16) for p in (a, b))
    return float(np.abs(one - two).mean()) <= _DIFFERENCE
