"""Label Studio's exports: tasks with strokes, outlines and other shapes, and the pictures somewhere beside them.

JSON, JSON_MIN and the `completions` of versions before 1.0. A region's label names its class: `<raw id> <name>` as
roadloop's projects have it, or a class name. Later regions cover earlier ones; what no region covers is unlabelled (255).
Of several annotations of a picture the newest counts.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from roadloop.errors import JobError, Text
from roadloop.labels.colors import distinct_colors
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.importers.document import Gathered, Said
from roadloop.sources.importers.found import (
    NO_LABEL,
    Claim,
    DrawnLabel,
    Fate,
    Found,
    LegendClass,
    Line,
    Region,
    leftovers,
)
from roadloop.sources.importers.label_studio_tasks import Entry, Task, count_statements, is_export, merged, read_tasks
from roadloop.sources.importers.matching import Name, url_name
from roadloop.sources.importers.translate import numbered
from roadloop.sources.importers.tree import ODD_JSON, PICTURES, Tree, odd_json

_USED: Final = Text("Label Studio 导出文件，已读取", "Label Studio's export; it was read")
_SKIPPED: Final = Text("标注员跳过了这个任务", "The annotator skipped it")
_EMPTY: Final = Text("任务没有标注", "The task has no annotation")
_PREDICTED: Final = Text("这是预测（predictions），不是标注", "A prediction, not an annotation")
_UNCLEAR: Final = Text(
    "任务有多张图片，无法确定区域属于哪一张（to_name 与 data 中的名称不一致）",
    "The task has several pictures, and it is not clear which one the region is for (to_name is no name in data)",
)
_NO_PICTURE: Final = Text("任务中没有图片地址", "The task names no picture")
_AT: Final = re.compile(r"-at-(\d{4}-\d{2}-\d{2}-\d{2}-\d{2})")
#: Shape in the export -> how it is drawn.
_SHAPES: Final = {
    "polygon": "percent",
    "brush": "brush",
    "rectangle": "rectangle",
    "ellipse": "ellipse",
    "bitmask": "bitmap",
}
_WITHOUT_AREA: Final = frozenset({"keypoint", "vector", "line"})


def find(tree: Tree) -> Found | None:
    """The pictures that an export describes, or None when there is no export."""
    gathered, names, lines = Gathered(tree), _Names(), list[Line]()
    exports = documents(tree)
    for file, value in exports.items():
        try:
            gathered.expect(file, count_statements(value))
            for task in read_tasks(value):
                _read(gathered, names, file, task)
        except ODD_JSON as error:
            gathered.forget(file)
            lines.append(Line(file, Fate.BROKEN, odd_json(error)))
            continue
        lines.append(Line(file, Fate.USED, _USED))
    if not exports:
        return None
    items = gathered.settle()
    lines += gathered.lines()
    known = {item.image for item in items} | gathered.left_out.keys()
    lines += [Line(f, Fate.MISSING, NO_LABEL) for f in tree.pictures() if f not in known]
    legend = tuple(LegendClass(name) for name in names.known)
    table, raw_ids = _table(names.known)
    return Found(
        items,
        leftovers(tree, items, lines),
        tuple(gathered.statements),
        gathered.stated,
        legend=legend,
        raw_ids=raw_ids,
        table=table,
    )


def documents(tree: Tree) -> dict[str, Any]:
    """The JSON files that Label Studio exported."""
    return {file: value for file, value in tree.documents().items() if is_export(value)}


class _Names:
    """The labels of all exports; a raw id before a name means one thing."""

    def __init__(self) -> None:
        self.known: Final[list[str]] = []
        self._numbers: Final[dict[int, str]] = {}

    def place(self, name: str) -> int:
        """Place of a label in the legend.

        Raises:
            JobError: Its number stands before another name, too.
        """
        own = numbered(name)
        if own is not None and self._numbers.setdefault(own[0], name).strip() != name.strip():
            raise JobError(
                Text(
                    f"标签“{self._numbers[own[0]]}”与“{name}”使用同一编号，不能混在一起；请分别导入",
                    f"The labels '{self._numbers[own[0]]}' and '{name}' have one number and cannot be mixed; import them one"
                    " by one",
                )
            )
        if name not in self.known:
            self.known.append(name)
        return self.known.index(name)


class _Picture(NamedTuple):
    """One picture of a task: which data field, which item of a list, what it is called."""

    key: str
    item: int
    name: Name


def _read(gathered: Gathered, names: _Names, file: str, task: Task) -> None:
    """Gather what one task says."""
    pictures = _pictures(task)
    first = pictures[0].name.text if pictures else ""
    for number in range(task.predictions):
        gathered.end(Claim(file, f"task {task.id}, prediction {number + 1}", first), Fate.NOT_USED, _PREDICTED)
    if not task.annotations:
        gathered.end(Claim(file, f"task {task.id}", first), Fate.NOT_USED, _EMPTY)
    for annotation in task.annotations:
        place = f"task {task.id}, annotation {annotation.id}"
        if annotation.cancelled or not pictures:
            fate, text = (Fate.NOT_USED, _SKIPPED) if annotation.cancelled else (Fate.ABSENT, _NO_PICTURE)
            for number in range(max(1, len(annotation.result))):
                gathered.end(Claim(file, f"{place}, region {number + 1}", first), fate, text)
            continue
        found = at[1] if (at := _AT.search(PurePosixPath(file).name)) else ""
        _annotated(gathered, names, pictures, annotation.result, Claim(file, place, first), annotation.time or found)


def _annotated(
    gathered: Gathered, names: _Names, pictures: Sequence[_Picture], result: Sequence[Any], told: Claim, time: str
) -> None:
    """Gather one annotation: a label for each of the task's pictures."""
    drawn: dict[_Picture, list[tuple[Entry, Region]]] = {picture: [] for picture in pictures}
    blocked: dict[_Picture, tuple[Fate, Text]] = {}
    for entry in merged(result, told):
        picture = _picture_of(entry, pictures)
        region = _region(entry, names) if picture else _No(Fate.AMBIGUOUS, _UNCLEAR, blocks=False)
        if picture and isinstance(region, Region):
            drawn[picture].append((entry, region))
        elif isinstance(region, _No):
            blocked |= _not_drawn(gathered, entry, region, picture)
    for picture, parts in drawn.items():
        sizes = {entry.size for entry, _ in parts}
        if len(sizes) > 1:
            blocked[picture] = Fate.BROKEN, _odd_sizes(sizes)
        claims = tuple(claim._replace(picture=picture.name.text[:200]) for entry, _ in parts for claim in entry.claims)
        if not result and picture is pictures[0]:
            claims = (told,)
        label = DrawnLabel(*next(iter(sizes)), tuple(region for _, region in parts)) if parts else None
        gathered.say(Said(told.file, claims, picture.name, label, time, blocked=blocked.get(picture)))


def _not_drawn(
    gathered: Gathered, entry: Entry, no: "_No", picture: _Picture | None
) -> dict[_Picture, tuple[Fate, Text]]:
    """End an entry; what it means for its picture."""
    for claim in entry.claims:
        gathered.end(claim, no.fate, no.text)
    return {picture: (no.fate, no.text)} if picture and no.blocks else {}


class _No(NamedTuple):
    """Why an entry draws nothing, and whether the picture cannot be used without it."""

    fate: Fate
    text: Text
    blocks: bool


def _region(entry: Entry, names: _Names) -> Region | _No:
    """A region, or why there is none."""
    kind = entry.kind
    if kind not in _SHAPES:
        area = "没有面积" if kind in _WITHOUT_AREA else "不是像素标注"
        what = "has no area" if kind in _WITHOUT_AREA else "says nothing about pixels"
        return _No(Fate.UNSUPPORTED, Text(f"{kind} {area}，不支持", f"A {kind} {what}: not supported"), blocks=False)
    if entry.rotation:
        text = Text(
            f"在旋转 {entry.rotation}° 的图片上标注，不支持；请在 Label Studio 中转正后重新导出",
            f"Drawn on a picture turned by {entry.rotation} degrees: not supported; turn it back in Label Studio and export",
        )
        return _No(Fate.UNSUPPORTED, text, blocks=True)
    if not entry.labels:
        return _No(Fate.UNSUPPORTED, Text(f"{kind} 区域没有类别", f"A {kind} region without a label"), blocks=True)
    if len(entry.labels) > 1:
        several = ", ".join(entry.labels)
        text = Text(
            f"一个区域有多个类别：{several}；请只保留一个", f"A region with several labels: {several}; keep one"
        )
        return _No(Fate.AMBIGUOUS, text, blocks=True)
    value: Any = entry.value
    if kind == "polygon":
        value = entry.value["points"]
    elif kind == "brush":
        value = entry.value["rle"]
    elif kind == "bitmask":
        value = {"png": entry.value["imageDataURL"]}
    return Region(names.place(entry.labels[0]), _SHAPES[kind], value)


def _pictures(task: Task) -> list[_Picture]:
    """The pictures of a task, in the order of its data."""
    found = []
    for key, value in task.data.items():
        for index, text in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(text, str) and (text.startswith("data:image/") or _looks_like_picture(text)):
                found.append(_Picture(key, index if isinstance(value, list) else -1, url_name(text)))
    if len(found) == 1 and task.upload:
        readings = url_name(task.upload)
        name = found[0].name
        merged_readings = tuple(dict.fromkeys((*name.readings, *readings.readings)))
        stripped = tuple(dict.fromkeys((*name.stripped, *readings.stripped)))
        found[0] = found[0]._replace(name=Name(name.text, merged_readings, stripped))
    return found


def _looks_like_picture(text: str) -> bool:
    return any(PurePosixPath(reading[-1]).suffix.lower() in PICTURES for reading in url_name(text).readings)


def _picture_of(entry: Entry, pictures: Sequence[_Picture]) -> _Picture | None:
    """The picture that a region is for; None when that is not clear."""
    keys = {picture.key for picture in pictures}
    mine = [p for p in pictures if p.key == entry.to_name] if entry.to_name in keys else []
    mine = mine or (list(pictures) if len(keys) == 1 else [])
    if len(mine) == 1 and entry.item in (None, 0):
        return mine[0]
    return next((p for p in mine if entry.item is not None and p.item == entry.item), None)


def _odd_sizes(sizes: set[tuple[int, int]]) -> Text:
    shown = ", ".join(f"{w}x{h}" for w, h in sorted(sizes))
    return Text(f"同一图片的区域尺寸不一：{shown}", f"The regions of one picture have several sizes: {shown}")


def _table(names: Sequence[str]) -> tuple[ClassTable | None, tuple[int, ...]]:
    """The table that the labels make: their own ids where all have one, else counted from 0 in order of the names."""
    if not names:
        return None, ()
    own = [pair for name in names if (pair := numbered(name)) is not None and pair[0] < 255]
    numbers = dict(zip(names, own, strict=True)) if len(own) == len(names) else _counted(names)
    rows = sorted(numbers.values())
    colors = distinct_colors(len(rows))
    classes = (LabelClass(i, name, name, c, n) for n, ((i, name), c) in enumerate(zip(rows, colors, strict=True)))
    return ClassTable("label-studio", tuple(classes)), tuple(numbers[name][0] for name in names)


def _counted(names: Sequence[str]) -> dict[str, tuple[int, str]]:
    return {name: (number, name) for number, name in enumerate(sorted(names))}
