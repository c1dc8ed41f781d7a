"""CamVid in the layout of the SegNet tutorial: `train/` and `trainannot/`, `val/` and `valannot/`, `test/`...

The labels are copied byte for byte: pixel = class, 0..10, and 11 = unlabelled. The folders are the official split.
Brostow et al., PRL 2009; Badrinarayanan, Kendall, Cipolla, PAMI 2017.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from roadloop.errors import InvalidValueError, Text
from roadloop.imaging.header import broken
from roadloop.labels.table import shipped
from roadloop.sources.importers.found import (
    NO_LABEL,
    NO_PICTURE,
    Fate,
    FileLabel,
    LegendClass,
    Line,
    leftovers,
    make_item,
)
from roadloop.sources.importers.found import Found as FoundTree
from roadloop.sources.importers.legend import LEGEND_FILE, find_legend
from roadloop.sources.importers.tree import Tree, split_of
from roadloop.sources.layout import SPLIT_NAMES
from roadloop.sources.writer import NewSample
from roadloop.storage import reading

TABLE: Final = shipped("camvid")
ANNOTATED: Final = "annot"  # ends the name of a folder of id labels
COLORED: Final = "_L"  # ends the name of a colour label


class Found(NamedTuple):
    """A picture with its label, and the split whose folder it stands in."""

    split: str
    image: Path
    label: Path


def find(folder: Path) -> list[Found]:
    """The labelled pictures of a CamVid folder, in order.

    Raises:
        InvalidValueError: Not such a folder, or a picture has no label.
    """
    found = [
        Found(split, image, folder / f"{split}annot" / f"{image.stem}.png")
        for split in SPLIT_NAMES
        if (folder / f"{split}annot").is_dir()
        for image in sorted((folder / split).glob("*"))
        if image.suffix.lower() in {".jpg", ".jpeg", ".png"}
    ]
    if not found:
        raise InvalidValueError(
            Text(
                f"{folder} 不是 CamVid 目录：应有 train/ 与 trainannot/，val/ 与 valannot/",
                f"{folder} is not a CamVid folder: it should hold train/ and trainannot/, val/ and valannot/",
            ),
            folder=str(folder),
        )
    missing = [f.label for f in found if not f.label.is_file()]
    if missing:
        raise InvalidValueError(
            Text(
                f"{len(missing)} 张图片没有标注，例如缺少 {missing[0]}",
                f"{len(missing)} pictures have no label; for example {missing[0]} is missing",
            ),
            missing=len(missing),
        )
    return found


def read(found: list[Found]) -> Iterator[NewSample]:
    """Read what `find` found, one at a time; tracks follow from the file names."""
    for split, image, label in found:
        yield NewSample(split, image.stem, _read(image), _read(label), split=split)


def find_tree(tree: Tree) -> FoundTree | None:
    """The labelled pictures of a listed CamVid folder, or None when it is none.

    Two forms: the SegNet tutorial's ids (`train/X.png` with `trainannot/X.png`), and the original colours
    (`X.png` with `X_L.png`, in any folders), whose legend is a file `label_colors.txt`, else the shipped `camvid-32`.
    """
    return _ids(tree) or _colors(tree)


def _ids(tree: Tree) -> FoundTree | None:
    folders = {PurePosixPath(f).parent for f in tree.files}
    labelled = {f.with_name(f.name.removesuffix(ANNOTATED)) for f in folders if _is_annotated(f)} & folders
    labels = {f for f in tree.pictures() if _is_annotated(PurePosixPath(f).parent)}
    items, lines = [], []
    for file in tree.pictures():
        path = PurePosixPath(file)
        if path.parent not in labelled:
            continue
        label = (path.parent.with_name(path.parent.name + ANNOTATED) / f"{path.stem}.png").as_posix()
        if label in labels:
            items.append(make_item(file, FileLabel(label, "id"), split=split_of(file)))
            labels.discard(label)
        else:
            lines.append(Line(file, Fate.MISSING, NO_LABEL))
    if not items:
        return None
    lines += [Line(label, Fate.MISSING, NO_PICTURE) for label in sorted(labels)]
    legend = tuple(LegendClass(c.name_en, c.raw_id) for c in TABLE.classes)
    return FoundTree(tuple(items), leftovers(tree, tuple(items), lines), legend, TABLE)


def _is_annotated(folder: PurePosixPath) -> bool:
    return folder.name.endswith(ANNOTATED) and folder.name != ANNOTATED


def _colors(tree: Tree) -> FoundTree | None:
    labels = {PurePosixPath(f).stem.removesuffix(COLORED): f for f in tree.pictures() if _is_colored(f)}
    if not labels:
        return None
    file, table = find_legend(tree) or ("", shipped("camvid-32"))
    items, lines = [], [Line(file, Fate.USED, LEGEND_FILE)] if file else []
    for picture in tree.pictures():
        if _is_colored(picture):
            continue
        label = labels.pop(PurePosixPath(picture).stem, None)
        if label is None:
            lines.append(Line(picture, Fate.MISSING, NO_LABEL))
        else:
            items.append(make_item(picture, FileLabel(label, "color"), split=split_of(picture)))
    lines += [Line(label, Fate.MISSING, NO_PICTURE) for label in labels.values()]
    legend = tuple(LegendClass(c.name_en, color=c.color) for c in table.classes)
    return FoundTree(tuple(items), leftovers(tree, tuple(items), lines), legend, table) if items else None


def _is_colored(file: str) -> bool:
    path = PurePosixPath(file)
    return path.suffix.lower() == ".png" and path.stem.endswith(COLORED)


def _read(path: Path) -> bytes:
    try:
        return reading.read_bytes(path)
    except OSError as error:
        what = reading.why(error)
        raise broken(f"{path} 无法读取：{what.zh}", f"{path} cannot be read: {what.en}") from error
