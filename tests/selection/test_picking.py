"""Scores of several classes, times, reasons."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from roadloop.selection.core_sets import Bench
from roadloop.selection.model import Aim
from roadloop.selection.picking import Pick, Pool, combined, pick, reason_of
from roadloop.selection.rules import Rules, seconds_of
from roadloop.selection.scorebook import ScoreBook
from vector_pools import bench, pool_of

MakePool = Callable[..., Pool]
AIMS = [Aim(1, "pole", "灯杆", 0.9, 0.1), Aim(2, "lane", "车道线", 0.3, 0.7)]


@pytest.fixture
def pool(tmp_path: Path) -> MakePool:
    """Candidates at random, each the next picture of another track."""

    def make(count: int, tracks: int = 1) -> Pool:
        vectors = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
        found = pool_of(tmp_path, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        rows = np.arange(count)
        return replace(found, traits=found.traits._replace(tracks=rows % tracks, frames=rows // tracks))

    return make


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Bench]:
    """Where a million embeddings are held at once."""
    with ScoreBook(tmp_path / "book") as book:
        yield bench(book, 10**6)


def test_combined__classes_are_measured_against_their_own_scale() -> None:
    classes = np.zeros((100, 2), np.float32)
    classes[:2] = [[0.1, 0], [0, 0.8]]
    classes[2:4] = [[0.1, 0], [0, 0.8]]
    scores = combined(classes, AIMS)
    assert scores[0] == pytest.approx(0.75)  # as uncertain as it gets about poles, weight 0.9 of 1.2
    assert scores[1] == pytest.approx(0.25)
    assert scores[50] == 0


def test_pick__the_pool_grows_when_rules_empty_it(pool: MakePool, whole: Bench) -> None:
    candidates = pool(60, tracks=6)
    scores = np.linspace(1, 0.1, 60).astype(np.float32)
    scores[::6] += 1  # the pool is full of one track
    found = pick(candidates, scores, np.ones(60, bool), 6, Rules(per_track=1), whole)
    assert sorted(p.row % 6 for p in found.taken) == list(range(6))
    assert found.ruled_out["per_track"] > 0
    assert found.taken[0].row == 0
    assert math.isinf(found.taken[0].distance)


def test_pick__only_usable_ones_and_no_more_than_there_are(pool: MakePool, whole: Bench) -> None:
    candidates = pool(10)
    usable = np.zeros(10, bool)
    usable[[2, 5]] = True
    found = pick(candidates, np.ones(10, np.float32), usable, 4, Rules(per_track=9), whole)
    assert sorted(p.row for p in found.taken) == [2, 5]
    assert pick(candidates, np.ones(10, np.float32), np.zeros(10, bool), 4, Rules(9), whole).taken == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1535700000", 1_535_700_000), ("1535700000500", 1_535_700_000.5), ("sad", math.nan), ("", math.nan)],
)
def test_seconds_of__every_form(text: str, seconds: float) -> None:
    assert seconds_of(text) == pytest.approx(seconds, nan_ok=True)
    assert seconds_of("2026-03-02 07:00:10") - seconds_of("2026-03-02 07:00:00") == 10


def test_reason_of__says_class_score_and_distance_in_both_languages(pool: MakePool) -> None:
    candidates = pool(2)
    candidates.classes[:] = np.array([[0.5, 0.01], [0, 0]])
    reason = reason_of(candidates, AIMS, Pick(0, 0.5), 0.02)
    assert reason.zh == "模型对 灯杆 0.50 不确定（得分位于前 2.0 %）；与已选图片的最小特征距离 0.50"
    assert (
        reason.en
        == "the model is uncertain about pole 0.50 (score in the top 2.0 %); 0.50 from the nearest picture taken"
    )
    assert "灯杆 0.00" in reason_of(candidates, AIMS, Pick(1, math.inf), 0.9).zh
