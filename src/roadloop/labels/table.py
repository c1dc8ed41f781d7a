"""Class tables: the raw classes of a source set, as data.

A table is a csv file with the columns `raw_id,name_en,name_zh,r,g,b,train_id`. Ids are keys, names never are:
three English names of the shipped HD-road table occur twice. A blank train id and 255 both mean "ignore".
"""

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from roadloop.errors import LabelMapError, NotFoundError, Text

IGNORE: Final = 255
HD_ROAD: Final = "hd-road"
#: Tables of public data sets beside our own. Classes that share a colour in the source got one that differs in blue.
SHIPPED: Final = (
    HD_ROAD,
    "apolloscape",
    "apolloscape-lane",
    "camvid",
    "camvid-32",
    "cityscapes",
    "cityscapes-19",
    "idd",
    "idd-level3",
    "voc",
)
COLUMNS: Final = ("raw_id", "name_en", "name_zh", "r", "g", "b", "train_id")
_TEMPLATE_COLUMNS: Final[Mapping[str, str]] = {"general": "train_id_general", "hd-13": "train_id_13"}

Color = tuple[int, int, int]


@dataclass(frozen=True)
class LabelClass:
    """One raw class: what an annotator paints.

    Attributes:
        raw_id: The value of its pixels in a label, 0..255.
        name_en: English name, not unique.
        name_zh: Chinese name.
        color: Red, green, blue, 0..255 each.
        train_id: What a network learns it as by default, 0..254; 255 = ignore.
    """

    raw_id: int
    name_en: str
    name_zh: str
    color: Color
    train_id: int = IGNORE


@dataclass(frozen=True)
class ClassTable:
    """A named list of raw classes, ascending by raw id."""

    name: str
    classes: tuple[LabelClass, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(sorted(self.classes, key=lambda c: c.raw_id)))
        _check(self)

    @property
    def raw_ids(self) -> tuple[int, ...]:
        """All raw ids, ascending."""
        return tuple(c.raw_id for c in self.classes)

    def find(self, raw_id: int) -> LabelClass | None:
        """The class with this raw id, or None."""
        return next((c for c in self.classes if c.raw_id == raw_id), None)

    def to_rows(self) -> list[dict[str, Any]]:
        """Plain values for JSON; `from_rows` reads them back."""
        return [{**vars(c), "color": list(c.color)} for c in self.classes]


def from_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> ClassTable:
    """The table that `ClassTable.to_rows` wrote."""
    return ClassTable(
        name,
        tuple(LabelClass(r["raw_id"], r["name_en"], r["name_zh"], _color(r["color"]), r["train_id"]) for r in rows),
    )


def parse_csv(data: bytes, name: str) -> ClassTable:
    """Read a class table; UTF-8 (with or without a byte order mark) or GBK.

    Raises:
        LabelMapError: A column is missing, a number is not one, an id occurs twice, there is no class, or no csv.
    """
    reader = csv.DictReader(io.StringIO(decode(data), newline=""))
    try:
        columns, rows = reader.fieldnames or (), [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        line = reader.line_num
        raise LabelMapError(
            Text(
                f"类别表 {name} 第 {line} 行附近不是有效的 csv：{error}",
                f"Class table {name} is not valid csv near line {line}: {error}",
            ),
            table=name,
        ) from error
    missing = [c for c in COLUMNS if c not in columns]
    if missing:
        lacking = ", ".join(missing)
        raise LabelMapError(
            Text(
                f"类别表 {name} 缺少列：{lacking}；需要的列：{','.join(COLUMNS)}",
                f"Class table {name} lacks the columns {lacking}; needed: {','.join(COLUMNS)}",
            ),
            table=name,
            missing=missing,
        )
    return ClassTable(name, tuple(_parse_row(row, name, line) for line, row in rows))


def format_csv(table: ClassTable) -> str:
    """The csv text of a table, line feeds as line ends; `parse_csv` reads it back."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for c in table.classes:
        writer.writerow([c.raw_id, c.name_en, c.name_zh, *c.color, c.train_id])
    return out.getvalue()


@cache
def shipped(name: str = HD_ROAD) -> ClassTable:
    """The class table that roadloop ships under `name`; the train ids of `hd-road` are the template `general`.

    Raises:
        NotFoundError: No such table is shipped.
    """
    if name not in SHIPPED:
        known = ", ".join(SHIPPED)
        raise NotFoundError(
            Text(
                f"没有名为 {name} 的内置类别表；可用：{known}", f"No class table {name} is shipped; there are {known}"
            ),
            name=name,
        )
    if name != HD_ROAD:
        return parse_csv((files("roadloop.labels") / "tables" / f"{name}.csv").read_bytes(), name)
    train_ids = template_train_ids("general")
    classes = tuple(
        LabelClass(int(row["raw_id"]), row["name_en"], row["name_zh"], _row_color(row), train_ids[int(row["raw_id"])])
        for row in _shipped_rows("hd_road_classes.csv")
    )
    return ClassTable(name, classes)


@cache
def template_train_ids(template: str) -> Mapping[int, int]:
    """Raw id -> train id of a shipped label map template, 255 where the column is blank.

    Raises:
        LabelMapError: There is no such template.
    """
    column = _TEMPLATE_COLUMNS.get(template)
    if column is None:
        known = ", ".join(_TEMPLATE_COLUMNS)
        raise LabelMapError(
            Text(
                f"没有名为 {template} 的映射模板；可用：{known}", f"No label map template {template}; there are {known}"
            ),
            template=template,
        )
    return {int(r["raw_id"]): int(r[column] or IGNORE) for r in _shipped_rows("hd_road_classes.csv")}


@cache
def target_palette() -> Mapping[int, Color]:
    """Train id -> display colour, for label maps made from a shipped template."""
    return {int(row["id"]): _row_color(row) for row in _shipped_rows("hd_road_targets.csv")}


def _shipped_rows(file: str) -> list[dict[str, str]]:
    text = (files("roadloop.labels") / "tables" / file).read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _row_color(row: Mapping[str, str]) -> Color:
    return int(row["r"]), int(row["g"]), int(row["b"])


def _color(values: Iterable[int]) -> Color:
    r, g, b = values
    return r, g, b


def decode(data: bytes) -> str:
    """Text from a file of unknown age: UTF-8, with or without a byte order mark, UTF-16 with one, else GBK."""
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gb18030", errors="replace")


def _parse_row(row: Mapping[str, str | None], table: str, line: int) -> LabelClass:
    def number(column: str, blank: int | None = None) -> int:
        text = (row[column] or "").strip()
        if not text and blank is not None:
            return blank
        if not (text.isascii() and text.isdigit()) or int(text) > 255:
            raise LabelMapError(
                Text(
                    f"类别表 {table} 第 {line} 行：{column} 是“{text}”，应为 0..255 的整数",
                    f"Class table {table}, line {line}: {column} is '{text}', not a whole number in 0..255",
                ),
                table=table,
                line=line,
                column=column,
            )
        return int(text)

    return LabelClass(
        raw_id=number("raw_id"),
        name_en=(row["name_en"] or "").strip(),
        name_zh=(row["name_zh"] or "").strip(),
        color=(number("r"), number("g"), number("b")),
        train_id=number("train_id", IGNORE),
    )


def _check(table: ClassTable) -> None:
    if not table.classes:
        raise LabelMapError(
            Text(f"类别表 {table.name} 没有类别", f"Class table {table.name} has no class"), table=table.name
        )
    ids = table.raw_ids
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise LabelMapError(
            Text(
                f"类别表 {table.name} 中原始编号 {twice} 出现多次",
                f"Class table {table.name}: raw ids {twice} occur twice",
            ),
            table=table.name,
            raw_ids=twice,
        )
    for c in table.classes:
        values = (c.raw_id, c.train_id, *c.color)
        if not all(0 <= v <= 255 for v in values):
            raise LabelMapError(
                Text(
                    f"类别表 {table.name} 的类别 {c.raw_id} 含有 0..255 以外的数",
                    f"Class table {table.name}: class {c.raw_id} holds a number outside 0..255",
                ),
                table=table.name,
                raw_id=c.raw_id,
            )
    if (void := table.find(IGNORE)) is not None and void.train_id != IGNORE:
        raise LabelMapError(
            Text(
                f"类别表 {table.name}：原始编号 255 总是被忽略，它的 train_id 应为 255",
                f"Class table {table.name}: raw id 255 is always ignored, its train_id must be 255",
            ),
            table=table.name,
        )


def plain_name(name: str) -> str:
    """A class's name as names are compared: NFC, without white space around it, without case."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def different_meanings(a: ClassTable, b: ClassTable) -> list[int]:
    """Raw ids to which the two tables give different meanings (other names), ascending."""
    theirs = {c.raw_id: c for c in b.classes}
    return [
        c.raw_id
        for c in a.classes
        if (o := theirs.get(c.raw_id)) is not None and (o.name_en, o.name_zh) != (c.name_en, c.name_zh)
    ]


def union(name: str, tables: Iterable[ClassTable]) -> ClassTable:
    """All classes of several tables under one name; where an id occurs again, the first table wins."""
    classes: dict[int, LabelClass] = {}
    for table in tables:
        for c in table.classes:
            classes.setdefault(c.raw_id, c)
    return ClassTable(name, tuple(classes.values()))
