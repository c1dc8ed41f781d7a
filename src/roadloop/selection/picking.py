"""From scores to picks: the uncertain pictures that differ most from each other. Pure.

The best-scored pictures form a pool; from it k-centre greedy takes, after the best one, always the picture with the
largest product of its score and its distance from all taken. A pick rules others out: near-duplicates, neighbours on its track, the rest of its track when
that has given enough. When the pool runs dry it grows.

N candidates, D numbers of an embedding, K classes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import Text
from roadloop.selection.fingerprint import NEAR, Prints, distances
from roadloop.selection.k_centre import FarthestFirst
from roadloop.selection.model import Aim
from roadloop.tracks.service import TrackPoint

Float32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

POOL: Final = 5  #: the pool holds so many pictures for each one wanted,
POOL_SHARE: Final = 0.3  #: but no more than this share of all: the others raise too little doubt
LEAST: Final = 1e-3  #: a picture never counts less than this, so that those without doubt still differ in looks
FAINT: Final = 0.02  #: uncertainty below which a class is as good as not there
SEEN: Final = 0.001  #: share of a picture's pixels from which a class that wins there is seen
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


@dataclass(frozen=True)
class Pool:
    """The candidates as columns.

    Attributes:
        points: N of them.
        frames: int64 [N], place of each on its track.
        classes: float32 [N, K], uncertainty about each class aimed at.
        seen: float32 [N, K], share of the pixels where each class aimed at wins.
        vectors: float32 [N, D], of length 1.
        prints: uint64 [N, 4].
    """

    points: Sequence[TrackPoint]
    frames: NDArray[np.int64]
    classes: Float32
    seen: Float32
    vectors: Float32
    prints: Prints

    @property
    def shows(self) -> Bools:
        """In which pictures the model sees a class aimed at: bool [N]."""
        return np.asarray((self.seen >= SEEN).any(axis=1))


class Pick(NamedTuple):
    """One picture taken: its row in the pool, and the distance to the nearest one taken before (0..2); inf for the first."""

    row: int
    distance: float


class Picks(NamedTuple):
    """What was taken.

    Attributes:
        taken: In order.
        ruled_out: Why how many others could not be taken any more.
        radius: The largest product of score and distance that is left in the pool.
    """

    taken: list[Pick]
    ruled_out: Counter[str]
    radius: float


def combined(classes: Float32, aims: Sequence[Aim]) -> Float32:
    """One score for each picture, 0..1, float32 [N].

    Classes differ in how uncertain a network ever is about them, so each is measured against its 99th percentile
    over all candidates; then they are averaged by weight.

    Args:
        classes: float32 [N, K], N at least 1.
        aims: The K classes with their weights.
    """
    scale = np.maximum(np.percentile(classes, 99, axis=0), FAINT)
    weights = np.array([aim.weight for aim in aims])
    return np.asarray(np.minimum(classes / scale, 1) @ (weights / weights.sum()), np.float32)


def pick(pool: Pool, scores: Float32, usable: Bools, number: int, rules: Rules) -> Picks:
    """Take up to `number` pictures.

    Args:
        pool: All candidates.
        scores: float32 [N].
        usable: bool [N]; others are never taken.
        number: How many.
        rules: What a pick rules out.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[usable[order]]
    state = _State(pool, usable.copy(), rules)
    taken: list[Pick] = []
    size = max(number, min(POOL * number, int(POOL_SHARE * len(order))))
    while True:
        members = order[:size]
        radius = _from_pool(pool, members, np.maximum(scores[members], LEAST), state, taken, number)
        if len(taken) >= number or size >= len(order):
            return Picks(taken, state.ruled_out, radius)
        size *= 2


def _from_pool(
    pool: Pool, members: NDArray[np.int64], weights: Float32, state: "_State", taken: list[Pick], number: int
) -> float:
    """Take pictures from the pool until there are enough or none is left; returns the pool's radius."""
    vectors = np.ascontiguousarray(pool.vectors[members])
    greedy = FarthestFirst(vectors, weights)
    for before in taken:
        greedy.add(pool.vectors[before.row])
    greedy.exclude(np.flatnonzero(~state.free[members]))
    while len(taken) < number:
        found = greedy.farthest()
        if found is None:
            return 0.0
        place, distance = found
        taken.append(Pick(int(members[place]), distance / float(weights[place])))
        state.take(int(members[place]))
        greedy.take(place)
        greedy.exclude(np.flatnonzero(~state.free[members]))
    return greedy.radius()


class _State:
    """Which candidates may still be taken, and why the others may not."""

    def __init__(self, pool: Pool, free: Bools, rules: Rules) -> None:
        self.free: Final = free
        self.ruled_out: Counter[str] = Counter()
        self._pool: Final = pool
        self._rules: Final = rules
        codes: dict[str, int] = {}
        self._tracks: Final = np.array([codes.setdefault(p.track, len(codes)) for p in pool.points], np.int64)
        self._taken: Final = np.zeros(len(codes), np.int64)
        self._seconds: Final = np.array([seconds_of(p.time) for p in pool.points])
        self._longitude: Final = np.array([p.longitude for p in pool.points], np.float64)  # None: nan
        self._latitude: Final = np.array([p.latitude for p in pool.points], np.float64)

    def take(self, index: int) -> None:
        """A candidate is taken: rule out what may not be beside it."""
        self.free[index] = False
        self._rule_out("near_duplicate", distances(self._pool.prints[index], self._pool.prints) < NEAR)
        track = self._tracks[index]
        mates = np.flatnonzero(self._tracks == track)
        close = np.zeros(len(self.free), bool)
        close[mates] = self._close(index, mates)
        self._rule_out("gap", close)
        self._taken[track] += 1
        if self._taken[track] >= self._rules.per_track:
            self._rule_out("per_track", self._tracks == track)

    def _close(self, index: int, mates: NDArray[np.int64]) -> Bools:
        rules = self._rules
        close: Bools = np.abs(self._pool.frames[mates] - self._pool.frames[index]) < rules.gap_frames
        if rules.gap_seconds:
            close |= np.abs(self._seconds[mates] - self._seconds[index]) < rules.gap_seconds
        if rules.gap_metres:
            north = np.radians(self._latitude[mates] - self._latitude[index])
            east = np.radians(self._longitude[mates] - self._longitude[index])
            east *= np.cos(np.radians(self._latitude[index]))
            close |= EARTH * np.hypot(north, east) < rules.gap_metres
        return close

    def _rule_out(self, why: str, which: Bools) -> None:
        new = which & self.free
        self.ruled_out[why] += int(np.count_nonzero(new))
        self.free[new] = False


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


def reason_of(pool: Pool, aims: Sequence[Aim], picked: Pick, place: float) -> Text:
    """Why a picture was taken, for people.

    Args:
        pool: All candidates.
        aims: The K classes.
        picked: The pick.
        place: Share of the candidates with a higher score, 0..1.
    """
    values = pool.classes[picked.row]
    best = np.argsort(-values * np.array([aim.weight for aim in aims]), kind="stable")[:3]
    shown = [k for k in best.tolist() if values[k] >= FAINT] or [int(best[0])]
    zh = "、".join(f"{aims[k].name_zh or aims[k].name_en} {values[k]:.2f}" for k in shown)
    en = ", ".join(f"{aims[k].name_en} {values[k]:.2f}" for k in shown)
    top = max(0.1, 100 * place)
    far = ("", "") if np.isinf(picked.distance) else (
        f"；与已选图片的最小特征距离 {picked.distance:.2f}", f"; {picked.distance:.2f} from the nearest picture taken"
    )  # fmt: skip
    return Text(
        f"模型对 {zh} 不确定（得分位于前 {top:.1f} %）{far[0]}",
        f"the model is uncertain about {en} (score in the top {top:.1f} %){far[1]}",
    )
