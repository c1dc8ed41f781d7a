"""From the imported labels' values, colours and names to the raw ids of a class table."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import LabelMapError, Text
from roadloop.labels.colors import ColorCoder, describe_unknown
from roadloop.labels.table import IGNORE, ClassTable, LabelClass
from roadloop.sources.importers.found import LegendClass
from roadloop.sources.importers.label_studio import numbered

_NOBODY: Final = frozenset({"background", "_background_", "unlabeled", "unlabelled", "背景"})
_MOST: Final = 10

UInt8 = NDArray[np.uint8]


class Painted(NamedTuple):
    """A label in raw ids.

    Attributes:
        ids: uint8 [H, W]; 255 where the label says nothing, or something unknown.
        unknown: How many pixels are unknown.
        described: The unknown values or colours with their pixels, most first.
    """

    ids: UInt8
    unknown: int
    described: str


class Translation:
    """What the labels of one import mean in one class table.

    A class of the legend is the table's class of the same number (`<raw id> <name>`), else of the same name where
    that is unique, else of the same colour. When not one name fits, values are the raw ids themselves. A class called
    background, or unlabelled, that the table does not have, is ignored.

    Args:
        table: The class table of the source set.
        legend: The labels' own classes; empty: values and colours are the table's.
        unlabelled: Values that mean "nobody said".
    """

    def __init__(self, table: ClassTable, legend: Sequence[LegendClass] = (), unlabelled: Sequence[int] = ()) -> None:
        targets = _match(table, legend) if legend else {}
        self.unmatched: Final = tuple(c.name for c in legend if targets.get(c.name, -1) < 0)
        self._table: Final = table
        self._legend: Final = tuple(legend)
        self._values: Final = _by_value(table, legend, targets, unlabelled)
        self._targets: Final = targets
        self._coder: tuple[ColorCoder, UInt8] | None = None
        self.has_values: Final = not legend or any(c.value is not None for c in legend)

    @property
    def keeps_values(self) -> bool:
        """Whether every value is the raw id itself, so that an id label can stay as it is."""
        own = np.full(256, -1, np.int16)
        own[[*self._table.raw_ids, IGNORE]] = [*self._table.raw_ids, IGNORE]
        return bool(np.array_equal(own, self._values))

    @property
    def keeps_colors(self) -> bool:
        """Whether every colour is the table's own, so that a colour label can stay as it is."""
        colors = {c.raw_id: c.color for c in self._table.classes}
        named = [(c.color, self._targets.get(c.name, -1)) for c in self._legend if c.color is not None]
        return all(colors.get(raw_id) == color for color, raw_id in named)

    def values(self, label: NDArray[np.integer]) -> Painted:
        """Raw ids of a label of values, integers [H, W]; values above 255 are unknown."""
        small = label.astype(np.uint8) if label.dtype != np.uint8 else label
        found = self._values[small]
        if label.dtype != np.uint8:
            found = np.where((label >= 0) & (label <= IGNORE), found, np.int16(-1))
        unknown = found < 0
        described = ""
        if count := int(unknown.sum()):
            strange, times = np.unique(label[unknown], return_counts=True)
            order = np.argsort(-times)[:_MOST]
            described = ", ".join(f"{strange[i]} x {times[i]}" for i in order)
        return Painted(np.where(unknown, IGNORE, found).astype(np.uint8), count, described)

    def colors(self, rgb: UInt8) -> Painted:
        """Raw ids of a label of colours, uint8 [H, W, 3].

        Raises:
            LabelMapError: Two classes share a colour.
        """
        if self._coder is None:
            self._coder = self._make_coder()
        coder, ids = self._coder
        decoded = coder.to_ids(rgb)
        return Painted(ids[decoded.ids], decoded.unknown_pixels, describe_unknown(decoded.unknown))

    def category(self, value: int) -> int:
        """Raw id of a legend's value that may be above 255; -1 when unknown."""
        name = next((c.name for c in self._legend if c.value == value), None)
        return self._targets.get(name, -1) if name is not None else -1

    def name(self, name: str) -> int:
        """Raw id of a class that a label names; -1 when unknown."""
        return self._targets.get(name, -1)

    def _make_coder(self) -> tuple[ColorCoder, UInt8]:
        colored = [c for c in self._legend if c.color is not None and self._targets.get(c.name, -1) >= 0]
        if not colored:
            return ColorCoder(self._table), np.arange(256, dtype=np.uint8)
        ids = np.full(256, IGNORE, np.uint8)
        ids[: len(colored)] = [self._targets[c.name] for c in colored]
        classes = tuple(LabelClass(i, c.name, c.name, c.color or (0, 0, 0)) for i, c in enumerate(colored))
        return ColorCoder(ClassTable("legend", classes)), ids


def _match(table: ClassTable, legend: Sequence[LegendClass]) -> dict[str, int]:
    """Legend class name -> raw id; -1 where nothing fits."""
    known = set(table.raw_ids)
    names = _unique_names(table)
    colors = {c.color: c.raw_id for c in table.classes}
    found: dict[str, int] = {}
    fitted = False
    for entry in legend:
        number = numbered(entry.name)
        if number and number[0] in known:
            found[entry.name] = number[0]
        else:
            found[entry.name] = names.get(entry.name.casefold(), -1)
        fitted = fitted or found[entry.name] >= 0
    for entry in legend:
        if found[entry.name] >= 0:
            continue
        if not fitted and entry.value is not None and entry.value in known:
            found[entry.name] = entry.value
        elif entry.color is not None:
            found[entry.name] = colors.get(entry.color, -1)
        if found[entry.name] < 0 and entry.name.casefold() in _NOBODY:
            found[entry.name] = IGNORE
    return found


def _unique_names(table: ClassTable) -> Mapping[str, int]:
    names: dict[str, int] = {}
    twice: set[str] = set()
    for c in table.classes:
        for name in {c.name_en.casefold(), c.name_zh.casefold()} - {""}:
            if name in names:
                twice.add(name)
            names[name] = c.raw_id
    return {name: raw_id for name, raw_id in names.items() if name not in twice}


def _by_value(
    table: ClassTable, legend: Sequence[LegendClass], targets: Mapping[str, int], unlabelled: Sequence[int]
) -> NDArray[np.int16]:
    """int16 [256]: value -> raw id, 255 = ignored, -1 = unknown."""
    values = np.full(256, -1, np.int16)
    if not any(c.value is not None for c in legend):
        values[list(table.raw_ids)] = table.raw_ids
    for entry in legend:
        if entry.value is not None and 0 <= entry.value < IGNORE:
            values[entry.value] = targets[entry.name]
    values[[IGNORE, *unlabelled]] = IGNORE
    return values


def check_fits(table: ClassTable, translation: Translation, legend: Sequence[LegendClass]) -> None:
    """Refuse a legend of which not one class is in the table.

    Raises:
        LabelMapError: Nothing would be learnt from any picture.
    """
    if legend and len(translation.unmatched) == len(legend):
        some = ", ".join(c.name for c in legend[:_MOST])
        raise LabelMapError(
            Text(
                f"类别表 {table.name} 与数据自带的类别没有一个相同：{some}；请换一个 roadelement，或不填以采用数据自带的色板",
                f"The class table {table.name} has none of the data's own classes: {some}; choose another roadelement,"
                " or leave it out to take the data's own",
            ),
            table=table.name,
        )
