import base64
import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from import_folders import HEIGHT, WIDTH, jpeg, png, put
from roadloop.imaging.encode import encode_label
from surveyed import bring

ROAD = {"label": "road", "points": [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], "shape_type": "polygon"}


def document(shapes: Sequence[Any], path: str = "a_1.jpg", **facts: Any) -> str:
    values: dict[str, Any] = {
        "version": "5.5.0",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": path,
        "imageData": None,
    }
    return json.dumps({**values, "imageHeight": HEIGHT, "imageWidth": WIDTH, **facts})


def shape(kind: str, points: Sequence[Sequence[float]], label: str = "car", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def test_find__each_shape_with_area(tmp_path: Path) -> None:
    mask = base64.b64encode(encode_label(np.array([[1, 0, 1]], np.uint8))).decode()
    shapes = [
        ROAD,
        shape("rectangle", [[6, 4], [2, 1]]),  # the lower right corner first
        shape("rectangle", [[10, 0], [12, 0], [12, 2], [10, 2]]),  # AnyLabeling: all four
        shape("circle", [[15, 5], [15, 6]]),  # radius 1: the four pixels around (15, 5)
        shape("mask", [[3.0, 8.0], [5.0, 8.0]], mask=mask),
        shape("rotation", [[8, 9], [9, 8], [10, 9], [9, 10]]),
    ]
    got = bring(tmp_path, {"a_1.json": document(shapes), "a_1.jpg": jpeg()})
    assert (got.layout, got.outcomes) == ("labelme", {"a_1.json": "added", "a_1.jpg": "added"})
    assert [(c.raw_id, c.name_en) for c in got.table.classes] == [(0, "car"), (1, "road")]
    car = got.labels["a_1.jpg"] == 0
    assert car[1:4, 2:6].all()
    assert car[0:2, 10:12].all()
    assert car[4:6, 14:16].all()
    assert car[8, 3:6].tolist() == [True, False, True]
    assert car[8:10, 8:10].sum() == int(car.sum()) - 12 - 4 - 4 - 2
    assert {outcome for outcome, _ in got.statements.values()} == {"used"}


def test_find__what_has_no_area_is_named_and_what_is_unknown_costs_the_picture(tmp_path: Path) -> None:
    thin = [shape(kind, [[1, 1], [5, 5]]) for kind in ("line", "linestrip", "point", "polygon")]
    got = bring(
        tmp_path,
        {
            "a_1.json": document([ROAD, *thin]), "a_1.jpg": jpeg(1),
            "b_1.json": document([ROAD, shape("blob", [[1, 1]])], "b_1.jpg"), "b_1.jpg": jpeg(2),
            "c_1.json": document([ROAD, {"points": 3}], "c_1.jpg"), "c_1.jpg": jpeg(3),
            "d_1.json": document([ROAD, shape("circle", [[1, 1]])], "d_1.jpg"), "d_1.jpg": jpeg(4),
            "e_1.json": document([], "e_1.jpg"), "e_1.jpg": jpeg(5),
        },
    )  # fmt: skip
    assert got.names("a_1.jpg") == {"road": WIDTH * HEIGHT}
    assert set(got.labels) == {"a_1.jpg"}
    assert [got.statements["a_1.json", f"shape {n}"][0] for n in range(1, 6)] == ["used", *["unsupported"] * 4]
    assert got.statements["b_1.json", "shape 2"] == ("unsupported", "An unknown shape, blob: not supported")
    assert got.outcomes["b_1.jpg"] == "unsupported"
    assert got.statements["c_1.json", "shape 2"][0] == "broken"
    assert got.outcomes["c_1.jpg"] == "broken"
    # Found when it is drawn: the blamed one alone is broken.
    assert (got.outcomes["d_1.json"], got.outcomes["d_1.jpg"]) == ("broken", "partner_left_out")
    assert got.statements["d_1.json", "shape 1"][0] == "partner_left_out"
    assert got.statements["d_1.json", "shape 2"][0] == "broken"
    assert got.statements["e_1.json", "shapes"] == ("not_used", "It has no shape")
    assert got.outcomes["e_1.jpg"] == "missing_partner"


def test_find__pictures_by_path_then_by_the_json_s_own_name(tmp_path: Path) -> None:
    half = shape("rectangle", [[0, 0], [10, 12]])
    got = bring(
        tmp_path,
        {
            "labels/cam0/a.json": document([ROAD], "..\\..\\images\\cam0\\a.jpg"), "images/cam0/a.jpg": jpeg(1),
            "labels/cam1/a.json": document([half], "../../images/cam1/a.jpg"), "images/cam1/a.jpg": jpeg(2),
            "old/renamed.json": document([ROAD], "IMG_0001.JPG"), "old/renamed.jpg": jpeg(3),
        },
    )  # fmt: skip
    assert got.names("images/cam0/a.jpg") == {"road": 240}
    assert got.names("images/cam1/a.jpg") == {"car": 120, "-": 120}
    assert got.names("old/renamed.jpg") == {"road": 240}
    assert "matched by" not in got.reasons["images/cam0/a.jpg"]
    assert "the JSON's own name" in got.reasons["old/renamed.jpg"]
    assert "50.00 % of the pixels are covered by no region" in got.reasons["images/cam1/a.jpg"]


def test_find__versions_sizes_and_embedded_pictures(tmp_path: Path) -> None:
    old = {"lineColor": [0, 255, 0, 128], "shapes": [{"label": "road", "points": ROAD["points"]}], "imagePath": "a.jpg"}
    inside = document([ROAD], "only_inside.jpg", imageData=base64.b64encode(png()).decode())
    got = bring(
        tmp_path,
        {
            "a.json": json.dumps({**old, "imageData": ""}), "a.jpg": jpeg(1),
            "b.json": document([ROAD], "b.jpg", imageHeight=WIDTH, imageWidth=HEIGHT), "b.jpg": jpeg(2),
            "other.json": inside,
        },
    )  # fmt: skip
    assert got.names("a.jpg") == {"road": 240}
    assert got.outcomes["b.json"] == "other_size"
    assert got.outcomes["other.json"] == "picture_absent"
    assert "imageData" in got.reasons["other.json"]


def test_find__two_files_of_one_picture_are_a_doubt_and_ignore_is_255(tmp_path: Path) -> None:
    hidden = shape("rectangle", [[0, 0], [10, 12]], "__ignore__")
    got = bring(
        tmp_path,
        {
            "a.json": document([ROAD], "a.jpg"), "copy.json": document([ROAD, ROAD], "a.jpg"), "a.jpg": jpeg(1),
            "b.json": document([ROAD, hidden], "b.jpg"), "b.jpg": jpeg(2), "cut.json": document([ROAD])[:-9],
        },
    )  # fmt: skip
    assert got.names("b.jpg") == {"road": 120, "-": 120}
    assert {got.outcomes[name] for name in ("a.json", "copy.json", "a.jpg")} == {"ambiguous"}
    assert got.outcomes["cut.json"] == "broken"


def test_find__masks_beside_them_count_and_each_file_is_named(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "a_1.json": document([ROAD]),
        "a_1.jpg": jpeg(),
        "a_1.png": encode_label(np.zeros((HEIGHT, WIDTH), np.uint8)),
    }
    got = bring(tmp_path, files)
    assert (got.layout, got.outcomes["a_1.json"]) == ("pairs", "unsupported")
    assert "layout=labelme" in got.reasons["a_1.json"]
    assert bring(tmp_path, layout="labelme").names("a_1.jpg") == {"road": 240}


def test_find__memory_does_not_hold_the_pictures_inside_the_files(tmp_path: Path) -> None:
    data = base64.b64encode(bytes(300_000)).decode()
    for number in range(40):
        put(tmp_path / "imports" / "in" / f"{number}.json", document([ROAD], f"p{number}.jpg", imageData=data))
        put(tmp_path / "imports" / "in" / f"p{number}.jpg", jpeg(number))
    tracemalloc.start()
    got = bring(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(got.labels) == 40
    assert peak < 20 * len(data)  # the files hold twice that
