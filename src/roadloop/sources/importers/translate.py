"""From the imported labels' values, colours and classes to the raw ids of a class table."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import LabelMapError, Text
from roadloop.labels.colors import ColorCoder, describe_unknown
from roadloop.labels.table import IGNORE, ClassTable, LabelClass, plain_name
from roadloop.sources.importers.found import LegendClass

_MOST: Final = 10

UInt8 = NDArray[np.uint8]


class Painted(NamedTuple):
    """A label in raw ids.

    Attributes:
        ids: uint8 [H, W]; 255 where the label says nothing, or something unknown.
        unknown: How many pixels are unknown.
        described: The unknown values or colours with their pixels, most first.
        note: What else the report should say; empty = nothing.
    """

    ids: UInt8
    unknown: int
    described: str
    note: Text = Text("", "")


class Translation:
    """What the labels of one import mean in one class table.

    Args:
        table: The class table of the source set.
        legend: The labels' own classes; a class is known by its place, for neither names nor values are unique.
        targets: The raw id of each class of the legend; 255 = ignored, -1 = not in the table.
        unlabelled: Values that mean "nobody said".
        declares_values: Whether the data says which value is which class; otherwise they are counted.
        declares_colors: Whether the data says which colour is which class.
    """

    def __init__(
        self,
        table: ClassTable,
        legend: Sequence[LegendClass],
        targets: Sequence[int],
        unlabelled: Sequence[int] = (),
        *,
        declares_values: bool = True,
        declares_colors: bool = True,
    ) -> None:
        self.legend: Final = tuple(legend)
        self.targets: Final = tuple(targets)
        self.unmatched: Final = tuple(c.name for c, t in zip(legend, targets, strict=True) if t < 0)
        self.declares_values: Final = declares_values
        self.declares_colors: Final = declares_colors
        self.ignores_255: Final = any(c.raw_id == IGNORE for c in table.classes)
        self._table: Final = table
        self._values: Final = self._by_value(unlabelled)

    @cached_property
    def keeps_values(self) -> bool:
        """Whether every value is the raw id itself, so that an id label can stay as it is."""
        own = np.full(256, -1, np.int16)
        own[[*self._table.raw_ids, IGNORE]] = [*self._table.raw_ids, IGNORE]
        return bool(np.array_equal(own, self._values))

    @cached_property
    def keeps_colors(self) -> bool:
        """Whether every colour is the table's own, so that a colour label can stay as it is."""
        colors = {c.raw_id: c.color for c in self._table.classes}
        named = [(c.color, t) for c, t in zip(self.legend, self.targets, strict=True) if c.color is not None]
        return all(colors.get(raw_id) == color for color, raw_id in named)

    def knows_values(self, values: NDArray[np.integer]) -> bool:
        """Whether all of some values are classes; 255 counts only where a table names it."""
        return bool((self._values[values] >= 0).all()) and (self.ignores_255 or IGNORE not in values)

    def knows_colors(self, colors: UInt8) -> bool:
        """Whether all of some colours, uint8 [N, 3], are classes."""
        known = {c.color for c, t in zip(self.legend, self.targets, strict=True) if c.color is not None and t >= 0}
        return {tuple(c) for c in colors.tolist()} <= known

    def values(self, label: UInt8) -> Painted:
        """Raw ids of a label of values, uint8 [H, W]."""
        found = self._values[label]
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
        coder, ids = self._coder
        decoded = coder.to_ids(rgb)
        return Painted(ids[decoded.ids], decoded.unknown_pixels, describe_unknown(decoded.unknown))

    @cached_property
    def _coder(self) -> tuple[ColorCoder, UInt8]:
        """By colour the place among the coloured classes, and the raw id of each place, uint8 [256]."""
        pairs = zip(self.legend, self.targets, strict=True)
        colored = [(c, target) for c, target in pairs if c.color is not None and target >= 0]
        if not colored:
            raise LabelMapError(
                Text(
                    f"标注是彩色的，而类别表 {self._table.name} 没有声明颜色；请给出带 r,g,b 的类别表",
                    f"The label is in colours, but the class table {self._table.name} declares none; give one with r,g,b",
                ),
                table=self._table.name,
            )
        ids = np.full(256, IGNORE, np.uint8)
        ids[: len(colored)] = [target for _, target in colored]
        classes = tuple(LabelClass(i, c.name, c.name, c.color or (0, 0, 0)) for i, (c, _) in enumerate(colored))
        return ColorCoder(ClassTable(self._table.name, classes)), ids

    def _by_value(self, unlabelled: Sequence[int]) -> NDArray[np.int16]:
        """int16 [256]: value -> raw id, 255 = ignored, -1 = unknown."""
        values = np.full(256, -1, np.int16)
        for entry, target in zip(self.legend, self.targets, strict=True):
            if entry.value is not None and 0 <= entry.value <= IGNORE:
                values[entry.value] = target
        values[[IGNORE, *unlabelled]] = IGNORE
        return values


def legend_of(table: ClassTable, *, colors: bool = True) -> tuple[LegendClass, ...]:
    """A table's classes as a legend."""
    return tuple(LegendClass(c.name_en, c.raw_id, c.color if colors else None, c.name_zh) for c in table.classes)


def match(table: ClassTable, legend: Sequence[LegendClass]) -> list[int]:
    """The raw id of each class of a legend in a table that is not its own: 255 = ignored, -1 = none.

    Id and name together decide first, ids before names; then a name that occurs once on both sides, exact before but for
    case. A name that occurs twice is told apart by its colour, else it is nobody's. A class called background, or
    unlabelled, that the table does not have, is ignored.
    """
    targets = [_by_id(table, entry) for entry in legend]
    for fold in (str.strip, plain_name):
        names = _once((name, c.raw_id) for c in table.classes for name in {fold(c.name_en), fold(c.name_zh)} - {""})
        ours = _once((fold(entry.name), place) for place, entry in enumerate(legend) if targets[place] < 0)
        for name, place in ours.items():
            if (raw_id := names.get(name)) is not None and raw_id not in targets:
                targets[place] = raw_id
    for place, entry in enumerate(legend):
        if targets[place] < 0 and entry.color is not None:
            same = [c.raw_id for c in table.classes if c.color == entry.color and _named(c, entry)]
            targets[place] = same[0] if len(same) == 1 and same[0] not in targets else -1
        if targets[place] < 0 and plain_name(entry.name) in NOBODY:
            targets[place] = IGNORE
    return targets


#: Names of "nobody said anything", folded; labelme's `__ignore__` among them.
NOBODY: Final = frozenset({"background", "_background_", "unlabeled", "unlabelled", "__ignore__", "背景"})


def numbered(name: str) -> tuple[int, str] | None:
    """(raw id, name) of a label `<raw id> <name>` as roadloop's annotation projects have it, or None."""
    number, _, rest = name.strip().partition(" ")
    return (
        (int(number), rest.strip())
        if number.isascii() and number.isdigit() and len(number) <= 3 and rest.strip()
        else None
    )


def _by_id(table: ClassTable, entry: LegendClass) -> int:
    found = table.find(entry.value) if entry.value is not None else None
    if found is not None and _named(found, entry):
        return found.raw_id
    own = numbered(entry.name)
    # Our own annotation projects: ids win over names that were changed since.
    return own[0] if own is not None and table.find(own[0]) is not None else -1


def _named(known: LabelClass, entry: LegendClass) -> bool:
    return bool(
        {plain_name(known.name_en), plain_name(known.name_zh)}
        & ({plain_name(entry.name), plain_name(entry.name_zh)} - {""})
    )


def _once(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, set[int]] = {}
    for name, number in pairs:
        found.setdefault(name, set()).add(number)
    return {name: next(iter(numbers)) for name, numbers in found.items() if len(numbers) == 1}


def conflicts(own: ClassTable, table: ClassTable, *, has_ids: bool) -> list[Text]:
    """What the data's own table says otherwise than the one that was named, class by class; empty: nothing.

    With ids, a class must have the same name; without, its name must be found once.
    """
    found = []
    targets = match(
        table, [LegendClass(c.name_en, c.raw_id if has_ids else None, c.color, c.name_zh) for c in own.classes]
    )
    for c, target in zip(own.classes, targets, strict=True):
        theirs = table.find(c.raw_id) if has_ids else None
        if c.raw_id == IGNORE or (target == c.raw_id if has_ids else target >= 0):
            continue
        if has_ids and plain_name(c.name_en) in NOBODY and theirs is None:
            continue
        other = f"{theirs.raw_id} {theirs.name_en}" if theirs else "-"
        other_zh = f"{theirs.raw_id} {theirs.name_zh}" if theirs else "无"
        mine = f"{c.raw_id} {c.name_en}" if has_ids else c.name_en
        mine_zh = f"{c.raw_id} {c.name_zh}" if has_ids else c.name_zh
        found.append(Text(f"{mine_zh} ≠ {other_zh}", f"{mine} is not {other}"))
    return found
