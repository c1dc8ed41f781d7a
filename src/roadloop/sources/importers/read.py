"""Read one item of an import and check it: whole, matching in size, of known classes; or say why not."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roadloop.annotators import brush
from roadloop.annotators.polygons import fill
from roadloop.errors import BrokenFileError, RoadloopError, Text
from roadloop.imaging.decode import check_image, decode_color_label, decode_label
from roadloop.imaging.header import GREY, PALETTE, Format, broken, read_header
from roadloop.labels.table import IGNORE
from roadloop.sources.check import MAX_UNKNOWN
from roadloop.sources.importers.found import DrawnLabel, Fate, FileLabel, Item, Label, Line
from roadloop.sources.importers.translate import Painted, Translation
from roadloop.sources.importers.tree import OutsideError, Tree
from roadloop.sources.layout import LabelKind
from roadloop.storage import reading

UInt8 = NDArray[np.uint8]
ADDED: Final = Text("已加入", "added")


@dataclass(frozen=True)
class Ready:
    """A good item.

    Attributes:
        item: What was read.
        image: The picture's bytes.
        image_format: From its content.
        ids: uint8 [H, W], raw ids.
        stays: How the label can be used where it is; None when it had to be translated.
        image_sha256: Of the picture.
        label_sha256: Of the label's file, or of what was drawn.
        note: What the report says.
    """

    item: Item
    image: bytes
    image_format: Format
    ids: UInt8
    stays: LabelKind | None
    image_sha256: str
    label_sha256: str
    note: Text


class ItemReader:
    """Reads the items of one import; its calls may run in several threads.

    Args:
        tree: The imported folder.
        translation: What the labels mean.
        max_pixels: Larger pictures are left out.
    """

    def __init__(self, tree: Tree, translation: Translation, max_pixels: int) -> None:
        self._tree: Final = tree
        self._translation: Final = translation
        self._max_pixels: Final = max_pixels

    def read(self, item: Item, known: tuple[str, str] | None) -> Ready | list[Line]:
        """Read and check one item.

        Args:
            item: What to read.
            known: The sha256 of its picture and label when it was imported before.

        Returns:
            The good item, or a line for each of its files.
        """
        try:
            return self._read(item, known)
        except _LeftOutError as left_out:
            return left_out.lines(item)

    def _read(self, item: Item, known: tuple[str, str] | None) -> Ready | list[Line]:
        image = self._bytes(item.image, is_label=False)
        label = self._label_bytes(item.label)
        sums = hashlib.sha256(image).hexdigest(), hashlib.sha256(label).hexdigest()
        if known is not None:
            fate, text = (Fate.ALREADY, _SAME) if known == sums else (Fate.CHANGED, _CHANGED)
            return [Line(file, fate, text) for file in files_of(item)]
        try:
            header = check_image(image, self._max_pixels)
        except RoadloopError as error:
            raise _LeftOutError(Fate.BROKEN, error.text, is_label=False) from error
        try:
            painted, stays = self._paint(item.label, label)
        except RoadloopError as error:
            raise _LeftOutError(Fate.BROKEN, error.text) from error
        if painted.ids.shape != header.size[::-1]:
            raise _LeftOutError(Fate.SIZE, _other_size(painted.ids.shape, header.size))
        if painted.unknown > MAX_UNKNOWN * painted.ids.size:
            raise _LeftOutError(Fate.UNKNOWN, _unknown(painted))
        note = _unknown(painted) if painted.unknown else ADDED
        return Ready(item, image, header.format, painted.ids, stays, *sums, note)

    def _bytes(self, file: str, *, is_label: bool) -> bytes:
        try:
            return self._tree.read(file)
        except OutsideError as error:
            raise _LeftOutError(Fate.OUTSIDE, _OUTSIDE, is_label=is_label) from error
        except FileNotFoundError as error:
            raise _LeftOutError(Fate.VANISHED, _VANISHED, is_label=is_label) from error
        except OSError as error:
            what = reading.why(error)
            text = Text(f"无法读取：{what.zh}", f"Cannot be read: {what.en}")
            raise _LeftOutError(Fate.UNREADABLE, text, is_label=is_label) from error

    def _label_bytes(self, label: Label) -> bytes:
        if isinstance(label, DrawnLabel):
            return json.dumps(asdict(label), default=list).encode()
        return self._bytes(label.file, is_label=True)

    def _paint(self, label: Label, data: bytes) -> tuple[Painted, LabelKind | None]:
        if isinstance(label, DrawnLabel):
            return self._draw(label), None
        translation = self._translation
        if label.reading == "panoptic":
            return self._panoptic(label, decode_color_label(data, self._max_pixels)), None
        header = read_header(data)
        ids = header.channels == GREY or (header.channels == PALETTE and label.reading != "color")
        if label.reading == "id" or (ids and header.format == "png" and translation.has_values):
            painted = translation.values(decode_label(data, self._max_pixels))
            return painted, "id" if translation.keeps_values else None
        painted = translation.colors(decode_color_label(data, self._max_pixels))
        return painted, "color" if translation.keeps_colors else None

    def _panoptic(self, label: FileLabel, rgb: UInt8) -> Painted:
        wide = rgb.astype(np.int64)
        numbers, place = np.unique(wide[..., 0] | wide[..., 1] << 8 | wide[..., 2] << 16, return_inverse=True)
        segments = {0: IGNORE} | {number: self._translation.category(value) for number, value in label.segments}
        targets = np.array([segments.get(number, -1) for number in numbers.tolist()], np.int16)
        counts = np.bincount(place.ravel(), minlength=len(numbers))
        strange = [(int(counts[i]), int(n)) for i, n in enumerate(numbers) if targets[i] < 0]
        described = ", ".join(f"segment {n} x {count}" for count, n in sorted(strange, reverse=True)[:10])
        ids = np.where(targets < 0, IGNORE, targets).astype(np.uint8)[place.reshape(rgb.shape[:2])]
        return Painted(ids, sum(count for count, _ in strange), described)

    def _draw(self, label: DrawnLabel) -> Painted:
        if not 0 < label.width * label.height <= self._max_pixels:
            raise broken(f"标注尺寸 {label.width}x{label.height} 无效", f"A label of {label.width}x{label.height}")
        ids = np.full((label.height, label.width), IGNORE, np.uint8)
        unknown = np.zeros(ids.shape, np.bool_)
        strange: set[str] = set()
        for region in label.regions:
            mask = _mask(region.kind, region.value, label.width, label.height)
            raw_id = self._translation.name(region.name)
            ids[mask] = raw_id if raw_id >= 0 else IGNORE
            unknown[mask] = raw_id < 0
            strange |= {region.name} if raw_id < 0 else set()
        return Painted(ids, int(unknown.sum()), ", ".join(sorted(strange)))


class _LeftOutError(Exception):
    """Why an item is left out, and which of its files is to blame."""

    def __init__(self, fate: Fate, text: Text, *, is_label: bool = True) -> None:
        super().__init__(text.en)
        self._fate: Final = fate
        self._text: Final = text
        self._is_label: Final = is_label

    def lines(self, item: Item) -> list[Line]:
        """A line for each file of the item."""
        if isinstance(item.label, DrawnLabel):
            return [Line(item.image, self._fate, self._text)]
        blamed, other = (item.label.file, item.image) if self._is_label else (item.image, item.label.file)
        what = _LABEL_LEFT if self._is_label else _IMAGE_LEFT
        return [Line(blamed, self._fate, self._text), Line(other, Fate.PARTNER, what)]


def files_of(item: Item) -> tuple[str, ...]:
    """The files that belong to an item alone."""
    return (item.image, item.label.file) if isinstance(item.label, FileLabel) else (item.image,)


_SAME: Final = Text("与上次导入时相同", "The same as when it was imported before")
_CHANGED: Final = Text(
    "内容与上次导入时不同，保留原有的；若要采用新的，请导入为另一个源数据",
    "It differs from what was imported before, which is kept; import it into another source set to use it",
)
_LABEL_LEFT: Final = Text("它的标注未使用，原因见标注一行", "Its label is left out; the label's line says why")
_IMAGE_LEFT: Final = Text("它的图片未使用，原因见图片一行", "Its picture is left out; the picture's line says why")
_OUTSIDE: Final = Text("链接指向工作区与根目录之外", "A link out of the workspace and its roots")
_VANISHED: Final = Text("列出之后又消失了", "It was there when the folder was listed, and is gone")


def _mask(kind: str, value: Any, width: int, height: int) -> NDArray[np.bool_]:
    if kind == "rle":
        return brush.decode(value, width, height)
    try:
        points = np.array(value, np.float64).reshape(-1, 2) * (width / 100, height / 100)
    except (ValueError, TypeError) as error:
        raise _odd_points() from error
    if len(points) < 3 or not np.isfinite(points).all():
        raise _odd_points()
    area = fill(points, width, height)
    mask = np.zeros((height, width), np.bool_)
    area.of(mask)[:] = area.mask
    return mask


def _odd_points() -> BrokenFileError:
    return broken("多边形的点无效", "The polygon's points are not valid")


def _other_size(label: tuple[int, ...], picture: tuple[int, int]) -> Text:
    return Text(
        f"标注尺寸 {label[1]}x{label[0]} 与图片尺寸 {picture[0]}x{picture[1]} 不同",
        f"The label's size {label[1]}x{label[0]} is not the picture's, {picture[0]}x{picture[1]}",
    )


def _unknown(painted: Painted) -> Text:
    share = f"{100 * painted.unknown / painted.ids.size:.2f} %"
    return Text(
        f"{share} 的像素不在类别表中（颜色或编号 x 像素数）：{painted.described}；这些像素已设为 255（忽略）"
        if painted.unknown <= MAX_UNKNOWN * painted.ids.size
        else f"{share} 的像素不在类别表中（颜色或编号 x 像素数）：{painted.described}",
        f"{share} of the pixels are not in the class table (colour or id x pixels): {painted.described}"
        + ("; they were set to 255 (ignore)" if painted.unknown <= MAX_UNKNOWN * painted.ids.size else ""),
    )
