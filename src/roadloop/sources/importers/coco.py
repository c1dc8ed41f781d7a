"""COCO panoptic and stuff: a JSON with `categories`, and PNG masks.

Panoptic: a pixel is a segment's number R + 256 G + 65536 B, whose category the JSON tells (Kirillov et al., CVPR
2019). Stuff: the pixel maps of COCO-Stuff, an 8-bit pixel = category id (Caesar, Uijlings, Ferrari, CVPR 2018).
Its folder is called `..._pixelmaps`, or like the JSON.
Number 0 is unlabelled in both. Outlines and run lengths in a JSON are not read: they are lossy or overlap.
"""

from pathlib import PurePosixPath
from typing import Any, Final

from roadloop.errors import Text
from roadloop.labels.colors import distinct_colors
from roadloop.labels.table import IGNORE, ClassTable, Color, LabelClass
from roadloop.sources.importers.found import (
    NO_LABEL,
    NO_PICTURE,
    Fate,
    FileLabel,
    Found,
    Item,
    LegendClass,
    Line,
    leftovers,
    make_item,
)
from roadloop.sources.importers.tree import ODD_JSON, Tree, odd_json, split_of

_USED: Final = Text("COCO 说明文件，已读取", "COCO's description; it was read")


def find(tree: Tree) -> Found | None:
    """The pictures of a COCO folder that have a PNG mask, or None when there is none."""
    items: dict[str, Item] = {}
    lines: list[Line] = []
    categories: dict[int, LegendClass] = {}
    documents = [(file, value) for file, value in tree.json_files().items() if _is_coco(value)]
    # Panoptic first: other documents of the same pictures (instances, key points) have no masks of their own.
    for file, value in sorted(documents, key=lambda d: not _segments(d[1])):
        try:
            named = _panoptic(tree, file, value) if _segments(value) else _stuff(tree, file, value)
            classes = _categories(value)
        except ODD_JSON as error:
            lines.append(Line(file, Fate.BROKEN, odd_json(error)))
            continue
        if named:
            items.update({item.image: item for item in named if item.image not in items})
            lines.append(Line(file, Fate.USED, _USED))
            categories.update({c.value: c for c in classes if c.value is not None})
    if not items:
        return None
    return _found(tree, tuple(items.values()), lines, categories)


def _found(tree: Tree, items: tuple[Item, ...], lines: list[Line], categories: dict[int, LegendClass]) -> Found:
    labels = {item.label.file for item in items if isinstance(item.label, FileLabel)}
    folders = {PurePosixPath(label).parent for label in labels}
    images = {PurePosixPath(item.image).parent for item in items}
    known = labels | {item.image for item in items}
    for file in tree.pictures():
        parent = PurePosixPath(file).parent
        if file not in known and parent in folders | images:
            lines.append(Line(file, Fate.MISSING, NO_PICTURE if parent in folders else NO_LABEL))
    legend = tuple(categories[i] for i in sorted(categories))
    unlabelled = () if 0 in categories else (0,)
    return Found(items, leftovers(tree, items, lines), legend, _table(legend), unlabelled)


def _is_coco(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("categories"), list) and "images" in value


def _segments(value: Any) -> bool:
    rows = value.get("annotations")
    return isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict) and "segments_info" in rows[0]


def _categories(value: Any) -> list[LegendClass]:
    found = []
    for row in value["categories"]:
        color = row.get("color")
        exact: Color | None = (int(color[0]), int(color[1]), int(color[2])) if color else None
        found.append(LegendClass(str(row.get("name", row["id"])), int(row["id"]), exact))
    return found


def _panoptic(tree: Tree, file: str, value: Any) -> list[Item]:
    masks = _masks_of(tree, file)
    pictures = _Pictures(tree, set(masks.values()))
    names = {row["id"]: str(row["file_name"]) for row in value["images"]}
    items = []
    for row in value["annotations"]:
        mask = masks.get(str(row.get("file_name")))
        image = pictures.find(names.get(row.get("image_id"), ""), mask or "")
        if mask and image:
            segments = tuple((int(s["id"]), int(s["category_id"])) for s in row["segments_info"])
            label = FileLabel(mask, "panoptic", segments)
            items.append(make_item(image, label, split=_split(image, file)))
    return items


def _stuff(tree: Tree, file: str, value: Any) -> list[Item]:
    masks: dict[str, list[str]] = {}
    for name in tree.files:
        if name.lower().endswith(".png") and _is_pixel_map(name, PurePosixPath(file).stem):
            masks.setdefault(PurePosixPath(name).stem, []).append(name)
    pictures = _Pictures(tree, set())
    items = []
    for row in value["images"]:
        image = pictures.find(str(row.get("file_name")), "")
        found = [m for m in masks.get(PurePosixPath(image).stem, []) if m != image] if image else []
        if image and found:
            items.append(make_item(image, FileLabel(found[0], "id"), split=_split(image, file)))
    return items


def _is_pixel_map(file: str, document: str) -> bool:
    """Whether a PNG stands in a folder of stuff masks: `..._pixelmaps`, or named like the document."""
    return any(part.endswith("pixelmaps") or part == document for part in PurePosixPath(file).parts[:-1])


class _Pictures:
    """Finds a picture by the name that the JSON has for it; masks may carry the same name."""

    def __init__(self, tree: Tree, masks: set[str]) -> None:
        self._files: Final = set(tree.files)
        self._by_name: Final = tree.by_name()
        self._masks: Final = masks

    def find(self, name: str, mask: str) -> str:
        """The file, or an empty text."""
        if name in self._files and name != mask:
            return name
        found = [f for f in self._by_name.get(PurePosixPath(name).name, []) if f not in self._masks]
        return found[0] if found else ""


def _masks_of(tree: Tree, file: str) -> dict[str, str]:
    """The PNGs of the folder named like the JSON, by their last part; of all folders where there is none."""
    stem = PurePosixPath(file).stem
    pngs = [f for f in tree.files if f.lower().endswith(".png")]
    own = [f for f in pngs if stem in PurePosixPath(f).parts[:-1]]
    return {PurePosixPath(f).name: f for f in own or pngs}


def _split(image: str, file: str) -> str:
    stem = PurePosixPath(file).stem
    return split_of(image) or next((s for s in ("train", "val", "test") if s in stem), "")


def _table(legend: tuple[LegendClass, ...]) -> ClassTable:
    """Raw id = category id where it fits into a byte, else the category's place; own colours where all differ."""
    values = [c.value or 0 for c in legend]
    ids = values if max(values) < IGNORE else list(range(len(legend)))
    own = [c.color for c in legend if c.color is not None]
    colors = own if len(set(own)) == len(legend) else distinct_colors(len(legend))
    rows = zip(ids, legend, colors, strict=True)
    return ClassTable("coco", tuple(LabelClass(i, c.name, c.name, color, n) for n, (i, c, color) in enumerate(rows)))
