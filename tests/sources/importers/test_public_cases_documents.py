"""Documents that people had trouble with elsewhere; each test names its report as repository#number."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from import_folders import HEIGHT, WIDTH, ids, jpeg, put
from roadloop.imaging.encode import encode_jpeg
from roadloop.labels.brush import encode
from surveyed import bring

FULL = [[0, 0, WIDTH, 0, WIDTH, HEIGHT, 0, HEIGHT]]
ALL = [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]]


def coco(annotations: list[Any], images: list[Any] | None = None) -> str:
    categories = [{"id": 0, "name": "embedded"}, {"id": 1, "name": "isolated"}]
    known = [{"id": 1, "file_name": "a.jpg"}] if images is None else images
    return json.dumps({"images": known, "annotations": annotations, "categories": categories})


def outline(number: int, image: Any = 1, category: int = 1, segmentation: Any = FULL) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "bbox": [0, 0, 9, 9],
    }


def cvat(shapes: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    return (
        f'<annotations><version>1.1</version><image id="0" name="a.jpg" width="{width}" height="{height}">'
        f"{shapes}</image></annotations>"
    )


def task(*result: Any, **more: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"id": 1, "result": list(result)}], **more}


def region(kind: str, value: dict[str, Any], label: str = "wound") -> dict[str, Any]:
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    labels = {kind: [label]} if kind.endswith("labels") else {}
    return {"type": kind, **size, "value": {**value, **labels}}


#: The stroke of the report: 40 x 40 pixels at (79, 304), 1243 of them set.
BLAH = (
    "17, 10, 27, 15, 23, 18, 20, 21, 18, 23, 16, 24, 15, 26, 13, 27, 13, 27, 12, 29, 10, 30, 9, 32, 7, 34, 5, 36, 3, 38, 2, 38,"
    " 2, 39, 1, 39, 1, 120, 1, 39, 1, 39, 1, 39, 2, 38, 2, 38, 3, 37, 3, 37, 3, 37, 4, 36, 4, 35, 6, 34, 7, 33, 7, 32, 9, 30,"
    " 10, 29, 13, 26, 15, 23, 18, 20, 22, 15, 12"
)


def test_cvat_run_lengths_are_of_the_stroke_s_box(tmp_path: Path) -> None:
    """cvat-ai/cvat#4723, #6487: read as the whole picture's they land elsewhere."""
    mask = f'<mask label="blah" occluded="0" source="manual" rle="{BLAH}" left="79" top="304" width="40" height="40" z_order="0"> </mask>'
    photo = encode_jpeg(np.zeros((360, 160, 3), np.uint8))
    got = bring(tmp_path, {"annotations.xml": cvat(mask, 160, 360), "a.jpg": photo})
    drawn = got.labels["a.jpg"] == 0
    assert int(drawn.sum()) == 1243
    assert int(drawn[304:344, 79:119].sum()) == 1243
    # the first run: 17 off, 10 on, in the box's first row
    assert np.flatnonzero(drawn[304]).tolist() == list(range(79 + 17, 79 + 27))


def test_cvat_boxes_turn_about_their_centre(tmp_path: Path) -> None:
    """cvat-ai/cvat#4748, #4745: corners are of the box before it was turned; elsewhere the angle was dropped."""
    box = '<box label="car" xtl="6" ytl="4" xbr="14" ybr="8" rotation="90.0"/>'
    got = bring(tmp_path, {"annotations.xml": cvat(box), "a.jpg": jpeg()})
    assert got.names("a.jpg") == {"car": 8 * 4, "-": 240 - 32}
    assert (got.labels["a.jpg"][2:10, 8:12] == 0).all()


def test_cvat_corrections_lie_above_what_they_correct(tmp_path: Path) -> None:
    """cvat-ai/cvat#9713: a polygon of a higher z-order drawn over an imported mask, whatever their order in the file."""
    above = '<polygon label="two" points="0,0;10,0;10,12;0,12" z_order="1"/>'
    below = (
        f'<mask label="one" rle="0, {WIDTH * HEIGHT}" left="0" top="0" width="{WIDTH}" height="{HEIGHT}" z_order="0"/>'
    )
    got = bring(tmp_path, {"annotations.xml": cvat(above + below), "a.jpg": jpeg()})
    assert got.names("a.jpg") == {"one": 120, "two": 120}


def test_coco_run_lengths_written_as_an_outline(tmp_path: Path) -> None:
    """cvat-ai/cvat#6014: counts in `segmentation` itself, 'Polygon has invalid value count 1047'."""
    got = bring(tmp_path, {"a.json": "{}", "i.json": coco([outline(1, segmentation=[0, 20, 220])]), "a.jpg": jpeg()})
    assert got.labels == {}
    assert got.statements["i.json", "annotation 1"][0] == "broken"


def test_coco_picture_ids_as_text_and_as_numbers(tmp_path: Path) -> None:
    """cvat-ai/cvat#298: ids were texts on one side; a reader by keys finds nothing."""
    got = bring(tmp_path, {"i.json": coco([outline(1, image="1")]), "a.jpg": jpeg()})
    assert got.names("a.jpg") == {"isolated": 240}


def test_coco_category_that_is_not_there(tmp_path: Path) -> None:
    """facebookresearch/detectron2#5335: 'Encountered category_id=2 but this id does not exist'."""
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
    got = bring(
        tmp_path, {"i.json": coco([outline(1, category=2), outline(2, 2)], images), "a.jpg": jpeg(1), "b.jpg": jpeg(2)}
    )
    assert set(got.labels) == {"b.jpg"}
    assert "category_id 2 is not in categories" in got.statements["i.json", "annotation 1"][1]


def test_coco_sizes_of_minus_one(tmp_path: Path) -> None:
    """facebookresearch/detectron2#1966: VGG Image Annotator writes -1 where it does not know."""
    images = [{"id": 1, "width": -1, "height": -1, "file_name": "a.jpg"}]
    got = bring(tmp_path, {"i.json": coco([outline(1)], images), "a.jpg": jpeg()})
    assert got.names("a.jpg") == {"isolated": 240}


def test_coco_boxes_with_an_empty_segmentation(tmp_path: Path) -> None:
    """voxel51/fiftyone#1523: `segmentation: []`; no pixels, and no reason to stop."""
    got = bring(tmp_path, {"i.json": coco([outline(1), outline(2, segmentation=[])]), "a.jpg": jpeg()})
    assert got.names("a.jpg") == {"isolated": 240}
    assert got.statements["i.json", "annotation 2"][0] == "unsupported"


def test_coco_one_id_for_two_pictures(tmp_path: Path) -> None:
    """obss/sahi#98: whichever came last used to get all annotations."""
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]
    got = bring(tmp_path, {"i.json": coco([outline(1)], images), "a.jpg": jpeg(1), "b.jpg": jpeg(2)})
    assert got.labels == {}
    assert got.statements["i.json", "annotation 1"][0] == "ambiguous"


def test_coco_one_id_in_two_documents(tmp_path: Path) -> None:
    """open-mmlab/mmpose#1643: train and val both have an image 1."""
    files: dict[str, bytes | str] = {
        "train.json": coco([outline(1)]), "train/a.jpg": jpeg(1),
        "val.json": coco([outline(1, category=0)]), "val/a.jpg": jpeg(2),
    }  # fmt: skip
    got = bring(tmp_path, files)
    assert got.names("train/a.jpg") == {"isolated": 240}
    assert got.names("val/a.jpg") == {"embedded": 240}
    assert got.splits == {"train/a.jpg": "train", "val/a.jpg": "val"}


@pytest.mark.parametrize(
    "places",
    [
        ("train/_annotations.coco.json", "train/", "valid/"),
        ("annotations/instances_train.json", "images/train/", "images/val/"),
    ],
)
def test_coco_a_picture_that_is_gone_lends_its_label_to_no_other_split(
    tmp_path: Path, places: tuple[str, str, str]
) -> None:
    """`train/` names a picture that only the other split has."""
    document, train, val = places
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
    files: dict[str, bytes | str] = {
        document: coco([outline(1), outline(2, 2, category=0)], images), f"{train}b.jpg": jpeg(1), f"{val}a.jpg": jpeg(2),
    }  # fmt: skip
    got = bring(tmp_path, files)
    assert set(got.labels) == {f"{train}b.jpg"}
    assert got.statements[document, "annotation 1"][0] == "picture_absent"


def test_coco_documents_that_lie_beside_their_pictures(tmp_path: Path) -> None:
    """Exports side by side, each with an `a.jpg`; one's picture is gone, and the other's is not taken for it."""
    files: dict[str, bytes | str] = {
        "t1/annotations/instances_default.json": coco([outline(1)]), "t1/images/a.jpg": jpeg(1),
        "t2/annotations/instances_default.json": coco([outline(1, category=0)]), "t2/images/a.jpg": jpeg(2),
        "t3/annotations/instances_default.json": coco([outline(1)]), "t3/images/b.jpg": jpeg(3),
    }  # fmt: skip
    got = bring(tmp_path, files)
    assert {name: got.names(name) for name in got.labels} == {
        "t1/images/a.jpg": {"isolated": 240},
        "t2/images/a.jpg": {"embedded": 240},
    }
    assert got.statements["t3/annotations/instances_default.json", "annotation 1"][0] == "ambiguous"
    assert got.outcomes["t3/images/b.jpg"] == "missing_partner"


def test_label_studio_exports_that_lie_beside_their_pictures(tmp_path: Path) -> None:
    """Two exports with times, one name: the newer is not about the other's picture."""
    for folder, day, name in (("t1", "01", "wound"), ("t2", "02", "skin")):
        export = [task(region("polygonlabels", {"points": [[0, 0], [100, 0], [100, 100], [0, 100]]}, name))]
        export[0]["annotations"][0]["updated_at"] = f"2026-01-{day}"
        put(tmp_path / "imports" / "in" / folder / "export.json", json.dumps(export))
    got = bring(tmp_path, {"t1/a.jpg": jpeg(1), "t2/images/a.jpg": jpeg(2)})
    assert got.names("t1/a.jpg") == {"wound": 240}
    assert got.names("t2/images/a.jpg") == {"skin": 240}


def test_coco_of_label_studio_with_hashes_in_its_names(tmp_path: Path) -> None:
    """HumanSignal/label-studio#4475: `images/23082be9-0A9LCRZ1DR.jpg` for an upload of `0A9LCRZ1DR.jpg`."""
    images = [{"id": 1, "file_name": "images/23082be9-0A9LCRZ1DR.jpg"}]
    got = bring(tmp_path, {"result.json": coco([outline(1)], images), "0A9LCRZ1DR.jpg": jpeg()})
    assert got.names("0A9LCRZ1DR.jpg") == {"isolated": 240}
    assert "without the prefix" in got.reasons["0A9LCRZ1DR.jpg"]


def test_label_studio_json_min_turns_about_the_first_corner(tmp_path: Path) -> None:
    """HumanSignal/label-studio#9547: drawn about the centre, boxes of JSON_MIN are elsewhere."""
    box = {"x": 50, "y": 0, "width": 20, "height": 50, "rotation": 90, "rectanglelabels": ["text"]}
    value = {"id": 1, "image": "a.jpg", "bbox": [{**box, "original_width": WIDTH, "original_height": HEIGHT}]}
    got = bring(tmp_path, {"min.json": json.dumps([value]), "a.jpg": jpeg()})
    assert (got.labels["a.jpg"][0:4, 4:10] == 0).all()  # 4 wide, 6 high, about (10, 0): 6 to the left, 4 down
    assert got.names("a.jpg") == {"text": 24, "-": 216}


def test_label_studio_completions_without_a_time(tmp_path: Path) -> None:
    """HumanSignal/label-studio#510: KeyError: 'created_at'."""
    value = task(region("polygonlabels", {"points": [[0, 0], [100, 0], [100, 100], [0, 100]]}))
    value["completions"] = value.pop("annotations")
    got = bring(tmp_path, {"c.json": json.dumps([value]), "a.jpg": jpeg()})
    assert got.names("a.jpg") == {"wound": 240}


def test_label_studio_key_points_without_x(tmp_path: Path) -> None:
    """HumanSignal/label-studio-sdk#480: prompts for SAM leave key points without coordinates; strokes must still come."""
    ghost = region("keypointlabels", {"width": 0.3})
    stroke = region("brushlabels", {"format": "rle", "rle": encode(ids(1, 0) > 0)})
    got = bring(tmp_path, {"e.json": json.dumps([task(ghost, stroke)]), "a.jpg": jpeg()})
    assert got.names("a.jpg") == {"wound": 3 * WIDTH, "-": 9 * WIDTH}
    assert got.left_out == "statements about pictures: 1 not supported"


def test_label_studio_an_ellipse_of_a_control_without_labels(tmp_path: Path) -> None:
    """HumanSignal/label-studio#1416: Ellipse beside BrushLabels and Choices; the export ended in a stack trace."""
    stroke = region("brushlabels", {"format": "rle", "rle": encode(ids(1, 0) > 0)})
    bare = region("ellipse", {"x": 50, "y": 50, "radiusX": 5, "radiusY": 5})
    choice = {"type": "choices", "value": {"choices": ["yes"]}}
    got = bring(tmp_path, {"e.json": json.dumps([task(stroke, bare, choice)]), "a.jpg": jpeg()})
    assert got.labels == {}
    assert got.reasons["a.jpg"] == "A ellipse region without a label"


def labelme(shapes: list[Any], **more: Any) -> str:
    return json.dumps({"shapes": shapes, "imagePath": "a.jpg", "imageHeight": HEIGHT, "imageWidth": WIDTH, **more})


def test_labelme_rectangles_from_any_corner(tmp_path: Path) -> None:
    """PaddlePaddle/PaddleDetection#1296: points of a rectangle are not always the upper left and the lower right."""
    rectangle = {"label": "cat", "shape_type": "rectangle", "points": [[10, 0], [0, 12]]}
    got = bring(tmp_path, {"a.json": labelme([rectangle]), "a.jpg": jpeg()})
    assert got.names("a.jpg") == {"cat": 120, "-": 120}


def test_labelme_damaged_picture_data(tmp_path: Path) -> None:
    """wkentaro/labelme#393: 'Incorrect padding'; the picture itself lies beside the file."""
    polygon = {"label": "cat", "points": ALL, "line_color": None, "fill_color": None}
    got = bring(tmp_path, {"a.json": labelme([polygon], version="3.11.2", imageData="abc"), "a.jpg": jpeg()})
    assert got.names("a.jpg") == {"cat": 240}


def test_labelme_paths_of_the_annotator_s_machine(tmp_path: Path) -> None:
    r"""wkentaro/labelme#1250: files made by a script, with H:\ paths; only what follows can agree."""
    polygon = {"label": "cat", "shape_type": "polygon", "points": ALL}
    got = bring(
        tmp_path,
        {"test/a.json": labelme([polygon], imagePath="H:\\pre-demo\\train\\test\\a.jpg"), "test/a.jpg": jpeg()},
    )
    assert got.names("test/a.jpg") == {"cat": 240}


def test_labelme_ignore_is_255_with_any_table(tmp_path: Path) -> None:
    """A table beside the data, or `roadelement`, need not have a class `__ignore__`."""
    shapes = [
        {"label": "road", "shape_type": "polygon", "points": ALL},
        {"label": "__ignore__", "shape_type": "polygon", "points": [[0, 0], [WIDTH, 0], [WIDTH, 3], [0, 3]]},
    ]
    files: dict[str, bytes | str] = {
        "a.json": json.dumps({"shapes": shapes, "imagePath": "a.jpg"}), "a.jpg": jpeg(), "classes.csv": "id,name\n4,road\n",
    }  # fmt: skip
    assert bring(tmp_path, files).names("a.jpg") == {"road": 180, "-": 60}


def test_documents_that_make_no_pair_say_so_themselves(tmp_path: Path) -> None:
    """Not "a document of another layout": the layout is theirs, and their reader says what is missing."""
    got = bring(tmp_path, {"annotations.xml": cvat(""), "images/b.jpg": jpeg()})
    assert (got.layout, got.labels) == ("cvat-xml", {})
    assert got.outcomes["annotations.xml"] == "used"


def test_coco_a_document_that_contradicts_itself_says_why(tmp_path: Path) -> None:
    """Not "a document of another layout": one number is two categories."""
    categories = [{"id": 1, "name": "road"}, {"id": 1, "name": "car"}]
    value = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [outline(1)], "categories": categories}
    got = bring(tmp_path, {"i.json": json.dumps(value), "a.jpg": jpeg()})
    assert (got.layout, got.outcomes["i.json"]) == ("coco", "broken")
    assert "category 1 stands there twice" in got.reasons["i.json"]
