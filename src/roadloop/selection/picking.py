"""From scores to picks: the uncertain pictures that differ most from each other. Pure.

The best-scored pictures form a pool; from it k-centre greedy takes, after the best one, always the picture with the
largest product of its score and its distance from all taken. A pick rules others out (`rules`). When the pool runs dry it
grows. A pool of more embeddings than may be held at once is taken from in parts (`core_sets`).

N candidates, D numbers of an embedding, K classes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import Text
from roadloop.selection.core_sets import (
    Before,
    Bench,
    Part,
    Step,
    centres_of,
    core_set,
    greedy_over,
    greedy_picks,
    key_of,
    parts_of,
)
from roadloop.selection.embeddings import Embeddings
from roadloop.selection.k_centre import FarthestFirst
from roadloop.selection.model import Aim
from roadloop.selection.rules import Rules, State, Traits

Float32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

POOL: Final = 5  #: the pool holds so many pictures for each one wanted,
POOL_SHARE: Final = 0.3  #: but no more than this share of all: the others raise too little doubt
LEAST: Final = 1e-3  #: a picture never counts less than this, so that those without doubt still differ in looks
FAINT: Final = 0.02  #: uncertainty below which a class is as good as not there
SEEN: Final = 0.001  #: share of a picture's pixels from which a class that wins there is seen
BLOCK: Final = 65_536  #: candidates for which the rules are followed at once


@dataclass(frozen=True)
class Pool:
    """The candidates as columns.

    Attributes:
        traits: What the rules look at, N of each.
        classes: float32 [N, K], uncertainty about each class aimed at.
        seen: float32 [N, K], share of the pixels where each class aimed at wins.
        vectors: N of D numbers, of length 1, in a file.
    """

    traits: Traits
    classes: Float32
    seen: Float32
    vectors: Embeddings

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
        parts: Into how many parts the pool was cut.
    """

    taken: list[Pick]
    ruled_out: Counter[str]
    radius: float
    parts: int


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


def pick(pool: Pool, scores: Float32, usable: Bools, number: int, rules: Rules, bench: Bench) -> Picks:
    """Take up to `number` pictures.

    A pool that the bench cannot hold is worked on in parts (`core_sets`, which says how far that is from the best).

    Args:
        pool: All candidates.
        scores: float32 [N].
        usable: bool [N]; others are never taken.
        number: How many; the bench's capacity is at least four times that.
        rules: What a pick rules out.
        bench: Where it is done.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[usable[order]]
    picking = Picking(pool, scores, usable.copy(), rules, bench)
    size = max(number, min(POOL * number, int(POOL_SHARE * len(order))))
    while True:
        radius = picking.take(order[:size], number)
        if len(picking.taken) >= number or size >= len(order):
            return Picks(picking.taken, picking.ruled_out, radius, picking.parts)
        size *= 2


def every_one(scores: Float32, usable: Bools) -> Picks:
    """Take all that may be taken, the best-scored first; nothing is ruled out.

    Args:
        scores: float32 [N].
        usable: bool [N]; others are never taken.
    """
    order = np.argsort(-scores, kind="stable")
    return Picks([Pick(row, np.inf) for row in order[usable[order]].tolist()], Counter(), 0.0, 1)


class Picking:
    """What was taken so far, and which of all candidates may still be.

    Args:
        pool: N candidates.
        scores: float32 [N].
        free: bool [N], which may be taken; changed in place.
        rules: What a pick rules out.
        bench: Where it is done.

    Attributes:
        taken: In order.
        ruled_out: Why how many others could not be taken any more.
        parts: Into how many parts candidates were cut, at most.
    """

    def __init__(self, pool: Pool, scores: Float32, free: Bools, rules: Rules, bench: Bench) -> None:
        self.taken: Final[list[Pick]] = []
        self.ruled_out: Final[Counter[str]] = Counter()
        self.parts = 1
        self._pool: Final = pool
        self._scores: Final = scores
        self._free: Final = free
        self._rules: Final = rules
        self._bench: Final = bench
        self._tracks: Final[Counter[int]] = Counter()  # pictures that each has given

    def take(self, members: Ints, number: int) -> float:
        """Take pictures until there are `number` or none of these is left; returns the radius that is left of them.

        Args:
            members: int64, rows, the best-scored first.
            number: Of all that are taken.
        """
        if len(members) <= self._bench.capacity:
            greedy = self._take_from(members, number, Step(self._bench, 0, 1))
            return greedy.radius() if len(self.taken) >= number else 0.0
        while len(self.taken) < number and self._free[members].any():
            self._take_in_parts(members[self._free[members]], number)
        parts = parts_of(np.sort(members[self._free[members]]), self._bench.capacity)
        steps = 2 * len(parts) + 1
        return max(
            (self._radius(rows, Step(self._bench, steps - len(parts) + n, steps)) for n, rows in enumerate(parts)),
            default=0.0,
        )

    def _take_from(self, members: Ints, number: int, step: Step) -> FarthestFirst:
        part, before = self._part(members), self._before()
        state = State(part.traits, self._free[members], self._rules, before.tracks)
        embeddings, wanted = self._pool.vectors, number - len(self.taken)
        if self.parts > 1:
            greedy = greedy_over(embeddings, part, before.rows)
        else:
            greedy = FarthestFirst(embeddings.rows(members), part.weights)
            for centre in centres_of(embeddings, before.rows):
                greedy.add(centre)
        found = greedy_picks(greedy, part, state, wanted, lambda count: step.tell(count / wanted / 2))
        picks = [Pick(int(members[place]), distance) for place, distance in found]
        self.taken.extend(picks)
        self._rule_out([picked.row for picked in picks], step)
        return greedy

    def _take_in_parts(self, rows: Ints, number: int) -> None:
        """Take pictures from what stands for these rows, all of them free."""
        before, steps = self._before(), 1
        while len(rows) > self._bench.capacity:
            parts = parts_of(np.sort(rows), self._bench.capacity)
            self.parts, steps = max(self.parts, len(parts)), 2 * len(parts) + 1
            found = [
                self._core_set(part, before, number - len(self.taken), Step(self._bench, place, steps))
                for place, part in enumerate(parts)
            ]
            rows = np.concatenate(found)
        self._take_from(self._by_score(rows), number, Step(self._bench, steps // 2, steps))

    def _core_set(self, rows: Ints, before: Before, wanted: int, step: Step) -> Ints:
        part = self._part(self._by_score(rows))
        key = key_of(part, before, self._rules, wanted)
        places = self._bench.ledger.core_set(key)
        if places is None:
            places = core_set(
                self._pool.vectors, part, before, self._rules, wanted, lambda count: step.tell(count / wanted)
            )
            self._bench.ledger.add_core_set(key, places)
        step.tell(1)
        return part.rows[places]

    def _radius(self, rows: Ints, step: Step) -> float:
        step.tell(0)
        return greedy_over(self._pool.vectors, self._part(rows), self._before().rows).radius()

    def _part(self, rows: Ints) -> Part:
        return Part(rows, np.maximum(self._scores[rows], LEAST), self._pool.traits.at(rows))

    def _before(self) -> Before:
        return Before(np.array([picked.row for picked in self.taken], np.int64), dict(self._tracks))

    def _by_score(self, rows: Ints) -> Ints:
        rows = np.sort(rows)
        return rows[np.argsort(-self._scores[rows], kind="stable")]

    def _rule_out(self, new: Sequence[int], step: Step) -> None:
        """Follow the rules for all candidates, a few at a time."""
        traits = self._pool.traits
        self._free[new] = False
        for start in range(0, len(self._free), BLOCK):
            block = slice(start, start + BLOCK)
            state = State(traits.at(block), self._free[block], self._rules, self._tracks)
            for row in new:
                state.take(traits, row)
                step.tell((1 + start / len(self._free)) / 2)
            self.ruled_out.update(state.ruled_out)
        self._tracks.update(traits.tracks[new].tolist())


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
