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
    with pytest.raises(InvalidValueError, match="step"):
        make_plan(list(range(count)), step, overlap, list(range(100, 100 + gold)), 0)


def test_make_plan__every_picture_twice() -> None:
    plan = make_plan(list(range(30)), 5, 30, [], 0)
    assert len(plan) == 12
    for package in plan:
        assert len({picture for picture, _ in package}) == len(package) == 5


@pytest.mark.parametrize(
    ("text", "of_200"), [("", 0), ("20", 20), ("5%", 10), ("0.05", 10), (" 2.5 % ", 5), ("100%", 200), ("1", 1)]
)
def test_parse_amount__counts_and_shares(text: str, of_200: int) -> None:
    assert parse_amount(text, "gold")(200) == of_200


@pytest.mark.parametrize("text", ["sad", "-1", "150%", "1.5", "nan", "五"])
def test_parse_amount__refuses(text: str) -> None:
    with pytest.raises(InvalidValueError, match="gold"):
        parse_amount(text, "gold")
