"""Pascal VOC masks and CVAT's "segmentation mask" export: `SegmentationClass/X.png` for `JPEGImages/X.jpg`.

In VOC the pixels are palette indices, 255 a border to be ignored. CVAT adds `labelmap.txt`; its pixels are colours.
Official splits come from `ImageSets/Segmentation/{train,val,test}.txt`. Everingham et al., IJCV 2015.
"""

from pathlib import PurePosixPath
from typing import Final, NamedTuple

from roadloop.errors import Text
from roadloop.labels.table import ClassTable, shipped
from roadloop.sources.importers.found import (
    NO_LABEL,
    NO_PICTURE,
    Fate,
    FileLabel,
    Found,
    LegendClass,
    Line,
    leftovers,
    make_item,
)
from roadloop.sources.importers.legend import LABEL_MAP, LEGEND_FILE, find_legend
from roadloop.sources.importers.tree import Tree, package_of
from roadloop.sources.layout import SPLIT_NAMES

_MASKS: Final = "SegmentationClass"
_PICTURES: Final = "JPEGImages"
_OBJECTS: Final = "SegmentationObject"
_LISTS: Final = "ImageSets/Segmentation/"
LIST_FILE: Final = Text("官方划分列表，已读取", "An official split list; it was read")


def find(tree: Tree) -> Found | None:
    """The labelled pictures of a VOC folder, or None when it is none, or one of CVAT's."""
    return None if _has_label_map(tree) else _find(tree, None)


def find_cvat(tree: Tree) -> Found | None:
    """The labelled pictures of a CVAT export, or None when it is none."""
    legend = find_legend(tree) if _has_label_map(tree) else None
    return _find(tree, legend[0], legend[1]) if legend else None


def _has_label_map(tree: Tree) -> bool:
    return any(PurePosixPath(f).name == LABEL_MAP for f in tree.files)


def _find(tree: Tree, label_map: str | None, own: ClassTable | None = None) -> Found | None:
    masks = {_key(f, _MASKS): f for f in tree.pictures() if f.lower().endswith(".png") and _below(f, _MASKS)}
    if not masks:
        return None
    by_stem: dict[str, list[tuple[str, str]]] = {}
    for key in masks:
        by_stem.setdefault(PurePosixPath(key[1]).name, []).append(key)
    splits = _splits(tree)
    items = []
    lines = [Line(file, Fate.USED, LIST_FILE) for file in splits.files]
    lines += [Line(label_map, Fate.USED, LEGEND_FILE)] if label_map else []
    for picture in tree.pictures():
        if _below(picture, _MASKS) or _below(picture, _OBJECTS):
            continue
        key = _key(picture, _PICTURES)
        if key not in masks:
            alike = by_stem.get(PurePosixPath(picture).stem, [])
            key = alike[0] if len(alike) == 1 and not _below(picture, _PICTURES) else key
        label = masks.pop(key, None)
        if label is None:
            lines.append(Line(picture, Fate.MISSING, NO_LABEL))
            continue
        prefix, rest = key
        folder = PurePosixPath(PurePosixPath(prefix).name) / PurePosixPath(rest).parent
        item = make_item(
            picture,
            FileLabel(label, "color" if label_map else "auto"),
            package=package_of(folder.as_posix()),
            split=splits.of.get(rest, ""),
        )
        items.append(item)
    lines += [Line(label, Fate.MISSING, NO_PICTURE) for label in masks.values()]
    table = own or shipped("voc")
    legend = tuple(LegendClass(c.name_en, c.raw_id, c.color) for c in table.classes)
    return Found(tuple(items), leftovers(tree, tuple(items), lines), legend, table) if items else None


class _Splits(NamedTuple):
    """The official lists: their files, and the split of each picture's name."""

    files: list[str]
    of: dict[str, str]


def _splits(tree: Tree) -> _Splits:
    found = _Splits([], {})
    for split in SPLIT_NAMES:
        for file in tree.files:
            if file.endswith(f"{_LISTS}{split}.txt"):
                found.files.append(file)
                for line in tree.text(file).splitlines():
                    found.of.setdefault(line.strip(), split)
    return found


def _below(file: str, folder: str) -> bool:
    return folder in PurePosixPath(file).parts[:-1]


def _key(file: str, folder: str) -> tuple[str, str]:
    """What stands before and after `folder` in a path, without the ending; the whole path where it is not in it."""
    path = PurePosixPath(file).with_suffix("")
    if folder not in path.parts[:-1]:
        return "", path.as_posix()
    place = path.parts.index(folder)
    return "/".join(path.parts[:place]), "/".join(path.parts[place + 1 :])
