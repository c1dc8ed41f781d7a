"""Cityscapes: `leftImg8bit/<split>/<city>/X_leftImg8bit.png` with `gtFine/<split>/<city>/X_gtFine_labelIds.png`.

Pixels are label ids 0..33; the shipped table `cityscapes` has the names and the 19 train ids. Coarse labels are taken
where there are no fine ones. Cordts et al., CVPR 2016.
"""

import re
from pathlib import PurePosixPath
from typing import Final

from roadloop.errors import Text
from roadloop.labels.table import shipped
from roadloop.sources.importers.found import (
    COMPANION,
    NO_LABEL,
    NO_PICTURE,
    Fate,
    FileLabel,
    Found,
    Line,
    leftovers,
    make_item,
)
from roadloop.sources.importers.matching import Doubt, Match, pair
from roadloop.sources.importers.tree import Tree, readable, split_of

_PICTURE: Final = "_leftImg8bit"
_LABELS: Final = ("_gtFine_labelIds.png", "_gtCoarse_labelIds.png")  # the first one wins
_COMPANION: Final = re.compile(r"_gt(Fine|Coarse)_(color|instanceIds|instanceTrainIds)\.png$")
_PICTURES: Final = "leftImg8bit"
_FOLDERS: Final = frozenset({_PICTURES, "gtFine", "gtCoarse"})
_FINER: Final = Text("已有精细标注", "There is a fine label")


def find(tree: Tree) -> Found | None:
    """The labelled pictures of a Cityscapes folder, or None when it is none."""
    pictures = {f: _key(f, _PICTURE) for f in tree.pictures() if PurePosixPath(f).stem.endswith(_PICTURE)}
    labels: dict[str, Match] = {}
    doubts: dict[str, Doubt] = {}
    lines: list[Line] = []
    for ending in _LABELS:
        here = {f: _key(f, ending.removesuffix(".png")) for f in tree.files if f.endswith(ending)}
        found = pair({f: k for f, k in pictures.items() if f not in labels and f not in doubts}, here)
        labels.update(found.labels)
        doubts.update(found.doubts)
        known = {pictures[f] for f in labels}
        for file in here.keys() - {match.file for match in labels.values()} - doubts.keys():
            finer = here[file] in known
            lines.append(Line(file, *((Fate.SUPERSEDED, _FINER) if finer else (Fate.MISSING, NO_PICTURE))))
    if not labels:
        return None
    items = []
    for file, match in sorted(labels.items()):
        name = readable(PurePosixPath(file).stem.removesuffix(_PICTURE))
        city = name.partition("_")[0]
        label = FileLabel(match.file, "id")
        items.append(
            make_item(
                file, label, rule=match.rule, package=_package(file, city), stem=name, city=city, split=split_of(file)
            )
        )
    lines += [Line(f, Fate.NOT_USED, COMPANION) for f in tree.pictures() if _COMPANION.search(f)]
    lines += [Line(file, Fate.AMBIGUOUS, doubt.text) for file, doubt in doubts.items()]
    lines += [Line(f, Fate.MISSING, NO_LABEL) for f in pictures if f not in labels and f not in doubts]
    return Found(tuple(items), leftovers(tree, items, lines), usual=shipped("cityscapes"))


def _key(file: str, marker: str) -> str:
    """The path without the folders and the ending that tell pictures and labels apart."""
    path = PurePosixPath(file)
    parts = ["*" if part in _FOLDERS else part for part in path.parts[:-1]]
    return "/".join((*parts, path.stem.removesuffix(marker)))


def _package(file: str, city: str) -> str:
    """The folder that a picture stands in, which Cityscapes calls after its city.

    Below `leftImg8bit/<split>/` every folder is a city, whatever it is called; elsewhere not one called after a split.
    """
    parts = PurePosixPath(file).parts[:-1]
    folder = readable(parts[-1]) if parts else ""
    if _PICTURES in parts and len(parts) - parts.index(_PICTURES) > 2:
        return folder
    return folder if folder not in {"", *_FOLDERS} and not split_of(f"{folder}/x") else city
