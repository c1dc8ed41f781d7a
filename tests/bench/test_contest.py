import time

import pytest
from rich.console import Console

from benchmarks.contest import Contender, Result, Timing, contest, ratios


def test_contest__turns_begin_with_another_one_each_round() -> None:
    turns: list[str] = []

    def runner(name: str, items: int) -> Contender:
        def run() -> int:
            turns.append(name)
            return items

        return Contender(name, run)

    timings = contest([runner("a", 3), runner("b", 5), runner("c", 1)], 3)
    assert "".join(turns) == "abc" + "abc" + "bca" + "cab"  # once to warm up
    assert [(t.name, t.items, len(t.wall), len(t.cpu)) for t in timings] == [
        ("a", 3, 3, 3),
        ("b", 5, 3, 3),
        ("c", 1, 3, 3),
    ]


def test_contest__sleeping_costs_time_and_no_cpu() -> None:
    def sleep() -> int:
        time.sleep(0.2)
        return 1

    (timing,) = contest([Contender("sleeper", sleep)], 1, warm=False)
    assert timing.wall[0] >= 0.2
    assert timing.cpu[0] < 0.1


def test_ratios__are_of_each_round_and_item_and_their_median_counts() -> None:
    # 4 items in 8, 2 and 4 s are 2, 0.5 and 1 s each; 2 items in 2, 2 and 2 s are 1 s each
    assert ratios((8.0, 2.0, 4.0), 4, (2.0, 2.0, 2.0), 2) == pytest.approx([2.0, 0.5, 1.0])
    theirs, ours = Timing("script", 4, (8.0, 2.0, 4.4), (8.0, 8.0, 4.0)), Timing("roadloop", 2, (2.0,) * 3, (2.0,) * 3)
    result = Result("three rounds", "pictures", (ours, theirs))
    row = result.to_json()["rows"][1]
    assert (row["wall_ratio"], row["cpu_ratio"]) == (pytest.approx(1.1), pytest.approx(2.0))
    console = Console(record=True, width=120)
    result.show(console)
    assert "0.50-2.00" in console.export_text()


def test_result__table_and_json_say_the_same() -> None:
    ours, theirs = Timing("roadloop", 10, (1.0,), (0.5,)), Timing("script", 10, (3.0,), (2.0,))
    result = Result("a contest", "pictures", (ours, theirs), ("a note",))
    rows = result.to_json()["rows"]
    assert [(r["wall_ratio"], r["cpu_ratio"]) for r in rows] == [(1, 1), (pytest.approx(3), pytest.approx(4))]
    console = Console(record=True, width=120)
    result.show(console)
    text = console.export_text()
    machine, _, _ = result.to_json()["machine"].partition(", load")  # which changes from one moment to the next
    for shown in ("a contest", "script", "3.00", "4.00", "10.0", "50.00", "a note", machine):
        assert shown in text
