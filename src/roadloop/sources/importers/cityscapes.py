"""Cityscapes: `leftImg8bit/<split>/<city>/X_leftImg8bit.png` with `gtFine/<split>/<city>/X_gtFine_labelIds.png`.

Pixels are label ids 0..33; the shipped table `cityscapes` has the names and the 19 train ids. Coarse labels are taken
where there are no fine ones. Cordts et al., CVPR 2016.
"""

from pathlib import PurePosixPath
from typing import Final

from roadloop.labels.table import shipped
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
from roadloop.sources.importers.tree import PICTURES, Tree, readable, split_of

_PICTURE: Final = "_leftImg8bit"
_LABELS: Final = ("_gtCoarse_labelIds.png", "_gtFine_labelIds.png")  # the last one wins


def find(tree: Tree) -> Found | None:
    """The labelled pictures of a Cityscapes folder, or None when it is none."""
    labels: dict[str, str] = {}
    for ending in _LABELS:
        for file in tree.files:
            if file.endswith(ending):
                labels[PurePosixPath(file).name.removesuffix(ending)] = file
    items, lines = [], []
    for file in tree.files:
        path = PurePosixPath(file)
        if not path.stem.endswith(_PICTURE) or path.suffix.lower() not in PICTURES:
            continue
        stem = path.stem.removesuffix(_PICTURE)
        label = labels.pop(stem, None)
        if label is None:
            lines.append(Line(file, Fate.MISSING, NO_LABEL))
            continue
        name = readable(stem)
        city = name.partition("_")[0]
        items.append(make_item(file, FileLabel(label, "id"), package=city, stem=name, city=city, split=split_of(file)))
    if not items:
        return None
    lines += [Line(file, Fate.MISSING, NO_PICTURE) for file in labels.values()]
    table = shipped("cityscapes")
    legend = tuple(LegendClass(c.name_en, c.raw_id) for c in table.classes)
    return Found(tuple(items), leftovers(tree, tuple(items), lines), legend, table)
