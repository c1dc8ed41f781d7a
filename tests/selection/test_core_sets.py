"""Picks in parts: numbers by hand, the bounds, the rules, and what a kill leaves."""

import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.core_sets import Lesson, race
from benchmarks.scripts import CHECKOUT
from benchmarks.selection import clustered
from roadloop.errors import BrokenFileError
from roadloop.selection import core_sets
from roadloop.selection.core_sets import Before, Part, capacity_of, core_set, key_of, parts_of
from roadloop.selection.embeddings import Embeddings
from roadloop.selection.picking import LEAST, Pick, Picking, Pool
from roadloop.selection.rules import Rules, State
from roadloop.selection.scorebook import ScoreBook
from vector_pools import Float32, bench, pool_of

FREE = Rules(per_track=10**9)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[ScoreBook]:
    with ScoreBook(tmp_path / "book") as found:
        yield found


def taken(
    pool: Pool, book: ScoreBook, capacity: int, number: int, scores: Float32 | None = None, rules: Rules = FREE
) -> tuple[list[Pick], float, Picking]:
    count = len(pool.traits.tracks)
    scores = np.ones(count, np.float32) if scores is None else scores
    picking = Picking(pool, scores, np.ones(count, bool), rules, bench(book, capacity))
    radius = picking.take(np.argsort(-scores, kind="stable"), number)
    return picking.taken, radius, picking


def test_take__in_parts_on_a_line(tmp_path: Path, book: ScoreBook) -> None:
    line = np.array([[0], [1], [2], [3], [4], [100], [101], [102], [103], [110]], np.float32)
    picks, radius, picking = taken(pool_of(tmp_path, line), book, 8, 2)
    # Of 0..4 rows 0 and 4 stand for all, of 100..110 rows 5 and 9; of these four the farthest from row 0 is 110.
    assert picking.parts == book.count_core_sets() == 2
    assert picks == [Pick(0, np.inf), Pick(9, 110.0)]
    assert radius == 10.0  # 100 from 110


def test_take__in_parts_distances_are_those_of_all_that_was_taken(tmp_path: Path, book: ScoreBook) -> None:
    vectors = clustered(600, 16, seed=1)
    picks, radius, picking = taken(pool_of(tmp_path, vectors), book, 100, 20)
    assert picking.parts == 6
    rows = [picked.row for picked in picks]
    assert len(set(rows)) == 20
    between = np.linalg.norm(vectors[:, None] - vectors[rows], axis=2)
    for place in range(1, 20):
        assert picks[place].distance == pytest.approx(float(between[rows[place], :place].min()), rel=1e-3)
    assert radius == pytest.approx(float(between.min(axis=1).max()), rel=1e-3)


@pytest.mark.parametrize(("weighted", "bound"), [(False, 4), (True, 9)])
def test_take__in_parts_is_within_the_bound_of_the_best_picks(
    tmp_path: Path, book: ScoreBook, weighted: bool, bound: int
) -> None:
    worst = 0.0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        vectors = rng.normal(size=(27, 2)).astype(np.float32) ** 3
        scores = rng.random(27).astype(np.float32) ** 4 + np.float32(LEAST) if weighted else np.ones(27, np.float32)
        _, radius, picking = taken(pool_of(tmp_path, vectors), book, 9, 2, scores)
        assert picking.parts == 3
        away = np.linalg.norm(vectors[:, None] - vectors, axis=2) * scores[:, None]
        best = min(float(np.minimum(away[:, a], away[:, b]).max()) for a, b in itertools.combinations(range(27), 2))
        worst = max(worst, radius / best)
    assert 1 < worst <= bound


@pytest.mark.parametrize("weighted", [False, True])
def test_take__in_parts_covers_nearly_as_well_as_greedy_over_all(
    tmp_path: Path, book: ScoreBook, weighted: bool
) -> None:
    pool = pool_of(tmp_path, clustered(4000, 32, seed=2))
    scores = np.random.default_rng(3).random(4000, np.float32) if weighted else None
    _, radius, picking = taken(pool, book, 400, 100, scores)
    _, whole, exact = taken(pool, book, 4000, 100, scores)
    assert (picking.parts, exact.parts) == (10, 1)
    assert radius < 1.15 * whole


def test_take__in_parts_keeps_the_rules(tmp_path: Path, book: ScoreBook) -> None:
    pool = pool_of(tmp_path, clustered(1000, 16, seed=4), tracks=25)
    pool.traits.prints[500:600] = pool.traits.prints[
        :100
    ]  # tracks 12, 13 and half of 14 show what 0, 1 and half of 2 do
    rules = Rules(per_track=3, gap_frames=9)
    picks, radius, picking = taken(pool, book, 300, 75, rules=rules)
    rows = np.array([picked.row for picked in picks])
    per_track = Counter(pool.traits.tracks[rows].tolist())
    assert picking.parts == 4
    assert max(per_track.values()) == 3
    for track in per_track:
        frames = np.sort(pool.traits.frames[rows[pool.traits.tracks[rows] == track]])
        assert (np.diff(frames) >= 9).all()
    assert len(np.unique(pool.traits.prints[rows], axis=0)) == len(rows)
    left = np.ones(1000, bool)
    state = State(pool.traits, left, rules, {})
    for row in rows.tolist():
        left[row] = False
        state.take(pool.traits, row)
    assert not left.any()  # it stopped short of 75 because nothing more can be taken
    assert radius == 0.0
    assert state.ruled_out == picking.ruled_out
    assert sum(picking.ruled_out.values()) + len(rows) == 1000


def test_take__a_union_that_is_too_large_is_cut_again(tmp_path: Path, book: ScoreBook) -> None:
    picks, radius, picking = taken(pool_of(tmp_path, clustered(2000, 8, seed=5)), book, 80, 20)
    assert len(picks) == 20
    assert picking.parts == 25
    assert book.count_core_sets() == 25 + 7 + 2  # 2000 vectors, then 500, then 140 for 80 places
    assert radius > 0


def test_core_set__the_order_in_which_parts_are_done_changes_nothing(tmp_path: Path, book: ScoreBook) -> None:
    pool, number = pool_of(tmp_path, clustered(900, 16, seed=6)), 30
    picks, _, _ = taken(pool, book, 300, number)
    before = Before(np.empty(0, np.int64), {})
    with ScoreBook(tmp_path / "other") as other:
        for rows in reversed(parts_of(np.arange(900), 300)):
            part = Part(rows, np.ones(300, np.float32), pool.traits.at(rows))
            found = core_set(pool.vectors, part, before, FREE, number, lambda _count: None)
            other.add_core_set(key_of(part, before, FREE, number), found)
        again, _, _ = taken(pool, other, 300, number)
        assert other.count_core_sets() == 3  # none was done again
    assert again == picks


def test_key_of__everything_that_decides_a_core_set_is_in_it(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, clustered(10, 8, seed=7))
    part = Part(np.arange(10), np.ones(10, np.float32), pool.traits)
    before = Before(np.array([3]), {0: 1})
    other = part._replace(traits=part.traits._replace(frames=part.traits.frames + 1))
    keys = {
        key_of(part, before, FREE, 2),
        key_of(part, before, FREE, 3),
        key_of(part, before, replace(FREE, gap_frames=1), 2),
        key_of(part, Before(np.array([4]), {0: 1}), FREE, 2),
        key_of(part, Before(np.array([3]), {0: 2}), FREE, 2),
        key_of(part._replace(weights=part.weights / np.float32(2)), before, FREE, 2),
        key_of(other, before, FREE, 2),
    }
    assert len(keys) == 7
    assert key_of(part, before, FREE, 2) in keys


_KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from benchmarks.selection import clustered
from roadloop.selection.core_sets import Bench
from roadloop.selection.picking import Picking
from roadloop.selection.rules import Rules
from roadloop.selection.scorebook import ScoreBook
from vector_pools import pool_of

def tell(done, steps):
    if done >= float(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    if done:
        print(f"{done:.2f}", flush=True)

folder = Path(sys.argv[1])
pool = pool_of(folder / "pool", clustered(1200, 16, seed=8))
with ScoreBook(folder / "book") as book:
    picking = Picking(pool, np.ones(1200, np.float32), np.ones(1200, bool), Rules(9999), Bench(300, book, tell, lambda: None))
    radius = picking.take(np.arange(1200), 40)
print([picked.row for picked in picking.taken], radius)
"""


def run_until(folder: Path, done: float, threads: int = 1) -> tuple[int, list[str]]:
    folder.mkdir(exist_ok=True)
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads)) | {"PYTHONPATH": f"{CHECKOUT}:{CHECKOUT}/tests"}
    command = [sys.executable, "-c", _KILLED, str(folder), str(done)]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert found.stderr == ""
    return found.returncode, found.stdout.splitlines()


def test_take__killed_half_way_goes_on_where_it_was_with_any_number_of_threads(tmp_path: Path) -> None:
    _, whole = run_until(tmp_path / "whole", 99)
    code, _ = run_until(tmp_path / "killed", 2.5)
    assert code == -signal.SIGKILL
    with ScoreBook(tmp_path / "killed" / "book") as book:
        assert book.count_core_sets() == 2
    code, again = run_until(tmp_path / "killed", 99, threads=2)
    assert code == 0
    assert again[:3] == ["1.00", "2.00", "2.02"]  # two parts of four are not done again
    assert again[-1].split("]")[0] == whole[-1].split("]")[0]


def test_capacity_of__memory_holds_a_part_and_what_greedy_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert capacity_of(2048, 256, 1000) == 2**20
    assert capacity_of(1, 256, 1000) == 4000  # unions of core-sets of 1000 would not shrink with less
    monkeypatch.setattr(core_sets, "MIB", 1000)
    assert capacity_of(8, 10, 5) == 100


def test_embeddings__rows_in_any_order_and_a_file_that_was_cut(tmp_path: Path) -> None:
    numbers = np.arange(12, dtype=np.float32).reshape(4, 3)
    (tmp_path / "v").write_bytes(numbers.tobytes())
    found = Embeddings(tmp_path / "v", 3).rows(np.array([2, 0, 2]))
    assert found.tolist() == [[6, 7, 8], [0, 1, 2], [6, 7, 8]]
    assert Embeddings(tmp_path / "v", 3).rows(np.empty(0, np.int64)).shape == (0, 3)
    (tmp_path / "v").write_bytes(numbers.tobytes()[:-1])
    with pytest.raises(BrokenFileError, match="cut short"):
        Embeddings(tmp_path / "v", 3).rows(np.array([3]))


@pytest.mark.slow
def test_take__memory_is_what_was_given_however_many_there_are() -> None:
    (found,) = race(Lesson(300_000, 256, 200, 32, weighted=True), None, exact=False)  # 293 MiB of embeddings
    assert found["parts"] == 19
    assert found["peak_mib"] - found["before_mib"] < 32 + 32
