"""The coverage plot."""

import numpy as np

from roadloop.errors import Text
from roadloop.imaging.drawing import UInt8
from roadloop.sources.health.plot import draw

TITLE = Text("覆盖", "coverage")


def plot(city: str = "苏州", zh: str = "车道线", en: str = "", count: int = 4) -> UInt8:
    row = {"raw_id": 3, "name_en": en, "name_zh": zh, "cities": {city: count, "": 0}, "months": {"2026-03": count}}
    return draw({"cities": {city: 9, "": 1}, "months": {"2026-03": 10}, "classes": [row]}, TITLE)


def test_draw__cities_and_classes_have_their_names() -> None:
    assert not np.array_equal(plot(city="苏州"), plot(city="上海"))
    assert not np.array_equal(plot(zh="车道线"), plot(zh="停止线"))


def test_draw__no_picture_is_reddish_and_more_is_darker() -> None:
    assert ((plot() == (250, 225, 220)).all(axis=-1)).any()
    assert (plot(count=1) == (168, 194, 220)).all(axis=-1).any()
    assert (plot(count=9) == (43, 106, 169)).all(axis=-1).any()
