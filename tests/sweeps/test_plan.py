"""What is tried, the rungs, and who goes on: numbers that can be checked by hand."""

import json

import pytest

from roadloop.errors import InvalidValueError
from roadloop.sweeps.plan import (
    Choice,
    Sweep,
    draw_trials,
    make_rungs,
    parse_choice,
    parse_fixed,
    settings_text,
    survivors,
)


def test_parse_choice__values_are_json_or_text() -> None:
    assert parse_choice("optimizer=sgd,adamw") == Choice("optimizer", ("sgd", "adamw"))
    assert parse_choice("batch_size=4，8") == Choice("batch_size", (4, 8))
    assert parse_choice("scale=[0.5,2],[1,1]") == Choice("scale", ([0.5, 2], [1, 1]))


def test_parse_choice__a_range_has_two_positive_ends() -> None:
    assert parse_choice("base_lr=0.001..0.1") == Choice("base_lr", (), 0.001, 0.1)
    for text in ("base_lr=0..1", "base_lr=0.1..0.01", "base_lr=a..b"):
        with pytest.raises(InvalidValueError):
            parse_choice(text)


@pytest.mark.parametrize("text", ["base_lr", "base_lr=", "no_such_key=1,2", "num_epoch=1,2"])
def test_parse_choice__refuses_what_no_recipe_has(text: str) -> None:
    with pytest.raises(InvalidValueError):
        parse_choice(text)


def test_parse_fixed__one_value() -> None:
    assert parse_fixed('network_settings={"width": 0.25}') == ("network_settings", {"width": 0.25})
    assert parse_fixed("optimizer=adamw") == ("optimizer", "adamw")
    with pytest.raises(InvalidValueError):
        parse_fixed("optimizer")


def test_draw_trials__takes_every_combination_where_there_is_room() -> None:
    choices = [Choice("batch_size", (4, 8)), Choice("optimizer", ("sgd", "adamw"))]
    assert draw_trials(choices, 4, seed=0) == (
        {"batch_size": 4, "optimizer": "sgd"},
        {"batch_size": 4, "optimizer": "adamw"},
        {"batch_size": 8, "optimizer": "sgd"},
        {"batch_size": 8, "optimizer": "adamw"},
    )
    assert len(draw_trials(choices, 3, seed=0)) == 3


def test_draw_trials__ranges_are_drawn_evenly_in_the_logarithm_and_the_same_each_time() -> None:
    drawn = draw_trials([Choice("base_lr", (), 1e-4, 1.0)], 400, seed=1)
    assert drawn == draw_trials([Choice("base_lr", (), 1e-4, 1.0)], 400, seed=1)
    values = [trial["base_lr"] for trial in drawn]
    assert all(isinstance(v, float) and 1e-4 <= v <= 1 for v in values)
    below = sum(isinstance(v, float) and v < 1e-2 for v in values)
    assert 160 <= below <= 240  # half of the decades


def test_draw_trials__refuses_one_key_twice_and_a_single_trial() -> None:
    with pytest.raises(InvalidValueError):
        draw_trials([Choice("batch_size", (4,)), Choice("batch_size", (8,))], 9, seed=0)
    with pytest.raises(InvalidValueError):
        draw_trials([Choice("batch_size", (4, 4))], 9, seed=0)


@pytest.mark.parametrize(
    ("epochs", "first", "keep", "rungs"),
    [(27, 3, 3, (3, 9, 27)), (27, 1, 3, (1, 3, 9, 27)), (10, 3, 2, (3, 5, 10)), (4, 4, 3, (4,)), (2, 1, 2, (1, 2))],
)
def test_make_rungs__each_is_so_many_times_as_far(epochs: int, first: int, keep: int, rungs: tuple[int, ...]) -> None:
    assert make_rungs(epochs, first, keep) == rungs


def test_survivors__are_the_best_third_rounded_up() -> None:
    scores = {0: 0.3, 1: 0.5, 2: None, 3: 0.4, 4: 0.5}
    assert survivors(scores, 3) == [1, 4]
    assert survivors(scores, 1) == [1, 4, 3, 0]
    assert survivors({0: None}, 2) == []


def test_sweep__is_the_same_after_writing_and_names_its_tasks() -> None:
    sweep = Sweep(
        "搜索", "n", "d", "", ("",), 3, (1, 3), {"batch_size": 4}, tuple({"base_lr": k / 10} for k in range(1, 11))
    )
    assert json.loads(json.dumps(sweep.to_json())) == sweep.to_json()
    assert (sweep.task(0), sweep.task(9)) == ("搜索-01", "搜索-10")
    assert settings_text({"optimizer": "sgd", "scale": [0.5, 2]}) == "optimizer=sgd scale=[0.5, 2]"
