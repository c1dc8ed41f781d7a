"""Plain pairs: a picture and its label in one folder, or in `images/` and `labels/` beside each other.

In one folder: `X.jpg` with `X.png`, or any picture with `label-X.png`, `X_L.png`, `X_label.png` or `X_mask.png`.
In two: the label has the picture's name, or one of those. A source set of roadloop is such a folder; its
`classes.csv`, `manifest.csv` and `splits/` are read.
"""

from pathlib import PurePosixPath
from typing import Final

from roadloop.errors import BrokenFileError, Text
from roadloop.labels.table import shipped
from roadloop.sources.importers.found import (
    NO_LABEL,
    Fate,
    FileLabel,
    Found,
    Item,
    LegendClass,
    Line,
    leftovers,
    make_item,
)
from roadloop.sources.importers.legend import LEGEND_FILE, find_legend
from roadloop.sources.importers.tree import OTHER_PICTURES, PICTURES, Tree, split_of
from roadloop.sources.layout import LABEL_PREFIX, MANIFEST, SPLIT_NAMES, SPLITS
from roadloop.sources.manifest import Row, parse_manifest

_IMAGES: Final = frozenset({"images", "image", "imgs", "img", "pictures", "jpegimages", "rgb", "frames", "data"})
_LABELS: Final = ("labels", "label", "masks", "mask", "annotations", "annotation", "gt", "seg", "segmentation")
_ENDINGS: Final = ("_L", "_label", "_labels", "_mask", "_gt")
_ALONE: Final = Text("没有找到与它成对的图片或标注", "No picture or label was found that makes a pair with it")
_FORMAT: Final = Text("图片须为 JPEG 或 PNG，请先转换", "Pictures must be JPEG or PNG; convert it first")
_KNOWN: Final = ("track", "point", "city", "time")
_LIST: Final = Text("源数据的说明文件，已读取", "A source set's description; it was read")


def find(tree: Tree) -> Found:
    """All pairs of a folder; there may be none."""
    pictures = tree.pictures()
    pngs = {f.lower(): f for f in pictures if f.lower().endswith(".png")}
    pairs: dict[str, str] = {}
    taken: set[str] = set()
    for file in sorted(pictures, key=lambda f: f.lower().endswith(".png")):  # a JPEG has the first choice
        label = None if file in taken else _label_of(file, pngs)
        if label is not None and label not in taken and label not in pairs:
            pairs[file] = label
            taken.add(label)
    known = _Known(tree)
    items = tuple(known.item(file, pairs[file]) for file in sorted(pairs))
    lines = [Line(file, Fate.USED, _LIST) for file in known.files]
    for file in tree.files:
        ending = PurePosixPath(file).suffix.lower()
        if file in pairs or file in taken:
            continue
        if ending in OTHER_PICTURES:
            lines.append(Line(file, Fate.BROKEN, _FORMAT))
        elif ending in PICTURES:
            lines.append(Line(file, Fate.MISSING, _ALONE if ending == ".png" else NO_LABEL))
    return _with_legend(tree, items, lines)


def _with_legend(tree: Tree, items: tuple[Item, ...], lines: list[Line]) -> Found:
    file, table = find_legend(tree) or ("", shipped())
    legend: tuple[LegendClass, ...] = ()
    if file:
        lines.append(Line(file, Fate.USED, LEGEND_FILE))
        legend = tuple(LegendClass(c.name_en, c.raw_id, c.color) for c in table.classes)
    return Found(items, leftovers(tree, items, lines), legend, table)


def _label_of(file: str, pngs: dict[str, str]) -> str | None:
    path = PurePosixPath(file)
    if path.stem.startswith(LABEL_PREFIX) or _below_labels(path):
        return None
    for folder in (path.parent, *_label_folders(path.parent)):
        beside = folder == path.parent
        plain = [] if beside and path.suffix.lower() == ".png" else [path.stem]
        for stem in (*plain, LABEL_PREFIX + path.stem, *(path.stem + ending for ending in _ENDINGS)):
            label = pngs.get((folder / f"{stem}.png").as_posix().lower())
            if label is not None and label != file:
                return label
    return None


def _below_labels(path: PurePosixPath) -> bool:
    return any(part.lower() in _LABELS for part in path.parts[:-1])


def _label_folders(folder: PurePosixPath) -> list[PurePosixPath]:
    """Where the labels of `.../images/...` may stand."""
    return [
        PurePosixPath(*folder.parts[:place], name, *folder.parts[place + 1 :])
        for place, part in enumerate(folder.parts)
        if part.lower() in _IMAGES
        for name in _LABELS
    ]


class _Known:
    """What a source set of roadloop says about its own pictures; nothing for other folders."""

    def __init__(self, tree: Tree) -> None:
        present = set(tree.files)
        lists = {split: f"{SPLITS}/{split}.txt" for split in SPLIT_NAMES}
        self.files: Final = [f for f in (MANIFEST, *lists.values()) if f in present]
        self._rows: Final = self._read(tree) if MANIFEST in present else {}
        self._splits: Final[dict[str, str]] = {}
        for split, file in lists.items():
            if file in present:
                self._splits.update({key.strip(): split for key in tree.text(file).splitlines()})

    def item(self, file: str, label: str) -> Item:
        """A pair with everything that is known of it."""
        item = make_item(file, FileLabel(label), split=split_of(file))
        item = item._replace(split=self._splits.get(f"{item.package}/{item.stem}", item.split))
        row = self._rows.get(f"{item.package}/{item.stem}")
        return item if row is None else item._replace(**{name: getattr(row, name) for name in _KNOWN})

    @staticmethod
    def _read(tree: Tree) -> dict[str, Row]:
        try:
            return parse_manifest(tree.read(MANIFEST))
        except (OSError, BrokenFileError):
            return {}
