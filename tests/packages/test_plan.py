from itertools import chain

import pytest

from roadloop.errors import InvalidValueError
from roadloop.packages.plan import Role, make_plan, parse_amount


def names(plan: list[list[tuple[str, Role]]], wanted: Role) -> list[list[str]]:
    return [[picture for picture, role in package if role == wanted] for package in plan]


def test_make_plan__fills_in_track_order_and_mixes_only_to_fill() -> None:
    tracks = ["a1", "a2", "a3", "b1", "b2", "c1", "c2"]
    plan = make_plan(tracks, 3, 0, [], 0)
    assert names(plan, "base") == [["a1", "a2", "a3"], ["b1", "b2", "c1"], ["c2"]]


def test_make_plan__overlap_goes_to_another_package_and_gold_is_spread() -> None:
    pictures = [f"p{n:02d}" for n in range(20)]
    plan = make_plan(pictures, 6, 4, ["g0", "g1", "g2"], 7)
    assert list(chain(*names(plan, "base"))) == pictures
    assert max(len(package) for package in plan) <= 6
    second = names(plan, "overlap")
    assert len(set(chain(*second))) == 4
    for base, copies in zip(names(plan, "base"), second, strict=True):
        assert not set(base) & set(copies)
    assert [len(g) for g in names(plan, "gold")] == [1, 1, 0, 1, 0]
    assert plan == make_plan(pictures, 6, 4, ["g0", "g1", "g2"], 7)


@pytest.mark.parametrize(("count", "step", "overlap", "gold"), [(3, 5, 1, 0), (4, 1, 2, 0), (2, 2, 3, 0), (3, 2, 0, 9)])
def test_make_plan__says_when_there_is_no_room(count: int, step: int, overlap: int, gold: int) -> None:
    with pytest.raises(InvalidValueError, match=r"step: .*; raise step") as refused:
        make_plan(list(range(count)), step, overlap, list(range(100, 100 + gold)), 0)
    assert refused.value.text.zh.endswith("；请增大 step 或减少 overlap、gold。")
    assert refused.value.details == {"parameter": "step"}


def test_make_plan__every_picture_twice() -> None:
    plan = make_plan(list(range(30)), 5, 30, [], 0)
    assert len(plan) == 12
    for package in plan:
        assert len({picture for picture, _ in package}) == len(package) == 5


@pytest.mark.parametrize(
    ("text", "of_200"),
    [
        ("", 0),
        ("20", 20),
        ("5%", 10),
        ("0.05", 10),
        (" 2.5 % ", 5),
        ("100%", 200),
        ("1", 1),
        ("0%", 0),
        ("123456789", 123456789),
    ],
)
def test_parse_amount__counts_and_shares(text: str, of_200: int) -> None:
    assert parse_amount(text, "gold")(200) == of_200


@pytest.mark.parametrize("text", ["sad", "-1", "150%", "1.5", "nan", "五", "1234567890"])
def test_parse_amount__refuses(text: str) -> None:
    with pytest.raises(InvalidValueError, match=f"gold: '{text}' is neither a number") as refused:
        parse_amount(text, "gold")
    assert refused.value.text.zh.startswith(f"gold 的值 '{text}' 无效")
    assert refused.value.details == {"parameter": "gold"}


def test_make_plan__the_second_copy_comes_from_the_package_before() -> None:
    """So two packages are enough, and few pairs of annotators are compared by many pictures."""
    assert names(make_plan("abcd", 3, 2, [], 0), "base") == [["a", "b"], ["c", "d"]]
    for seed in range(4):
        first, second = names(make_plan("abcd", 3, 2, [], seed), "overlap")
        assert (set(first) < {"c", "d"}, set(second) < {"a", "b"}) == (True, True)
        copies = names(make_plan("abcdefghi", 4, 3, [], seed), "overlap")
        assert [set(copy) < set(base) for copy, base in zip(copies, ("ghi", "abc", "def"), strict=True)] == [True] * 3
