"""How many pictures, and which."""

from fractions import Fraction

import pytest

from roadloop.errors import InvalidValueError
from roadloop.selection.sampling import Ratio, Shares, apportion, parse_ratio, preferred


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        ("1", Ratio(1, Fraction(0))),
        ("24", Ratio(24, Fraction(0))),
        ("3.0", Ratio(3, Fraction(0))),
        ("0.25", Ratio(0, Fraction(1, 4))),
        (".5", Ratio(0, Fraction(1, 2))),
        ("10%", Ratio(0, Fraction(1, 10))),
        ("2.5 ％", Ratio(0, Fraction(1, 40))),
        ("100%", Ratio(0, Fraction(1))),
    ],
)
def test_parse_ratio__every_form(text: str, ratio: Ratio) -> None:
    assert parse_ratio(text) == ratio


@pytest.mark.parametrize("text", ["0", "1.5", "-3", "101%", "0%", "sad", "1e3", "1000001", "", "%", "٣"])
def test_parse_ratio__refuses_what_makes_no_sense(text: str) -> None:
    with pytest.raises(InvalidValueError, match="ratio"):
        parse_ratio(text)


@pytest.mark.parametrize(
    ("sizes", "wanted", "quotas"),
    [
        ([5, 5], 4, [2, 2]),
        ([1, 9, 0], 4, [1, 3, 0]),
        ([3, 3], 10, [3, 3]),
        ([100, 1, 1], 4, [2, 1, 1]),
        ([4, 4, 4], 3, [1, 1, 1]),
    ],
)
def test_apportion__one_each_and_the_rest_by_size(sizes: list[int], wanted: int, quotas: list[int]) -> None:
    assert apportion(sizes, wanted) == quotas


def test_apportion__always_adds_up() -> None:
    sizes = [7, 1, 30, 2, 2, 0, 11]
    for wanted in range(6, 60):
        quotas = apportion(sizes, wanted)
        assert sum(quotas) == min(wanted, sum(sizes))
        assert all(0 <= q <= s for q, s in zip(quotas, sizes, strict=True))


def test_shares__round_the_total_once() -> None:
    shares = Shares(Fraction(1, 10))
    assert [shares.quota(4) for _ in range(10)] == [0, 1, 0, 1, 0, 0, 1, 0, 1, 0]
    everything = Shares(Fraction(1))
    assert [everything.quota(n) for n in (3, 0, 7)] == [3, 0, 7]


def test_preferred__evenly_spaced() -> None:
    assert preferred("t", 10, 2, seed=0, shuffle=False)[:2] == [2, 7]
    assert preferred("t", 9, 1, seed=0, shuffle=False)[0] == 4
    order = preferred("t", 5, 3, seed=0, shuffle=False)
    assert order[:3] == [0, 2, 4]
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert preferred("t", 3, 3, seed=0, shuffle=False) == [0, 1, 2]
    assert preferred("t", 3, 0, seed=0, shuffle=False) == [0, 1, 2]


def test_preferred__shuffled_by_seed_and_track() -> None:
    order = preferred("t", 100, 5, seed=1, shuffle=True)
    assert sorted(order) == list(range(100))
    assert order[:5] == sorted(order[:5])
    assert order == preferred("t", 100, 5, seed=1, shuffle=True)
    assert order != preferred("u", 100, 5, seed=1, shuffle=True)
    assert order != preferred("t", 100, 5, seed=2, shuffle=True)
