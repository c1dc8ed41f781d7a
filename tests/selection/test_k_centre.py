"""Lazy k-centre greedy against the plain one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.selection import clustered, one_by_one
from roadloop.selection import k_centre
from roadloop.selection.k_centre import FarthestFirst

Float32 = NDArray[np.float32]


def picks_of(vectors: Float32, number: int, first: int = 0) -> tuple[list[int], float]:
    greedy = FarthestFirst(vectors)
    greedy.take(first)
    picks = [first]
    while len(picks) < number:
        found = greedy.farthest()
        assert found is not None
        picks.append(found[0])
        greedy.take(found[0])
    return picks, greedy.radius()


def test_farthest__on_a_line() -> None:
    line = np.array([[0.0], [1.0], [10.0], [6.0], [4.0]], np.float32)
    picks, radius = picks_of(line, 4)
    assert picks == [0, 2, 3, 4]  # 6 and 4 are equally far, the first one is taken
    assert radius == 1.0


@pytest.mark.parametrize("kind", ["drives", "random"])
@pytest.mark.parametrize("smallest", [16, 1024])
def test_farthest__takes_what_plain_greedy_takes(kind: str, smallest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(k_centre, "SMALLEST", smallest)
    if kind == "drives":
        vectors = clustered(3000, 32, seed=1)
    else:
        vectors = np.random.default_rng(2).normal(size=(3000, 32)).astype(np.float32)
    picks, radius = picks_of(vectors, 300)
    plain, plain_radius = one_by_one(vectors, 300)
    assert sum(a == b for a, b in zip(picks, plain, strict=True)) > 290  # the rest: ties within rounding
    assert radius == pytest.approx(plain_radius, rel=1e-3)


def test_exclude__is_never_picked_and_ends_in_nothing() -> None:
    vectors = np.random.default_rng(3).normal(size=(50, 4)).astype(np.float32)
    greedy = FarthestFirst(vectors)
    greedy.take(0)
    greedy.exclude(np.arange(10, 50))
    picks = []
    while (found := greedy.farthest()) is not None:
        picks.append(found[0])
        greedy.take(found[0])
    assert sorted(picks) == list(range(1, 10))
    assert greedy.radius() == 0.0


def test_farthest__without_a_centre_everything_is_infinitely_far() -> None:
    greedy = FarthestFirst(np.zeros((3, 2), np.float32))
    assert greedy.farthest() == (0, np.inf)
    greedy.add(np.array([3.0, 4.0], np.float32))
    assert greedy.farthest() == (0, 5.0)
    assert FarthestFirst(np.zeros((0, 2), np.float32)).farthest() is None


def test_farthest__many_equal_vectors() -> None:
    greedy = FarthestFirst(np.ones((5000, 8), np.float32))
    greedy.take(0)
    assert greedy.farthest() == (1, 0.0)


def test_farthest__weights_multiply_distances() -> None:
    line = np.array([[0.0], [1.0], [10.0], [6.0]], np.float32)
    greedy = FarthestFirst(line, np.array([1, 1, 0.1, 0.5], np.float32))
    greedy.take(0)
    assert greedy.farthest() == (3, 3.0)
    greedy.take(3)
    assert greedy.farthest() == (1, 1.0)


def test_farthest__weighted_picks_are_those_of_plain_weighted_greedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(k_centre, "SMALLEST", 16)
    vectors = clustered(2000, 16, seed=4)
    weights = np.random.default_rng(5).random(2000).astype(np.float32)
    greedy = FarthestFirst(vectors, weights)
    greedy.take(0)
    nearest = np.full(2000, np.inf)
    newest = 0
    for _ in range(150):
        nearest = np.minimum(nearest, np.linalg.norm(vectors - vectors[newest], axis=1))
        found = greedy.farthest()
        assert found is not None
        assert found[1] == pytest.approx(float((nearest * weights).max()), rel=1e-3)
        newest = found[0]
        greedy.take(newest)
