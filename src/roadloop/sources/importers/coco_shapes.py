"""COCO's outlines and run lengths: `instances_*.json` and what other tools export in that form.

All annotations of a picture make one label, in the order of the document, later ones over earlier ones; `iscrowd` is the
same class. An annotation without a `segmentation` is a box, which has no area of a class. Lin et al., ECCV 2014.
"""

from collections.abc import Mapping
from typing import Any, Final

from roadloop.errors import Text
from roadloop.sources.importers.document import Gathered, Said
from roadloop.sources.importers.found import Claim, DrawnLabel, Fate, Region
from roadloop.sources.importers.matching import plain_name

_BOX: Final = Text(
    "只有外接框（bbox），没有轮廓或游程，不是像素标注", "A box (bbox) without outline or run lengths: no pixels"
)
_POINTS: Final = Text("关键点没有面积，不支持", "Key points have no area: not supported")


def read_shapes(gathered: Gathered, file: str, value: Any, places: Mapping[int, int]) -> None:
    """Gather the outlines and run lengths of a document.

    Raises:
        KeyError, TypeError, ValueError: The document has not the form it should have.
    """
    gathered.expect(file, len(value.get("annotations") or ()))
    rows: dict[Any, list[tuple[Claim, Region]]] = {row["id"]: [] for row in value["images"]}
    names = {row["id"]: str(row["file_name"]) for row in value["images"]}
    for number, row in enumerate(value.get("annotations") or ()):
        claim = Claim(file, f"annotation {row.get('id', number)}", names[row["image_id"]])
        segmentation = row.get("segmentation")
        if not segmentation:
            gathered.end(claim, Fate.UNSUPPORTED, _POINTS if row.get("keypoints") else _BOX)
            continue
        kind = "coco_runs" if isinstance(segmentation, dict) else "rings"
        rows[row["image_id"]].append((claim, Region(places[int(row["category_id"])], kind, segmentation)))
    sizes = {row["id"]: (int(row.get("width") or 0), int(row.get("height") or 0)) for row in value["images"]}
    for key, parts in rows.items():
        if parts:
            label = DrawnLabel(*sizes[key], tuple(region for _, region in parts))
            claims = tuple(claim for claim, _ in parts)
            gathered.say(Said(file, claims, plain_name(names[key]), label))
