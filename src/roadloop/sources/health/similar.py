"""Pairs of pictures that are the same, or nearly, among many. Pure.

Two 64-bit hashes that differ in at most d bits agree in at least one of d + 1 parts (pigeonhole), so only pictures
that share a part are compared: exact, and far from every pair. A candidate counts when the thumbnails agree too.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.sources.health.fingerprint import Fingerprint

DISTANCE: Final = 4  #: bits
DIFFERENCE: Final = 6.0  #: mean grey levels between thumbnails

Hashes = NDArray[np.uint64]


class Alike(NamedTuple):
    """Two pictures by their places, the first before the second; distance in bits, -1 = byte for byte the same."""

    first: int
    second: int
    distance: int


def find_alike(prints: Sequence[Fingerprint], distance: int = DISTANCE, difference: float = DIFFERENCE) -> list[Alike]:
    """All pairs of the same or nearly the same pictures, closest first.

    Of n identical pictures n - 1 pairs are given, each with the first, not all n (n - 1) / 2; likewise of n pictures
    with one hash.

    Args:
        prints: In any number.
        distance: Most bits in which the hashes may differ.
        difference: Most grey levels by which the thumbnails may differ in the mean.
    """
    found = list(_with_first(prints, difference))
    chosen = _first_of_each_hash(prints)
    hashes = np.array([prints[i].dhash for i in chosen], np.uint64)
    pairs = _close(hashes, distance)
    for a, b in sorted(pairs):
        first, second = sorted((chosen[a], chosen[b]))
        if _look_alike(prints[first], prints[second], difference):
            bits = (prints[first].dhash ^ prints[second].dhash).bit_count()
            found.append(Alike(first, second, bits))
    return sorted(found, key=lambda p: (p.distance, p.first, p.second))


def _with_first(prints: Sequence[Fingerprint], difference: float) -> Iterator[Alike]:
    by_sum: dict[str, int] = {}
    by_hash: dict[int, int] = {}
    for place, found in enumerate(prints):
        same = by_sum.get(found.sha256)
        alike = by_hash.get(found.dhash)
        if same is not None:
            yield Alike(same, place, -1)
        elif alike is not None and _look_alike(prints[alike], found, difference):
            yield Alike(alike, place, 0)
        by_sum.setdefault(found.sha256, place)
        by_hash.setdefault(found.dhash, place)


def _first_of_each_hash(prints: Sequence[Fingerprint]) -> list[int]:
    first: dict[int, int] = {}
    for place, found in enumerate(prints):
        first.setdefault(found.dhash, place)
    return list(first.values())


def _close(hashes: Hashes, distance: int) -> set[tuple[int, int]]:
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


def _look_alike(a: Fingerprint, b: Fingerprint, difference: float) -> bool:
    one, two = (np.frombuffer(p.thumbnail, np.uint8).astype(np.int16) for p in (a, b))
    return float(np.abs(one - two).mean()) <= difference
