"""Divide pictures into train, val and test, by track. Pure, and the same for the same seed."""

import hashlib
from collections.abc import Hashable, Mapping
from typing import Final, TypeVar

from roadloop.datasets.info import SPLITS
from roadloop.errors import InvalidValueError, Text

LEFT_OUT: Final = ""
_EMPTY_FIRST: Final = ("test", "val", "train")

G = TypeVar("G", bound=Hashable)


def normalise_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """Shares that sum to at most 1: a larger sum divides them, what a smaller one lacks is left out.

    Raises:
        InvalidValueError: A negative share, or none above 0.
    """
    for name, share in shares.items():
        if not 0 <= share < float("inf"):
            raise InvalidValueError(
                Text(f"{name} 的比例 {share} 无效，应为不小于 0 的数", f"{name}: a share is 0 or more, not {share}"),
                parameter=name,
            )
    total = sum(shares.values())
    if total <= 0:
        raise InvalidValueError(
            Text(
                "train、val、test 的比例都是 0；至少有一个应大于 0",
                "train, val and test are all 0; one share must be above 0",
            ),
            parameter="train",
        )
    return {name: shares.get(name, 0.0) / max(1.0, total) for name in SPLITS}


def assign(
    sizes: Mapping[G, int], shares: Mapping[str, float], seed: int, known: Mapping[G, str] | None = None
) -> dict[G, str]:
    """Give every group of pictures (a track, or a single picture) a split.

    Every share above 0 gets at least one group, the largest share first; with fewer groups than shares, first
    test, then val, stays empty. Larger groups are placed first, because they are the hardest to fit; among groups
    of about one size the seed decides.

    Args:
        sizes: Pictures of each group.
        shares: As `normalise_shares` returns them.
        seed: Other seeds, other splits.
        known: Groups whose split is settled already; they take part in nothing else.

    Returns:
        Group -> `train`, `val`, `test`, or "" for what is left out.
    """
    settled = {g: split for g, split in (known or {}).items() if g in sizes}
    new = [g for g in sizes if g not in settled]
    new.sort(key=lambda g: (-sizes[g].bit_length(), _draw(seed, g)))
    total = sum(sizes[g] for g in new)
    wanted = {name: shares[name] * total for name in SPLITS if shares[name] > 0}
    for name in _EMPTY_FIRST:
        if len(wanted) > len(new):
            wanted.pop(name, None)
    rest = 1 - sum(shares.values())
    missing = dict(wanted)  # pictures that each split still lacks
    if rest > 1e-9:
        missing[LEFT_OUT] = rest * total
    order = {name: place for place, name in enumerate((*SPLITS, LEFT_OUT))}
    empty = set(wanted)
    for place, group in enumerate(new):
        # The groups that are left just suffice for the splits that have none yet: now they must have them.
        open_splits = empty if len(new) - place <= len(empty) else missing
        chosen = max(open_splits, key=lambda name: (missing[name], -order[name]))
        settled[group] = chosen
        missing[chosen] -= sizes[group]
        empty.discard(chosen)
    return settled


def _draw(seed: int, group: Hashable) -> str:
    return hashlib.sha256(f"{seed}/{group}".encode()).hexdigest()
