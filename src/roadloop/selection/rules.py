"""What a pick rules out: near-duplicates, neighbours on its track, the rest of its track when that has given enough. Pure.

The rules look at columns, so that they can be followed for any part of the candidates, beside picks of other parts.

N candidates.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.selection.fingerprint import NEAR, Prints, distances

Bools = NDArray[np.bool_]
Float64 = NDArray[np.float64]
Ints = NDArray[np.int64]

EARTH: Final = 6_371_000.0  #: metres


@dataclass(frozen=True)
class Rules:
    """What rules a picture out.

    Attributes:
        per_track: Pictures of one track, at most.
        gap_frames: Least distance on a track, in points of it; 0 = off.
        gap_seconds: The same in seconds, between pictures with times; 0 = off.
        gap_metres: The same in metres, between pictures with positions, of a track all in one datum; 0 = off.
    """

    per_track: int
    gap_frames: int = 0
    gap_seconds: float = 0.0
    gap_metres: float = 0.0


class Traits(NamedTuple):
    """What the rules look at.

    Attributes:
        tracks: int64 [N], a number for each track.
        frames: int64 [N], place of each on its track.
        seconds: float64 [N], times; nan = unknown.
        longitude: float64 [N], degrees; nan = unknown.
        latitude: float64 [N], degrees; nan = unknown.
        prints: uint64 [N, 4].
    """

    tracks: Ints
    frames: Ints
    seconds: Float64
    longitude: Float64
    latitude: Float64
    prints: Prints

    def at(self, rows: Ints | slice) -> "Traits":
        """Those of some candidates."""
        return Traits(
            self.tracks[rows], self.frames[rows], self.seconds[rows], self.longitude[rows], self.latitude[rows],
            self.prints[rows],
        )  # fmt: skip


class State:
    """Which candidates may still be taken, and why the others may not.

    Args:
        traits: Of N candidates.
        free: bool [N], which may be taken; changed in place.
        rules: What a pick rules out.
        taken: How many pictures each track has given already.
    """

    def __init__(self, traits: Traits, free: Bools, rules: Rules, taken: Mapping[int, int]) -> None:
        self.free: Final = free
        self.ruled_out: Counter[str] = Counter()
        self._traits: Final = traits
        self._rules: Final = rules
        self._taken: Final = Counter(taken)

    def take(self, of: Traits, row: int) -> Ints:
        """A picture is taken: rule out what may not be beside it.

        Args:
            of: Columns that hold the picture; it need not be one of these candidates.
            row: Its row there.

        Returns:
            int64 [M]: the candidates that are ruled out from now on.
        """
        track = int(of.tracks[row])
        mates = np.flatnonzero(self._traits.tracks == track)
        near = np.flatnonzero(distances(of.prints[row], self._traits.prints) < NEAR)
        new = [self._rule_out("near_duplicate", near), self._rule_out("gap", mates[self._close(of, row, mates)])]
        self._taken[track] += 1
        if self._taken[track] >= self._rules.per_track:
            new.append(self._rule_out("per_track", mates))
        return np.concatenate(new)

    def _close(self, of: Traits, row: int, mates: Ints) -> Bools:
        rules, traits = self._rules, self._traits
        close: Bools = np.abs(traits.frames[mates] - of.frames[row]) < rules.gap_frames
        if rules.gap_seconds:
            close |= np.abs(traits.seconds[mates] - of.seconds[row]) < rules.gap_seconds
        if rules.gap_metres:
            north = np.radians(traits.latitude[mates] - of.latitude[row])
            east = np.radians(traits.longitude[mates] - of.longitude[row])
            east *= np.cos(np.radians(of.latitude[row]))
            close |= EARTH * np.hypot(north, east) < rules.gap_metres
        return close

    def _rule_out(self, why: str, which: Ints) -> Ints:
        new = which[self.free[which]]
        self.ruled_out[why] += len(new)
        self.free[new] = False
        return new


def seconds_of(text: str) -> float:
    """A time in seconds: Unix seconds or milliseconds, or `YYYY-MM-DD HH:MM:SS`; nan when it is neither."""
    try:
        number = float(text)
    except ValueError:
        try:
            return datetime.fromisoformat(text).timestamp()
        except ValueError:
            return float("nan")
    return number / 1000 if number > 1e11 else number
