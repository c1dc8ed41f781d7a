"""LabelMe: a JSON for each picture, with polygons, rectangles, circles and masks; AnyLabeling's files are read likewise.

Later shapes cover earlier ones; what no shape covers is unlabelled (255), and so is `__ignore__`. The JSON names its picture
in `imagePath`, relative to itself; where that picture is gone, the one that is called like the JSON is taken. Only one file
is in memory at a time: what a shape draws is read again when its picture is. Torralba, Russell, Yuen, Proc. IEEE 2010; Wada,
github.com/wkentaro/labelme.
"""

import json
import posixpath
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

from roadloop.errors import Text
from roadloop.labels.table import decode
from roadloop.sources.importers.document import Gathered, Refused, Said, refuse
from roadloop.sources.importers.found import (
    Claim,
    DrawnLabel,
    Fate,
    FileLabel,
    Found,
    Layout,
    LegendClass,
    Line,
    Region,
)
from roadloop.sources.importers.matching import Name, plain_name
from roadloop.sources.importers.naming import table_of
from roadloop.sources.importers.tree import ODD_JSON, Tree, is_labelme, odd_json

_NONE: Final = Text("没有任何形状", "It has no shape")
_UNNAMED: Final = Text("形状没有 label", "A shape without a label")
_NO_AREA: Final = Text("多边形少于三个点，没有面积", "A polygon of fewer than three points has no area")
_INSIDE: Final = Text(
    "图片 {} 不在目录中；它的内容在 JSON 的 imageData 里，请先导出为文件（labelme_export_json）放在旁边",
    "The picture {} is not in the folder; its bytes are in the JSON (imageData): write it to a file beside it first"
    " (labelme_export_json)",
)
#: Shape in the file -> how it is drawn. AnyLabeling calls a turned rectangle `rotation`.
_SHAPES: Final = {
    "polygon": "polygon",
    "rectangle": "corners",
    "rotation": "polygon",
    "oriented_rectangle": "polygon",
    "quadrilateral": "polygon",
    "circle": "circle",
    "mask": "bitmap",
}
_WITHOUT_AREA: Final = frozenset({"point", "points", "line", "linestrip"})


class _Shape(NamedTuple):
    """One shape that draws something.

    Attributes:
        name: Of its class.
        kind: How it is drawn.
        value: What that needs.
    """

    name: str
    kind: str
    value: Any


def find(tree: Tree) -> Found | None:
    """The pictures that LabelMe's files describe, or None when there are none."""
    gathered, lines = Gathered(tree), list[Line]()
    places: dict[str, int] = {}
    files = []
    for file in _candidates(tree):
        value = tree.json(file)
        if not is_labelme(value):
            continue
        files.append(file)
        try:
            _read(gathered, places, file, value)
        except ODD_JSON as error:
            gathered.forget(file)
            lines.append(Line(file, Fate.BROKEN, odd_json(error)))
    if not files:
        return None
    items = gathered.settle(by_place=False)  # its names say it
    used = {item.label.file for item in items if isinstance(item.label, FileLabel)}
    ended = {s.claim.file: s for s in reversed(gathered.statements)}
    lines += [Line(file, ended[file].fate, ended[file].text) for file in files if file in ended and file not in used]
    legend = [LegendClass(name) for name in places]
    return gathered.found(items, lines, legend, table_of("labelme", legend, by_name=True))


def documents(tree: Tree) -> list[str]:
    """The files that begin as LabelMe's do."""
    return [file for file in _candidates(tree) if b'"shapes"' in tree.head(file)]


def drawn(data: bytes, segments: tuple[tuple[int, int], ...]) -> DrawnLabel:
    """The label that a file draws.

    Args:
        data: The file.
        segments: (place of a shape in the file, place of its class in the legend) of those that are drawn.

    Raises:
        KeyError, TypeError, ValueError: The file is no longer what it was.
    """
    value = json.loads(decode(data))
    classes = dict(segments)
    shapes = [(n, shape) for n, shape in _shapes(value) if isinstance(shape, _Shape) and n in classes]
    return DrawnLabel(*_size(value), tuple(Region(classes[n], s.kind, s.value, _place(n)) for n, s in shapes))


def _candidates(tree: Tree) -> list[str]:
    return [f for f in tree.files if f.lower().endswith(".json") and not f.endswith("_polygons.json")]


def _read(gathered: Gathered, places: dict[str, int], file: str, value: Mapping[str, Any]) -> None:
    """Gather what one file says."""
    name = _name(file, value)
    gathered.stated[file] = max(1, len(value["shapes"]))
    claims: list[Claim] = []
    segments: list[tuple[int, int]] = []
    blocked: tuple[Fate, Text] | None = None
    for number, shape in _shapes(value):
        claim = Claim(file, _place(number), name.text)
        if isinstance(shape, _Shape):
            claims.append(claim)
            segments.append((number, places.setdefault(shape.name, len(places))))
        else:
            gathered.end(claim, shape.fate, shape.text)
            blocked = shape[:2] if shape.blocks else blocked
    if not value["shapes"]:
        gathered.end(Claim(file, "shapes", name.text), Fate.NOT_USED, _NONE)
    if segments or blocked:
        label = FileLabel(file, "labelme", tuple(segments))
        shown = name.text[:200]
        absent = Text(_INSIDE.zh.format(shown), _INSIDE.en.format(shown)) if value.get("imageData") else None
        gathered.said.append(Said(file, tuple(claims), name, label, blocked=blocked, absent=absent))


def _shapes(value: Mapping[str, Any]) -> Iterator[tuple[int, _Shape | Refused]]:
    """The shapes of a file with their numbers."""
    for number, shape in enumerate(value["shapes"]):
        try:
            yield number, _shape(shape)
        except ODD_JSON as error:
            yield number, Refused(Fate.BROKEN, odd_json(error))


def _shape(shape: Mapping[str, Any]) -> _Shape | Refused:
    """One shape, or why it draws nothing; files of before version 3.3 have polygons alone."""
    kind = str(shape.get("shape_type") or "polygon")
    if kind not in _SHAPES:
        return refuse(kind, _WITHOUT_AREA)
    name = str(shape.get("label") or "").strip()
    if not name:
        return Refused(Fate.BROKEN, _UNNAMED)
    points = shape["points"]
    if _SHAPES[kind] == "polygon" and len(points) < 3:
        return Refused(Fate.UNSUPPORTED, _NO_AREA, blocks=False)
    if kind == "mask":
        (x0, y0), (x1, y1) = points
        left, top = int(min(x0, x1)), int(min(y0, y1))
        return _Shape(name, "bitmap", {"png": shape["mask"], "left": left, "top": top})
    return _Shape(name, _SHAPES[kind], points)


def _place(number: int) -> str:
    return f"shape {number + 1}"


def _size(value: Mapping[str, Any]) -> tuple[int, int]:
    """(width, height) in pixels; (0, 0) when the file does not say, as before version 3."""
    width, height = value.get("imageWidth"), value.get("imageHeight")
    return (int(width), int(height)) if width and height else (0, 0)


def _name(file: str, value: Mapping[str, Any]) -> Name:
    """What a file calls its picture, from its own folder on; its own name counts last."""
    folder = PurePosixPath(file).parent
    plain = plain_name(str(value.get("imagePath") or ""))
    paths = [
        posixpath.normpath(f"{folder}/{text}") for text in dict.fromkeys((plain.text, plain.text.replace("\\", "/")))
    ]
    below = [tuple(path.split("/")) for path in paths if plain.text and not path.startswith("../")]
    own = (*folder.parts, PurePosixPath(file).stem)
    return Name(f"{folder}/{plain.text or own[-1]}", tuple(dict.fromkeys((*below, *plain.readings))), own=own)


LAYOUT: Final = Layout(
    "labelme",
    find,
    Text("每张图片有一个含 shapes 与 imagePath 的 JSON", "for each picture a JSON with shapes and imagePath"),
    documents,
)
