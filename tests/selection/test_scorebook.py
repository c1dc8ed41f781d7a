"""Candidates and scores in a file: their order, what is left to score, and the columns that are made of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from roadloop.selection import scorebook
from roadloop.selection.columns import read_pool
from roadloop.selection.scorebook import ScoreBook, Scored
from roadloop.tracks.records import TrackPoint

POINTS = [
    TrackPoint(
        "路b", "p1", "2026-03-02 07:00:00", 120.5, 31.25, "苏州", "320500", os.fsdecode(b"\xc2\xb7.jpg"), "wgs84"
    ),
    TrackPoint("a", "p2", city="\ud800"),  # no text, but JSON of a service may say so
    TrackPoint("a", "p1", "1535700000"),
    TrackPoint("B", "p9", file=os.fsdecode(b"\xff.jpg")),  # no UTF-8
]


def scored(seed: int, classes: int = 2, dimensions: int = 4) -> Scored:
    rng = np.random.default_rng(seed)
    doubts, seen, vector = (rng.random(n, np.float32) for n in (classes, classes, dimensions))
    return Scored(doubts, seen, vector, rng.integers(0, 2**63, 4, np.uint64))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[ScoreBook]:
    with ScoreBook(tmp_path / "book") as found:
        assert found.add_candidates(POINTS, [0, 1, 0, 7]) == 4
        yield found


def test_candidates__by_track_and_point_each_once_as_they_were(book: ScoreBook) -> None:
    assert book.add_candidates(POINTS[:1], [5]) == 0
    assert list(book.candidates()) == sorted(POINTS)
    assert book.count() == 4
    book.forget_candidates()
    assert book.count() == 0


def test_unscored__goes_on_while_scores_are_added(book: ScoreBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorebook, "_PAGE", 2)
    book.add("a", "p2", scored(0))
    book.add("gone", "p0", scored(1))  # a candidate of an earlier attempt
    seen = []
    for point in book.unscored():
        book.add(point.track, point.point, scored(2))
        seen.append((point.track, point.point))
    assert seen == [("B", "p9"), ("a", "p1"), ("路b", "p1")]
    assert (book.count_scored(), book.kept()) == (4, 5)
    assert list(book.unscored()) == []


def test_read_pool__columns_in_the_order_of_the_candidates(book: ScoreBook, tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    checks: list[int] = []
    assert read_pool(book, path, lambda: checks.append(0)) is None
    for seed, point in enumerate(POINTS[:3]):
        book.add(point.track, point.point, scored(seed))
    pool = read_pool(book, path, lambda: checks.append(0))
    assert len(checks) == 3  # it may be stopped at each
    assert pool is not None
    order = [2, 1, 0]  # a p1, a p2, 路b p1; B has no score
    assert pool.traits.tracks.tolist() == [0, 0, 1]
    assert pool.traits.frames.tolist() == [0, 1, 0]
    assert pool.traits.seconds[0] == 1535700000
    assert np.isnan(pool.traits.seconds[1])
    assert pool.traits.longitude[2] == 120.5
    assert np.isnan(pool.traits.latitude[:2]).all()
    for row, seed in enumerate(order):
        assert pool.classes[row].tolist() == scored(seed).classes.tolist()
        assert pool.seen[row].tolist() == scored(seed).seen.tolist()
        assert pool.traits.prints[row].tolist() == scored(seed).print.tolist()
    vectors = pool.vectors.rows(np.arange(3))
    assert vectors.tolist() == [scored(seed).vector.tolist() for seed in order]
    assert book.points_at([2, 0]) == {0: POINTS[2], 2: POINTS[0]}


_READER = """
import sys
from pathlib import Path
from roadloop.selection.columns import read_pool
from roadloop.selection.model import Aim
from roadloop.selection.picking import combined
from roadloop.selection.scorebook import ScoreBook

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) // 1024

folder = Path(sys.argv[1])
with ScoreBook(folder / "book") as book:
    before = peak()
    pool = read_pool(book, folder / "vectors", lambda: None)
    combined(pool.classes, [Aim(i, "", "", 1.0) for i in range(8)])
    assert len(book.points_at([5, 10])) == 2
print(len(pool.traits.tracks), peak() - before)
"""


@pytest.mark.slow
def test_read_pool__memory_does_not_hold_the_embeddings(tmp_path: Path) -> None:
    count, one = 100_000, scored(0, 8, 256)
    with ScoreBook(tmp_path / "book") as book:
        book.add_candidates((TrackPoint(f"t{i // 200:04d}", f"p{i:06d}") for i in range(count)), range(count))
        for i in range(count):
            book.add(f"t{i // 200:04d}", f"p{i:06d}", one)
    found = subprocess.run([sys.executable, "-c", _READER, str(tmp_path)], capture_output=True, text=True, check=True)
    pictures, mib = map(int, found.stdout.split())
    assert pictures == count
    assert (tmp_path / "vectors").stat().st_size == count * 1024  # 98 MiB
    assert mib < 300 * count / 2**20 + 16  # 300 bytes a candidate, as docs/mining.md says
