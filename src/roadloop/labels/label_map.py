"""Label maps: raw id -> train id, chosen per training task and applied while training.

The rules of a saved map: train ids are made consecutive from 0 in ascending order, 255 (ignore) stays, raw ids
that are not mentioned are 255, and at least two classes must be left to learn.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import LabelMapError, Text, many
from roadloop.labels.table import (
    IGNORE,
    ClassTable,
    Color,
    shipped,
    target_palette,
    template_train_ids,
)


class MapEntry(NamedTuple):
    """What becomes of one raw id: its train id (255 = ignore) and its names."""

    train_id: int
    name_en: str
    name_zh: str


class TrainClass(NamedTuple):
    """One class that a network learns; named after its first raw class."""

    train_id: int
    name_en: str
    name_zh: str
    color: Color


@dataclass(frozen=True)
class LabelMap:
    """Raw id -> train id with names.

    Attributes:
        entries: Raw id -> entry, ascending. Train ids are consecutive from 0; 255 = ignore.
        template: The shipped template that the map was made from and still equals, or "".

    Raises:
        LabelMapError: Fewer than two classes, a gap in the train ids, or raw id 255 with a train id.
    """

    entries: Mapping[int, MapEntry]
    template: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", dict(sorted(self.entries.items())))
        used = sorted({e.train_id for e in self.entries.values()} - {IGNORE})
        if len(used) < 2:
            raise LabelMapError(
                Text(
                    f"映射后只剩 {len(used)} 个类别，至少需要两个（255 表示忽略）",
                    f"Only {many(len(used), 'class is', 'classes are')} left to learn; a label map needs two or more (255 means ignore)",
                ),
                classes=len(used),
            )
        if used != list(range(len(used))):
            raise LabelMapError(
                Text(f"train id 不连续：{used}", f"Train ids are not consecutive from 0: {used}"), train_ids=used
            )
        if IGNORE in self.entries and self.entries[IGNORE].train_id != IGNORE:
            raise LabelMapError(
                Text("原始编号 255 总是被忽略，不能映射为类别", "Raw id 255 is always ignored; it cannot be a class")
            )

    @property
    def num_classes(self) -> int:
        """How many classes a network learns."""
        return len({e.train_id for e in self.entries.values()} - {IGNORE})

    def lut(self) -> NDArray[np.uint8]:
        """uint8 [256]: raw id -> train id, 255 for everything that is not mentioned."""
        table = np.full(256, IGNORE, dtype=np.uint8)
        for raw_id, entry in self.entries.items():
            table[raw_id] = entry.train_id
        return table

    def raw_ids(self, train_id: int) -> tuple[int, ...]:
        """The raw ids that become `train_id`, ascending."""
        return tuple(raw for raw, e in self.entries.items() if e.train_id == train_id)

    def names(self, language: str) -> tuple[str, ...]:
        """Names of the train classes 0..num_classes-1 in `zh` or `en`: those of each one's first raw class."""
        firsts = (self.entries[self.raw_ids(t)[0]] for t in range(self.num_classes))
        return tuple(e.name_zh if language == "zh" else e.name_en for e in firsts)

    def colors(self, table: ClassTable) -> tuple[Color, ...]:
        """Display colours of the train classes: the shipped palette for a template, else the first raw class's."""
        if self.template:
            return tuple(target_palette()[t] for t in range(self.num_classes))
        found = (table.find(self.raw_ids(t)[0]) for t in range(self.num_classes))
        return tuple(c.color if c is not None else (0, 0, 0) for c in found)

    def classes(self, table: ClassTable) -> tuple[TrainClass, ...]:
        """The train classes with names and colours, ascending."""
        rows = zip(self.names("en"), self.names("zh"), self.colors(table), strict=True)
        return tuple(TrainClass(i, en, zh, color) for i, (en, zh, color) in enumerate(rows))

    def to_maps(self) -> dict[str, list[str]]:
        """The form of `/maps`: raw id -> [train id, English name, Chinese name], all text, ascending."""
        return {str(raw): [str(e.train_id), e.name_en, e.name_zh] for raw, e in self.entries.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain values; `LabelMap.from_json` reads them back."""
        return {"template": self.template, "entries": {str(raw): list(e) for raw, e in self.entries.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "LabelMap":
        """The map that `to_json` wrote."""
        entries = {int(raw): MapEntry(int(e[0]), e[1], e[2]) for raw, e in value["entries"].items()}
        return cls(entries, value.get("template", ""))


def default_map(table: ClassTable, template: str = "") -> LabelMap:
    """The label map of a new training task.

    Args:
        table: The dataset's class table.
        template: `general` or `hd-13`, which need a table with HD-road's meanings; "" takes `general` for the
            shipped table and the table's own `train_id` column otherwise.

    Raises:
        LabelMapError: Unknown template, a table with other meanings, or fewer than two classes.
    """
    if not template and tuple(c for c in table.classes if c.raw_id != IGNORE) == shipped().classes:
        template = "general"
    if not template:
        return LabelMap(_consecutive({c.raw_id: MapEntry(c.train_id, c.name_en, c.name_zh) for c in table.classes}))
    train_ids = template_train_ids(template)
    hd_road = {c.raw_id: c for c in shipped().classes}
    strange = [c.raw_id for c in table.classes if c.raw_id in train_ids and hd_road[c.raw_id].name_en != c.name_en]
    if strange:
        raise LabelMapError(
            Text(
                f"映射模板 {template} 只适用于 hd-road 的类别；类别表 {table.name} 的编号 {strange} 含义不同",
                f"Template {template} is for hd-road classes; in {table.name} the raw ids {strange} mean other things",
            ),
            template=template,
            raw_ids=strange,
        )
    entries = {c.raw_id: MapEntry(train_ids.get(c.raw_id, IGNORE), c.name_en, c.name_zh) for c in table.classes}
    normal = _consecutive(entries)
    return LabelMap(normal, template if normal == entries else "")


def parse_map(value: Mapping[str, Any], table: ClassTable) -> LabelMap:
    """The label map that `/save_map` was sent.

    Args:
        value: Raw id -> `[en, zh, train_id]`, `[train_id, en, zh]` or `[old, en, zh, new]`, recognised by where
            the numbers stand; numbers may be text.
        table: The dataset's class table; every raw id must be in it, those not mentioned become 255.

    Raises:
        LabelMapError: An entry of another form, an id outside the table, or fewer than two classes.
    """
    entries = {c.raw_id: MapEntry(IGNORE, c.name_en, c.name_zh) for c in table.classes}
    return LabelMap(_consecutive(entries | _read_entries(value, table)))


def saved_otherwise(value: Mapping[str, Any], table: ClassTable, saved: LabelMap) -> list[Text]:
    """How a saved map differs from what `/save_map` was sent: other train ids, and classes that were not mentioned."""
    sent = _read_entries(value, table)
    found = []
    moved = sorted({(e.train_id, saved.entries[raw].train_id) for raw, e in sent.items()})
    shown = ", ".join(f"{old} → {new}" for old, new in moved if old != new)
    if shown:
        found.append(
            Text(
                f"train id 已改为从 0 开始连续：{shown}。",
                f"The train ids were made consecutive from 0: {shown}.",
            )
        )
    unnamed = [c for c in table.classes if c.raw_id not in sent and c.raw_id != IGNORE]
    if unnamed:
        zh = "、".join(f"{c.raw_id} {c.name_zh or c.name_en}" for c in unnamed)
        en = ", ".join(f"{c.raw_id} {c.name_en or c.name_zh}" for c in unnamed)
        found.append(
            Text(
                f"{len(unnamed)} 个类别没有提到，它们的像素在训练中被忽略：{zh}。",
                f"{many(len(unnamed), 'class was', 'classes were')} not mentioned; their pixels are ignored in training: {en}.",
            )
        )
    return found


def mirrored_pairs(names_en: Sequence[str], names_zh: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Pairs of classes that differ only in left and right, by train id: they change places in a mirrored picture.

    Args:
        names_en: English names of the classes, by train id.
        names_zh: Chinese names, in the same order.
    """
    pairs = set()
    for names, left, right in ((names_zh, "左", "右"), (names_en, "left", "right")):
        where = {name.lower(): i for i, name in enumerate(names)}
        for name, i in where.items():
            other = where.get(name.replace(left, right)) if left in name else None
            if other is not None:
                pairs.add((i, other))
    return tuple(sorted(pairs))


def _read_entries(value: Mapping[str, Any], table: ClassTable) -> dict[int, MapEntry]:
    """The entries that a map mentions, with the train ids as they were sent."""
    entries = {c.raw_id: MapEntry(IGNORE, c.name_en, c.name_zh) for c in table.classes}
    read: dict[int, MapEntry] = {}
    for key, item in value.items():
        raw_id = _number(key)
        if raw_id is None or raw_id not in entries or raw_id in read:
            raise LabelMapError(
                Text(
                    f"映射中的原始编号“{key}”不在类别表 {table.name} 中，或出现了两次",
                    f"Raw id '{key}' of the map is not in the class table {table.name}, or is given twice",
                ),
                raw_id=str(key),
            )
        read[raw_id] = _parse_entry(raw_id, item, entries[raw_id])
    return read


def _parse_entry(raw_id: int, item: object, default: MapEntry) -> MapEntry:
    values = list(item) if isinstance(item, list | tuple) else []
    numbers = [_number(v) for v in values]
    match numbers:
        case [int(), None, None]:
            train_id, names = numbers[0], values[1:]
        case [_, _, int()] if numbers[0] is None:
            train_id, names = numbers[2], values[:2]
        case [int(), _, _, int()]:
            train_id, names = numbers[3], values[1:3]
        case _:
            train_id, names = None, []
    if train_id is None or train_id > IGNORE:
        raise LabelMapError(
            Text(
                f"编号 {raw_id} 的映射 {_short(item)} 无法识别；应为 [英文名, 中文名, train id]，train id 为 0..255",
                f"The entry {_short(item)} of raw id {raw_id} is not [en, zh, train id] with a train id in 0..255",
            ),
            raw_id=raw_id,
        )
    name_en, name_zh = (str(n or "").strip() for n in names)
    return MapEntry(train_id, name_en or default.name_en, name_zh or default.name_zh)


def _number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:80] + "..."


def _consecutive(entries: Mapping[int, MapEntry]) -> dict[int, MapEntry]:
    used: Iterable[int] = sorted({e.train_id for e in entries.values()} - {IGNORE})
    new = {old: i for i, old in enumerate(used)} | {IGNORE: IGNORE}
    return {raw: e._replace(train_id=new[e.train_id]) for raw, e in entries.items()}
