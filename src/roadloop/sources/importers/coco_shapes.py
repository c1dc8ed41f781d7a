"""COCO's outlines and run lengths: `instances_*.json` and what other tools export in that form.

All annotations of a picture make one label, in the order of the document, later ones over earlier ones; `iscrowd` is the
same class. An annotation without a `segmentation` is a box, which has no area of a class. An annotation that cannot be
read costs its picture, not the document. Lin et al., ECCV 2014.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from roadloop.errors import Text
from roadloop.sources.importers.document import Gathered, Said, size_of
from roadloop.sources.importers.found import Claim, DrawnLabel, Fate, Region
from roadloop.sources.importers.matching import plain_name
from roadloop.sources.importers.tree import ODD_JSON, odd_json

_BOX: Final = Text(
    "只有外接框（bbox），没有轮廓或游程，不是像素标注", "A box (bbox) without outline or run lengths: no pixels"
)
_POINTS: Final = Text("关键点没有面积，不支持", "Key points have no area: not supported")
_NO_AREA: Final = Text("轮廓少于三个点，没有面积", "An outline of fewer than three points has no area")
_UNNAMED: Final = Text("images 中的一行没有 id 或 file_name", "A row of images without id or file_name")
_TWICE: Final = Text(
    "images 中两张图片使用同一 id，无法确定标注属于哪一张",
    "Two pictures of images have one id: it is not clear which the annotation is for",
)
_BROKEN: Final = Text("同一图片的另一条标注已损坏", "Another annotation of the picture is broken")


@dataclass
class Picture:
    """A picture of a document's `images`.

    Attributes:
        name: Its `file_name`.
        size: (width, height) in pixels; (0, 0) when the document does not say.
        unclear: Whether another picture has the same id.
        claims: The annotations that are drawn.
        regions: What they draw.
        blocked: Why it cannot be drawn.
    """

    name: str
    size: tuple[int, int]
    unclear: bool = False
    claims: list[Claim] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    blocked: tuple[Fate, Text] | None = None


def read_shapes(gathered: Gathered, file: str, value: Any, places: Mapping[int, int], split: str) -> None:
    """Gather the outlines and run lengths of a document.

    Raises:
        KeyError, TypeError, ValueError: The document has not the form it should have.
    """
    annotations = value.get("annotations") or ()
    pictures, unnamed = read_images(gathered, file, value["images"])
    gathered.stated[file] = len(annotations) + unnamed
    for number, row in enumerate(annotations):
        place = f"annotation {row.get('id', number) if isinstance(row, dict) else number}"
        picture = find_picture(gathered, Claim(file, place, ""), row, pictures)
        if picture is not None:
            _annotated(gathered, Claim(file, place, picture.name), row, picture, places)
    for picture in pictures.values():
        if picture.regions or picture.blocked:
            label = DrawnLabel(*picture.size, tuple(picture.regions)) if picture.regions else None
            claims, name = tuple(picture.claims), plain_name(picture.name)
            gathered.said.append(Said(file, claims, name, label, split=split, blocked=picture.blocked))


def read_images(gathered: Gathered, file: str, rows: Any) -> tuple[dict[str, Picture], int]:
    """The pictures by id, which is a number or a text of its digits, and how many rows name none."""
    pictures: dict[str, Picture] = {}
    unnamed = 0
    for number, row in enumerate(rows):
        try:
            key, name = str(row["id"]), str(row["file_name"])
        except ODD_JSON:
            gathered.end(Claim(file, f"images, row {number}", ""), Fate.BROKEN, _UNNAMED)
            unnamed += 1
            continue
        known = pictures.setdefault(key, Picture(name, size_of(row)))
        known.unclear |= known.name != name
    return pictures, unnamed


def find_picture(gathered: Gathered, claim: Claim, row: Any, pictures: Mapping[str, Picture]) -> Picture | None:
    """The picture that an annotation is for; without one, the annotation ends here."""
    try:
        key = str(row["image_id"])
    except ODD_JSON as error:
        gathered.end(claim, Fate.BROKEN, odd_json(error))
        return None
    picture = pictures.get(key)
    if picture is None:
        text = Text(f"images 中没有 id 为 {key} 的图片", f"There is no picture of the id {key} in images")
        gathered.end(claim._replace(picture=key), Fate.ABSENT, text)
        return None
    if picture.unclear:
        gathered.end(claim._replace(picture=picture.name), Fate.AMBIGUOUS, _TWICE)
        return None
    return picture


def place_of(number: Any, places: Mapping[int, int]) -> int:
    """The place of a category in the legend.

    Raises:
        ValueError: The document has no such category.
    """
    place = places.get(int(number))
    if place is None:
        raise ValueError(f"category_id {number} is not in categories")
    return place


def _annotated(gathered: Gathered, claim: Claim, row: Any, picture: Picture, places: Mapping[int, int]) -> None:
    """Add what one annotation draws to its picture, or end it."""
    segmentation = row.get("segmentation")
    if not segmentation:
        gathered.end(claim, Fate.UNSUPPORTED, _POINTS if row.get("keypoints") else _BOX)
        return
    if isinstance(segmentation, list) and all(isinstance(ring, list) and len(ring) in (2, 4) for ring in segmentation):
        gathered.end(claim, Fate.UNSUPPORTED, _NO_AREA)
        return
    try:
        place = place_of(row["category_id"], places)
    except ODD_JSON as error:
        gathered.end(claim, Fate.BROKEN, odd_json(error))
        picture.blocked = Fate.BROKEN, _BROKEN
        return
    picture.claims.append(claim)
    kind = "coco_runs" if isinstance(segmentation, dict) else "rings"
    picture.regions.append(Region(place, kind, segmentation, claim.place))
