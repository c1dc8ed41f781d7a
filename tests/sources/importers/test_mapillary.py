import json
from pathlib import Path

import pytest

from import_folders import HEIGHT, WIDTH, ids, jpeg, paletted, png, put
from imported import Import
from roadloop.labels.table import LabelClass

TOP, BELOW = 3 * WIDTH, (HEIGHT - 3) * WIDTH
ROWS = (
    ("animal--bird", "Bird", (165, 42, 42), True),
    ("construction--flat--road", "Road", (128, 64, 128), True),
    ("void--unlabeled", "Unlabeled", (0, 0, 0), False),
)


def _config(*rows: tuple[str, str, tuple[int, int, int], bool]) -> str:
    labels = [{"name": n, "readable": r, "color": list(c), "instances": True, "evaluate": e} for n, r, c, e in rows]
    return json.dumps({"labels": labels, "version": "1.1", "mapping": "public"})


def _mask(top: int, bottom: int) -> bytes:
    return paletted(ids(top, bottom), {0: (165, 42, 42), 1: (128, 64, 128)})


def test_find__the_configuration_is_the_class_table(source: Path, imported: Import) -> None:
    put(source / "config.json", _config(*ROWS))
    for split, top in (("training", 0), ("validation", 2)):
        put(source / split / "images/a.jpg", jpeg(top))
        put(source / split / "labels/a.png", _mask(top, 1))
        put(source / split / "instances/a.png", png())
    put(source / "testing/images/c.jpg", jpeg(9))
    done = imported()
    assert done.layout == "mapillary"
    assert done.table.classes == (
        LabelClass(0, "Bird", "Bird", (165, 42, 42), 0),
        LabelClass(1, "Road", "Road", (128, 64, 128), 1),
        LabelClass(2, "Unlabeled", "Unlabeled", (0, 0, 0), 255),
    )
    assert done.labels == {"training/a": {0: TOP, 1: BELOW}, "validation/a": {2: TOP, 1: BELOW}}
    assert done.splits == {"training/a": "train", "validation/a": "val"}
    assert done.outcomes["config.json"] == "used"
    assert done.outcomes["training/instances/a.png"] == "not_used"
    assert done.outcomes["testing/images/c.jpg"] == "missing_partner"


# ksaito-ut/openworld_ldet#6: the classes of v1.2 taken for v2.0's masks.
def test_find__the_newest_version_counts_with_its_own_table(source: Path, imported: Import) -> None:
    put(source / "config_v1.2.json", _config(*ROWS))
    put(source / "config_v2.0.json", _config(ROWS[1], ROWS[0], ROWS[2]))
    put(source / "training/images/a.jpg", jpeg(1))
    put(source / "training/v1.2/labels/a.png", _mask(0, 1))
    put(source / "training/v2.0/labels/a.png", _mask(1, 0))
    put(source / "training/v2.0/panoptic/a.png", png())
    put(source / "training/v2.0/polygons/a.json", "{}")
    segments = [{"id": 1, "category_id": 1}]
    panoptic = {
        "images": [{"id": "a", "file_name": "a.jpg"}],
        "annotations": [{"image_id": "a", "file_name": "a.png", "segments_info": segments}],
        "categories": [{"id": 1, "name": "Bird"}],
    }
    put(source / "training/v2.0/panoptic/panoptic_2020.json", json.dumps(panoptic))
    done = imported()
    assert [c.name_en for c in done.table.classes] == ["Road", "Bird", "Unlabeled"]
    assert done.labels == {"training/a": {1: TOP, 0: BELOW}}
    assert done.outcomes["training/v1.2/labels/a.png"] == "superseded"
    # The panoptic masks are COCO's layout, which is named; the semantic ones were not passed over for them.
    assert "layout=coco" in done.reasons["training/v2.0/panoptic/panoptic_2020.json"]
    assert (done.outcomes["config_v1.2.json"], done.outcomes["config_v2.0.json"]) == ("not_used", "used")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, ("Mapillary Vistas", "config_v2.0.json", "roadelement")),
        ({"config_v1.2.json": _config(*ROWS)}, ("config_v2.0.json",)),
        ({"config_v2.0.json": "{"}, ("config_v2.0.json", "Not valid JSON")),
        ({"config_v2.0.json": '{"labels": [{"evaluate": true}]}'}, ("config_v2.0.json", "color")),
        ({"config_v2.0.json": _config(*ROWS * 90)}, ("config_v2.0.json", "270 classes")),
        (
            {"config_v2.0.json": _config(*ROWS), "x/config_v2.0.json": _config(*ROWS[:2])},
            ("x/config_v2.0.json", "different classes"),
        ),
    ],
)
def test_find__without_its_table_no_mask_is_read(
    source: Path, imported: Import, config: dict[str, str], words: tuple[str, ...]
) -> None:
    for name, text in config.items():
        put(source / name, text)
    put(source / "training/images/a.jpg", jpeg(1))
    put(source / "training/v2.0/labels/a.png", _mask(1, 0))
    done = imported()
    assert (done.job.state, done.job.error) == ("failed", "label_map")
    assert all(word in done.why for word in words), done.why


def test_find__a_table_that_is_named_will_do(source: Path, imported: Import) -> None:
    put(source / "training/images/a.jpg", jpeg(1))
    put(source / "training/labels/a.png", _mask(1, 0))
    put(source / "training/instances/a.png", png())
    done = imported(roadelement="cityscapes-19")
    assert (done.layout, done.usual) == ("mapillary", "cityscapes-19")
    assert done.labels == {"training/a": {1: TOP, 0: BELOW}}


def test_find__images_and_labels_alone_are_nobodys(source: Path, imported: Import) -> None:
    put(source / "config.json", '{"labels": ["road"], "lr": 0.1}')
    put(source / "v1.0/labels/a.png", _mask(0, 0))
    put(source / "images/a.jpg", jpeg(1))
    put(source / "labels/a.png", _mask(1, 0))
    done = imported(roadelement="hd-road")
    assert (done.layout, done.labels) == ("pairs", {"images/a": {1: TOP, 0: BELOW}})
