"""What an importer finds: pictures with their labels, the legend of the labels, and what became of every file.

Paths are texts relative to the imported folder, as they are on the disk: bytes that are no UTF-8 are kept.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final, Literal, NamedTuple

from roadloop.errors import Text
from roadloop.labels.table import ClassTable, Color
from roadloop.sources.importers.tree import Tree, package_of, readable


class Fate(StrEnum):
    """What became of a file; every file under the imported folder has exactly one."""

    ADDED = "added"
    ALREADY = "already_there"
    CHANGED = "changed"
    MISSING = "missing_partner"
    PARTNER = "partner_left_out"
    BROKEN = "broken"
    UNKNOWN = "unknown_color"
    SIZE = "other_size"
    VANISHED = "vanished"
    UNREADABLE = "unreadable"
    OUTSIDE = "outside"
    BAD_NAME = "bad_name"
    TAKEN = "name_taken"
    USED = "used"
    NOT_USED = "not_used"


#: Fates of files that somebody should look at.
BAD: Final = frozenset(Fate) - {Fate.ADDED, Fate.ALREADY, Fate.USED, Fate.NOT_USED}

FATES: Final = {
    Fate.ADDED: Text("已加入", "added"),
    Fate.ALREADY: Text("早已在内", "already there"),
    Fate.CHANGED: Text("内容与上次导入不同", "changed since the last import"),
    Fate.MISSING: Text("缺少对应文件", "without a partner"),
    Fate.PARTNER: Text("随对应文件未使用", "left out with its partner"),
    Fate.BROKEN: Text("损坏", "broken"),
    Fate.UNKNOWN: Text("未知颜色或编号", "of unknown colours or ids"),
    Fate.SIZE: Text("尺寸不符", "of another size"),
    Fate.VANISHED: Text("扫描期间消失", "vanished during the scan"),
    Fate.UNREADABLE: Text("无法读取", "unreadable"),
    Fate.OUTSIDE: Text("链接到根目录之外", "links out of the roots"),
    Fate.BAD_NAME: Text("文件名不可用", "with an unusable name"),
    Fate.TAKEN: Text("重名", "of the same name as another"),
    Fate.USED: Text("作为说明文件使用", "read as a description"),
    Fate.NOT_USED: Text("不需要", "not needed"),
}

NOT_NEEDED: Final = Text("此布局不需要这个文件", "Not needed in this layout")
NO_LABEL: Final = Text("图片没有标注", "A picture without a label")
NO_PICTURE: Final = Text("标注没有对应的图片", "A label without a picture")


class Line(NamedTuple):
    """One line of the report: a file, what became of it, and why."""

    file: str
    fate: Fate
    text: Text


@dataclass(frozen=True)
class FileLabel:
    """A label in a file of its own.

    Attributes:
        file: A PNG.
        reading: How: `id` the pixels are values of the legend; `color` its colours; `auto` by the PNG's kind;
            `panoptic` COCO's segment numbers.
        segments: For `panoptic`: (segment number, value of the legend).
    """

    file: str
    reading: Literal["auto", "id", "color", "panoptic"] = "auto"
    segments: tuple[tuple[int, int], ...] = ()


class Region(NamedTuple):
    """One stroke or outline of a Label Studio annotation; later ones cover earlier ones.

    Attributes:
        name: The label's text.
        kind: `rle` or `polygon`.
        value: The run lengths, or the outline's points in percent of the size.
    """

    name: str
    kind: Literal["rle", "polygon"]
    value: Any


@dataclass(frozen=True)
class DrawnLabel:
    """A label that a JSON file describes.

    Attributes:
        width: Pixels.
        height: Pixels.
        regions: In drawing order.
    """

    width: int
    height: int
    regions: tuple[Region, ...]


Label = FileLabel | DrawnLabel


class Item(NamedTuple):
    """A picture with its label.

    Attributes:
        package: Folder in the source set.
        stem: Name without ending.
        image: The picture's file.
        label: Where its label comes from.
        split: From the layout's official lists; empty = in none.
        city: Where the layout knows it.
        track: Track id; empty = derived from the stem.
        point: Track point id; empty = derived.
        time: When it was taken.
    """

    package: str
    stem: str
    image: str
    label: Label
    split: str = ""
    city: str = ""
    track: str = ""
    point: str = ""
    time: str = ""


class LegendClass(NamedTuple):
    """One class of the imported data: its pixel value, name and colour, as far as it has them."""

    name: str
    value: int | None = None
    color: Color | None = None


@dataclass(frozen=True)
class Found:
    """What a layout's reader found.

    Attributes:
        items: Pictures with labels.
        lines: Files that ended already.
        legend: What the labels mean; empty: they are ids or colours of the class table itself.
        table: The layout's own class table.
        unlabelled: Pixel values that mean "nobody said", besides 255: they are ignored, not unknown.
    """

    items: tuple[Item, ...]
    lines: tuple[Line, ...] = ()
    legend: tuple[LegendClass, ...] = ()
    table: ClassTable | None = None
    unlabelled: tuple[int, ...] = ()


def make_item(image: str, label: Label, **known: Any) -> Item:
    """An item named after its picture's file; `package` and others may be given."""
    path = PurePosixPath(image)
    values = {"package": package_of(path.parent.as_posix()), "stem": readable(path.stem), **known}
    return Item(image=image, label=label, **values)


def leftovers(tree: Tree, items: tuple[Item, ...], lines: list[Line]) -> tuple[Line, ...]:
    """All lines: those given, and "not needed" for each file that is in none of them and in no item."""
    used = {line.file for line in lines} | {item.image for item in items}
    used |= {item.label.file for item in items if isinstance(item.label, FileLabel)}
    return (*lines, *(Line(file, Fate.NOT_USED, NOT_NEEDED) for file in tree.files if file not in used))
