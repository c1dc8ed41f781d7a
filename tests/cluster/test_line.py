"""Chunks of a stream, by hand."""

from collections.abc import Iterable

from roadloop.cluster.line import Line


def negative(items: Iterable[int]) -> list[int]:
    return [-item for item in items]


def test_line__results_leave_in_order_and_a_slow_chunk_holds_up_new_ones() -> None:
    stream = iter(range(10))
    line: Line[int, int] = Line(stream)
    assert line.take(2, 3) == (1, [0, 1])
    assert line.take(4, 3) == (2, [2, 3, 4, 5])
    line.done(2, [-2, -3, -4, -5])
    assert list(line.ready()) == []  # the first one is not there
    assert line.take(2, 3) == (3, [6, 7])
    assert line.take(2, 3) is None  # three have not left
    assert next(stream) == 8  # no further item was read
    line.done(1, [0, -1])
    assert list(line.ready()) == [0, -1, -2, -3, -4, -5]
    assert line.take(2, 3) == (4, [9])
    assert line.take(2, 3) is None
    assert not line.ended
    line.done(4, [-9])
    line.done(3, [-6, -7])
    assert list(line.ready()) == [-6, -7, -9]
    assert line.ended


def test_line__what_was_lost_comes_first_again_even_where_nothing_new_may() -> None:
    line: Line[int, int] = Line(range(6))
    assert [line.take(2, 2), line.take(2, 2), line.take(2, 2)] == [(1, [0, 1]), (2, [2, 3]), None]
    assert line.lost(2) == 1
    assert line.lost(1) == 1
    assert line.take(9, 2) == (1, [0, 1])
    assert line.lost(1) == 2
    assert [line.take(9, 2), line.take(9, 2)] == [(1, [0, 1]), (2, [2, 3])]


def test_line__who_goes_on_alone_works_only_on_what_is_not_there() -> None:
    line: Line[int, int] = Line(range(7))
    for _ in range(3):
        line.take(2, 9)
    line.done(2, [20, 30])
    assert list(line.rest(negative)) == [0, -1, 20, 30, -4, -5, -6]
    empty: Line[int, int] = Line([])
    assert empty.take(2, 9) is None
    assert empty.ended
