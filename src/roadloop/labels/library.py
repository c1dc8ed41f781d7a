"""The class tables of an installation: the shipped ones, and those that a team adds as files.

A team's table is a file in `<home>/class-tables/`, named after the table: `<name>.csv` as `labels.table` reads it, or
a text of `R G B name` lines (`<name>.txt`), as CamVid and many others ship it. A file wins over a shipped table of the
same name.
"""

import re
from pathlib import Path
from typing import Final

from roadloop.errors import LabelMapError, NotFoundError, Text
from roadloop.labels.table import (
    COLUMNS,
    IGNORE,
    SHIPPED,
    ClassTable,
    Color,
    LabelClass,
    decode,
    parse_csv,
    read_rows,
    shipped,
)
from roadloop.storage import reading
from roadloop.storage.paths import check_name

FOLDER: Final = "class-tables"
ENDINGS: Final = (".csv", ".txt")
_LINE: Final = re.compile(r"\s*(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\S.*?)\s*")
_VOID: Final = frozenset({"void", "ignore", "ignored", "unlabelled", "unlabeled", "忽略", "未标注"})
_NAME_COLUMNS: Final = ("name", "label", "class")


def list_tables(home: Path) -> list[str]:
    """Names of all class tables, shipped and added, in order."""
    folder = home / FOLDER
    added = {p.stem for p in folder.iterdir() if _is_table(p)} if folder.is_dir() else set()
    return sorted({*SHIPPED, *added})


def find_table(home: Path, name: str, parameter: str = "roadelement") -> ClassTable:
    """The class table of a name.

    Args:
        home: The workspace folder.
        name: Name of a shipped table, or of a file in `<home>/class-tables/`.
        parameter: Name of the parameter, for the message.

    Raises:
        InvalidNameError: Not a name.
        NotFoundError: No such table; the text names those there are.
        LabelMapError: The file is not a class table.
    """
    name = check_name(name, parameter)
    for ending in ENDINGS:
        path = home / FOLDER / f"{name}{ending}"
        if path.is_file():
            return parse_table(reading.read_bytes(path), name)
    if name in SHIPPED:
        return shipped(name)
    known = ", ".join(list_tables(home))
    raise NotFoundError(
        Text(
            f"没有名为 {name} 的类别表；现有：{known}。可把 {name}.csv（{','.join(COLUMNS)}）"
            f"或每行“R G B 名称”的 {name}.txt 放入 {FOLDER}/，或不填 {parameter} 以采用数据自带的色板",
            f"No class table {name}; there are: {known}. Put {name}.csv ({','.join(COLUMNS)}) or {name}.txt with"
            f" lines 'R G B name' into {FOLDER}/, or leave {parameter} out to take the one that comes with the data",
        ),
        parameter=parameter,
        name=name,
    )


def parse_table(data: bytes, name: str) -> ClassTable:
    """Read a class table in any of the forms a team may have; UTF-8 or GBK.

    The forms: our csv; a csv with the columns `name,r,g,b` (any order); lines `R G B name`. The last two have no ids:
    raw ids are counted from 0 in the order of the lines, and train ids likewise, but for classes called void,
    unlabelled or ignore, which are ignored.

    Raises:
        LabelMapError: None of the three, or a number outside 0..255, or more than 255 classes.
    """
    first, _, _ = decode(data).lstrip().partition("\n")
    header = [column.strip().lower() for column in first.split(",")]
    if "raw_id" in header:
        return parse_csv(data, name)
    rows = _named_columns(decode(data), name) if {"r", "g", "b"} <= set(header) else _lines(decode(data), name)
    return table_of(name, rows)


def table_of(name: str, rows: list[tuple[str, Color]]) -> ClassTable:
    """A class table of names and colours alone; raw ids are counted from 0.

    Raises:
        LabelMapError: No class, more than 255, or a number outside 0..255.
    """
    if len(rows) > IGNORE:
        raise LabelMapError(
            Text(
                f"类别表 {name} 有 {len(rows)} 个类别，最多 {IGNORE} 个",
                f"Class table {name} has {len(rows)} classes; there can be {IGNORE}",
            ),
            table=name,
        )
    classes, train_id = [], 0
    for raw_id, (label, color) in enumerate(rows):
        void = label.lower() in _VOID
        classes.append(LabelClass(raw_id, label, label, color, IGNORE if void else train_id))
        train_id += not void
    return ClassTable(name, tuple(classes))


def _is_table(path: Path) -> bool:
    return path.suffix in ENDINGS and not path.name.startswith(".") and path.is_file()


def _named_columns(text: str, name: str) -> list[tuple[str, Color]]:
    rows = []
    for _line, row in read_rows(text.lstrip(), name)[1]:
        values = {(key or "").strip().lower(): (value or "").strip() for key, value in row.items() if key}
        numbers = [values.get(c, "") for c in "rgb"]
        label = next((values[c] for c in _NAME_COLUMNS if values.get(c)), "")
        if all(n.isascii() and n.isdigit() for n in numbers):
            r, g, b = (int(n) for n in numbers)
            rows.append((label or f"{r},{g},{b}", (r, g, b)))
    return rows


def _lines(text: str, name: str) -> list[tuple[str, Color]]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise LabelMapError(
                Text(
                    f"类别表 {name} 第 {number} 行“{line.strip()[:80]}”不是“R G B 名称”",
                    f"Class table {name}, line {number}: '{line.strip()[:80]}' is not 'R G B name'",
                ),
                table=name,
                line=number,
            )
        rows.append((found[4], (int(found[1]), int(found[2]), int(found[3]))))
    return rows
