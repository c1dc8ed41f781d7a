import random

import pytest

from roadloop.datasets.split import LEFT_OUT, assign, normalise_shares
from roadloop.errors import InvalidValueError

DOCUMENT = {"train": 0.85, "val": 0.1, "test": 0.1}


def _count(sizes: dict[str, int], splits: dict[str, str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for group, split in splits.items():
        counts[split] = counts.get(split, 0) + sizes[group]
    return counts


def test_normalise_shares__sum_above_1_is_divided() -> None:
    shares = normalise_shares(DOCUMENT)
    assert shares == pytest.approx({"train": 0.85 / 1.05, "val": 0.1 / 1.05, "test": 0.1 / 1.05})
    assert normalise_shares({"train": 0.5}) == {"train": 0.5, "val": 0.0, "test": 0.0}


@pytest.mark.parametrize("shares", [{}, {"train": 0}, {"train": -0.1, "val": 1}, {"train": float("nan")}])
def test_normalise_shares__refused(shares: dict[str, float]) -> None:
    with pytest.raises(InvalidValueError):
        normalise_shares(shares)


def test_assign__tracks_of_one_size_meet_the_shares() -> None:
    sizes = {f"t{i}": 10 for i in range(100)}
    counts = _count(sizes, assign(sizes, normalise_shares({"train": 0.8, "val": 0.1, "test": 0.1}), 0))
    assert counts == {"train": 800, "val": 100, "test": 100}


def test_assign__uneven_tracks_come_close() -> None:
    draw = random.Random(5)
    sizes = {f"t{i}": draw.randint(1, 60) for i in range(60)}
    total = sum(sizes.values())
    counts = _count(sizes, assign(sizes, normalise_shares({"train": 0.7, "val": 0.2, "test": 0.1}), 3))
    assert counts["train"] / total == pytest.approx(0.7, abs=0.02)
    assert counts["val"] / total == pytest.approx(0.2, abs=0.02)


def test_assign__same_seed_same_split_in_any_order() -> None:
    sizes = {f"t{i}": 5 for i in range(50)}
    shares = normalise_shares(DOCUMENT)
    backwards = dict(reversed(sizes.items()))
    assert assign(sizes, shares, 1) == assign(backwards, shares, 1)
    assert assign(sizes, shares, 1) != assign(sizes, shares, 2)


def test_assign__every_share_gets_a_track() -> None:
    sizes = {"big": 1000, "b": 1, "c": 1}
    splits = assign(sizes, normalise_shares({"train": 0.98, "val": 0.01, "test": 0.01}), 0)
    assert splits["big"] == "train"
    assert set(splits.values()) == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("tracks", "filled"), [(0, set()), (1, {"train"}), (2, {"train", "val"}), (3, {"train", "val", "test"})]
)
def test_assign__with_too_few_tracks_test_then_val_stay_empty(tracks: int, filled: set[str]) -> None:
    sizes = {f"t{i}": 10 for i in range(tracks)}
    for shares in ({"train": 0.8, "val": 0.1, "test": 0.1}, {"train": 0.1, "val": 0.2, "test": 0.7}):
        assert set(assign(sizes, normalise_shares(shares), 0).values()) == filled


def test_assign__largest_share_first_when_tracks_are_scarce() -> None:
    sizes = {"long": 60, "short": 10}
    splits = assign(sizes, normalise_shares({"train": 0.2, "val": 0.8}), 0)
    assert splits == {"long": "val", "short": "train"}


def test_assign__a_remainder_is_left_out() -> None:
    sizes = {f"t{i}": 1 for i in range(100)}
    counts = _count(sizes, assign(sizes, normalise_shares({"train": 0.5, "val": 0.2}), 0))
    assert counts == {"train": 50, "val": 20, LEFT_OUT: 30}


def test_assign__one_track_with_a_small_share_is_still_used() -> None:
    assert assign({"t": 9}, normalise_shares({"train": 0.1}), 0) == {"t": "train"}


def test_assign__known_tracks_stay_and_do_not_count() -> None:
    sizes = {"old": 500, "n1": 10, "n2": 10}
    splits = assign(sizes, normalise_shares({"train": 0.5, "val": 0.5}), 0, {"old": "val", "gone": "test"})
    assert splits["old"] == "val"
    assert {splits["n1"], splits["n2"]} == {"train", "val"}
    assert "gone" not in splits
