import threading
from collections.abc import Iterator

import pytest

from roadloop.storage.ahead import in_order, overlapped, threads


def test_overlapped__keeps_the_order_and_stays_behind_the_reader() -> None:
    begun: list[int] = []
    lock = threading.Lock()

    def square(n: int) -> int:
        with lock:
            begun.append(n)
        return n * n

    def numbers() -> Iterator[int]:
        yield from range(1000)

    results = overlapped(square, numbers(), 2)
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(begun) <= 5 + 6
    assert list(results) == [n * n for n in range(5, 1000)]


def test_in_order__an_error_ends_it_and_drops_what_waits() -> None:
    begun: list[int] = []

    def divide(n: int) -> float:
        begun.append(n)
        return 1 / n

    prepared: list[str] = []
    with threads(1, "few", lambda: prepared.append(threading.current_thread().name)) as pool:
        results = in_order(pool, divide, [1, 0, *range(2, 1000)], 4)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)
    assert max(begun) <= 5
    assert prepared == ["few_0"]
