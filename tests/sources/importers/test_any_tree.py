"""Any tree of pictures in any layout: every label arrives at its picture with its class, or is named as left out."""

import json
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from import_folders import HEIGHT, WIDTH, ids, jpeg, painted, png
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.labels.brush import encode
from surveyed import bring

NAMES = ("road", "车", "lane line", "kerb")
COLORS = {0: (128, 64, 128), 1: (0, 0, 142), 2: (9, 8, 7), 3: (200, 1, 2)}
FOLDERS = ("", "cam0", "Cam0", "东区", "cam0/2024")
STEMS = (
    "a_1", "A_1", "b 2", "caf\u00e9", "cafe\u0301", "路口#1", "x%20y", "a+b", "c.d", "苏州_1", "d'e&f", "q?=1", "12_000", "-x",
)  # fmt: skip

Files = dict[str, bytes | str]


class Photo(NamedTuple):
    """A picture of the tree.

    Attributes:
        path: Without the folders that a layout adds, and without ending.
        number: Its label has this many rows of one class, below them another: no two labels are equal.
        fate: `whole`, `bare` (no label), `gone` (no picture), or `form` (the label has its name in another form).
    """

    path: str
    number: int
    fate: str

    @property
    def top(self) -> int:
        return self.number % len(NAMES)

    @property
    def bottom(self) -> int:
        return (self.number + 1) % len(NAMES)

    @property
    def label(self) -> NDArray[np.uint8]:
        return ids(self.top, self.bottom, self.number)

    @property
    def named(self) -> str:
        """What its label, or its document, calls it."""
        return other_form(self.path) if self.fate == "form" else self.path

    @property
    def expected(self) -> Counter[str]:
        return Counter({NAMES[self.top]: self.number * WIDTH, NAMES[self.bottom]: (HEIGHT - self.number) * WIDTH})


def other_form(path: str) -> str:
    """The same name in the other normal form, else in the other case."""
    folder, slash, stem = path.rpartition("/")
    form = unicodedata.normalize("NFD" if unicodedata.is_normalized("NFC", stem) else "NFC", stem)
    return folder + slash + (form if form != stem else stem.swapcase())


def folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


@st.composite
def trees(draw: st.DrawFn) -> list[Photo]:
    """One to six pictures; a name in another form only where no twin could be meant."""
    places = draw(
        st.lists(st.tuples(st.sampled_from(FOLDERS), st.sampled_from(STEMS)), min_size=1, max_size=6, unique=True)
    )
    paths = [f"{folder}/{stem}".lstrip("/") for folder, stem in places]
    twins = Counter(folded(path.rpartition("/")[2]) for path in paths)
    photos = []
    for number, path in enumerate(paths, 1):
        fate = draw(st.sampled_from(("whole", "whole", "whole", "bare", "gone", "form")))
        alone = twins[folded(path.rpartition("/")[2])] == 1 and other_form(path) != path
        photos.append(Photo(path, number, "whole" if fate == "form" and not alone else fate))
    return photos


def masks(photos: Iterable[Photo], picture: str, label: str, *, photo: str = "jpg", colored: bool = False) -> Files:
    """Pictures and masks; `{}` in the two patterns is the path."""
    files: Files = {}
    for p in photos:
        if p.fate != "gone":
            files[f"{picture.format(p.path)}.{photo}"] = jpeg(p.number) if photo == "jpg" else png(p.number)
        if p.fate != "bare":
            files[f"{label.format(p.named)}.png"] = painted(p.label, COLORS) if colored else encode_label(p.label)
    return files


def with_table(files: Files) -> Files:
    rows = (f"{i},{name},{name},{','.join(map(str, COLORS[i]))},{i}\n" for i, name in enumerate(NAMES))
    return {"classes.csv": "raw_id,name_en,name_zh,r,g,b,train_id\n" + "".join(rows), **files}


def pictures(photos: Iterable[Photo]) -> Files:
    return {f"images/{p.path}.jpg": jpeg(p.number) for p in photos if p.fate != "gone"}


def boxes(p: Photo, width: float = WIDTH, height: float = HEIGHT) -> list[tuple[str, list[list[float]]]]:
    """(class, corners) of its two areas, the picture being so large."""
    y = p.number * height / HEIGHT
    lower = [[0.0, y], [width, y], [width, height], [0.0, height]]
    return [(NAMES[p.top], [[0.0, 0.0], [width, 0.0], [width, y], [0.0, y]]), (NAMES[p.bottom], lower)]


def said(photos: Iterable[Photo]) -> list[Photo]:
    return [p for p in photos if p.fate != "bare"]


def one_folder(photos: Sequence[Photo]) -> Files:
    return with_table(masks(photos, "{}", "{}"))


def two_folders(photos: Sequence[Photo]) -> Files:
    return with_table(masks(photos, "images/{}", "masks/{}"))


def voc(photos: Sequence[Photo]) -> Files:
    return with_table(masks(photos, "JPEGImages/{}", "SegmentationClass/{}"))


def cityscapes(photos: Sequence[Photo]) -> Files:
    picture, label = "leftImg8bit/train/x/{}_leftImg8bit", "gtFine/train/x/{}_gtFine_labelIds"
    return with_table(masks(photos, picture, label, photo="png"))


def cvat_masks(photos: Sequence[Photo]) -> Files:
    rows = (f"{name}:{','.join(map(str, COLORS[i]))}::\n" for i, name in enumerate(NAMES))
    return {"labelmap.txt": "".join(rows), **masks(photos, "JPEGImages/{}", "SegmentationClass/{}", colored=True)}


def coco_head(photos: Iterable[Photo]) -> dict[str, Any]:
    return {
        "images": [{"id": p.number, "file_name": f"{p.named}.jpg", "width": WIDTH, "height": HEIGHT} for p in photos],
        "categories": [{"id": i, "name": name, "color": COLORS[i]} for i, name in enumerate(NAMES)],
    }


def coco_shapes(photos: Sequence[Photo]) -> Files:
    rows = []
    for p in said(photos):
        runs = [0, *[p.number, HEIGHT - p.number] * WIDTH]
        rings = [corner for point in boxes(p)[1][1] for corner in point]
        rows.append(
            {"image_id": p.number, "category_id": p.top, "segmentation": {"size": [HEIGHT, WIDTH], "counts": runs}}
        )
        rows.append({"image_id": p.number, "category_id": p.bottom, "segmentation": [rings]})
    return {**pictures(photos), "instances.json": json.dumps({**coco_head(photos), "annotations": rows})}


def coco_panoptic(photos: Sequence[Photo]) -> Files:
    files, rows = pictures(photos), []
    for p in said(photos):
        rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        rgb[..., 0], rgb[..., 1] = p.label + 1, p.number
        segments = [{"id": place + 1 + 256 * p.number, "category_id": place} for place in (p.top, p.bottom)]
        rows.append({"image_id": p.number, "file_name": f"{p.path}.png", "segments_info": segments})
        files[f"panoptic/{p.path}.png"] = encode_color(rgb)
    return {**files, "panoptic.json": json.dumps({**coco_head(photos), "annotations": rows})}


def label_studio(photos: Sequence[Photo]) -> Files:
    tasks = []
    for p in said(photos):
        facts = {"original_width": WIDTH, "original_height": HEIGHT}
        (upper, _), (lower, points) = boxes(p, 100, 100)
        stroke = {"format": "rle", "rle": encode(p.label == p.top), "brushlabels": [upper]}
        outline = {"points": points, "polygonlabels": [lower]}
        result = [
            {"type": "brushlabels", "value": stroke, **facts},
            {"type": "polygonlabels", "value": outline, **facts},
        ]
        url = "/data/local-files/?d=" + quote(f"images/{p.named}.jpg")
        tasks.append({"id": p.number, "data": {"image": url}, "annotations": [{"id": 1, "result": result}]})
    return {**pictures(photos), "export.json": json.dumps(tasks or [{"id": 1, "data": {}, "annotations": []}])}


def cvat_xml(photos: Sequence[Photo]) -> Files:
    images = []
    for p in said(photos):
        (upper, _), (lower, points) = boxes(p)
        runs = f"0, {p.number * WIDTH}"
        text = ";".join(f"{x:.2f},{y:.2f}" for x, y in points)
        images.append(
            f'<image id="{p.number}" name={quoteattr(p.named + ".jpg")} width="{WIDTH}" height="{HEIGHT}">'
            f'<mask label={quoteattr(upper)} rle="{runs}" left="0" top="0" width="{WIDTH}" height="{p.number}"/>'
            f'<polygon label={quoteattr(lower)} points="{text}"/></image>'
        )
    return {**pictures(photos), "annotations.xml": f"<annotations><meta/>{''.join(images)}</annotations>"}


def labelme(photos: Sequence[Photo]) -> Files:
    files = pictures(photos)
    for p in said(photos):
        shapes = [{"label": name, "points": points, "shape_type": "polygon"} for name, points in boxes(p)]
        value = {
            "shapes": shapes,
            "imagePath": f"{p.named.rpartition('/')[2]}.jpg",
            "imageHeight": HEIGHT,
            "imageWidth": WIDTH,
        }
        files[f"images/{p.path}.json"] = json.dumps(value)
    return files


LAYOUTS: tuple[Callable[[Sequence[Photo]], Files], ...] = (
    one_folder, two_folders, voc, cityscapes, cvat_masks, coco_shapes, coco_panoptic, label_studio, cvat_xml, labelme,
)  # fmt: skip


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(photos=trees(), layout=st.sampled_from(LAYOUTS))
def test_survey__every_label_arrives_or_is_named(
    photos: list[Photo], layout: Callable[[Sequence[Photo]], Files]
) -> None:
    files = layout(photos)
    with tempfile.TemporaryDirectory() as home:
        got = bring(Path(home), files)  # holds the sums of the report
    assert set(got.outcomes) == set(files)
    of_file = {data: name for name, data in files.items()}
    shown = {p: of_file.get(jpeg(p.number)) or of_file.get(png(p.number)) for p in photos}
    for p, picture in shown.items():
        if picture is None:
            continue
        if p.fate in ("whole", "form"):
            assert got.names(picture) == p.expected, (picture, got.reasons[picture])
            assert ("matched by" in got.reasons[picture]) >= (p.fate == "form")
        elif picture in got.labels:  # what else is called like it, with its own picture gone: said, never silent
            assert "matched by" in got.reasons[picture]
            assert got.names(picture) in [other.expected for other in photos if other.fate == "gone"]
        else:
            assert got.outcomes[picture] in {"missing_partner", "ambiguous"}
    lost = [p for p in photos if p.fate == "gone" and p.expected not in map(got.names, got.labels)]
    assert bool(got.left_out) >= bool(lost)
