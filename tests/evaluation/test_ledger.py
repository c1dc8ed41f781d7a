"""The ledger gives back what was put in, in every order that a table needs."""

from pathlib import Path

import numpy as np
import pytest

from roadloop.errors import Text
from roadloop.evaluation.certainty import Certainty
from roadloop.evaluation.ledger import CELL, BadPicture, Done, Ledger, Result, pack, unpack
from roadloop.evaluation.metrics import Counts


def counts(*diagonal: int) -> Counts:
    return Counts(np.diag(diagonal).astype(np.int64), np.array([7, 0], np.int64), np.zeros(2, np.int64))


def done(number: int, track: str = "t") -> Done:
    return Done(number, f"p{number}", f"p{number}.jpg".encode(), track, 8, 4)


def test_ledger__tables_in_every_order(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", [2]) as ledger:
        ledger.add(done(3, "b"), [Result(counts(1, 1), 0.9, 0.8, ("x", "y"))])
        ledger.add(done(1, "b"), [Result(counts(2, 0), 0.1, 0.2, ("x", "y"))])
        ledger.add(done(2, "a"), [Result(None, None, None, ("x", "y"))], [BadPicture(2, "p2", Text("坏", "bad"))])
        ledger.add_bad(BadPicture(4, "p4", Text("断", "torn")))
    with Ledger(tmp_path / "ledger", [2]) as ledger:
        assert [p.number for p in ledger.pictures()] == [1, 2, 3]
        assert [picture.name for picture, *_ in ledger.worst_first(0)] == ["p1", "p3", "p2"]
        assert [b.reason.en for b in ledger.bad()] == ["bad", "torn"]
        ((track, pictures, total),) = ledger.by_track(0)
        assert (track, pictures, total.matrix.tolist(), total.void.tolist()) == ("b", 2, [[3, 0], [0, 1]], [14, 0])
        assert [(place, counts.matrix.tolist()) for place, counts in ledger.counted(0)] == [
            (1, [[2, 0], [0, 0]]),
            (3, [[1, 0], [0, 1]]),
        ]
        assert ledger.count_cells(0) == 5  # 2 and 3, with one of ignored pixels each
        assert ledger.image_miou(0) == 0.5
        assert ledger.sizes() == {"8x4": 3}
        assert ledger.count() == 3
        assert ledger.find(4) is None
        found = ledger.results(3)[0]
        assert found.counts is not None
        assert found.counts.matrix.tolist() == [[1, 0], [0, 1]]


def test_ledger__without_labels_there_are_no_scores(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger", [2]) as ledger:
        ledger.add(done(1), [Result(None, None, None, ("x", "y"))])
        assert list(ledger.by_track(0)) == []
        assert ledger.image_miou(0) is None


def test_pack__is_small_and_exact() -> None:
    matrix = np.zeros((254, 254), np.int64)
    matrix[3, 253] = 64_000_000
    void = np.zeros(254, np.int64)
    void[253] = 5
    missed = np.zeros(254, np.int64)
    missed[1] = 9
    data = pack(Counts(matrix, void, missed).vector, CELL)
    assert len(data) == 24
    found = Counts.of(unpack(data, CELL, 254 * 256), 254)
    assert np.array_equal(found.matrix, matrix)
    assert np.array_equal(found.void, void)
    assert np.array_equal(found.missed, missed)


def test_certainties__are_kept_picture_by_picture(tmp_path: Path) -> None:
    one, other = Certainty(np.array([2, 0]), np.array([65535, 0])), Certainty(np.array([0, 4]), np.array([0, 65535]))
    with Ledger(tmp_path / "n", [2]) as ledger:
        ledger.add(done(7), [Result(None, None, None, ("x", "y"), None, one)])
        ledger.add(done(3), [Result(None, None, None, ("x", "y"), None, other)])
        ledger.add(done(9), [Result(None, None, None, ("x", "y"))])
        found = [(place, picture.number, c.vector.tolist()) for place, picture, c in ledger.certainties(0)]
        (kept,) = ledger.results(7)
    assert found == [(1, 3, [0, 4, 0, 65535]), (2, 7, [2, 0, 65535, 0])]
    assert kept.certainty is not None
    both = kept.certainty + other
    assert both.by_class.tolist() == [0.5, 0.25]
    assert both.whole == pytest.approx(2 / 6)
    assert np.isnan(Certainty.zero(2).whole)
