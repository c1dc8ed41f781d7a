"""Class tables in the forms in which people have them; what cannot be read is an error that names line and cure.

Read are: columns with a header, separated by commas, semicolons, tabs or bars, in any order, colours as three numbers
or as hex; CVAT's `name:r,g,b:parts:actions`; lines without a header of `R G B name`, `name R G B`, the same with an id
before them, or with a hex colour; and, where the caller allows it, lines of names alone. Text is UTF-8 with or without
a byte order mark, UTF-16, or GBK.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from roadloop.errors import LabelMapError, Text, many
from roadloop.labels.colors import distinct_colors
from roadloop.labels.table import COLUMNS, IGNORE, ClassTable, Color, LabelClass, decode, parse_csv

_SEPARATORS: Final = ",;\t|"
_ID: Final = (
    "raw_id",
    "id",
    "label_id",
    "labelid",
    "class_id",
    "classid",
    "index",
    "value",
    "pixel value",
    "pixel_value",
    "编号",
    "类别编号",
)
_NAME: Final = (
    "name_en",
    "name",
    "class_name",
    "label_name",
    "label",
    "category",
    "class",
    "名称",
    "类别",
    "类别名称",
    "英文名",
)
_NAME_ZH: Final = ("name_zh", "chinese", "中文", "中文名")
_RGB: Final = (("r", "red"), ("g", "green"), ("b", "blue"))
_COLOR: Final = ("color", "colour", "rgb", "hex", "color_rgb", "color_hex", "颜色")
_TRAIN: Final = ("train_id", "trainid", "train id")
_VOID: Final = frozenset({"void", "ignore", "ignored", "unlabelled", "unlabeled", "忽略", "未标注"})
_NOBODY: Final = "__ignore__"  # in lists of names, labelme's word for 255, before the classes that are counted
_S: Final = r"[\s,;|]+"
_HEX: Final = r"(?:#|0x)?([0-9a-fA-F]{6})"
_FORMS: Final = tuple(
    re.compile(rf"\s*{form}\s*")
    for form in (
        rf"(?P<id>\d+){_S}(?P<rgb>\d+{_S}\d+{_S}\d+){_S}(?P<name>\S.*?)",
        rf"(?P<rgb>\d+{_S}\d+{_S}\d+){_S}(?P<name>\S.*?)",
        rf"(?P<id>\d+){_S}(?P<name>\S.*?){_S}(?P<rgb>\d+{_S}\d+{_S}\d+)",
        rf"(?P<name>\S.*?){_S}(?P<rgb>\d+{_S}\d+{_S}\d+)",
        rf"(?P<id>\d+){_S}(?P<name>\S.*?){_S}(?P<hex>#[0-9a-fA-F]{{6}})",
        rf"(?P<hex>#[0-9a-fA-F]{{6}}){_S}(?P<name>\S.*?)",
        rf"(?P<name>\S.*?){_S}(?P<hex>#[0-9a-fA-F]{{6}})",
    )
)
_NAMES: Final = tuple(
    re.compile(form)
    for form in (
        r"\s*(?P<id>\d+)[\s,;|:]+(?P<name>\S.*?)\s*",
        r"\s*(?P<name>\S.*?)\s*[\t,;|:=]\s*(?P<id>\d+)\s*",
        r"\s*(?P<name>\S.*?)\s*",
    )
)
_CVAT: Final = re.compile(r"(?P<name>.*):\s*(?P<rgb>\d+\s*,\s*\d+\s*,\s*\d+)\s*:[^:]*:[^:]*")
_LARGEST: Final = 255


class Declared(NamedTuple):
    """A class table as its file declares it.

    Attributes:
        table: The classes; what the file leaves out is made: ids are counted from 0 in the order of the lines, colours
            are distinct ones.
        has_ids: Whether the file names ids.
        has_colors: Whether the file names colours.
    """

    table: ClassTable
    has_ids: bool
    has_colors: bool


class _Row(NamedTuple):
    line: int
    name: str
    name_zh: str
    raw_id: int | None
    color: Color | None
    train_id: int | None


def parse_declared(data: bytes, name: str, *, names_alone: bool = False) -> Declared:
    """Read a class table in any of the forms.

    Args:
        data: The file.
        name: What the table, and errors, call it.
        names_alone: Whether lines that hold nothing but a name are a table.

    Raises:
        LabelMapError: None of the forms, an id or a colour outside 0..255, an id twice, or more than 255 classes.
    """
    text = decode(data)
    if "\ufffd" in text or "\0" in text:
        raise _error(
            name, 1, Text("编码既不是 UTF-8、UTF-16 也不是 GBK", "its encoding is neither UTF-8, UTF-16 nor GBK")
        )
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    lines = [(number, line) for number, line in lines if not _is_comment(line.strip())]
    if not lines:
        raise LabelMapError(Text(f"类别表 {name} 没有类别", f"Class table {name} has no class"), table=name)
    columns = _header(lines[0][1])
    if columns and set(COLUMNS) <= set(columns) and "," in lines[0][1]:
        return Declared(parse_csv(data, name), has_ids=True, has_colors=True)
    rows = _with_header(text, name, lines[0]) if columns else _without(lines, name, names_alone=names_alone)
    return _declared(name, rows)


def _is_comment(text: str) -> bool:
    return text.startswith(("#", "//")) and not re.match(r"#[0-9a-fA-F]{6}\b", text)


def _separator(line: str) -> str:
    return max(_SEPARATORS, key=line.count)


def _header(line: str) -> list[str]:
    """The lower-case names of the columns, or none when the line is no header."""
    columns = [c.strip().strip("\"'").lower() for c in line.split(_separator(line))]
    known = {*_ID, *_COLOR, *(n for names in _RGB for n in names)}
    return columns if set(columns) & {*_NAME, *_NAME_ZH} and set(columns) & known else []


def _with_header(text: str, name: str, first: tuple[int, str]) -> list[_Row]:
    body = "\n".join(text.splitlines()[first[0] - 1 :])
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=_separator(first[1]), skipinitialspace=True)
    columns = [c.strip().lower() for c in next(reader)]
    rows: list[_Row] = []
    cells: list[dict[str, str]] = []
    try:
        for values in reader:
            if any(v.strip() for v in values) and not _is_comment(values[0].lstrip()):
                cells.append(dict(zip(columns, (v.strip() for v in values), strict=False)))
                rows.append(_row(cells[-1], name, first[0] - 1 + reader.line_num))
    except csv.Error as error:
        line = first[0] - 1 + reader.line_num
        raise _error(name, line, Text(f"附近不是有效的 csv：{error}", f"not valid csv near it: {error}")) from error
    if not any(row.raw_id is not None for row in rows):
        _check_no_ids(name, first[0], columns, cells)
    return rows


def _check_no_ids(name: str, line: int, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Refuse a table whose ids stand in a column of an unknown name: counting anew would give them other classes.

    Raises:
        LabelMapError: With that column.
    """
    known = {*_NAME, *_NAME_ZH, *_COLOR, *_TRAIN, *(n for names in _RGB for n in names)}
    for column in dict.fromkeys(columns):
        values = [row.get(column, "") for row in rows]
        numbers = all(v.isascii() and v.isdigit() for v in values)
        if column not in known and numbers and len(rows) > 1 and len(set(values)) == len(rows):
            raise _error(
                name,
                line,
                Text(
                    f"列“{column[:40]}”像是编号，但不在认识的列名中；若是编号，请改名为 raw_id，否则请删去这一列",
                    f"the column '{column[:40]}' looks like ids, but is no name that is known: call it raw_id if they are,"
                    " else remove it",
                ),
            )


def _row(values: Mapping[str, str], name: str, line: int) -> _Row:
    def first(names: Sequence[str]) -> str:
        return next((values[n] for n in names if values.get(n)), "")

    rgb = [first(names) for names in _RGB]
    color = _color(name, line, rgb) if all(rgb) else _any_color(name, line, first(_COLOR))
    if any(rgb) and not all(rgb):
        raise _error(name, line, Text("颜色不全，应有 r、g、b 三个数", "a colour needs r, g and b"))
    raw, train = first(_ID), first(_TRAIN)
    label = first(_NAME) or first(_NAME_ZH) or ",".join(rgb if all(rgb) else [raw])
    return _Row(
        line,
        label,
        first(_NAME_ZH) or label,
        _number(name, line, raw, "id") if raw else None,
        color,
        _number(name, line, train, "train_id") if train else None,
    )


def _without(lines: Sequence[tuple[int, str]], name: str, *, names_alone: bool) -> list[_Row]:
    """Rows of lines without a header; all must have one form: the first that fits most of them."""
    forms = [_CVAT, *_FORMS, *(_NAMES if names_alone else ())]
    form = max(forms, key=lambda f: sum(f.fullmatch(line.strip()) is not None for _, line in lines))
    rows: list[_Row] = []
    for number, line in lines:
        found = form.fullmatch(line.strip())
        if found is None:
            raise _error(
                name,
                number,
                Text(
                    f"“{line.strip()[:80]}”无法识别；应为“R G B 名称”“名称 R G B”，或带表头的 csv（name,r,g,b）",
                    f"'{line.strip()[:80]}' is not understood; write 'R G B name', 'name R G B', or a csv with a header"
                    " such as name,r,g,b",
                ),
            )
        parts = found.groupdict()
        color = _color(name, number, re.split(_S, parts["rgb"])) if parts.get("rgb") else None
        color = _any_color(name, number, parts["hex"]) if parts.get("hex") else color
        label = _unquoted(parts["name"].strip())
        if label == _NOBODY and form in _NAMES:
            continue
        raw_id = _number(name, number, parts["id"], "id") if parts.get("id") else None
        rows.append(_Row(number, label, label, raw_id, color, None))
    return rows


def _unquoted(text: str) -> str:
    """A text without the quotation marks around it; one inside or at one end belongs to it."""
    quoted = len(text) > 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


def _declared(name: str, rows: Sequence[_Row]) -> Declared:
    if len(rows) > _LARGEST:
        raise LabelMapError(
            Text(
                f"类别表 {name} 有 {len(rows)} 个类别；标注每像素 8 位，最多 {_LARGEST} 个，请合并类别",
                f"Class table {name} has {many(len(rows), 'class', 'classes')}; labels have 8 bits a pixel, so there can be {_LARGEST}:"
                " merge some",
            ),
            table=name,
        )
    if not rows:
        raise LabelMapError(Text(f"类别表 {name} 没有类别", f"Class table {name} has no class"), table=name)
    has_ids, has_colors = _all_or_none(name, rows, "raw_id"), _all_or_none(name, rows, "color")
    spare = distinct_colors(len(rows))
    classes, train_id = [], 0
    for place, row in enumerate(rows):
        raw_id = place if row.raw_id is None else row.raw_id
        void = row.name.lower() in _VOID or raw_id == IGNORE
        own = row.train_id if row.train_id is not None else IGNORE if void else train_id
        classes.append(LabelClass(raw_id, row.name, row.name_zh, row.color or spare[place], own))
        train_id += not void
    return Declared(ClassTable(name, tuple(classes)), has_ids, has_colors)


def _all_or_none(name: str, rows: Sequence[_Row], field: str) -> bool:
    given = [getattr(row, field) is not None for row in rows]
    if any(given) and not all(given):
        line = rows[given.index(False)].line
        what = Text("缺少编号", "it has no id") if field == "raw_id" else Text("缺少颜色", "it has no colour")
        raise _error(name, line, Text(f"{what.zh}，而其他行有", f"{what.en}, as other lines do"))
    return all(given)


def _any_color(name: str, line: int, text: str) -> Color | None:
    if not text:
        return None
    if found := re.fullmatch(_HEX, text):
        number = int(found[1], 16)
        return number >> 16, number >> 8 & 255, number & 255
    numbers = re.findall(r"\d+", text)
    if len(numbers) == 3:
        return _color(name, line, numbers)
    raise _error(
        name,
        line,
        Text(
            f"颜色“{text[:40]}”应为 #rrggbb 或三个数", f"the colour '{text[:40]}' is neither #rrggbb nor three numbers"
        ),
    )


def _color(name: str, line: int, texts: Sequence[str]) -> Color:
    r, g, b = (_number(name, line, text, "r, g, b") for text in texts)
    return r, g, b


def _number(name: str, line: int, text: str, what: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= _LARGEST:
        return int(text)
    raise _error(
        name,
        line,
        Text(
            f"{what} 是“{text[:40]}”，应为 0..255 的整数（标注每像素 8 位）",
            f"{what} is '{text[:40]}', not a whole number in 0..255 (labels have 8 bits a pixel)",
        ),
    )


def _error(name: str, line: int, what: Text) -> LabelMapError:
    return LabelMapError(
        Text(f"类别表 {name} 第 {line} 行：{what.zh}", f"Class table {name}, line {line}: {what.en}"),
        table=name,
        line=line,
    )
