"""Label Studio's exports: tasks with strokes, outlines and other shapes, and the pictures somewhere beside them.

JSON, JSON_MIN and the `completions` of versions before 1.0. A region's label names its class: `<raw id> <name>` as
roadloop's projects have it, or a class name. Later regions cover earlier ones; what no region covers is unlabelled (255).
Of several annotations of a picture the newest counts.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from roadloop.errors import Text
from roadloop.sources.importers.document import Gathered, Refused, Said
from roadloop.sources.importers.found import Claim, DrawnLabel, Fate, Found, Layout, LegendClass, Line, Region
from roadloop.sources.importers.label_studio_tasks import (
    Entry,
    Task,
    count_statements,
    is_export,
    merged,
    read_task,
    read_time,
)
from roadloop.sources.importers.matching import Name, url_name
from roadloop.sources.importers.naming import table_of
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
_AT: Final = re.compile(r"-at-(\d{4}-\d{2}-\d{2})-(\d{2})-(\d{2})")
#: Shape in the export -> how it is drawn, and where its geometry stands.
_SHAPES: Final = {
    "polygon": ("percent", ("points",)),
    "brush": ("brush", ("rle",)),
    "rectangle": ("rectangle", ("x", "y", "width", "height")),
    "ellipse": ("ellipse", ("x", "y", "radiusX", "radiusY")),
    "bitmask": ("bitmap", ("imageDataURL",)),
}
_Places = dict[str, int]  # a label's name -> its place in the legend
_WITHOUT_AREA: Final = frozenset({"keypoint", "vector", "line"})


def find(tree: Tree) -> Found | None:
    """The pictures that an export describes, or None when there is no export."""
    gathered, lines = Gathered(tree), list[Line]()
    places: _Places = {}
    exports = documents(tree)
    for file, value in exports.items():
        gathered.stated[file] = sum(map(count_statements, value))
        for number, raw in enumerate(value):
            try:
                task = read_task(raw, number)
            except ODD_JSON as error:
                for statement in range(count_statements(raw)):
                    place = f"task {raw.get('id', number)}, statement {statement + 1}"
                    gathered.end(Claim(file, place, ""), Fate.BROKEN, odd_json(error))
                continue
            _read(gathered, places, file, task)
        lines.append(Line(file, Fate.USED, _USED))
    if not exports:
        return None
    items = gathered.settle()
    legend = [LegendClass(name) for name in places]
    return gathered.found(items, lines, legend, table_of("label-studio", legend, by_name=True))


def documents(tree: Tree) -> dict[str, Any]:
    """The JSON files that Label Studio exported."""
    return {file: value for file, value in tree.documents().items() if is_export(value)}


class _Picture(NamedTuple):
    """One picture of a task: which data field, which item of a list, what it is called."""

    key: str
    item: int
    name: Name


def _read(gathered: Gathered, places: _Places, file: str, task: Task) -> None:
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
        time = annotation.time or _exported(file)
        _annotated(gathered, places, pictures, annotation.result, Claim(file, place, first), time)


def _exported(file: str) -> str:
    """When an export was made, from its name; empty = not said."""
    at = _AT.search(PurePosixPath(file).name)
    return read_time(f"{at[1]}T{at[2]}:{at[3]}") if at else ""


def _annotated(
    gathered: Gathered, places: _Places, pictures: Sequence[_Picture], result: Sequence[Any], told: Claim, time: str
) -> None:
    """Gather one annotation: a label for each of the task's pictures."""
    drawn: dict[_Picture, list[tuple[Entry, Region]]] = {picture: [] for picture in pictures}
    blocked: dict[_Picture, tuple[Fate, Text]] = {}
    for entry in merged(result, told):
        picture = _picture_of(entry, pictures)
        region = _region(entry, places, picture)
        if isinstance(region, Refused):
            for claim in entry.claims:
                gathered.end(claim, region.fate, region.text)
            blocked |= {p: region[:2] for p in ([picture] if picture else pictures) if region.blocks}
        elif picture is not None:
            drawn[picture].append((entry, region))
    for picture, parts in drawn.items():
        claims = tuple(claim._replace(picture=picture.name.text[:200]) for entry, _ in parts for claim in entry.claims)
        if not result and picture is pictures[0]:
            claims = (told,)
        if claims or picture in blocked:  # a picture that nothing is said of may be another task's
            label, fault = _label(parts)
            fault = blocked.get(picture, fault)
            gathered.said.append(Said(told.file, claims, picture.name, label, time, blocked=fault))


def _label(parts: Sequence[tuple[Entry, Region]]) -> tuple[DrawnLabel | None, tuple[Fate, Text] | None]:
    """What the regions of one picture draw, and why they cannot."""
    if not parts:
        return None, None
    sizes = sorted({entry.size for entry, _ in parts})
    fault = (Fate.BROKEN, _odd_sizes(sizes)) if len(sizes) > 1 else None
    return DrawnLabel(*sizes[0], tuple(region for _, region in parts)), fault


def _region(entry: Entry, places: _Places, picture: _Picture | None) -> Region | Refused:
    """A region of a picture, or why there is none."""
    kind = entry.kind
    if entry.fault is not None:
        return Refused(Fate.BROKEN, entry.fault)
    if kind not in _SHAPES:
        area = "没有面积" if kind in _WITHOUT_AREA else "不是像素标注"
        what = "has no area" if kind in _WITHOUT_AREA else "says nothing about pixels"
        text = Text(f"{kind} {area}，不支持", f"A {kind} {what}: not supported")
        return Refused(Fate.UNSUPPORTED, text, blocks=False)
    if entry.rotation:
        text = Text(
            f"在旋转 {entry.rotation}° 的图片上标注，不支持；请在 Label Studio 中转正后重新导出",
            f"Drawn on a picture turned by {entry.rotation} degrees: not supported; turn it back in Label Studio and export",
        )
        return Refused(Fate.UNSUPPORTED, text)
    if not entry.labels:
        return Refused(Fate.UNSUPPORTED, Text(f"{kind} 区域没有类别", f"A {kind} region without a label"))
    if len(entry.labels) > 1:
        several = ", ".join(entry.labels)
        text = Text(
            f"一个区域有多个类别：{several}；请只保留一个", f"A region with several labels: {several}; keep one"
        )
        return Refused(Fate.AMBIGUOUS, text)
    return Refused(Fate.AMBIGUOUS, _UNCLEAR) if picture is None else _drawn(entry, places)


def _drawn(entry: Entry, places: _Places) -> Region | Refused:
    """A region of a shape that is drawn."""
    kind, keys = _SHAPES[entry.kind]
    missing = [key for key in keys if key not in entry.value]
    if missing:
        some = ", ".join(missing)
        text = Text(f"{entry.kind} 区域缺少 {some}", f"A {entry.kind} region without {some}")
        return Refused(Fate.BROKEN, text)
    value = entry.value if len(keys) > 1 else entry.value[keys[0]]
    if kind == "bitmap":
        value = {"png": value}
    return Region(places.setdefault(entry.labels[0], len(places)), kind, value, entry.claims[0].place)


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


def _odd_sizes(sizes: Sequence[tuple[int, int]]) -> Text:
    shown = ", ".join(f"{w}x{h}" for w, h in sizes)
    return Text(f"同一图片的区域尺寸不一：{shown}", f"The regions of one picture have several sizes: {shown}")


LAYOUT: Final = Layout("label-studio", find, Text("有 Label Studio 导出的 JSON", "a JSON that Label Studio exported"))
