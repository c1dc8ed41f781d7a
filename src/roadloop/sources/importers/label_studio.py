"""Label Studio's JSON export: tasks with brush strokes and outlines, and the pictures somewhere beside it.

A region's label names its class: `<raw id> <name>` as roadloop's projects have it, or a class name. Later regions
cover earlier ones; what no region covers is unlabelled (255). Of several annotations of a task the newest counts.
"""

import re
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from roadloop.errors import Text
from roadloop.labels.colors import distinct_colors
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.importers.found import (
    NO_LABEL,
    DrawnLabel,
    Fate,
    Found,
    Item,
    LegendClass,
    Line,
    Region,
    leftovers,
    make_item,
)
from roadloop.sources.importers.tree import ODD_JSON, Tree, odd_json, split_of

_USED: Final = Text("Label Studio 导出文件，已读取", "Label Studio's export; it was read")
_HASH: Final = re.compile(r"[0-9a-f]{8}-")
_NUMBERED: Final = re.compile(r"(\d{1,3}) +(\S.*)")


def find(tree: Tree) -> Found | None:
    """The pictures that an export describes, or None when there is no export."""
    items: dict[str, Item] = {}
    lines: list[Line] = []
    pictures = _Pictures(tree)
    exported = False
    for file, value in tree.json_files().items():
        if not _is_export(value):
            continue
        exported = True
        lines.append(Line(file, Fate.USED, _USED))
        for task in value:
            image = ""
            try:
                image = pictures.find(task)
                label = _label(task)
            except ODD_JSON as error:
                lines += [Line(image, Fate.BROKEN, odd_json(error))] if image else []
                continue
            if image and label and image not in items:
                items[image] = make_item(image, label, split=split_of(image))
    if not exported:
        return None
    found = tuple(items.values())
    named = {line.file for line in lines}
    lines += [Line(f, Fate.MISSING, NO_LABEL) for f in tree.pictures() if f not in items and f not in named]
    names = sorted({r.name for item in found if isinstance(item.label, DrawnLabel) for r in item.label.regions})
    legend = tuple(LegendClass(name) for name in names)
    return Found(found, leftovers(tree, found, lines), legend, _table(names))


def numbered(name: str) -> tuple[int, str] | None:
    """(raw id, name) of a label `<raw id> <name>`, or None."""
    found = _NUMBERED.fullmatch(name.strip())
    return (int(found[1]), found[2]) if found else None


def _is_export(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(task, dict) and "data" in task and "annotations" in task for task in value)
    )


class _Pictures:
    """Finds the picture of a task: uploads carry a hash before their name, local files stand in a query."""

    def __init__(self, tree: Tree) -> None:
        self._by_name: Final[dict[str, str]] = {}
        for file in tree.pictures():
            self._by_name.setdefault(PurePosixPath(file).name, file)

    def find(self, task: Any) -> str:
        """The file, or an empty text."""
        for text in (task.get("file_upload"), *task["data"].values()):
            for name in _names(text) if isinstance(text, str) else ():
                if name in self._by_name:
                    return self._by_name[name]
        return ""


def _names(text: str) -> tuple[str, ...]:
    parts = urlsplit(text)
    place = parse_qs(parts.query).get("d", [parts.path])[0]
    name = PurePosixPath(unquote(place)).name
    return (name, name[9:]) if _HASH.match(name) else (name,)


def _label(task: Any) -> DrawnLabel | None:
    """The newest annotation that was not cancelled; None when there is none."""
    done = [a for a in task["annotations"] if isinstance(a, dict) and not a.get("was_cancelled")]
    if not done:
        return None
    newest = max(done, key=lambda a: (str(a.get("updated_at") or a.get("created_at") or ""), a.get("id") or 0))
    regions: list[Region] = []
    width = height = 0
    for result in newest.get("result") or ():
        kind, value = result.get("type"), result.get("value") or {}
        names = value.get(kind) or ()
        if not names or kind not in ("brushlabels", "polygonlabels"):
            continue
        width, height = int(result["original_width"]), int(result["original_height"])
        brush = kind == "brushlabels"
        regions.append(Region(str(names[0]), "rle" if brush else "polygon", value["rle" if brush else "points"]))
    return DrawnLabel(width, height, tuple(regions)) if regions else None


def _table(names: list[str]) -> ClassTable | None:
    """The table that the labels' names make: their own ids where all have one, else counted from 0."""
    if not names:
        return None
    own = {pair[0]: pair[1] for name in names if (pair := numbered(name)) and pair[0] < 255}
    rows = sorted(own.items()) if len(own) == len(names) else list(enumerate(names))
    colors = distinct_colors(len(rows))
    return ClassTable(
        "label-studio",
        tuple(LabelClass(i, name, name, c, n) for n, ((i, name), c) in enumerate(zip(rows, colors, strict=True))),
    )
