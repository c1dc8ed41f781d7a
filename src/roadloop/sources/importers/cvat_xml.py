"""CVAT for images: `annotations.xml` with masks, polygons, boxes and ellipses; the pictures in `images/` or beside it.

A shape with a higher `z_order` covers one with a lower one, of equal ones the later covers the earlier, as CVAT draws them.
The labels of `<meta>` with their colours are the legend. A file with a document type is refused, so that no entity is ever
expanded. CVAT's "XML annotation format" 1.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final
from xml.parsers import expat

from roadloop.errors import Text
from roadloop.labels.table import Color
from roadloop.sources.importers.document import Gathered, Refused, Said, refuse, size_of
from roadloop.sources.importers.found import Claim, DrawnLabel, Fate, Found, Layout, LegendClass, Line, Region
from roadloop.sources.importers.matching import Name, plain_name
from roadloop.sources.importers.naming import table_of
from roadloop.sources.importers.tree import Tree, split_of
from roadloop.storage import reading

_USED: Final = Text("CVAT 标注文件，已读取", "CVAT's annotations; it was read")
_VIDEO: Final = Text(
    "这是“CVAT for video”导出，按轨迹记录，不支持；请在 CVAT 中改用“CVAT for images”导出",
    "An export of the kind 'CVAT for video', which has tracks: not supported; export 'CVAT for images' from CVAT",
)
_DOCTYPE: Final = Text(
    "XML 中有文档类型声明（DOCTYPE），为安全起见不读取；CVAT 的导出中没有它",
    "The XML has a document type (DOCTYPE), which is not read, for safety; CVAT's exports have none",
)
_NONE: Final = Text("图片没有任何区域", "The picture has no shape")
_NO_NAME: Final = Text("image 元素没有 name", "An image element without a name")
_UNNAMED: Final = Text("区域没有 label", "A shape without a label")
_TAG: Final = Text("标签（tag）不是像素标注，不支持", "A tag says nothing about pixels: not supported")
_CHUNK: Final = 2**16
_MOST_BYTES: Final = 2**30
#: Element -> how it is drawn, and the attributes that hold its geometry.
_SHAPES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "polygon": ("cvat_points", ("points",)),
    "box": ("cvat_box", ("xtl", "ytl", "xbr", "ybr", "rotation")),
    "ellipse": ("cvat_ellipse", ("cx", "cy", "rx", "ry", "rotation")),
    "mask": ("cvat_runs", ("rle", "left", "top", "width", "height")),
}
_WITHOUT_AREA: Final = frozenset({"polyline", "points", "cuboid", "skeleton"})


def find(tree: Tree) -> Found | None:
    """The pictures that CVAT's documents describe, or None when there is none."""
    gathered, places, lines = Gathered(tree), dict[str, int](), list[Line]()
    colors: dict[str, Color | None] = {}
    for file in _candidates(tree):
        document, fault = _parse(tree, file)
        if not document.is_cvat:
            continue
        if fault is None and document.is_video:
            fault = Fate.UNSUPPORTED, _VIDEO
        if fault is not None and fault[0] is Fate.BROKEN:
            tree.unreadable[file] = fault[1]
        if fault is None:
            _take(document.labels, places, colors)
            _gather(gathered, places, file, document.images)
        lines.append(Line(file, *(fault or (Fate.USED, _USED))))
    if not lines:
        return None
    items = gathered.settle()
    legend = [LegendClass(name, color=colors.get(name)) for name in places]
    return gathered.found(items, lines, legend, table_of("cvat-xml", legend))


def documents(tree: Tree) -> list[str]:
    """The XML files that CVAT wrote."""
    return [file for file in _candidates(tree) if _parse(tree, file, first_only=True)[0].is_cvat]


def _candidates(tree: Tree) -> list[str]:
    """XML files, but not those of one picture each, such as VOC's boxes."""
    stems = {PurePosixPath(file).stem for file in tree.pictures()}
    return [file for file in tree.files if file.lower().endswith(".xml") and PurePosixPath(file).stem not in stems]


@dataclass
class _Image:
    """One `<image>`: its attributes, and its shapes as (element, attributes)."""

    facts: dict[str, str]
    shapes: list[tuple[str, dict[str, str]]] = field(default_factory=list)


class _Document:
    """What an `annotations.xml` holds, filled while it is parsed; a label is name, color and, in a skeleton, parent."""

    def __init__(self) -> None:
        self.is_cvat = False
        self.is_video = False
        self.images: Final[list[_Image]] = []
        self.labels: Final[list[dict[str, str]]] = []
        self._path: Final[list[str]] = []
        self._text: Final[list[str]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._path.append(name)
        self._text.clear()
        depth = len(self._path)
        if depth == 1:
            self.is_cvat = name == "annotations"
        elif depth == 2 and name == "track":
            self.is_video = True
        elif depth == 2 and name == "image":
            self.images.append(_Image(attributes))
        elif depth == 3 and self._path[1] == "image":
            self.images[-1].shapes.append((name, attributes))
        elif name == "label" and self._path[1] == "meta":
            self.labels.append({})

    def text(self, data: str) -> None:
        """Text of an element, in pieces."""
        if self._path[1:2] == ["meta"]:
            self._text.append(data)

    def end(self, name: str) -> None:
        """An element ends."""
        if self._path[1:2] == ["meta"] and self._path[-2] == "label" and name in ("name", "color", "parent"):
            self.labels[-1][name] = "".join(self._text).strip()
        self._path.pop()


class _DoctypeError(Exception):
    """The XML has a document type; its argument is the name."""


def _refuse(name: str, *_: Any) -> None:
    raise _DoctypeError(name)


def _parse(tree: Tree, file: str, *, first_only: bool = False) -> tuple[_Document, tuple[Fate, Text] | None]:
    """What a document holds, of the root element alone with `first_only`, and why the rest cannot be read, or None."""
    document = _Document()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = document.start
    parser.EndElementHandler = document.end
    parser.CharacterDataHandler = document.text
    try:
        if tree.size(file) > _MOST_BYTES:
            most = f"{_MOST_BYTES >> 30} GiB"
            return document, (Fate.UNSUPPORTED, Text(f"大于 {most}，请分成几个文件", f"Above {most}: split it"))
        data = tree.read(file)
        for begin in range(0, max(1, len(data)), _CHUNK):
            parser.Parse(data[begin : begin + _CHUNK], begin + _CHUNK >= len(data))
            if first_only or not document.is_cvat:
                break
    except _DoctypeError as error:
        document.is_cvat = error.args == ("annotations",)
        return document, (Fate.UNSUPPORTED, _DOCTYPE)
    except OSError as error:
        what = reading.why(error)
        return document, (Fate.UNREADABLE, Text(f"无法读取：{what.zh}", f"Cannot be read: {what.en}"))
    except (expat.ExpatError, ValueError) as error:
        text = Text(f"不是有效的 XML：{error}"[:300], f"Not valid XML: {error}"[:300])
        return document, (Fate.BROKEN, text)
    return document, None


def _take(labels: Sequence[Mapping[str, str]], places: dict[str, int], colors: dict[str, Color | None]) -> None:
    """Keep the names and colours of a document's labels; parts of skeletons draw nothing."""
    for label in labels:
        name = label.get("name", "")
        if not label.get("parent") and name not in places:
            places[name], colors[name] = len(places), _color(label.get("color", ""))


def _color(text: str) -> Color | None:
    """`#rrggbb`."""
    digits = text.removeprefix("#")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError:
        return None
    return red, green, blue


def _gather(gathered: Gathered, places: dict[str, int], file: str, images: Sequence[_Image]) -> None:
    """Gather what one document says; a label that no `<meta>` has is added to the places."""
    gathered.stated[file] = sum(max(1, len(image.shapes)) for image in images)
    for number, image in enumerate(images):
        name = image.facts.get("name", "")
        told = Claim(file, f"image {image.facts.get('id', number)}", name)
        claims = [told._replace(place=f"{told.place}, {kind} {n + 1}") for n, (kind, _) in enumerate(image.shapes)]
        if not name or not image.shapes:
            fate, text = (Fate.NOT_USED, _NONE) if name else (Fate.BROKEN, _NO_NAME)
            for claim in claims or [told]:
                gathered.end(claim, fate, text)
        else:
            _annotated(gathered, places, image, claims)


def _annotated(gathered: Gathered, places: dict[str, int], image: _Image, claims: Sequence[Claim]) -> None:
    """Gather the shapes of one picture, the lowest first."""
    drawn: list[tuple[int, Claim, Region]] = []
    blocked: tuple[Fate, Text] | None = None
    for claim, (kind, facts) in zip(claims, image.shapes, strict=True):
        region = _region(places, kind, facts, claim.place)
        if isinstance(region, Region):
            drawn.append((_level(facts), claim, region))
        else:
            gathered.end(claim, region.fate, region.text)
            blocked = region[:2] if region.blocks else blocked
    drawn.sort(key=lambda part: part[0])
    label = DrawnLabel(*size_of(image.facts), tuple(region for _, _, region in drawn)) if drawn else None
    subset = image.facts.get("subset", "")
    split = "val" if subset.lower() == "validation" else split_of(f"{subset}/x")
    used = tuple(claim for _, claim, _ in drawn)
    gathered.said.append(Said(claims[0].file, used, _name(image.facts), label, split=split, blocked=blocked))


def _region(places: dict[str, int], kind: str, facts: Mapping[str, str], place: str) -> Region | Refused:
    """A region, or why there is none."""
    if kind == "tag":
        return Refused(Fate.UNSUPPORTED, _TAG, blocks=False)
    if kind not in _SHAPES:
        return refuse(kind, _WITHOUT_AREA)
    name = facts.get("label", "")
    if not name:
        return Refused(Fate.BROKEN, _UNNAMED)
    drawer, geometry = _SHAPES[kind]
    value: Any = {key: facts[key] for key in geometry if key in facts}
    number = places.setdefault(name, len(places))
    return Region(number, drawer, value.get("points", "") if kind == "polygon" else value, place)


def _level(facts: Mapping[str, str]) -> int:
    try:
        return int(facts.get("z_order") or 0)
    except ValueError:
        return 0


def _name(facts: Mapping[str, str]) -> Name:
    """What a picture is called; a project's export puts it into a folder of its subset."""
    name, subset = plain_name(facts["name"]), facts.get("subset", "")
    if not subset:
        return name
    below = tuple((subset, *reading) for reading in name.readings)
    return Name(f"{subset}/{name.text}", (*below, *name.readings))


LAYOUT: Final = Layout(
    "cvat-xml",
    find,
    Text("有 CVAT for images 导出的 annotations.xml", "CVAT's annotations.xml, 'CVAT for images'"),
    documents,
)
