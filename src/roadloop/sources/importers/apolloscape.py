"""ApolloScape: `ColorImage/<record>/<camera>/X.jpg` with `Label/<record>/<camera>/X_bin.png`.

Scene parsing: the folders stand in `<road>_ins/` or `<road>_seg/`; pixels are class ids (table `apolloscape`; the source
names no colours, those are ours). Lane marks: `ColorImage_<road>/ColorImage/...` with `Labels_<road>/Label/...`, or a folder
`..._lane/`; pixels are ids, or the colours of the source's table (`apolloscape-lane`). The two have no id in common but 0 and
255, so masks read as the wrong one are left out as unknown, never taken. Instances and outlines are companions.

Sources: Huang et al., TPAMI 2020, and dataset-api `scene_parsing/README.md`, `lane_segmentation/helpers/laneMarkDetection.py`.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from roadloop.errors import Text
from roadloop.labels.table import shipped
from roadloop.sources.importers.found import COMPANION, Fate, FileLabel, Found, Layout, Line, make_item, unpaired
from roadloop.sources.importers.matching import pair
from roadloop.sources.importers.tree import Tree, package_of, split_of

_MASK: Final = "_bin"
_PICTURES: Final = re.compile(r"ColorImage(_.+)?")
_MASKS: Final = re.compile(r"Labels?(_.+)?")
_LANE: Final = re.compile(r"Labels_.+|.+_lane")
_COMPANION: Final = "_instanceIds"


def find_scene(tree: Tree) -> Found | None:
    """The pictures with class ids, or None when the folder is none, or has lane marks."""
    masks = _masks(tree)
    has_lanes = any(_LANE.fullmatch(part) for file in masks for part in PurePosixPath(file).parts[:-1])
    return None if has_lanes else _read(tree, masks, "apolloscape")


def find_lanes(tree: Tree) -> Found | None:
    """The pictures with lane marks, or None when the folder has none.

    A folder whose names say nothing is read so where the layout is named: see `find_scene`.
    """
    return _read(tree, _masks(tree), "apolloscape-lane")


def _masks(tree: Tree) -> dict[str, str]:
    return {f: key for f in tree.pictures() if f"{_MASK}." in f and (key := _key(f, _MASKS)).endswith(_MASK)}


def _read(tree: Tree, masks: Mapping[str, str], table: str) -> Found | None:
    pictures = {f: key for f in tree.pictures() if (key := _key(f, _PICTURES))} if masks else {}
    if not pictures:
        return None
    found = pair(pictures, {f: key.removesuffix(_MASK) for f, key in masks.items()})
    items = []
    for file, match in sorted(found.labels.items()):
        package = _package(file)
        label = FileLabel(match.file, "auto" if table == "apolloscape-lane" else "id")
        items.append(make_item(file, label, rule=match.rule, package=package, split=split_of(file), track=package))
    companions = (f for f in tree.pictures() if PurePosixPath(f).stem.endswith(_COMPANION))
    lines = [*unpaired(found, pictures, masks), *(Line(f, Fate.NOT_USED, COMPANION) for f in companions)]
    return Found(items, lines, usual=shipped(table))


def _key(file: str, folders: re.Pattern[str]) -> str:
    """The path without ending, the folders that tell pictures and masks apart replaced; empty when it has none."""
    path = PurePosixPath(file)
    parts = [f"*{found[1] or ''}" if (found := folders.fullmatch(part)) else part for part in path.parts[:-1]]
    return "/".join((*parts, path.stem)) if any(part.startswith("*") for part in parts) else ""


def _package(file: str) -> str:
    """Road, record and camera: the drive that a picture belongs to."""
    parts = PurePosixPath(file).parts[:-1]
    roads = [(found[1] or "").lstrip("_") if (found := _PICTURES.fullmatch(part)) else part for part in parts]
    return package_of("/".join(part for part in roads if part))


LAYOUTS: Final = (
    Layout(
        "apolloscape",
        find_scene,
        Text("有 ColorImage/ 与 Label/ 中的 X_bin.png", "ColorImage/, and Label/ with X_bin.png"),
    ),
    Layout(
        "apolloscape-lane",
        find_lanes,
        Text(
            "有 ColorImage_<道路>/ 与 Labels_<道路>/ 中的 X_bin.png，或目录名以 _lane 结尾",
            "ColorImage_<road>/, and Labels_<road>/ with X_bin.png, or folders called ..._lane",
        ),
    ),
)
