"""What a sweep tries and who goes on: choices, trials, rungs, survivors. Pure.

Successive halving: K. Jamieson, A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter
Optimization", AISTATS 2016, arXiv:1502.07943. All trials train to the first rung; of n trials there, the best
ceil(n / keep) go on to the next, which is `keep` times as far.
"""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from pydantic import JsonValue

from roadloop.errors import InvalidValueError, Text
from roadloop.lists import NAME_COMMAS
from roadloop.training.recipe import DataConfig, TrainConfig

MAX_TRIALS: Final = 1000
DIGITS: Final = 3  #: of a drawn number, so that people can read it
RANGE: Final = ".."
OWN: Final = ("num_epoch", "model", "weights")  #: what the sweep itself decides

Values = dict[str, JsonValue]


class Choice(NamedTuple):
    """What is tried for one key: some values, or a range that is drawn from evenly in its logarithm."""

    key: str
    values: tuple[JsonValue, ...] = ()
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Sweep:
    """One search, complete: what `sweeps/<name>/plan.json` holds.

    Attributes:
        name: Its name; trial n is the training task `<name>-<n>`.
        network: Of every trial.
        data: Dataset of every trial.
        maps: Label map template, or "".
        gpus: What the trials run on, in turn; "" = CPU.
        keep: One in so many goes on at each rung.
        rungs: Epochs after which trials are compared, ascending; the last are those of the recipe.
        fixed: Keys that every trial has.
        trials: Keys that each trial has besides.
    """

    name: str
    network: str
    data: str
    maps: str
    gpus: tuple[str, ...]
    keep: int
    rungs: tuple[int, ...]
    fixed: Values
    trials: tuple[Values, ...]

    def task(self, trial: int) -> str:
        """Name of a trial's training task; trials count from 0, names from 1."""
        return f"{self.name}-{trial + 1:0{len(str(len(self.trials)))}d}"

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


def parse_choice(text: str) -> Choice:
    """Read `key=v1,v2,v3` or `key=low..high`.

    Raises:
        InvalidValueError: No such key, or nothing to choose from.
    """
    key, equals, rest = text.partition("=")
    key = key.strip()
    if not equals or not rest.strip():
        raise _wrong(text, "应为 key=值1,值2 或 key=最小..最大", "write key=value1,value2 or key=low..high")
    _check_key(key)
    low, dots, high = rest.partition(RANGE)
    if not dots:
        return Choice(key, tuple(parse_value(part) for part in _parts(rest)))
    ends = [parse_value(low), parse_value(high)]
    numbers = [float(v) for v in ends if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) != 2 or not 0 < numbers[0] < numbers[1]:
        raise _wrong(text, "范围的两端应为正数，前小后大", "a range needs two positive numbers, the smaller one first")
    return Choice(key, (), numbers[0], numbers[1])


def parse_fixed(text: str) -> tuple[str, JsonValue]:
    """Read `key=value`, the value as JSON or as text.

    Raises:
        InvalidValueError: No such key, or no value.
    """
    key, equals, rest = text.partition("=")
    if not equals:
        raise _wrong(text, "应为 key=值", "write key=value")
    _check_key(key.strip())
    return key.strip(), parse_value(rest)


def parse_value(text: str) -> JsonValue:
    """JSON where it is JSON, else the text itself."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text.strip()
    return value


def _parts(text: str) -> list[str]:
    """Split at the commas outside brackets, so that `[0.5,2],[1,1]` is two values."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        if character in NAME_COMMAS and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part.strip()]


def _check_key(key: str) -> None:
    known = [name for name in (*TrainConfig.model_fields, *DataConfig.model_fields) if name not in OWN]
    if key not in known:
        names = ", ".join(sorted(known))
        raise _wrong(key, f"没有这个配置项；可用的有：{names}", f"there is no such key; there are: {names}")


def draw_trials(choices: Sequence[Choice], count: int, seed: int) -> tuple[Values, ...]:
    """The trials: every combination when `count` has room for all of them, else `count` different ones at random.

    Raises:
        InvalidValueError: A key is given twice, or fewer than two different trials come out.
    """
    keys = [choice.key for choice in choices]
    if len(set(keys)) < len(keys):
        raise _wrong(", ".join(keys), "每个配置项只能给一次", "give each key once")
    drawn = any(not choice.values for choice in choices)
    if not drawn and math.prod(len(choice.values) for choice in choices) <= count:
        combinations = itertools.product(*(choice.values for choice in choices))
        trials = [dict(zip(keys, values, strict=True)) for values in combinations]
    else:
        rng = np.random.default_rng(seed)
        trials = [{choice.key: _draw(choice, rng) for choice in choices} for _ in range(20 * count)]
    different = list({json.dumps(trial, sort_keys=True): trial for trial in trials}.values())[:count]
    if len(different) < 2:
        raise _wrong(
            ", ".join(keys) or "try", "至少要有两种不同的组合", "at least two different combinations are needed"
        )
    return tuple(different)


def _draw(choice: Choice, rng: np.random.Generator) -> JsonValue:
    if choice.values:
        return choice.values[int(rng.integers(len(choice.values)))]
    value = math.exp(rng.uniform(math.log(choice.low), math.log(choice.high)))
    return float(f"{value:.{DIGITS}g}")


def make_rungs(epochs: int, first: int, keep: int) -> tuple[int, ...]:
    """Epochs of the rungs: `epochs`, a `keep`-th of it, and so on, not below `first`; ascending."""
    rungs = [epochs]
    while rungs[-1] > first and -(-rungs[-1] // keep) >= first:
        rungs.append(-(-rungs[-1] // keep))
    return tuple(reversed(rungs))


def survivors(scores: Mapping[int, float | None], keep: int) -> list[int]:
    """The best ceil(n / keep) of n trials, the earlier one first where they are equal; never one without a score."""
    ranked = sorted((i for i, s in scores.items() if s is not None), key=lambda i: (-(scores[i] or 0.0), i))
    return ranked[: -(-len(scores) // keep)]


def described(sweep: str) -> str:
    """How the description of each trial of a sweep begins."""
    return f"{sweep}: "


def settings_text(trial: Mapping[str, JsonValue]) -> str:
    """`key=value` of every key, as people write it."""
    return " ".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for key, value in trial.items()
    )


def _wrong(what: str, zh: str, en: str) -> InvalidValueError:
    return InvalidValueError(Text(f"{what}：{zh}。", f"{what}: {en}."), parameter=what)
