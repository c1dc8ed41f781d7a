"""Pascal VOC masks and CVAT's "segmentation mask" export: `SegmentationClass/X.png` for `JPEGImages/X.jpg`.

In VOC the pixels are palette indices, 255 a border to be ignored. CVAT adds `labelmap.txt`; its pixels are colours.
Official splits come from `ImageSets/Segmentation/{train,val,test}.txt`. Everingham et al., IJCV 2015.
"""

from pathlib import PurePosixPath
from typing import Final

from roadloop.errors import Text
from roadloop.labels.table import ClassTable, shipped
from roadloop.sources.importers.found import COMPANION, Fate, FileLabel, Found, Layout, Line, make_item, unpaired
from roadloop.sources.importers.legend import LABEL_MAP
from roadloop.sources.importers.listing import read_lists
from roadloop.sources.importers.matching import pair
from roadloop.sources.importers.tree import Tree, package_of
from roadloop.sources.layout import SPLIT_NAMES

_MASKS: Final = "SegmentationClass"
_PICTURES: Final = "JPEGImages"
_OBJECTS: Final = "SegmentationObject"
_LISTS: Final = "ImageSets/Segmentation/"


def find(tree: Tree) -> Found | None:
    """The labelled pictures of a VOC folder, or None when it is none, or one of CVAT's."""
    return None if _has_label_map(tree) else _find(tree, shipped("voc"))


def find_cvat(tree: Tree) -> Found | None:
    """The labelled pictures of a CVAT export, or None when it is none."""
    return _find(tree, None) if _has_label_map(tree) else None


def _has_label_map(tree: Tree) -> bool:
    return any(PurePosixPath(f).name == LABEL_MAP for f in tree.files)


def _find(tree: Tree, usual: ClassTable | None) -> Found | None:
    masks = {f: _key(f, _MASKS) for f in tree.pictures() if _below(f, _MASKS)}
    if not masks:
        return None
    others = [f for f in tree.pictures() if not _below(f, _MASKS) and not _below(f, _OBJECTS)]
    found = pair({f: _key(f, _PICTURES) for f in others}, masks)
    # CVAT may leave the pictures in the top folder, or beside the masks' folder.
    loose = {f: PurePosixPath(f).stem for f in others if not _below(f, _PICTURES)}
    found.extend(loose, {f: PurePosixPath(f).stem for f in masks})
    items, keys = [], {}
    for picture, match in sorted(found.labels.items()):
        prefix, _, rest = _key(match.file, _MASKS).partition("*/")
        folder = PurePosixPath(PurePosixPath(prefix).name) / PurePosixPath(rest).parent
        label = FileLabel(match.file, "color" if usual is None else "auto")
        items.append(make_item(picture, label, rule=match.rule, package=package_of(folder.as_posix())))
        keys[picture] = prefix + rest
    lists = [
        (split, file, file.removesuffix(f"{_LISTS}{split}.txt"))
        for split in SPLIT_NAMES
        for file in tree.files
        if file.endswith(f"{_LISTS}{split}.txt")
    ]
    listed = read_lists(tree, lists, items, keys)
    lines = [*listed.lines, *unpaired(found, others, masks)]
    lines += [Line(f, Fate.NOT_USED, COMPANION) for f in tree.pictures() if _below(f, _OBJECTS)]
    return Found(listed.items, lines, listed.statements, listed.stated, usual=usual)


def _below(file: str, folder: str) -> bool:
    return folder in PurePosixPath(file).parts[:-1]


def _key(file: str, folder: str) -> str:
    """The path without its ending, with `folder` replaced so that pictures and masks agree."""
    parts = PurePosixPath(file).with_suffix("").parts
    place = parts.index(folder) if folder in parts[:-1] else -1
    return "/".join((*parts[:place], "*", *parts[place + 1 :])) if place >= 0 else "/".join(parts)


LAYOUTS: Final = (
    Layout("cvat", find_cvat, Text("有 labelmap.txt 与 SegmentationClass/", "labelmap.txt and SegmentationClass/")),
    Layout("voc", find, Text("有 JPEGImages/ 与 SegmentationClass/", "JPEGImages/ and SegmentationClass/")),
)
