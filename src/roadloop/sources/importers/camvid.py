"""CamVid in the layout of the SegNet tutorial: `train/` and `trainannot/`, `val/` and `valannot/`, `test/`...

Pixel = class, 0..10, and 11 = unlabelled; the folders are the official split. Its original colours too: `X.png` with
`X_L.png`. Brostow et al., PRL 2009; Badrinarayanan, Kendall, Cipolla, PAMI 2017.
"""

from pathlib import PurePosixPath
from typing import Final, Literal

from roadloop.errors import Text
from roadloop.labels.table import ClassTable, shipped
from roadloop.sources.importers.found import FileLabel, Found, Layout, make_item, unpaired
from roadloop.sources.importers.matching import pair
from roadloop.sources.importers.tree import Tree, split_of

TABLE: Final = shipped("camvid")
ANNOTATED: Final = "annot"  # ends the name of a folder of id labels
COLORED: Final = "_L"  # ends the name of a colour label
_COLOR_FOLDERS: Final = frozenset({"701_stillsraw_full", "labeledapproved_full", "images", "labels"})


def find(tree: Tree) -> Found | None:
    """The labelled pictures of a listed CamVid folder, or None when it is none.

    Two forms: the SegNet tutorial's ids (`train/X.png` with `trainannot/X.png`), and the original colours (`X.png` with
    `X_L.png`, in one folder, in two beside each other, or anywhere where names are unique).
    """
    return _ids(tree) or _colors(tree)


def _ids(tree: Tree) -> Found | None:
    folders = {PurePosixPath(f).parent for f in tree.files}
    labelled = {f.with_name(f.name.removesuffix(ANNOTATED)) for f in folders if _is_annotated(f)} & folders
    pictures, labels = {}, {}
    for file in tree.pictures():
        path = PurePosixPath(file)
        if _is_annotated(path.parent):
            key = path.parent.with_name(path.parent.name.removesuffix(ANNOTATED)) / path.stem
            labels[file] = key.as_posix()
        elif path.parent in labelled:
            pictures[file] = path.with_suffix("").as_posix()
    return _paired(pictures, labels, "auto", TABLE)


def _is_annotated(folder: PurePosixPath) -> bool:
    return folder.name.endswith(ANNOTATED) and folder.name != ANNOTATED


def _colors(tree: Tree) -> Found | None:
    pictures, labels = {}, {}
    for file in tree.pictures():
        path = PurePosixPath(file)
        if path.suffix.lower() == ".png" and path.stem.endswith(COLORED):
            labels[file] = path.with_name(path.stem.removesuffix(COLORED)).as_posix()
        else:
            pictures[file] = path.with_suffix("").as_posix()
    return _paired(pictures, labels, "color", shipped("camvid-32"))


def _paired(
    pictures: dict[str, str], labels: dict[str, str], form: Literal["auto", "color"], usual: ClassTable
) -> Found | None:
    """Pair by the whole path; colours that stand in folders of their own also by what is below those."""
    found = pair(pictures, labels)
    for below in (_below_known, _name_alone) if form == "color" else ():
        found.extend({f: below(k) for f, k in pictures.items()}, {f: below(k) for f, k in labels.items()})
    if not found.labels and not (labels and found.doubts):
        return None
    pairs = sorted(found.labels.items())
    items = [make_item(f, FileLabel(m.file, form), rule=m.rule, split=split_of(f)) for f, m in pairs]
    return Found(items, [*unpaired(found, pictures, labels)], usual=usual)


def _below_known(key: str) -> str:
    return "/".join("*" if part.lower() in _COLOR_FOLDERS else part for part in key.split("/"))


def _name_alone(key: str) -> str:
    return PurePosixPath(key).name


LAYOUT: Final = Layout("camvid", find, Text("有 <目录>annot/ 或 X_L.png", "folders called ...annot/, or X_L.png"))
