"""Uncertainty of pixels and pictures, by hand."""

import math
import re
from pathlib import Path
from typing import Any, NoReturn, get_args

import pytest
import torch

import roadloop
from roadloop.selection.acquisition import METHODS, class_doubts, doubt_map, margin
from roadloop.selection.recipe import Method


def pixels(*probabilities: tuple[float, ...]) -> torch.Tensor:
    """[1, C, 1, W] of one row of pixels."""
    return torch.tensor(probabilities).T[None, :, None, :]


def no_more(_change: Any) -> NoReturn:
    raise AssertionError


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("least_confidence", [0.0, 0.75, 1.0]),
        ("margin", [0.0, 1.0, 1.0]),
        ("entropy", [0.0, math.log(2) / math.log(3), 1.0]),
    ],
)
def test_methods__sure_torn_and_clueless(method: str, values: list[float]) -> None:
    p = pixels((1, 0, 0), (0.5, 0.5, 0), (1 / 3, 1 / 3, 1 / 3))
    ((_p, found),) = METHODS[method]([p], no_more)
    assert found[0, 0].tolist() == pytest.approx(values, abs=1e-6)


def test_methods__are_those_that_a_request_may_name() -> None:
    assert set(METHODS) == set(get_args(Method))


def test_methods__the_page_offers_them_all() -> None:
    form = (Path(roadloop.__file__).parent / "web/static/js/views/selection-new.js").read_text(encoding="utf-8")
    (choice,) = re.findall(r'name="method".*?/>', form, re.DOTALL)
    assert re.findall(r'\["(\w+)", t\(', choice) == list(get_args(Method))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_methods__one_class_is_never_uncertain(method: str) -> None:
    ((_p, found),) = METHODS[method]([pixels((1.0,))], no_more)
    assert found.tolist() == [[[0.0]]]


@pytest.mark.parametrize("rows", [1, 2])
def test_class_doubts__counts_pixels_that_are_or_nearly_are_of_the_class(rows: int) -> None:
    p = pixels((0.5, 0.5, 0.0), (0.6, 0.3, 0.1), (1.0, 0.0, 0.0), (0.9, 0.0, 0.1)).unflatten(3, (2, 2)).squeeze(2)
    found = class_doubts(METHODS["margin"](p.split(rows, 2), no_more), [0, 1, 2], top=0.5)  # two pixels of four
    assert found.scores[0].tolist() == pytest.approx(
        [(1 + 0.7) / 2, (1 + 0.7) / 2, (0.7 * 0.1 / 0.3 + 0.2 * 0.2 / 0.9) / 2]
    )
    assert found.seen[0].tolist() == [1.0, 0.25, 0.0]


@pytest.mark.parametrize("rows", [1, 2])
def test_doubt_map__has_at_each_pixel_the_largest_doubt_about_a_class(rows: int) -> None:
    p = pixels((0.5, 0.5, 0.0), (0.6, 0.3, 0.1), (1.0, 0.0, 0.0), (0.9, 0.0, 0.1)).unflatten(3, (2, 2)).squeeze(2)
    found = doubt_map(METHODS["margin"](p.split(rows, 2), no_more), [0, 2])
    assert found[0].flatten().tolist() == pytest.approx([1, 0.7, 0, 0.2])
    found = doubt_map(METHODS["margin"](p.split(rows, 2), no_more), [2])
    assert found[0].flatten().tolist() == pytest.approx([0, 0.7 * 0.1 / 0.3, 0, 0.2 * 0.1 / 0.45])


def test_margin__is_that_of_the_two_largest_to_the_bit() -> None:
    p = torch.randn((2, 7, 5, 6), generator=torch.Generator().manual_seed(0)).softmax(1)
    first, second = p.topk(2, dim=1).values.unbind(1)
    assert torch.equal(margin(p), 1 - (first - second))


def test_class_doubts__a_thin_doubt_counts_as_much_as_a_wide_one() -> None:
    sure, torn = (1.0, 0.0), (0.5, 0.5)
    thin = class_doubts(METHODS["margin"]([pixels(*[torn] * 2, *[sure] * 198)], no_more), [1], top=0.01).scores
    wide = class_doubts(METHODS["margin"]([pixels(*[torn] * 150, *[sure] * 50)], no_more), [1], top=0.01).scores
    none = class_doubts(METHODS["margin"]([pixels(*[sure] * 200)], no_more), [1], top=0.01).scores
    assert thin.item() == pytest.approx(wide.item()) == pytest.approx(1.0)
    assert none.item() == 0
