import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from import_folders import HEIGHT, WIDTH, ids, jpeg
from roadloop.imaging.encode import encode_color
from surveyed import Surveyed, bring

FULL = [[0, 0, WIDTH, 0, WIDTH, HEIGHT, 0, HEIGHT]]
CATEGORIES = [{"id": 3, "name": "car", "color": [0, 0, 142]}, {"id": 7, "name": "road", "color": [128, 64, 128]}]


def one(number: int, segmentation: Any, category: Any = 7, image: Any = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": category, "segmentation": segmentation, **more}


def document(annotations: Sequence[Any], images: Sequence[Any] | None = None, **more: Any) -> str:
    known = [{"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}] if images is None else images
    return json.dumps({"images": known, "annotations": annotations, "categories": CATEGORIES, **more})


def picture(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT}


def load(home: Path, text: str, names: str = "a", files: Mapping[str, bytes] | None = None) -> Surveyed:
    pictures = {f"{name}.jpg": jpeg(n) for n, name in enumerate(names)}
    return bring(home, {"instances_train.json": text, **pictures, **(files or {})})


def test_shapes__outlines_and_run_lengths_in_order(tmp_path: Path) -> None:
    # Down the columns: two columns of the picture, and, crowded, the first three pixels of column 19.
    runs = {"size": [HEIGHT, WIDTH], "counts": [2 * HEIGHT, 2 * HEIGHT, (WIDTH - 4) * HEIGHT]}
    crowd = {"size": [HEIGHT, WIDTH], "counts": [19 * HEIGHT, 3, HEIGHT - 3]}
    got = load(tmp_path, document([one(1, FULL), one(2, runs, 3), one(3, crowd, 3, iscrowd=1)]))
    assert got.layout == "coco"
    assert [(c.raw_id, c.name_en) for c in got.table.classes] == [(3, "car"), (7, "road")]
    label = got.labels["a.jpg"]
    assert (label[:, 2:4] == 3).all()
    assert (label[:3, 19] == 3).all()
    assert got.names("a.jpg") == {"car": 27, "road": WIDTH * HEIGHT - 27}
    assert got.splits == {"a.jpg": "train"}
    assert {place for _, place in got.statements} == {"annotation 1", "annotation 2", "annotation 3"}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (one(9, FULL, 99), "category_id 99 is not in categories"),
        ({"id": 9, "image_id": 1, "segmentation": FULL}, "KeyError: 'category_id'"),
        (one(9, {"size": [WIDTH, HEIGHT], "counts": [240]}), "annotation 9: The run lengths do not make 20x12"),
        (one(9, {"size": [HEIGHT, WIDTH], "counts": "S36"}), "annotation 9: "),
        (one(9, [[0, 0, 5, 5, "x", 1]]), "annotation 9: A rings of a wrong form"),
        (one(9, [1, 2, 3, 4, 5, 6]), "annotation 9: "),
        (one(9, "nothing"), "annotation 9: "),
    ],
    ids=["unknown-category", "no-category", "other-size", "cut", "text", "flat", "no-list"],
)
def test_shapes__one_broken_annotation_costs_its_picture_alone(tmp_path: Path, bad: Any, reason: str) -> None:
    rows = [one(1, FULL), bad, one(2, FULL, image=2)]
    got = load(tmp_path, document(rows, [picture(1, "a.jpg"), picture(2, "b.jpg")]), "ab")
    assert set(got.labels) == {"b.jpg"}
    assert got.outcomes == {"instances_train.json": "used", "a.jpg": "broken", "b.jpg": "added"}
    said = {place: outcome for (_, place), (outcome, _) in got.statements.items()}
    assert said == {"annotation 1": "partner_left_out", "annotation 9": "broken", "annotation 2": "used"}
    assert reason in got.statements["instances_train.json", "annotation 9"][1]


def test_shapes__what_has_no_area_is_named(tmp_path: Path) -> None:
    boxes = [one(2, [], bbox=[0, 0, 5, 5]), one(3, None, bbox=[0, 0, 5, 5]), one(4, [], keypoints=[1, 1, 2])]
    got = load(tmp_path, document([one(1, FULL), *boxes, one(5, [[1, 1, 2, 2]], 3)]))
    assert got.names("a.jpg") == {"road": WIDTH * HEIGHT}
    assert got.left_out == "statements about pictures: 4 not supported"
    assert "fewer than three points" in got.statements["instances_train.json", "annotation 5"][1]


def test_shapes__pictures_that_are_not_clear(tmp_path: Path) -> None:
    images = [
        picture(1, "a.jpg"), picture(1, "a.jpg"),  # the same twice is one
        picture(2, "b.jpg"), picture(2, "c.jpg"),  # one id for two pictures
        picture(4, "d.jpg"), picture(5, "d.jpg"),  # one picture under two ids, both with annotations
        {"id": 6}, 7, {"id": "8", "file_name": "e.jpg", "width": -1, "height": -1},
    ]  # fmt: skip
    half = [[0, 0, 10, 0, 10, 12, 0, 12]]
    rows = [one(n, half if n == 5 else FULL, image=n) for n in (1, 2, 4, 5, 8, 77)]
    got = load(tmp_path, document([*rows, 3, {"id": 12}], images), "abcde")
    assert set(got.labels) == {"a.jpg", "e.jpg"}
    assert {place: outcome for (_, place), (outcome, _) in got.statements.items()} == {
        "annotation 1": "used",
        "annotation 2": "ambiguous",
        "annotation 4": "ambiguous",
        "annotation 5": "ambiguous",
        "annotation 8": "used",
        "annotation 77": "picture_absent",
        "annotation 6": "broken",
        "annotation 12": "broken",
        "images, row 6": "broken",
        "images, row 7": "broken",
    }


def test_panoptic__one_broken_row_costs_its_picture_alone(tmp_path: Path) -> None:
    numbers = np.full((HEIGHT, WIDTH, 3), 0, np.uint8)
    numbers[..., 0] = ids(5, 6)
    pngs = {f"panoptic/{name}.png": encode_color(numbers) for name in "ab"}

    def row(image: Any, name: str, category: int = 3) -> dict[str, Any]:
        segments = [{"id": 5, "category_id": category}, {"id": 6, "category_id": 7}]
        return {"image_id": image, "file_name": f"{name}.png", "segments_info": segments}

    rows = [row(1, "a"), row(2, "b", 99), row(88, "a"), {"image_id": 1}, row(2, "gone")]
    got = bring(
        tmp_path,
        {
            "panoptic.json": document(rows, [picture(1, "a.jpg"), picture(2, "b.jpg")]),
            **{f"images/{name}.jpg": jpeg(n) for n, name in enumerate("ab")}, **pngs,
        },
    )  # fmt: skip
    assert got.names("images/a.jpg") == {"car": 3 * WIDTH, "road": 9 * WIDTH}
    assert set(got.labels) == {"images/a.jpg"}
    assert (got.outcomes["images/b.jpg"], got.outcomes["panoptic/b.png"]) == ("broken", "partner_left_out")
    assert got.statements["panoptic.json", "annotations, image_id 88"][0] == "picture_absent"


def test_find__the_same_annotations_in_two_files_are_taken_once(tmp_path: Path) -> None:
    rows = [one(1, FULL)]
    again = [one(41, FULL)]
    got = load(tmp_path, document(rows), "a", {"copy.json": document(again).encode()})
    assert got.names("a.jpg") == {"road": 240}
    assert sorted(outcome for outcome, _ in got.statements.values()) == ["superseded", "used"]
    other = load(tmp_path, document(rows), "a", {"copy.json": document([one(41, FULL, 3)]).encode()})
    assert other.labels == {}
    assert other.outcomes["a.jpg"] == "ambiguous"


def test_find__a_name_without_folders_is_the_picture_right_below_images(tmp_path: Path) -> None:
    images = [picture(1, "a.jpg"), picture(2, "cam0/a.jpg")]
    half = [[0, 0, 10, 0, 10, 12, 0, 12]]
    files = {"i.json": document([one(1, FULL), one(2, half, 3, 2)], images)}
    got = bring(tmp_path, {**files, "images/a.jpg": jpeg(1), "images/cam0/a.jpg": jpeg(2)})
    assert got.names("images/a.jpg") == {"road": 240}
    assert got.names("images/cam0/a.jpg") == {"car": 120, "-": 120}
