"""Every shape that documents have, drawn where a hand can check it: a pixel belongs to it when its centre does."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from roadloop.errors import BrokenFileError
from roadloop.imaging.encode import encode_label
from roadloop.labels.brush import encode
from roadloop.sources.importers.shapes import DRAWERS, draw

WIDTH, HEIGHT = 8, 6
#: The whole picture but for its last two rows, which many shapes below leave free.
EMPTY = ["........"] * HEIGHT


def drawn(kind: str, value: Any, width: int = WIDTH, height: int = HEIGHT) -> list[str]:
    area, _ = draw(kind, value, width, height)
    mask = np.zeros((height, width), np.bool_)
    area.of(mask)[area.mask] = True
    return ["".join("#" if pixel else "." for pixel in row) for row in mask]


def rows(**changed: str) -> list[str]:
    """An empty picture with some rows, `r2="..##...."`."""
    return [changed.get(f"r{number}", row) for number, row in enumerate(EMPTY)]


def png(mask: NDArray[np.bool_], *, alpha: bool) -> str:
    """A mask as a data URI: black on transparent, or 1 on 0."""
    if not alpha:
        data = encode_label(mask.astype(np.uint8))
    else:
        rgba = np.zeros((*mask.shape, 4), np.uint8)
        rgba[..., 3] = np.where(mask, 255, 0)
        out = io.BytesIO()
        Image.fromarray(rgba).save(out, "PNG")
        data = out.getvalue()
    return "data:image/png;base64," + base64.b64encode(data).decode()


TWO = np.zeros((HEIGHT, WIDTH), np.bool_)
TWO[2, 3:5] = True

GOOD: Sequence[tuple[str, Any, list[str]]] = [
    ("brush", encode(TWO), rows(r2="...##...")),
    # 25 % of 8 is 2, 50 % of 6 is 3
    ("percent", [[25, 50], [75, 50], [75, 100], [25, 100]], rows(r3="..####..", r4="..####..", r5="..####..")),
    # centres are at .5: from 1.5 on the second pixel is in, up to 3.5 the fourth is not
    ("polygon", [[1.5, 0], [3.5, 0], [3.5, 1.2], [1.5, 1.2]], rows(r0=".##.....")),
    # a triangle: the diagonal runs through the centres, which count on one of its sides
    ("polygon", [[0, 0], [0, 4], [4, 4]], rows(r1="#.......", r2="##......", r3="###.....")),
    # cut at the edges
    ("polygon", [[-5, -5], [2, -5], [2, 2], [-5, 2]], rows(r0="##......", r1="##......")),
    ("polygon", [[20, 20], [30, 20], [30, 30]], EMPTY),
    # two parts of one object, and a part without area
    ("rings", [[0, 0, 1, 0, 1, 1, 0, 1], [6, 4, 8, 4, 8, 6, 6, 6], [1, 1, 5, 5]], rows(r0="#.......", r4="......##", r5="......##")),
    ("rectangle", {"x": 25, "y": 0, "width": 25, "height": 50}, rows(r0="..##....", r1="..##....", r2="..##....")),
    # turned by a quarter about its first corner (4, 0): 2 wide and 3 high becomes 3 to the left and 2 down
    ("rectangle", {"x": 50, "y": 0, "width": 25, "height": 50, "rotation": 90}, rows(r0=".###....", r1=".###....")),
    # radii 2 and 1 about (4, 3)
    ("ellipse", {"x": 50, "y": 50, "radiusX": 25, "radiusY": 100 / 6}, rows(r2="..####..", r3="..####..")),
    ("ellipse", {"x": 50, "y": 50, "radiusX": 25, "radiusY": 100 / 6, "rotation": 90}, rows(r1="...##...", r2="...##...", r3="...##...", r4="...##...")),
    # radius 1 about (4, 3): the centres of the four pixels there are 0.71 away
    ("circle", [[4, 3], [4, 4]], rows(r2="...##...", r3="...##...")),
    ("corners", [[3, 2], [1, 1]], rows(r1=".##.....")),
    ("corners", [[4, 0], [5, 0], [5, 2], [4, 2]], rows(r0="....#...", r1="....#...")),
    # down the columns: 6 + 2 empty, 2 set, the rest empty
    ("coco_runs", {"size": [HEIGHT, WIDTH], "counts": [8, 2, 38]}, rows(r2=".#......", r3=".#......")),
    # along the rows of a box of 3 x 2 at (5, 4): 1 empty, 4 set, 1 empty
    ("cvat_runs", {"rle": "1, 4, 1", "left": "5", "top": "4.0", "width": "3", "height": "2"}, rows(r4="......##", r5=".....##.")),
    ("cvat_points", "0.00,0.00;2.00,0.00;2.00,1.00;0.00,1.00", rows(r0="##......")),
    ("cvat_box", {"xtl": "1", "ytl": "1", "xbr": "3", "ybr": "2"}, rows(r1=".##.....")),
    # 4 x 2 about (4, 3), turned by a quarter about that centre: 2 x 4
    ("cvat_box", {"xtl": "2", "ytl": "2", "xbr": "6", "ybr": "4", "rotation": "90.0"}, rows(r1="...##...", r2="...##...", r3="...##...", r4="...##...")),
    ("cvat_ellipse", {"cx": "4", "cy": "3", "rx": "2", "ry": "1"}, rows(r2="..####..", r3="..####..")),
    ("cvat_ellipse", {"cx": "4", "cy": "3", "rx": "2", "ry": "1", "rotation": "90"}, rows(r1="...##...", r2="...##...", r3="...##...", r4="...##...")),
    ("bitmap", {"png": png(TWO, alpha=True)}, rows(r2="...##...")),
    ("bitmap", {"png": png(TWO, alpha=False)}, rows(r2="...##...")),
    ("bitmap", {"png": png(TWO[2:3, 3:5], alpha=False).partition(",")[2], "left": 6, "top": 5}, rows(r5="......##")),
]  # fmt: skip

BROKEN: Sequence[tuple[str, Any]] = [
    ("brush", None), ("brush", [1, 2, 3]), ("brush", encode(TWO[:3])),
    ("percent", [[1, 2], [3, 4]]), ("percent", "x"), ("polygon", [[0, 0], [1, float("nan")], [2, 2]]), ("polygon", None),
    ("rings", 7), ("rings", [1, 2, 3, 4, 5, 6]), ("rings", [[1, 2, 3, 4, 5, 6, 7]]), ("rings", [[0, 0, "a", 0, 1, 1]]),
    ("rectangle", {"x": 1, "y": 2}), ("ellipse", {"x": 1, "y": 2, "radiusX": None, "radiusY": 3}), ("circle", [[1, 1]]),
    ("corners", [[1, 1]]), ("corners", []),
    ("coco_runs", {"size": [WIDTH, HEIGHT], "counts": [8, 2, 38]}), ("coco_runs", {"size": [HEIGHT, WIDTH], "counts": [8, 2]}),
    ("coco_runs", {"size": [HEIGHT, WIDTH], "counts": [50, -2]}), ("coco_runs", {"size": [HEIGHT, WIDTH], "counts": "S36"}),
    ("coco_runs", {"size": [HEIGHT, WIDTH], "counts": "中"}), ("coco_runs", {"size": [HEIGHT, WIDTH]}), ("coco_runs", {"counts": [48]}),
    ("cvat_runs", {"rle": "1, 4", "left": "5", "top": "4", "width": "3", "height": "2"}),
    ("cvat_runs", {"rle": "6", "left": "6", "top": "4", "width": "3", "height": "2"}),
    ("cvat_runs", {"rle": "6", "left": "1.5", "top": "4", "width": "3", "height": "2"}),
    ("cvat_points", "1,1;2,2"), ("cvat_points", "1,1;2,2;3"), ("cvat_points", ""),
    ("cvat_box", {"xtl": "1"}), ("cvat_box", {"xtl": "nan", "ytl": "1", "xbr": "3", "ybr": "2"}), ("cvat_ellipse", {"cx": "x"}),
    ("bitmap", {"png": "data:image/png;base64,###"}), ("bitmap", {"png": "AAAA"}), ("bitmap", {}), ("bitmap", None),
    ("bitmap", {"png": png(TWO, alpha=True), "left": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "expected"), GOOD, ids=[f"{kind}-{n}" for n, (kind, *_) in enumerate(GOOD)])
def test_draw__covers_the_centres_inside(kind: str, value: Any, expected: list[str]) -> None:
    assert drawn(kind, value) == expected


def test_draw__each_shape_is_tested() -> None:
    assert {kind for kind, *_ in GOOD} == {kind for kind, _ in BROKEN} == set(DRAWERS)


@pytest.mark.parametrize(("kind", "value"), BROKEN, ids=[f"{kind}-{n}" for n, (kind, _) in enumerate(BROKEN)])
def test_draw__a_wrong_form_is_broken(kind: str, value: Any) -> None:
    with pytest.raises(BrokenFileError) as caught:
        draw(kind, value, WIDTH, HEIGHT)
    assert caught.value.text.zh
    assert caught.value.text.en


def test_draw__coco_packed_runs_as_pycocotools_writes_them() -> None:
    # pycocotools 2.0.11 for 24 x 32 (height x width) with rows 3..8, columns 4..19 set
    counts = "S36b000000000000000000000000000000m8"
    mask = drawn("coco_runs", {"size": [24, 32], "counts": counts}, 32, 24)
    assert mask == ["." * 32] * 3 + ["." * 4 + "#" * 16 + "." * 12] * 6 + ["." * 32] * 15
    plain = [4 * 24 + 3, *[6, 18] * 15, 6, 12 * 24 + 15]
    assert drawn("coco_runs", {"size": [24, 32], "counts": plain}, 32, 24) == mask


def test_draw__coco_packed_runs_with_differences_below_zero() -> None:
    # pycocotools 2.0.11 for this mask
    mask = [".###...", "....#.#", ".#..###", "#...#..", "...##.."]
    assert drawn("coco_runs", {"size": [5, 7], "counts": "3110001020O0N31M11O"}, 7, 5) == mask


@pytest.mark.parametrize("length", range(1, 36))
def test_draw__coco_packed_runs_that_were_cut_are_broken(length: int) -> None:
    counts = "S36b000000000000000000000000000000m8"[:length]
    with pytest.raises(BrokenFileError):
        draw("coco_runs", {"size": [24, 32], "counts": counts}, 32, 24)


@pytest.mark.parametrize(
    ("kind", "value", "loss"),
    [
        ("polygon", [[0, 0], [4, 0], [4, 4], [0, 4]], 0.0),
        # 3 x 1.2 are 3.6 pixels; three centres are inside
        ("polygon", [[0, 0], [3, 0], [3, 1.2], [0, 1.2]], 0.6),
        # only what lies in the picture counts: a quarter of 4 x 4
        ("polygon", [[-2, -2], [2, -2], [2, 2], [-2, 2]], 0.0),
        # a triangle of 8 pixels; the six centres below its diagonal are inside
        ("polygon", [[0, 0], [0, 4], [4, 4]], 2.0),
        ("rings", [[0, 0, 3, 0, 3, 1.2, 0, 1.2], [4, 0, 7, 0, 7, 1.2, 4, 1.2]], 1.2),
        ("circle", [[4, 3], [4, 4]], 4 - np.pi),
        ("coco_runs", {"size": [HEIGHT, WIDTH], "counts": [8, 2, 38]}, 0.0),
    ],
)
def test_draw__says_by_how_many_pixels_it_differs(kind: str, value: Any, loss: float) -> None:
    assert draw(kind, value, WIDTH, HEIGHT).loss == pytest.approx(loss, abs=1e-3)
