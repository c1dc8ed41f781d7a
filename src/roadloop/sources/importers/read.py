"""Read one item of an import and check it: whole, matching in size, of known classes; or say why not."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, RoadloopError, Text, many
from roadloop.imaging.decode import check_image, decode_color_label, decode_label
from roadloop.imaging.header import GREY, PALETTE, broken, read_header
from roadloop.labels.table import IGNORE
from roadloop.sources.check import MAX_UNKNOWN, count_ids, other_size
from roadloop.sources.importers import labelme
from roadloop.sources.importers.found import DrawnLabel, Fate, FileLabel, Item, Label, Line
from roadloop.sources.importers.matching import EXACT
from roadloop.sources.importers.shapes import draw
from roadloop.sources.importers.translate import Painted, Translation
from roadloop.sources.importers.tree import ODD_JSON, OutsideError, Tree, odd_json
from roadloop.sources.layout import LabelKind
from roadloop.storage import reading

UInt8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Ready:
    """A good item.

    Attributes:
        item: What was read.
        image: The picture's bytes.
        ids: uint8 [H, W], raw ids.
        stays: How the label can be used where it is; None when it had to be translated.
        image_sha256: Of the picture.
        label_sha256: Of the label's file, or of what was drawn.
        ignored: How many pixels are 255 although the class table does not name it, those of unknown classes apart.
        unknown: How many pixels have no class in the table.
        note: What the report says.
    """

    item: Item
    image: bytes
    ids: UInt8
    stays: LabelKind | None
    image_sha256: str
    label_sha256: str
    ignored: int
    unknown: int
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
            painted, stays = self._paint(item.label, label, header.size)
        except _RegionError as error:
            raise _LeftOutError(Fate.BROKEN, error.text, blamed=error.place) from error
        except RoadloopError as error:
            raise _LeftOutError(Fate.BROKEN, error.text) from error
        if painted.ids.shape != header.size[::-1]:
            raise _LeftOutError(Fate.SIZE, other_size(painted.ids, header.size))
        if painted.unknown > MAX_UNKNOWN * painted.ids.size:
            raise _LeftOutError(Fate.UNKNOWN, _unknown(painted))
        ignored = 0 if self._translation.ignores_255 else int((painted.ids == IGNORE).sum()) - painted.unknown
        note = _note(item, painted, ignored)
        return Ready(item, image, painted.ids, stays, *sums, ignored, painted.unknown, note)

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
            regions = [region[:3] for region in label.regions]  # wherever a document says so
            return json.dumps({"width": label.width, "height": label.height, "regions": regions}).encode()
        return self._bytes(label.file, is_label=True)

    def _paint(self, label: Label, data: bytes, size: tuple[int, int]) -> tuple[Painted, LabelKind | None]:
        if isinstance(label, FileLabel) and label.reading == "labelme":
            label = _shapes(label, data)
        if isinstance(label, DrawnLabel):
            return self._draw(label, size), None
        header = read_header(data)
        if header.format != "png":
            raise _LeftOutError(Fate.UNSUPPORTED, _JPEG_LABEL)
        if label.reading == "panoptic":
            return self._panoptic(label, decode_color_label(data, self._max_pixels)), None
        numbers = header.channels == PALETTE or (header.channels == GREY and header.depth == 8)
        if label.reading == "id":
            return self._by_value(decode_label(data, self._max_pixels))
        if label.reading == "color" or not numbers:
            return self._by_color(decode_color_label(data, self._max_pixels))
        ids = decode_label(data, self._max_pixels)
        if not self._translation.declares_colors:
            return self._by_value(ids)
        rgb = decode_color_label(data, self._max_pixels) if header.channels == PALETTE else None
        return self._by_what_fits(ids, rgb)

    def _by_value(self, ids: UInt8) -> tuple[Painted, LabelKind | None]:
        return self._translation.values(ids), "id" if self._translation.keeps_values else None

    def _by_color(self, rgb: UInt8) -> tuple[Painted, LabelKind | None]:
        return self._translation.colors(rgb), "color" if self._translation.keeps_colors else None

    def _by_what_fits(self, ids: UInt8, rgb: UInt8 | None) -> tuple[Painted, LabelKind | None]:
        """A label of one number a pixel, uint8 [H, W]: values, unless only its colours, or greys, are classes.

        What the table declares decides: declared ids are values. Where it declares colours alone, a palette's colours,
        `rgb`, count; greys that may be either are refused.
        """
        translation = self._translation
        used = np.flatnonzero(count_ids(ids)).astype(np.uint8)
        by_value = translation.knows_values(used)
        if by_value and translation.declares_values:
            return self._by_value(ids)
        places = [int(np.argmax(ids.ravel() == value)) for value in used] if rgb is not None else []
        colors = rgb.reshape(-1, 3)[places] if rgb is not None else np.repeat(used[:, None], 3, axis=1)
        if not translation.knows_colors(colors):
            return self._by_value(ids)
        if by_value and np.array_equal(translation.values(used[None]).ids, translation.colors(colors[None]).ids):
            return self._by_value(ids)
        if by_value and rgb is None:
            raise broken(*_EITHER)
        painted, stays = self._by_color(rgb if rgb is not None else np.repeat(ids[..., None], 3, axis=2))
        return painted._replace(note=_AS_COLORS), stays

    def _panoptic(self, label: FileLabel, rgb: UInt8) -> Painted:
        wide = rgb.astype(np.int64)
        numbers, place = np.unique(wide[..., 0] | wide[..., 1] << 8 | wide[..., 2] << 16, return_inverse=True)
        segments = {0: IGNORE} | {number: self._translation.targets[c] for number, c in label.segments}
        targets = np.array([segments.get(number, -1) for number in numbers.tolist()], np.int16)
        counts = np.bincount(place.ravel(), minlength=len(numbers))
        strange = [(int(counts[i]), int(n)) for i, n in enumerate(numbers) if targets[i] < 0]
        described = ", ".join(f"segment {n} x {count}" for count, n in sorted(strange, reverse=True)[:10])
        ids = np.where(targets < 0, IGNORE, targets).astype(np.uint8)[place.reshape(rgb.shape[:2])]
        return Painted(ids, sum(count for count, _ in strange), described)

    def _draw(self, label: DrawnLabel, size: tuple[int, int]) -> Painted:
        width, height = (label.width, label.height) if label.width else size
        if not 0 < width * height <= self._max_pixels:
            raise broken(f"标注尺寸 {width}x{height} 无效", f"A label of {width}x{height}")
        ids = np.full((height, width), IGNORE, np.uint8)
        unknown = np.zeros(ids.shape, np.bool_)
        strange: set[str] = set()
        loss, outlines, covered = 0.0, 0, 0
        for region in label.regions:
            try:
                area, lost = draw(region.kind, region.value, width, height)
            except BrokenFileError as error:
                raise _RegionError(region.place, error.text) from error
            raw_id = self._translation.targets[region.label]
            value = np.uint8(raw_id if raw_id >= 0 else IGNORE)
            below = area.of(ids)[area.mask]
            covered += int(((below != IGNORE) & (below != value)).sum())
            area.of(ids)[area.mask] = value
            area.of(unknown)[area.mask] = raw_id < 0
            strange |= {self._translation.legend[region.label].name} if raw_id < 0 else set()
            loss, outlines = loss + lost, outlines + (lost > 0)
        return Painted(ids, int(unknown.sum()), ", ".join(sorted(strange)), _drawn(loss, outlines, covered))


class _RegionError(Exception):
    """A region that cannot be drawn, and where its document says so."""

    def __init__(self, place: str, text: Text) -> None:
        super().__init__(text.en)
        self.place: Final = place
        self.text: Final = Text(f"{place}：{text.zh}", f"{place}: {text.en}") if place else text


class _LeftOutError(Exception):
    """Why an item is left out, and which of its files, or statements, is to blame."""

    def __init__(self, fate: Fate, text: Text, *, is_label: bool = True, blamed: str = "") -> None:
        super().__init__(text.en)
        self._fate: Final = fate
        self._text: Final = text
        self._is_label: Final = is_label
        self._blamed: Final = blamed

    def lines(self, item: Item) -> list[Line]:
        """A line for each file of the item."""
        if isinstance(item.label, DrawnLabel):
            return [Line(item.image, self._fate, self._text, self._blamed)]
        blamed, other = (item.label.file, item.image) if self._is_label else (item.image, item.label.file)
        what = _LABEL_LEFT if self._is_label else _IMAGE_LEFT
        return [Line(blamed, self._fate, self._text, self._blamed), Line(other, Fate.PARTNER, what)]


def _shapes(label: FileLabel, data: bytes) -> DrawnLabel:
    try:
        return labelme.drawn(data, label.segments)
    except ODD_JSON as error:
        raise broken(*odd_json(error)) from error


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
_JPEG_LABEL: Final = Text(
    "标注是 JPEG，有损压缩会改变类别；请从标注工具重新导出为 PNG",
    "The label is a JPEG, which changes classes: export it as PNG from the annotation tool",
)
_AS_COLORS: Final = Text("按颜色读取，其颜色都在类别表中", "read as colours, which the class table has")
_EITHER: Final = (
    "灰度值既可能是编号也可能是颜色；请在类别表中写明 raw_id，或将标注命名为 label-<图片名>.png",
    "Its grey values may be ids or colours: give the class table a column raw_id, or call the label label-<picture>.png",
)


def _unknown(painted: Painted) -> Text:
    share = f"{100 * painted.unknown / painted.ids.size:.2f} %"
    few = painted.unknown <= MAX_UNKNOWN * painted.ids.size
    return Text(
        f"{share} 的像素不在类别表中（类别、颜色或编号 x 像素数）：{painted.described}"
        + ("；这些像素已设为 255（忽略）" if few else ""),
        f"{share} of the pixels are not in the class table (class, colour or id x pixels): {painted.described}"
        + ("; they were set to 255 (ignore)" if few else ""),
    )


def _note(item: Item, painted: Painted, ignored: int) -> Text:
    parts = [Fate.ADDED.text]
    if item.rule is not EXACT:
        parts.append(Text(f"对应方式：{item.rule.zh}", f"matched by {item.rule.en}"))
    if painted.unknown:
        parts.append(_unknown(painted))
    if ignored > 0:
        share = f"{100 * ignored / painted.ids.size:.2f} %"
        parts.append(
            Text(
                f"{share} 的像素没有区域覆盖，记为 255（忽略）",
                f"{share} of the pixels are covered by no region: 255 (ignore)",
            )
            if isinstance(item.label, DrawnLabel) or item.label.reading == "labelme"
            else Text(
                f"{share} 的像素为 255，类别表未声明，按忽略处理",
                f"{share} of the pixels are 255, which the class table does not declare: ignore",
            )
        )
    parts.append(painted.note)
    return Text("；".join(p.zh for p in parts if p.zh), "; ".join(p.en for p in parts if p.en))


def _drawn(loss: float, outlines: int, covered: int) -> Text:
    zh, en = [], []
    if outlines:
        zh.append(f"{outlines} 个轮廓按像素中心绘制，与精确面积共差 {loss:.1f} 像素")
        en.append(f"{many(outlines, 'outline')} drawn by pixel centres, {loss:.1f} pixels off their exact areas")
    if covered:
        zh.append(f"{covered} 个像素被后面的另一类区域覆盖")
        en.append(f"{covered} pixels covered by later regions of another class")
    return Text("；".join(zh), "; ".join(en))
