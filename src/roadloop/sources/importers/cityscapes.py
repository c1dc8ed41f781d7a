"""Cityscapes, and IDD, which copied its tree: `leftImg8bit/<split>/<city>/X_leftImg8bit.png` with masks in `gtFine/`.

The end of a mask's name declares its values, and is compared exactly: `labelIds` are Cityscapes' ids 0..33 (table
`cityscapes`), `labelTrainIds` its 19 train ids (`cityscapes-19`), `labelids` IDD's ids 0..39 (`idd`), `labellevel3Ids` the
26 classes of its challenge (`idd-level3`). One import has one kind; the others are companions. Coarse masks are taken where
there are no fine ones. Pictures are PNG or JPEG.

Sources: Cordts et al., CVPR 2016, and cityscapesScripts `helpers/labels.py`; Varma et al., WACV 2019, and AutoNUE
public-code `helpers/anue_labels.py`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from roadloop.errors import Text
from roadloop.labels.table import shipped
from roadloop.sources.importers.found import (
    COMPANION,
    NO_LABEL,
    Fate,
    FileLabel,
    Found,
    Item,
    Layout,
    Line,
    make_item,
    unpaired,
)
from roadloop.sources.importers.matching import Match, Pairing
from roadloop.sources.importers.tree import Tree, package_of, split_of
from roadloop.storage.paths import readable

_PICTURE: Final = "_leftImg8bit"
_MASK: Final = re.compile(r"_gt(Fine|Coarse)_label(?!Colors)(?P<values>\w*)\.png$")
_COMPANION: Final = re.compile(r"_gt(Fine|Coarse)_(color|labelColors|instance\w*|panoptic\w*)\.png$")
_OUTLINES: Final = re.compile(r"_gt(Fine|Coarse)_polygons\.json$")
_PICTURES: Final = "leftImg8bit"
_FOLDERS: Final = frozenset({_PICTURES, "gtFine", "gtCoarse"})
_FINER: Final = Text("已有精细标注", "There is a fine label")
_OTHER_VALUES: Final = Text(
    "这种掩码的取值与此次导入采用的不同，且该图片没有后者；请把它们单独放在一个目录，用相应的 layout 导入",
    "A mask of other values than those of this import, whose picture has none of the latter; import such masks from a"
    " folder of their own, with their layout",
)
_UNKNOWN_VALUES: Final = Text(
    "不支持这种取值的掩码；请用数据集自带的脚本生成 labelIds、labelTrainIds（Cityscapes）或 labelids、labellevel3Ids（IDD）",
    "Masks of such values are not supported; make labelIds or labelTrainIds (Cityscapes), labelids or labellevel3Ids (IDD)"
    " with the data set's own scripts",
)
_ONLY_OUTLINES: Final = Text(
    "目录只有多边形（_polygons.json），没有掩码；请用数据集自带的脚本（cityscapesScripts，或 IDD 的 createLabels.py）生成掩码",
    "The folder has outlines (_polygons.json) but no masks: make them with the data set's own scripts (cityscapesScripts, or"
    " IDD's createLabels.py)",
)


class _Kind(NamedTuple):
    """One kind of masks.

    Attributes:
        values: How the names end after `label`, the one that wins first.
        table: The class table of its values.
        signs: What decides that a folder has them.
        is_idd: Whether folders are drives, each a track of its own; else they are cities, and names begin with tracks.
    """

    values: tuple[str, ...]
    table: str
    signs: Text
    is_idd: bool = False


_KINDS: Final[Mapping[str, _Kind]] = {
    "cityscapes": _Kind(
        ("Ids",), "cityscapes", Text("文件名含 _leftImg8bit 与 _labelIds", "names with _leftImg8bit and _labelIds")
    ),
    "cityscapes-train-ids": _Kind(
        ("TrainIds",),
        "cityscapes-19",
        Text("文件名含 _leftImg8bit 与 _labelTrainIds", "names with _leftImg8bit and _labelTrainIds"),
    ),
    "idd": _Kind(
        ("ids",),
        "idd",
        Text("文件名含 _leftImg8bit 与 _labelids（小写）", "names with _leftImg8bit and _labelids, in lower case"),
        is_idd=True,
    ),
    "idd-level3": _Kind(
        ("level3Ids", "Level3Ids"),
        "idd-level3",
        Text("文件名含 _leftImg8bit 与 _labellevel3Ids", "names with _leftImg8bit and _labellevel3Ids"),
        is_idd=True,
    ),
}


def _find(kind: _Kind, tree: Tree) -> Found | None:
    """The labelled pictures that have masks of a kind, or None when there is not one such mask."""
    pictures = {f: _key(f, _PICTURE) for f in tree.pictures() if f"{_PICTURE}." in f}
    if not pictures:
        return None
    masks = {f: name for f in tree.files if (name := _MASK.search(f))}
    own = [f for f, name in masks.items() if name["values"] in kind.values]
    if not own:
        return _none_of(kind, tree, pictures, masks)
    found = Pairing({}, {})
    for quality in ("Fine", "Coarse"):
        found.extend(pictures, {f: _mask_key(f) for f in own if masks[f][1] == quality})
    items = _apart([_item(kind, file, match) for file, match in sorted(found.labels.items())])
    labelled = {pictures[f] for f in found.labels}
    settled = found.settled
    lines = [Line(f, Fate.SUPERSEDED, _FINER) for f in own if f not in settled and _mask_key(f) in labelled]
    for file in sorted(masks.keys() - set(own)):  # companions, unless theirs is the only mask of a picture
        same = _mask_key(file) in labelled
        lines.append(Line(file, *((Fate.NOT_USED, COMPANION) if same else (Fate.UNSUPPORTED, _OTHER_VALUES))))
    lines += [Line(f, Fate.NOT_USED, COMPANION) for f in tree.pictures() if _COMPANION.search(f)]
    lines += unpaired(found, pictures, own)
    return Found(items, lines, usual=shipped(kind.table))


def _none_of(kind: _Kind, tree: Tree, pictures: Mapping[str, str], masks: Mapping[str, re.Match[str]]) -> Found | None:
    """What is said of a folder of this tree that has no mask which any kind reads."""
    outlines = [f for f in tree.files if _OUTLINES.search(f)]
    readable_values = {values for known in _KINDS.values() for values in known.values}
    if any(name["values"] in readable_values for name in masks.values()):
        return None
    if not (masks or outlines) or kind is not _KINDS["cityscapes"]:
        return None
    lines = [Line(f, Fate.UNSUPPORTED, _UNKNOWN_VALUES) for f in masks]
    lines += [] if masks else [Line(f, Fate.UNSUPPORTED, _ONLY_OUTLINES) for f in outlines]
    lines += [Line(f, Fate.NOT_USED, COMPANION) for f in tree.pictures() if _COMPANION.search(f)]
    lines += [Line(f, Fate.MISSING, NO_LABEL) for f in pictures]
    return Found((), lines, usual=shipped(kind.table))


def _item(kind: _Kind, file: str, match: Match) -> Item:
    name = readable(PurePosixPath(file).stem.removesuffix(_PICTURE))
    label, split = FileLabel(match.file, "id"), split_of(file)
    if kind.is_idd:
        package = _folders(file)
        return make_item(file, label, rule=match.rule, package=package, stem=name, split=split, track=package)
    city = name.partition("_")[0]
    return make_item(file, label, rule=match.rule, package=_package(file, city), stem=name, city=city, split=split)


def _apart(items: Sequence[Item]) -> list[Item]:
    """The items; pictures of one name in one city of several splits have the split in their package's name."""
    times = Counter((item.package, item.stem) for item in items)
    return [i._replace(package=_folders(i.image)) if times[i.package, i.stem] > 1 else i for i in items]


def _folders(file: str) -> str:
    """The package of a picture that is named after all folders which say more than that pictures are there."""
    return package_of("/".join(part for part in PurePosixPath(file).parts[:-1] if part not in _FOLDERS))


def _key(file: str, marker: str) -> str:
    """The path without the folders and the ending that tell pictures and masks apart."""
    path = PurePosixPath(file)
    parts = ["*" if part in _FOLDERS else part for part in path.parts[:-1]]
    return "/".join((*parts, path.stem.removesuffix(marker)))


def _mask_key(file: str) -> str:
    found = _MASK.search(file)
    return _key(file, found[0].removesuffix(".png") if found else "")


def _package(file: str, city: str) -> str:
    """The folder that a picture stands in, which Cityscapes calls after its city.

    Below `leftImg8bit/<split>/` every folder is a city, whatever it is called; elsewhere not one called after a split.
    """
    parts = PurePosixPath(file).parts[:-1]
    folder = readable(parts[-1]) if parts else ""
    if _PICTURES in parts and len(parts) - parts.index(_PICTURES) > 2:
        return folder
    return folder if folder not in {"", *_FOLDERS} and not split_of(f"{folder}/x") else city


LAYOUTS: Final = tuple(Layout(name, partial(_find, kind), kind.signs) for name, kind in _KINDS.items())
