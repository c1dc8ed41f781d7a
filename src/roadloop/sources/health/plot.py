"""Coverage as a picture: classes by city and by month. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from roadloop.errors import Text
from roadloop.imaging.drawing import Cell, UInt8, both, headed, table

_CELL: Final = (64, 22)
_FULL: Final = (20, 90, 160)
_NONE: Final = (250, 225, 220)
_MOST: Final = 24  # columns of cities, and of months
_UNKNOWN: Final = "未知 unknown"


def draw(coverage: Mapping[str, Any], title: Text) -> UInt8:
    """The plot, uint8 [H, W, 3]: how many pictures show a class, darker = more; none is reddish.

    Args:
        coverage: As `Coverage.to_json` gives it.
        title: Above.
    """
    classes: Sequence[Mapping[str, Any]] = coverage["classes"]
    cities, months = (list(coverage[kind].items())[:_MOST] for kind in ("cities", "months"))
    names = [name or _UNKNOWN for name, _ in cities] + [""] + [name or _UNKNOWN for name, _ in months]
    cells = [
        [
            *(_cell(int(row["cities"][city]), int(pictures)) for city, pictures in cities),
            None,
            *(_cell(int(row["months"][month]), int(pictures)) for month, pictures in months),
        ]
        for row in classes
    ]
    labels = [f"{row['raw_id']} {both(row['name_zh'], row['name_en'])}" for row in classes]
    return headed(title, table(labels, names, cells, _CELL))


def _cell(count: int, pictures: int) -> Cell:
    share = (count / max(1, pictures)) ** 0.5  # so that rare classes differ too
    red, green, blue = (int(255 - (255 - full) * (0.1 + 0.8 * share)) for full in _FULL)
    return Cell((red, green, blue) if count else _NONE, str(count))
