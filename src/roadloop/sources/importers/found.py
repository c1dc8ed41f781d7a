"""What an importer finds: pictures with their labels, what the labels mean, and what became of every file and statement.

Paths are texts relative to the imported folder, as they are on the disk: bytes that are no UTF-8 are kept.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final, Literal, NamedTuple, Self

from roadloop.errors import Text
from roadloop.labels.table import ClassTable, Color
from roadloop.sources.importers.matching import EXACT, Pairing
from roadloop.sources.importers.tree import ARCHIVES, OTHER_PICTURES, PICTURES, Tree, package_of
from roadloop.storage.paths import readable


class Fate(StrEnum):
    """What became of a file, or of a statement that a file makes; each has exactly one.

    Attributes:
        text: What it is called, after a number of files.
    """

    text: Text

    def __new__(cls, value: str, zh: str = "", en: str = "") -> Self:
        """A fate with its text; of the value alone, the fate that has it."""
        fate = str.__new__(cls, value)
        fate._value_, fate.text = value, Text(zh, en)
        return fate

    ADDED = "added", "已加入", "added"
    ALREADY = "already_there", "早已在内", "already there"
    CHANGED = "changed", "内容与上次导入不同", "changed since the last import"
    MISSING = "missing_partner", "缺少对应文件", "without a partner"
    PARTNER = "partner_left_out", "随对应文件未使用", "left out with its partner"
    AMBIGUOUS = "ambiguous", "对应关系不唯一", "of which it is unclear what they belong to"
    ABSENT = "picture_absent", "图片不在目录中", "about pictures that are not there"
    SUPERSEDED = "superseded", "已由更新的代替", "superseded by newer ones"
    ELSEWHERE = "not_for_this_picture", "不属于这张图片", "not for this picture"
    UNSUPPORTED = "unsupported", "不支持", "not supported"
    BROKEN = "broken", "损坏", "broken"
    UNKNOWN = "unknown_color", "未知颜色或编号", "of unknown colours or ids"
    SIZE = "other_size", "尺寸不符", "of another size"
    VANISHED = "vanished", "扫描期间消失", "vanished during the scan"
    UNREADABLE = "unreadable", "无法读取", "unreadable"
    OUTSIDE = "outside", "链接到根目录之外", "links out of the roots"
    BAD_NAME = "bad_name", "文件名不可用", "with an unusable name"
    TAKEN = "name_taken", "重名", "of the same name as another"
    USED = "used", "作为说明文件使用", "read as a description"
    NOT_USED = "not_used", "不需要", "not needed"


#: Fates that somebody should look at.
BAD: Final = frozenset(Fate) - {Fate.ADDED, Fate.ALREADY, Fate.USED, Fate.NOT_USED, Fate.SUPERSEDED, Fate.ELSEWHERE}

NOT_NEEDED: Final = Text("此布局不需要这个文件", "Not needed in this layout")
NO_LABEL: Final = Text("图片没有标注", "A picture without a label")
NO_PICTURE: Final = Text("标注没有对应的图片", "A label without a picture")
LIST_FILE: Final = Text("官方划分列表，已读取", "An official split list; it was read")
_NO_PLACE: Final = Text("在此布局中没有与它成对的文件", "In this layout nothing makes a pair with it")
COMPANION: Final = Text("同一标注的另一种形式，不需要", "Another form of the same label; not needed")
_CONVERT: Final = Text(
    "图片与标注须为 JPEG 或 PNG：请无损转换为 PNG",
    "Pictures and labels must be JPEG or PNG: convert it to PNG, without loss",
)
_UNPACK: Final = Text("压缩包：请先解压（unpack）再导入", "An archive: unpack it first, then import the folder")


class Line(NamedTuple):
    """One line of the report: a file, what became of it, and why.

    Attributes:
        file: Which.
        fate: What became of it.
        text: Why.
        blamed: The place of the one statement that is the reason; empty = none, or not known.
    """

    file: str
    fate: Fate
    text: Text
    blamed: str = ""


class Claim(NamedTuple):
    """A statement that a file makes about a picture, such as one region of a task.

    Attributes:
        file: Who says it.
        place: Where in that file, for people: `task 7, region 2`, `line 12`.
        picture: The picture, or what the file calls it.
    """

    file: str
    place: str
    picture: str


class Statement(NamedTuple):
    """A claim with its outcome."""

    claim: Claim
    fate: Fate
    text: Text


@dataclass(frozen=True)
class FileLabel:
    """A label in a file of its own.

    Attributes:
        file: A picture file, or LabelMe's JSON.
        reading: How: `id` the pixels are values of the legend; `color` its colours; `auto` by the PNG's kind and what
            the class table declares; `panoptic` COCO's segment numbers; `red` values in the red channel; `labelme` the
            shapes of a JSON.
        segments: For `panoptic`: (segment number, place in the legend); for `labelme`: (place of the shape, likewise).
    """

    file: str
    reading: Literal["auto", "id", "color", "panoptic", "labelme"] = "auto"
    segments: tuple[tuple[int, int], ...] = ()


class Region(NamedTuple):
    """One area of a class that a document describes; later ones cover earlier ones.

    Attributes:
        label: Place of its class in the legend.
        kind: Name of a shape; see `shapes.DRAWERS`.
        value: What that shape needs.
        place: Where its document says so, as in the claim.
    """

    label: int
    kind: str
    value: Any
    place: str = ""


@dataclass(frozen=True)
class DrawnLabel:
    """A label that a document describes.

    Attributes:
        width: Pixels; 0 when the document does not say: the picture's own.
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
        rule: How the two were matched; `EXACT`, or a weaker rule that the report names.
        claims: The statements that the label consists of; they share its outcome.
        split: From the layout's official lists; empty = in none.
        city: Where the layout knows it.
        track: Track id; empty = derived from the stem.
        point: Track point id; empty = derived.
        time: When it was taken.
        longitude: Degrees east, as text; empty = unknown.
        latitude: Degrees north, likewise.
        datum: Of the two; empty = not said.
    """

    package: str
    stem: str
    image: str
    label: Label
    rule: Text = EXACT
    claims: tuple[Claim, ...] = ()
    split: str = ""
    city: str = ""
    track: str = ""
    point: str = ""
    time: str = ""
    longitude: str = ""
    latitude: str = ""
    datum: str = ""


class LegendClass(NamedTuple):
    """One class of the imported data: its name, pixel value and colour, as far as it has them.

    Its identity is its place in the legend: neither names nor values are unique.
    """

    name: str
    value: int | None = None
    color: Color | None = None
    name_zh: str = ""


@dataclass(frozen=True)
class Found:
    """What a layout's reader found.

    Attributes:
        items: Pictures with labels.
        lines: Files that ended already; what else there is nobody reads, see `leftovers`.
        statements: Statements that ended already; those of the items end with them.
        stated: File -> how many statements it makes, counted where it was read.
        usual: The table that a layout of masks usually has; None where its masks mean what the data declares.
        legend: The classes that the data's documents name; empty for masks without a document.
        raw_ids: The raw id of each class of the legend in `table`.
        table: The class table that the documents make.
        undeclared: Why nothing can be read where neither the data nor `roadelement` has a class table; None where the
            usual table, or the shipped one, is meant then.
        unlabelled: Pixel values that mean "nobody said", besides 255: they are ignored, not unknown.
        notes: What the user should know.
    """

    items: Sequence[Item]
    lines: Sequence[Line] = ()
    statements: Sequence[Statement] = ()
    stated: Mapping[str, int] = field(default_factory=dict)
    usual: ClassTable | None = None
    legend: tuple[LegendClass, ...] = ()
    raw_ids: tuple[int, ...] = ()
    table: ClassTable | None = None
    undeclared: Text | None = None
    unlabelled: tuple[int, ...] = ()
    notes: tuple[Text, ...] = ()


def _none(_tree: Tree) -> Collection[str]:
    return ()


class Layout(NamedTuple):
    """A layout that imports know; `recognise.LAYOUTS` has them all.

    Attributes:
        name: As requests name it.
        find: Its reader; None when the folder is another.
        signs: What decides that a folder has it.
        documents: The files that could be no other layout's.
    """

    name: str
    find: Callable[[Tree], Found | None]
    signs: Text
    documents: Callable[[Tree], Collection[str]] = _none


def make_item(image: str, label: Label, **known: Any) -> Item:
    """An item named after its picture's file; `package` and others may be given."""
    path = PurePosixPath(image)
    values = {"package": package_of(path.parent.as_posix()), "stem": readable(path.stem), **known}
    return Item(image=image, label=label, **values)


def unpaired(
    found: Pairing, pictures: Iterable[str], labels: Iterable[str], no_picture: Text = NO_PICTURE
) -> Iterator[Line]:
    """The lines of pictures and labels that are in no pair; a label without a picture gets the text `no_picture`."""
    settled = found.settled
    yield from (Line(file, Fate.AMBIGUOUS, doubt.text) for file, doubt in found.doubts.items())
    yield from (Line(file, Fate.MISSING, NO_LABEL) for file in pictures if file not in settled)
    yield from (Line(file, Fate.MISSING, no_picture) for file in labels if file not in settled)


def leftovers(tree: Tree, found: Found) -> Iterator[Line]:
    """A line for each file that is in no item and in no line of a finding.

    What nobody reads is not needed, but for pictures of other kinds and archives, which may hold what people meant.
    """
    used = {line.file for line in found.lines}
    for item in found.items:
        used |= {item.image, item.label.file} if isinstance(item.label, FileLabel) else {item.image}
    return (_unread(file) for file in tree.files if file not in used)


def _unread(file: str) -> Line:
    name = file.lower()
    if name.endswith(ARCHIVES):
        return Line(file, Fate.UNSUPPORTED, _UNPACK)
    ending = PurePosixPath(name).suffix
    if ending in OTHER_PICTURES:
        return Line(file, Fate.UNSUPPORTED, _CONVERT)
    if ending in PICTURES:
        return Line(file, Fate.MISSING, _NO_PLACE)
    return Line(file, Fate.NOT_USED, NOT_NEEDED)
