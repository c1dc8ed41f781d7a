"""Which pictures go into which package: pure, seeded.

Pictures stand in track order and fill one package after the other, so tracks meet only where one ends. Second copies
of some pictures (overlap) and pictures whose label is known (gold) take places of their own, spread evenly.
"""

import random
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Literal, TypeVar

from roadloop.errors import InvalidValueError, Text, many

P = TypeVar("P")
Role = Literal["base", "overlap", "gold"]


def parse_amount(text: str, parameter: str) -> Callable[[int], int]:
    """Read a count (`20`) or a share (`0.05`, `5%`); the answer turns a total into a count.

    Raises:
        InvalidValueError: Neither.
    """
    value = text.strip()
    if not value:
        return lambda _total: 0
    if value.isascii() and value.isdigit() and len(value) <= 9:
        count = int(value)
        return lambda _total: count
    try:
        share = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise InvalidValueError(
            Text(
                f"{parameter} 的值 {text[:80]!r} 无效：应为张数（如 20）或比例（如 0.05、5%）",
                f"{parameter}: {text[:80]!r} is neither a number of pictures (20) nor a share (0.05, 5%)",
            ),
            parameter=parameter,
        )
    return lambda total: round(share * total)


def make_plan(
    pictures: Sequence[P], step: int, overlap: int, gold: Sequence[P], seed: int
) -> list[list[tuple[P, Role]]]:
    """Distribute pictures.

    Args:
        pictures: In track order.
        step: Most pictures in a package.
        overlap: How many pictures are given to a second package as well.
        gold: Pictures with known labels.
        seed: Draws which pictures are given twice.

    Returns:
        The packages in order, each with its pictures and why they are in it.

    Raises:
        InvalidValueError: There is not enough room, or only one package, so that nothing can be given twice.
    """
    total = len(pictures) + overlap + len(gold)
    count = -(-total // step)
    if overlap > len(pictures) or (overlap and count < 2):
        raise _no_room(
            f"{len(pictures)} 张图片、每包 {step} 张时，无法把 {overlap} 张发给两个任务包",
            f"of {many(len(pictures), 'picture')} in packages of {step}, {overlap} cannot be given to two packages",
        )
    extra = [_part(overlap, count, i) + _part(len(gold), count, count - 1 - i) for i in range(count)]
    if any(e >= step for e in extra):
        raise _no_room(
            f"每包最多 {step} 张，放不下这么多重叠与检验图片",
            f"packages of {step} have no room for so many overlap and gold pictures",
        )
    rest, known = iter(pictures), iter(gold)
    chunks = [list(islice(rest, step - e)) for e in extra]
    drawn = random.Random(f"{seed}:overlap")
    left = [drawn.sample(chunk, len(chunk)) for chunk in chunks]
    packages = []
    for i, chunk in enumerate(chunks):
        places: list[tuple[P, Role]] = [(p, "base") for p in chunk]
        places += [(p, "overlap") for p in _copies(left, i, _part(overlap, count, i))]
        places += [(p, "gold") for p in islice(known, _part(len(gold), count, count - 1 - i))]
        packages.append(places)
    return packages


def _part(total: int, count: int, i: int) -> int:
    """The i-th of `count` nearly equal parts of a whole number."""
    return total * (i + 1) // count - total * i // count


def _copies(left: list[list[P]], i: int, wanted: int) -> list[P]:
    """Draw pictures for package `i` from the others, the one before it first, so that few pairs compare many."""
    copies: list[P] = []
    for distance in range(1, len(left)):
        other = left[i - distance]
        while other and len(copies) < wanted:
            copies.append(other.pop())
    if len(copies) < wanted:
        raise _no_room("重叠图片太多，别的任务包里没有这么多", "the other packages have too few pictures to give twice")
    return copies


def _no_room(zh: str, en: str) -> InvalidValueError:
    return InvalidValueError(
        Text(f"{zh}；请增大 step 或减少 overlap、gold。", f"step: {en}; raise step, or ask for less overlap or gold."),
        parameter="step",
    )
