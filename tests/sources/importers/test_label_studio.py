import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from import_folders import HEIGHT, WIDTH, ids, jpeg
from roadloop.errors import JobError
from roadloop.labels.brush import encode
from roadloop.sources.importers.label_studio_tasks import read_time
from surveyed import Surveyed, bring

ALL = {"points": [[0, 0], [100, 0], [100, 100], [0, 100]]}
LEFT = {"points": [[0, 0], [50, 0], [50, 100], [0, 100]]}


def region(kind: str, label: str | Sequence[str], value: dict[str, Any], **more: Any) -> dict[str, Any]:
    names = [label] if isinstance(label, str) else list(label)
    facts = {"type": kind, "to_name": "image", "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    return {**facts, "value": {**value, kind: names}, **more}


ROAD = region("polygonlabels", "road", ALL)
CAR = region("polygonlabels", "car", LEFT)


def annotation(*result: Any, **more: Any) -> dict[str, Any]:
    return {"id": 1, "result": list(result), **more}


def task(*annotations: Any, number: int = 1, image: Any = "a.jpg", **more: Any) -> dict[str, Any]:
    return {"id": number, "data": {"image": image}, "annotations": list(annotations), **more}


def load(home: Path, *tasks: Any, names: str = "a", name: str = "e.json") -> Surveyed:
    return bring(home, {name: json.dumps(tasks), **{f"{n}.jpg": jpeg(i) for i, n in enumerate(names)}})


def test_find__turned_rectangles_ellipses_and_bitmasks(tmp_path: Path) -> None:
    rgba = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    rgba[10:, :5, 3] = 255  # black on transparent
    out = io.BytesIO()
    Image.fromarray(rgba).save(out, "PNG")
    url = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    # 4 wide and 2 high, turned by a quarter about (10, 2): columns 8 and 9, rows 2 to 5.
    turned = {"x": 50, "y": 100 / 6, "width": 20, "height": 100 / 6, "rotation": 90}
    got = load(
        tmp_path,
        task(
            annotation(
                ROAD, region("rectanglelabels", "car", turned), region("bitmasklabels", "car", {"imageDataURL": url})
            )
        ),
    )
    assert got.layout == "label-studio"
    label = got.labels["a.jpg"]
    assert (label[2:6, 8:10] == 0).all()
    assert (label[10:, :5] == 0).all()
    assert got.names("a.jpg") == {"car": 8 + 10, "road": 240 - 18}
    round_one = region("ellipselabels", "car", {"x": 50, "y": 50, "radiusX": 5, "radiusY": 100 / 12, "rotation": 30})
    assert load(tmp_path, task(annotation(ROAD, round_one))).names("a.jpg") == {"car": 4, "road": 236}


@pytest.mark.parametrize(
    ("times", "outcome"),
    [
        (("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"), "road"),
        (("2026-01-01T10:00:00Z", "2026-01-01T10:00:00.5Z"), "car"),
        (("2026-01-01T10:00:00+08:00", "2026-01-01T03:00:00Z"), "car"),
        ((1577836800, 1577836801), "car"),
        (("", ""), "ambiguous"),
        (("2026-01-01T10:00:00Z", ""), "ambiguous"),
        (("2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z"), "ambiguous"),
    ],
)
def test_find__the_newest_of_two_annotations_counts(tmp_path: Path, times: tuple[Any, Any], outcome: str) -> None:
    got = load(tmp_path, task(annotation(ROAD, updated_at=times[0]), annotation(CAR, id=2, updated_at=times[1])))
    if outcome == "ambiguous":
        assert got.outcomes["a.jpg"] == "ambiguous"
        assert {said for said, _ in got.statements.values()} == {"ambiguous"}
    else:
        assert outcome in got.names("a.jpg")
        assert sorted(said for said, _ in got.statements.values()) == ["superseded", "used"]


def test_find__an_export_s_own_time_where_annotations_have_none(tmp_path: Path) -> None:
    old, new = "project-1-at-2026-01-02-03-04-aa.json", "project-1-at-2026-02-02-03-04-bb.json"
    load(tmp_path, task(annotation(ROAD)), name=old)
    got = load(tmp_path, task(annotation(CAR)), name=new)
    assert got.names("a.jpg") == {"car": 120, "-": 120}
    assert got.statements[old, "task 1, annotation 1, region 1"][0] == "superseded"


def test_read_time__one_form_for_all() -> None:
    assert read_time("2020-01-01T08:00:00.25+08:00") == "2020-01-01T00:00:00.250000"
    assert read_time(1577836800) == read_time("2020-01-01T00:00:00Z") == "2020-01-01T00:00:00.000000"
    assert read_time("yesterday") == read_time(1e300) == ""


def test_find__skipped_tasks_and_predictions_end_as_such(tmp_path: Path) -> None:
    predicted = {"id": 9, "result": [CAR]}
    got = load(
        tmp_path,
        task(annotation(ROAD, updated_at="2026"), annotation(CAR, id=2, was_cancelled=True), predictions=[predicted]),
        task(number=2, image="b.jpg", predictions=[7, 8]),
        names="ab",
    )
    assert got.names("a.jpg") == {"road": 240}
    assert {place: said for (_, place), (said, _) in got.statements.items()} == {
        "task 1, prediction 1": "not_used",
        "task 1, annotation 1, region 1": "used",
        "task 1, annotation 2, region 1": "not_used",
        "task 2": "not_used",
        "task 2, prediction 1": "not_used",
        "task 2, prediction 2": "not_used",
    }


@pytest.mark.parametrize(
    "bad",
    [
        region("polygonlabels", "car", {}),
        region("polygonlabels", "car", {"points": [[0, 0], [1, 1]]}),
        region("polygonlabels", "car", {"points": [[0, 0], [1, "x"], [2, 2]]}),
        region("brushlabels", "car", {"rle": [1, 2, 3]}),
        region("brushlabels", "car", {"rle": encode(ids(1, 0)[:5] > 0)}),
        region("rectanglelabels", "car", {"x": 1, "y": None, "width": 2, "height": 2}),
        region("bitmasklabels", "car", {"imageDataURL": "data:image/png;base64,AAAA"}),
        region("polygonlabels", "car", LEFT, original_width="wide"),
        region("polygonlabels", "car", LEFT, item_index="x"),
        region("polygonlabels", "car", LEFT, original_width=WIDTH + 1),
        {"type": "polygonlabels", "value": [1]},
        "text",
    ],
    ids=str,
)
def test_find__one_broken_region_costs_its_picture_alone(tmp_path: Path, bad: Any) -> None:
    got = load(tmp_path, task(annotation(ROAD, bad)), task(annotation(CAR), number=2, image="b.jpg"), names="ab")
    assert set(got.labels) == {"b.jpg"}
    assert (got.outcomes["a.jpg"], got.outcomes["e.json"]) == ("broken", "used")
    said = {place: outcome for (_, place), (outcome, _) in got.statements.items()}
    assert said["task 1, annotation 1, region 1"] == "partner_left_out"
    assert said["task 1, annotation 1, region 2"] in {"broken", "partner_left_out"}
    assert said["task 2, annotation 1, region 1"] == "used"


@pytest.mark.parametrize(
    "bad", [{"id": 5, "data": 3, "annotations": []}, task(7, number=5), task({"result": 3}, 3, number=5)], ids=str
)
def test_find__one_broken_task_is_named(tmp_path: Path, bad: Any) -> None:
    got = load(tmp_path, bad, task(annotation(CAR), number=2))
    assert got.names("a.jpg")["car"] == 120
    assert {said for (_, place), (said, _) in got.statements.items() if place.startswith("task 5")} == {"broken"}


def test_find__regions_of_several_pictures(tmp_path: Path) -> None:
    data = {"front": "a.jpg", "rear": "b.jpg"}
    several = {
        "id": 1,
        "data": data,
        "annotations": [annotation({**ROAD, "to_name": "front"}, {**CAR, "to_name": "rear"})],
    }
    got = load(tmp_path, several, names="ab")
    assert (got.names("a.jpg"), got.names("b.jpg")) == ({"road": 240}, {"car": 120, "-": 120})

    unclear = {
        "id": 1,
        "data": data,
        "annotations": [annotation({**ROAD, "to_name": "front"}, {**CAR, "to_name": "img"})],
    }
    got = load(tmp_path, unclear, names="ab")
    assert got.labels == {}  # the car may be in either
    assert got.statements["e.json", "task 1, annotation 1, region 2"][0] == "ambiguous"

    pages = {
        "id": 1,
        "data": {"pages": ["a.jpg", "b.jpg"]},
        "annotations": [annotation({**ROAD, "item_index": 0}, {**CAR, "item_index": 1})],
    }
    got = load(tmp_path, pages, names="ab")
    assert (got.names("a.jpg"), got.names("b.jpg")) == ({"road": 240}, {"car": 120, "-": 120})


def test_find__a_picture_shown_for_reference_keeps_its_own_annotation(tmp_path: Path) -> None:
    def pair(number: int, image: str, other: str, what: Any, time: str) -> dict[str, Any]:
        return {
            "id": number,
            "data": {"image": image, "before": other},
            "annotations": [annotation(what, updated_at=time)],
        }

    got = load(
        tmp_path,
        pair(1, "a.jpg", "b.jpg", ROAD, "2026-02-01"),
        pair(2, "b.jpg", "a.jpg", CAR, "2026-01-01"),
        names="ab",
    )
    assert (got.names("a.jpg"), got.names("b.jpg")) == ({"road": 240}, {"car": 120, "-": 120})


def test_find__a_picture_inside_the_export_is_found_by_its_bytes(tmp_path: Path) -> None:
    url = "data:image/jpeg;base64," + base64.b64encode(jpeg(1)).decode()
    got = load(tmp_path, task(annotation(ROAD), image=url), names="ab")  # b.jpg is jpeg(1)
    assert set(got.labels) == {"b.jpg"}
    assert "the same bytes" in got.reasons["b.jpg"]
    lost = "data:image/jpeg;base64," + base64.b64encode(jpeg(9)).decode()
    got = load(tmp_path, task(annotation(ROAD), image=lost))
    assert [said for said, _ in got.statements.values()] == ["picture_absent"]


def test_find__json_min_and_completions(tmp_path: Path) -> None:
    flat = {**ALL, "polygonlabels": ["road"], "original_width": WIDTH, "original_height": HEIGHT}
    got = load(tmp_path, {"id": 1, "image": "a.jpg", "label": [flat], "updated_at": "2026-01-01"})
    assert got.names("a.jpg") == {"road": 240}
    got = load(tmp_path, {"id": 1, "data": {"image": "a.jpg"}, "completions": [annotation(CAR, created_at=1577836800)]})
    assert got.names("a.jpg") == {"car": 120, "-": 120}


def test_find__labels_that_are_not_clear(tmp_path: Path) -> None:
    got = load(tmp_path, task(annotation(ROAD, region("polygonlabels", ["car", "wet"], LEFT))))
    assert (got.labels, got.outcomes["a.jpg"]) == ({}, "ambiguous")
    got = load(tmp_path, task(annotation(ROAD, region("polygonlabels", [], LEFT))))
    assert (got.labels, got.outcomes["a.jpg"]) == ({}, "unsupported")
    with pytest.raises(JobError, match="one number"):
        load(
            tmp_path, task(annotation(region("polygonlabels", "1 road", ALL), region("polygonlabels", "1 车道", LEFT)))
        )


def test_find__other_controls_of_a_region_are_no_second_region(tmp_path: Path) -> None:
    note = {"id": "r1", "type": "textarea", "to_name": "image", "value": {"text": ["wet"]}}
    brush = {"id": "r1", "type": "brush", "value": {"format": "rle", "rle": encode(ids(1, 0) > 0)}}
    what = {"id": "r1", "type": "labels", "value": {"labels": ["car "]}}
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    relation = {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right"}
    choice = {"id": "c", "type": "choices", "to_name": "image", "value": {"choices": ["night"]}}
    result = [{**entry, **size} for entry in (note, what, brush)]
    got = load(tmp_path, task(annotation(*result, relation, choice)))
    assert got.names("a.jpg") == {"car": 3 * WIDTH, "-": 9 * WIDTH}
    assert sorted(said for said, _ in got.statements.values()) == ["unsupported"] * 2 + ["used"] * 3
