"""COCO: a JSON with `images` and `categories`, and panoptic masks, stuff masks, outlines or run lengths.

Panoptic: a pixel is a segment's number R + 256 G + 65536 B, whose category the JSON tells (Kirillov et al., CVPR 2019).
Stuff: the pixel maps of COCO-Stuff, an 8-bit pixel = category id (Caesar, Uijlings, Ferrari, CVPR 2018), in a folder
called `..._pixelmaps`, or like the JSON. Number 0 is unlabelled in both. Where a picture has a mask, outlines of other
documents are superseded by it; otherwise they are drawn, see `coco_shapes`.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from roadloop.errors import JobError, Text, many
from roadloop.labels.colors import distinct_colors
from roadloop.labels.table import IGNORE, ClassTable, Color, LabelClass
from roadloop.sources.importers.coco_shapes import find_picture, place_of, read_images, read_shapes
from roadloop.sources.importers.document import Gathered, Said
from roadloop.sources.importers.found import (
    NO_LABEL,
    NO_PICTURE,
    Claim,
    Fate,
    FileLabel,
    Found,
    Layout,
    LegendClass,
    Line,
)
from roadloop.sources.importers.matching import Doubt, Match, find_named, plain_name
from roadloop.sources.importers.tree import ODD_JSON, Tree, odd_json
from roadloop.sources.layout import SPLIT_NAMES

_USED: Final = Text("COCO 说明文件，已读取", "COCO's description; it was read")
_NO_MASK: Final = Text("JSON 所指的掩码不在目录中", "The mask that the JSON names is not there")
_MAPPED: Final = Text("掩码文件已被采用", "The mask of the picture counts")
_LARGEST: Final = 255
#: Masks first: a picture that has one needs no outlines.
_KINDS: Final = ("panoptic", "stuff", "shapes")


def find(tree: Tree) -> Found | None:
    """The labelled pictures of a COCO folder, or None when no JSON describes any."""
    gathered = Gathered(tree)
    lines: list[Line] = []
    categories = _Categories()
    described = documents(tree)
    kinds = {file: _kind(tree, file, value) for file, value in described.items()}
    for file in sorted(kinds, key=lambda f: _KINDS.index(kinds[f])):
        kind, value = kinds[file], described[file]
        try:
            places = categories.places(file, value)
            if kind == "panoptic":
                _panoptic(tree, gathered, file, value, places)
            elif kind == "stuff":
                _stuff(tree, gathered, file, value)
            else:
                read_shapes(gathered, file, value, places, _split(file))
        except ODD_JSON as error:
            gathered.forget(file)
            lines.append(Line(file, Fate.BROKEN, odd_json(error)))
            continue
        categories.take(file, value)
        lines.append(Line(file, Fate.USED, _USED))
    broken = any(line.fate is Fate.BROKEN for line in lines)
    if not (gathered.said or gathered.statements or broken):
        return None
    items = gathered.settle(_told)
    masks = {item.label.file for item in items if isinstance(item.label, FileLabel)}
    lines += _alone(tree, {item.image for item in items}, masks, gathered.left_out)
    legend = categories.legend()
    made, notes = _table(legend)
    unlabelled = () if any(c.value == 0 for c in legend) else (0,)
    return gathered.found(items, lines, legend, made, unlabelled=unlabelled, notes=notes)


def documents(tree: Tree) -> dict[str, Any]:
    """The JSON files in COCO's form."""
    return {file: value for file, value in tree.documents().items() if _is_coco(value)}


def _is_coco(value: Any) -> bool:
    return (
        isinstance(value, dict) and isinstance(value.get("categories"), list) and isinstance(value.get("images"), list)
    )


def _kind(tree: Tree, file: str, value: Any) -> str:
    rows = value.get("annotations")
    if isinstance(rows, list) and any(isinstance(row, dict) and "segments_info" in row for row in rows[:1]):
        return "panoptic"
    stem = PurePosixPath(file).stem
    maps = [f for f in tree.pictures() if _is_pixel_map(f)]
    named = any(f"{stem}_pixelmaps" in PurePosixPath(f).parts[:-1] for f in tree.pictures())
    return "stuff" if named or (maps and not rows) or _has_twins(tree, stem, value) else "shapes"


def _has_twins(tree: Tree, folder: str, value: Any) -> bool:
    """Whether a folder called like the JSON holds PNGs of the names of pictures elsewhere; else it holds the pictures."""
    inside, outside = set[str](), set[str]()
    for file in tree.pictures():
        path = PurePosixPath(file)
        if folder not in path.parts[:-1]:
            outside.add(path.stem)
        elif path.suffix.lower() == ".png":
            inside.add(path.stem)
    return not inside.isdisjoint(outside & {PurePosixPath(name).stem for name in _names(value)})


class _Categories:
    """The categories of all documents that were read; a number means one thing in all of them."""

    def __init__(self) -> None:
        self._known: Final[dict[int, tuple[LegendClass, str]]] = {}  # with the document that named it first

    def places(self, file: str, value: Any) -> dict[int, int]:
        """Category id -> place in the legend, for one document.

        Raises:
            JobError: Another document gives the number another meaning.
        """
        place = {number: n for n, number in enumerate(self._known)}
        for number, row in [_category(row) for row in value["categories"]]:
            if number in self._known:
                known, said_by = self._known[number]
                if known.name != row.name:
                    raise _mixed(number, (said_by, known.name), (file, row.name))
            elif number in place:
                raise ValueError(f"category {number} stands there twice")
            else:
                place[number] = len(place)
        return place

    def take(self, file: str, value: Any) -> None:
        """Keep a document's categories: it was read."""
        for number, row in map(_category, value["categories"]):
            self._known.setdefault(number, (row, file))

    def legend(self) -> tuple[LegendClass, ...]:
        """All of them; regions and segments name their places."""
        return tuple(row for row, _ in self._known.values())


def _category(row: Mapping[str, Any]) -> tuple[int, LegendClass]:
    number, color = int(row["id"]), row.get("color")
    exact: Color | None = (int(color[0]), int(color[1]), int(color[2])) if color else None
    return number, LegendClass(str(row.get("name", number)).strip(), number, exact)


def _mixed(number: int, one: tuple[str, str], other: tuple[str, str]) -> JobError:
    return JobError(
        Text(
            f"编号 {number} 在 {one[0]} 中是“{one[1]}”，在 {other[0]} 中是“{other[1]}”，不能混在一起；请分别导入",
            f"Number {number} is '{one[1]}' in {one[0]} and '{other[1]}' in {other[0]}: they cannot be mixed. Import them"
            " one by one",
        ),
        files=[one[0], other[0]],
    )


def _panoptic(tree: Tree, gathered: Gathered, file: str, value: Any, places: Mapping[int, int]) -> None:
    stem = PurePosixPath(file).stem
    pngs = [f for f in tree.files if f.lower().endswith(".png")]
    own = [f for f in pngs if stem in PurePosixPath(f).parts[:-1]] or pngs
    rows = value["annotations"]
    pictures, unnamed = read_images(gathered, file, value["images"])
    gathered.stated[file] = len(rows) + unnamed
    named = [str(row["file_name"]) if isinstance(row, dict) and "file_name" in row else "" for row in rows]
    masks = _find_masks({name for name in named if name}, own, {stem})
    gathered.masks |= {match.file for match in masks.values() if not isinstance(match, Doubt)}
    for number, (row, name) in enumerate(zip(rows, named, strict=True)):
        image_id = row.get("image_id", number) if isinstance(row, dict) else number
        claim = Claim(file, f"annotations, image_id {image_id}", "")
        picture, mask = find_picture(gathered, claim, row, pictures), masks.get(name)
        if picture is None:
            continue
        claim = claim._replace(picture=picture.name)
        if mask is None or isinstance(mask, Doubt):
            gathered.end(claim, *((Fate.AMBIGUOUS, mask.text) if mask else (Fate.MISSING, _NO_MASK)))
            continue
        segments, blocked = _segments(row, places)
        label = FileLabel(mask.file, "panoptic", segments)
        gathered.said.append(Said(file, (claim,), plain_name(picture.name), label, split=_split(file), blocked=blocked))


def _segments(
    row: Mapping[str, Any], places: Mapping[int, int]
) -> tuple[tuple[tuple[int, int], ...], tuple[Fate, Text] | None]:
    """(segment number, place of its category) of each, or why they cannot be read."""
    try:
        return tuple((int(s["id"]), place_of(s["category_id"], places)) for s in row["segments_info"]), None
    except ODD_JSON as error:
        return (), (Fate.BROKEN, odd_json(error))


def _stuff(tree: Tree, gathered: Gathered, file: str, value: Any) -> None:
    stem = PurePosixPath(file).stem
    pngs = [f for f in tree.pictures() if f.lower().endswith(".png")]
    own = [f for f in pngs if {stem, f"{stem}_pixelmaps"} & set(PurePosixPath(f).parts[:-1])]
    maps = own or [f for f in pngs if _is_pixel_map(f)]
    gathered.masks |= set(maps)
    _, unnamed = read_images(gathered, file, value["images"])
    gathered.stated[file] = len(_names(value)) + unnamed + len(value.get("annotations") or ())
    names = {name: PurePosixPath(name).with_suffix(".png").as_posix() for name in _names(value)}
    masks = _find_masks(set(names.values()), maps, {stem, f"{stem}_pixelmaps"})
    for name, png in names.items():
        claim = Claim(file, f"images, {name}", name)
        mask = masks.get(png)
        if mask is None or isinstance(mask, Doubt):
            gathered.end(claim, *((Fate.AMBIGUOUS, mask.text) if mask else (Fate.MISSING, _NO_MASK)))
            continue
        gathered.said.append(Said(file, (claim,), plain_name(name), FileLabel(mask.file, "id"), split=_split(file)))
    for number, row in enumerate(value.get("annotations") or ()):
        known = row if isinstance(row, dict) else {}
        claim = Claim(file, f"annotation {known.get('id', number)}", str(known.get("image_id")))
        gathered.end(claim, Fate.SUPERSEDED, _MAPPED)


def _find_masks(names: Collection[str], masks: Sequence[str], folders: Collection[str]) -> dict[str, Match | Doubt]:
    """The mask of each name; names are relative to a folder that the document's name tells, where there is one."""
    relative = {}
    for mask in masks:
        parts = PurePosixPath(mask).parts
        below = next((i + 1 for i, part in enumerate(parts[:-1]) if part in folders), 0)
        relative["/".join(parts[below:])] = mask
    if len(relative) < len(masks):  # two such folders
        relative = {mask: mask for mask in masks}
    found = find_named({plain_name(name) for name in names}, list(relative))
    return {
        name: Match(relative[m.file], m.rule)
        if isinstance(m, Match)
        else Doubt(tuple(relative.get(c, c) for c in m.candidates))
        for name, m in found.items()
    }


def _names(value: Any) -> list[str]:
    rows = [row for row in value["images"] if isinstance(row, dict) and "id" in row and "file_name" in row]
    return list(dict.fromkeys(str(row["file_name"]) for row in rows))


def _is_pixel_map(file: str) -> bool:
    return any(part.endswith("pixelmaps") for part in PurePosixPath(file).parts[:-1])


def _told(document: str) -> Callable[[str], bool]:
    """Whether a picture stands in the folder that a document's name names: `panoptic_train.json`, `train/`."""
    stem = PurePosixPath(document).stem

    def told(picture: str) -> bool:
        return any(
            stem == part or stem.endswith((f"_{part}", f"-{part}")) for part in PurePosixPath(picture).parts[:-1]
        )

    return told


def _split(file: str) -> str:
    """The split that a document's name tells, as a word of its own: `panoptic_val2017.json`, but not `latest.json`."""
    words = re.split(r"[^a-z]+", PurePosixPath(file).stem.lower())
    return next((split for split in SPLIT_NAMES if split in words), "")


def _alone(tree: Tree, used: set[str], masks: set[str], left_out: Collection[str]) -> list[Line]:
    """Pictures without a label and masks without a picture, in folders where others have one."""
    folders = {PurePosixPath(mask).parent for mask in masks}
    images = {PurePosixPath(image).parent for image in used}
    lines = []
    for file in tree.pictures():
        parent = PurePosixPath(file).parent
        if file not in used | masks and file not in left_out and (parent in folders | images or not used):
            lines.append(Line(file, Fate.MISSING, NO_PICTURE if parent in folders else NO_LABEL))
    return lines


def _table(legend: tuple[LegendClass, ...]) -> tuple[tuple[ClassTable | None, tuple[int, ...]], tuple[Text, ...]]:
    """Raw id = category id where all fit into a byte, else the category's place; own colours where all differ."""
    if not legend:
        return (None, ()), ()
    if len(legend) > _LARGEST:
        raise JobError(
            Text(
                f"共有 {len(legend)} 个类别；标注每像素 8 位，最多 {_LARGEST} 个。请用 roadelement 选一个较小的类别表，或合并类别",
                f"There are {many(len(legend), 'category', 'categories')}; labels have 8 bits a pixel, so there can be {_LARGEST}. Merge some in"
                " the JSON",
            )
        )
    values = [c.value or 0 for c in legend]
    fit = max(values) < IGNORE
    ids = values if fit else list(range(len(legend)))
    own = [c.color for c in legend if c.color is not None]
    colors = own if len(set(own)) == len(legend) else distinct_colors(len(legend))
    rows = sorted(zip(ids, legend, colors, strict=True), key=lambda row: row[0])
    table = ClassTable("coco", tuple(LabelClass(i, c.name, c.name, color, n) for n, (i, c, color) in enumerate(rows)))
    note = Text(
        f"类别编号最大为 {max(values)}，超过 8 位标注能表示的范围，编号已按顺序改为 0..{len(legend) - 1}",
        f"Category ids go up to {max(values)}, more than 8-bit labels hold: classes were counted anew, 0..{len(legend) - 1}",
    )
    return (table, tuple(ids)), () if fit else (note,)


LAYOUT: Final = Layout(
    "coco", find, Text("有含 images 与 categories 的 JSON", "a JSON with images and categories"), documents
)
