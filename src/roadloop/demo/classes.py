"""What the demo's network learns: 13 classes out of the raw ids that the world paints; billboards are ignored."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from roadloop.demo.world.cities import Raw


class LearntClass(NamedTuple):
    """One class of the demo's label map.

    Attributes:
        name_en: English name.
        name_zh: Chinese name.
        raws: The raw ids that become it.
        target: Whether it counts in the demo's promised mIoU.
    """

    name_en: str
    name_zh: str
    raws: tuple[Raw, ...]
    target: bool


LEARNT: Final = (
    LearntClass("road", "道路", (Raw.ROAD, Raw.MANHOLE), target=True),
    LearntClass(
        "lane marking",
        "道路标线",
        (
            Raw.LANE_WHITE,
            Raw.LANE_YELLOW,
            Raw.EDGE_LEFT,
            Raw.EDGE_RIGHT,
            Raw.STOP_LINE,
            Raw.CROSSWALK,
            Raw.SYMBOL,
            Raw.STOP_GRID,
        ),
        target=True,
    ),
    LearntClass("kerb", "路缘石", (Raw.CURB,), target=False),
    LearntClass("pavement", "人行道", (Raw.PAVEMENT,), target=True),
    LearntClass("vehicle", "车辆", (Raw.VEHICLE, Raw.BUS, Raw.TRUCK), target=True),
    LearntClass("person, rider", "行人与骑行者", (Raw.PEDESTRIAN, Raw.SCOOTER), target=False),
    LearntClass("building", "建筑物", (Raw.BUILDING,), target=True),
    LearntClass("vegetation", "草木", (Raw.VEGETATION,), target=True),
    LearntClass("sky", "天空", (Raw.SKY,), target=True),
    LearntClass("pole, lamp", "杆与灯", (Raw.POLE, Raw.LAMP), target=False),
    LearntClass("traffic light", "交通信号灯", (Raw.TRAFFIC_LIGHT, Raw.TRAFFIC_LIGHT_HEAD), target=False),
    LearntClass(
        "traffic sign",
        "交通标志",
        (Raw.SIGN_WARNING, Raw.SIGN_PROHIBITION, Raw.SIGN_INSTRUCTIVE, Raw.SIGN_DIRECTING),
        target=False,
    ),
    LearntClass("fence", "防护栏", (Raw.FENCE,), target=False),
)

TARGETS: Final = tuple(c.name_en for c in LEARNT if c.target)


def map_value(classes: Sequence[LearntClass] = LEARNT) -> dict[str, list[str]]:
    """The label map as `/save_map` takes it: raw id -> [English name, Chinese name, train id]."""
    return {
        str(int(raw)): [learnt.name_en, learnt.name_zh, str(train_id)]
        for train_id, learnt in enumerate(classes)
        for raw in learnt.raws
    }


def target_miou(ious: Mapping[str, float | None]) -> float:
    """Mean IoU of the target classes; an absent class (None) is left out, one never found counts 0.

    Args:
        ious: English class name -> IoU.
    """
    found = [iou for name in TARGETS if (iou := ious[name]) is not None]
    return sum(found) / len(found) if found else 0.0
