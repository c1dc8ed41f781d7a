"""The demo's classes and its mIoU."""

from collections.abc import Mapping

import pytest

from roadloop.demo.classes import LEARNT, TARGETS, map_value, target_miou
from roadloop.demo.world.cities import Raw
from roadloop.labels.label_map import parse_map
from roadloop.labels.table import IGNORE, shipped


def test_map_value__every_painted_class_but_billboards_is_learnt_once() -> None:
    painted = [raw for learnt in LEARNT for raw in learnt.raws]
    assert sorted(painted) == sorted(set(Raw) - {Raw.BILLBOARD})
    saved = parse_map(map_value(), shipped())
    assert saved.num_classes == len(LEARNT)
    assert saved.names("en") == tuple(learnt.name_en for learnt in LEARNT)
    assert saved.lut()[int(Raw.BUS)] == 4
    assert saved.lut()[int(Raw.BILLBOARD)] == IGNORE


def test_target_miou__only_the_seven_targets_count() -> None:
    assert TARGETS == ("road", "lane marking", "pavement", "vehicle", "building", "vegetation", "sky")
    ious: Mapping[str, float | None] = {learnt.name_en: 0.0 for learnt in LEARNT} | dict.fromkeys(TARGETS, 0.5)
    assert target_miou(ious) == 0.5
    assert target_miou({**ious, "sky": 1.0, "road": 0.0}) == pytest.approx(0.5)
    assert target_miou({**ious, "sky": None}) == 0.5
    assert target_miou(dict.fromkeys(ious, None)) == 0.0
