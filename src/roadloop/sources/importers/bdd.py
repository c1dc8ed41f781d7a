"""BDD100K's semantic segmentation: `images/10k/<split>/X.jpg` with `labels/sem_seg/masks/<split>/X.png`.

Before 2020: `seg/images/<split>/X.jpg` with `seg/labels/<split>/X_train_id.png`. Pixels are Cityscapes' 19 train ids, 255
"unknown" (table `cityscapes-19`). The masks belong to the pictures of `images/10k`, which are not those of `images/100k`.
Colour maps, outlines and the masks of other tasks are companions. Yu et al., CVPR 2020; doc.bdd100k.com/format.html.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from roadloop.errors import Text
from roadloop.labels.table import shipped
from roadloop.sources.importers.found import (
    COMPANION,
    NO_PICTURE,
    Fate,
    FileLabel,
    Found,
    Layout,
    Line,
    make_item,
    unpaired,
)
from roadloop.sources.importers.matching import pair
from roadloop.sources.importers.tree import Tree, package_of, split_of

_OTHER_PICTURES: Final = Text(
    "BDD100K 的语义掩码属于 images/10k 的图片，不属于 images/100k；请下载并放入 images/10k",
    "BDD100K's semantic masks belong to the pictures of images/10k, not to those of images/100k: add images/10k",
)
_OTHER_TASK: Final = Text("BDD100K 其他任务的标注，不需要", "A label of another of BDD100K's tasks; not needed")
#: Folders of labels that are not read.
_COMPANIONS: Final = {
    "labels/sem_seg/colormaps": COMPANION,
    "color_labels": COMPANION,
    "labels/pan_seg": _OTHER_TASK,
    "labels/ins_seg": _OTHER_TASK,
    "labels/drivable": _OTHER_TASK,
    "labels/lane": _OTHER_TASK,
}


class _Form(NamedTuple):
    """A form of the tree.

    Attributes:
        pictures: Folders above the pictures.
        masks: Folders above the masks.
        ending: How the masks' names end.
    """

    pictures: str
    masks: str
    ending: str


_FORMS: Final = (_Form("images/10k", "labels/sem_seg/masks", ""), _Form("images", "labels", "_train_id"))


def find(tree: Tree) -> Found | None:
    """The labelled pictures of a BDD100K folder, or None when it has no such masks."""
    for form in _FORMS:
        masks = _below(tree, form.masks, form.ending)
        if masks and (found := _read(tree, form, masks)):
            return found
    return None


def _read(tree: Tree, form: _Form, masks: Mapping[str, str]) -> Found | None:
    pictures = _below(tree, form.pictures)
    others = _below(tree, "images/100k")
    if not pictures and not others:
        return None
    found = pair(pictures, masks)
    items = [
        make_item(
            f, FileLabel(match.file, "id"), rule=match.rule, package=_package(f, form.pictures), split=split_of(f)
        )
        for f, match in sorted(found.labels.items())
    ]
    lines = [*unpaired(found, pictures, masks, NO_PICTURE if pictures else _OTHER_PICTURES)]
    lines += [Line(f, Fate.MISSING, _OTHER_PICTURES) for f in others if f not in pictures]
    lines += [Line(f, Fate.NOT_USED, text) for folders, text in _COMPANIONS.items() for f in _below(tree, folders)]
    return Found(items, lines, usual=shipped("cityscapes-19"))


def _below(tree: Tree, folders: str, ending: str = "") -> dict[str, str]:
    """The pictures below some folders whose names end so: file -> its path without folders and ending."""
    found = {}
    for file in tree.pictures():
        before, middle, rest = f"/{file}".partition(f"/{folders}/")
        if middle and (path := PurePosixPath(rest)).stem.endswith(ending):
            key = path.with_name(path.stem.removesuffix(ending) or path.stem)
            found[file] = f"{before}/*/{key.as_posix()}"
    return found


def _package(file: str, folders: str) -> str:
    """The folders besides those that only say where pictures are."""
    return package_of(f"/{PurePosixPath(file).parent.as_posix()}/".replace(f"/{folders}/", "/", 1).strip("/"))


LAYOUT: Final = Layout(
    "bdd100k",
    find,
    Text(
        "有 images/10k/ 与 labels/sem_seg/masks/，或文件名含 _train_id",
        "images/10k/ with labels/sem_seg/masks/, or labels called ..._train_id",
    ),
)
