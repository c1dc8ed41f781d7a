"""What imports never do silently: choose among candidates, merge classes, drop a statement, guess a meaning."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import import_folders as folders
import surveyed
from import_folders import HEIGHT, WIDTH, ids, jpeg, painted, paletted, put
from imported import labels_of, report_rows
from roadloop.errors import ConflictError, InvalidValueError, LabelMapError
from roadloop.imaging.decode import decode_image
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.jobs import queue
from roadloop.jobs.queue import Job
from roadloop.labels.table import format_csv, shipped
from roadloop.sources.manifest import read_manifest
from roadloop.sources.offimport import create_preview, prepare
from roadloop.sources.recipe import ImportRecipe
from roadloop.sources.service import open_set
from roadloop.storage.platform import Platform

Submit = Callable[..., str]
RunJob = Callable[[Platform, str], Job]
OWN = "raw_id,name_en,name_zh,r,g,b,train_id\n0,road,路,0,0,0,0\n1,lane,线,255,255,255,1\n2,lane,线,9,9,9,2\n"


@pytest.fixture
def bring(platform: Platform, submit: Submit, run_job: RunJob) -> Callable[..., Job]:
    return lambda **request: run_job(platform, submit(**request))


def src(platform: Platform) -> Path:
    return platform.workspace.imports / "in"


def labels(platform: Platform, name: str = "苏州") -> dict[str, Counter[int]]:
    return labels_of(platform, name)


TOP, BELOW = 3 * WIDTH, (HEIGHT - 3) * WIDTH


def test_import__two_pictures_for_one_label_are_refused_by_name(platform: Platform, bring: Callable[..., Job]) -> None:
    for picture in ("images/a.jpg", "images/a.jpeg", "images/b.jpg"):
        put(src(platform) / picture, jpeg())
    for mask in ("masks/a.png", "masks/b.png"):
        put(src(platform) / mask, encode_label(ids(2, 0)))
    job = bring()
    assert job.result is not None
    assert job.result["counts"] == {"added": 2, "ambiguous": 3}
    line = next(r for r in report_rows(platform, job) if r["file"] == "masks/a.png")
    assert "images/a.jpg" in line["reason_en"]
    assert "images/a.jpeg" in line["reason_en"]
    assert any("unclear" in w.en for w in job.warnings)


def test_import__split_lists_end_line_by_line(platform: Platform, bring: Callable[..., Job]) -> None:
    for stem in ("a", "b"):
        put(src(platform) / "JPEGImages" / f"{stem}.jpg", jpeg())
        put(src(platform) / "SegmentationClass" / f"{stem}.png", encode_label(ids(7, 0)))
    lists = src(platform) / "ImageSets" / "Segmentation"
    put(lists / "train.txt", "a\r\na\nb\ngone\n\n")
    put(lists / "val.txt", "b\n")
    job = bring()
    assert job.result is not None
    assert job.result["statements"] == {"ambiguous": 2, "picture_absent": 1, "superseded": 1, "used": 1}
    said = {(r["file"], r["place"]): r["outcome"] for r in report_rows(platform, job) if r["place"]}
    assert said == {
        ("ImageSets/Segmentation/train.txt", "line 1"): "used",
        ("ImageSets/Segmentation/train.txt", "line 2"): "superseded",
        ("ImageSets/Segmentation/train.txt", "line 3"): "ambiguous",
        ("ImageSets/Segmentation/train.txt", "line 4"): "picture_absent",
        ("ImageSets/Segmentation/val.txt", "line 1"): "ambiguous",
    }
    target = platform.workspace.sources / "苏州" / "splits"
    assert (target / "train.txt").read_text() == "1/a\n"
    assert not (target / "val.txt").read_text()


def test_import__white_on_black_is_the_class_that_is_white(platform: Platform, bring: Callable[..., Job]) -> None:
    put(src(platform) / "classes.csv", OWN)
    put(src(platform) / "images" / "a.jpg", jpeg())
    put(src(platform) / "masks" / "a.png", encode_label(ids(255, 0)))
    job = bring()
    assert job.state == "succeeded", job.reason
    assert labels(platform) == {"images/a": {0: BELOW, 1: TOP}}
    assert any("read as colours" in r["reason_en"] for r in report_rows(platform, job))


def test_import__255_without_a_table_is_said_with_its_share(platform: Platform, bring: Callable[..., Job]) -> None:
    put(src(platform) / "images" / "a.jpg", jpeg())
    put(src(platform) / "masks" / "a.png", encode_label(ids(255, 2)))
    job = bring()
    assert labels(platform) == {"images/a": {2: BELOW, 255: TOP}}
    assert any("25.00 % of the pixels, in 1 picture, are 255" in w.en for w in job.warnings)
    assert any("25.00 % of the pixels are 255" in r["reason_en"] for r in report_rows(platform, job))


def test_import__greys_that_are_ids_and_colours_at_once_are_refused(
    platform: Platform, bring: Callable[..., Job]
) -> None:
    put(src(platform) / "class_dict.csv", "name,r,g,b\nroad,9,9,9\ncar,1,1,1\nvoid,0,0,0\n")
    put(src(platform) / "images" / "a.jpg", jpeg())
    put(src(platform) / "masks" / "a.png", encode_label(ids(1, 0)))
    job = bring()
    assert job.state == "failed"
    assert job.reason is not None
    assert "raw_id" in "".join(r["reason_en"] for r in report_rows(platform, job))


def test_import__a_palette_beside_declared_ids_keeps_its_ids(platform: Platform, bring: Callable[..., Job]) -> None:
    put(src(platform) / "classes.csv", OWN)
    put(src(platform) / "p" / "a.jpg", jpeg())
    put(src(platform) / "p" / "a.png", paletted(ids(2, 1), {1: (9, 9, 9), 2: (0, 0, 0)}))
    put(src(platform) / "p" / "b.jpg", jpeg())
    put(src(platform) / "p" / "label-b.png", paletted(ids(2, 1), {1: (9, 9, 9), 2: (0, 0, 0)}))
    bring()
    assert labels(platform) == {"p/a": {2: TOP, 1: BELOW}, "p/b": {0: TOP, 2: BELOW}}


def test_prepare__the_table_beside_the_data_and_roadelement_must_agree(platform: Platform, submit: Submit) -> None:
    folders.plain(src(platform))
    put(src(platform) / "classes.csv", OWN)
    with pytest.raises(ConflictError) as raised:
        submit(roadelement="hd-road")
    assert "0 road is not 0 other" in raised.value.text.en
    assert "classes.csv" in raised.value.text.zh
    put(src(platform) / "classes.csv", format_csv(shipped()))
    submit(roadelement="hd-road")


def test_import__a_deeper_table_that_differs_fails_the_job(platform: Platform, bring: Callable[..., Job]) -> None:
    folders.plain(src(platform) / "x" / "y")
    put(src(platform) / "x" / "y" / "classes.csv", OWN)
    job = bring(roadelement="hd-road")
    assert (job.state, job.error) == ("failed", "conflict")


def test_import__a_layouts_usual_classes_against_roadelement_are_undecided(
    platform: Platform, bring: Callable[..., Job]
) -> None:
    folders.cityscapes(src(platform))
    put(platform.workspace.home / "class-tables" / "t.txt", "1 1 1 car\n2 2 2 road\n")
    put(platform.workspace.home / "class-tables" / "u.csv", OWN.replace("2,lane", "26,a").replace("1,lane", "7,b"))
    for table in ("t", "u"):
        job = bring(roadelement=table)
        assert (job.state, job.error) == ("failed", "conflict")
        assert job.reason is not None
        assert "values=layout" in job.reason.en
    # Cityscapes' 7 is road and 26 is car: by name, and as ids of u.
    assert bring(roadelement="t", values="layout").state == "succeeded"
    assert [*labels(platform).values()] == [{0: BELOW, 1: TOP}] * 2
    assert bring(roadelement="u", values="table", dest="b").state == "succeeded"
    assert [*labels(platform, "b").values()] == [{7: TOP, 26: BELOW}] * 2
    assert bring(roadelement="t", layout="cityscapes", dest="c").state == "succeeded"
    assert [*labels(platform, "c").values()] == [{0: BELOW, 1: TOP}] * 2


def test_import__a_folder_with_classes_csv_has_those_classes(platform: Platform, bring: Callable[..., Job]) -> None:
    folders.camvid_ids(src(platform))
    put(
        src(platform) / "classes.csv",
        "raw_id,name_en,name_zh,r,g,b,train_id\n" + "".join(f"{i},own{i},自{i},{i},0,0,{i}\n" for i in range(12)),
    )
    job = bring()
    assert job.result is not None
    assert (job.result["layout"], job.result["table"]) == ("camvid", "classes.csv")
    assert [c.name_zh for c in open_set(platform.workspace, "苏州").table.classes][:2] == ["自0", "自1"]


def test_import__two_tables_that_differ_are_both_named(platform: Platform, bring: Callable[..., Job]) -> None:
    folders.plain(src(platform))
    put(src(platform) / "classes.csv", OWN)
    put(src(platform) / "1" / "class_dict.csv", "name,r,g,b\nroad,0,0,0\ncar,1,1,1\n")
    job = bring()
    assert job.state == "failed"
    assert job.reason is not None
    assert "classes.csv and 1/class_dict.csv" in job.reason.en


def test_import__a_document_of_another_layout_is_named(platform: Platform, bring: Callable[..., Job]) -> None:
    folders.plain(src(platform))
    document = {
        "images": [{"id": 1, "file_name": "gone.jpg"}],
        "annotations": [],
        "categories": [{"id": 1, "name": "a"}],
    }
    put(src(platform) / "coco.json", json.dumps(document))
    put(src(platform) / "broken.json", '{"images": ')
    put(src(platform) / "more.zip", b"PK")
    put(src(platform) / "a.bmp", b"BM")
    job = bring()
    said = {r["file"]: (r["outcome"], r["reason_en"]) for r in report_rows(platform, job)}
    assert said["coco.json"][0] == "unsupported"
    assert "layout=coco" in said["coco.json"][1]
    assert said["broken.json"][0] == "broken"
    assert (said["more.zip"][0], "unpack" in said["more.zip"][1]) == ("unsupported", True)
    assert (said["a.bmp"][0], "convert" in said["a.bmp"][1]) == ("unsupported", True)


def test_import__documents_that_use_a_number_differently_are_never_mixed(
    platform: Platform, bring: Callable[..., Job]
) -> None:
    for split, name in (("train", "road"), ("val", "car")):
        put(src(platform) / "images" / split / "1.jpg", jpeg())
        put(src(platform) / f"panoptic_{split}" / "1.png", painted(ids(1, 1), {1: (3, 0, 0)}))
        document = {
            "images": [{"id": 1, "file_name": "1.jpg"}],
            "annotations": [{"image_id": 1, "file_name": "1.png", "segments_info": [{"id": 3, "category_id": 3}]}],
            "categories": [{"id": 3, "name": name}],
        }
        put(src(platform) / f"panoptic_{split}.json", json.dumps(document))
    job = bring()
    assert job.state == "failed"
    assert job.reason is not None
    assert "'road' in panoptic_train.json and 'car' in panoptic_val.json" in job.reason.en


def test_prepare__an_archive_is_to_be_unpacked(platform: Platform, submit: Submit) -> None:
    put(platform.workspace.imports / "suzhou.zip", b"PK")
    with pytest.raises(InvalidValueError, match="unpack"):
        submit(src="suzhou.zip")


def _preview(platform: Platform, run_job: RunJob, request: ImportRecipe) -> Job:
    recipe = prepare(platform.workspace, request)
    task_id = platform.database.write(lambda: create_preview(recipe))
    return run_job(platform, task_id)


def _tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_preview__shows_what_cannot_be_read_in_grey_and_what_is_high_narrow(
    platform: Platform, run_job: RunJob, make_request: Callable[..., ImportRecipe]
) -> None:
    high = np.zeros((60_000, 2), np.uint8)
    put(src(platform) / "1" / "t_1.jpg", jpeg(1)[:-9])
    put(src(platform) / "1" / "t_1.png", encode_label(ids(2, 0)))
    put(src(platform) / "1" / "t_2.jpg", encode_jpeg(np.repeat(high[..., None], 3, axis=2)))
    put(src(platform) / "1" / "t_2.png", encode_label(high))
    job = _preview(platform, run_job, make_request())
    assert job.state == "succeeded", job.reason
    assert job.result is not None
    assert [pair["outcome"] for pair in job.result["pairs"]] == ["broken", "added"]
    folder = platform.workspace.home / "previews" / job.id
    sizes = [decode_image((folder / pair["file"]).read_bytes()).shape[:2] for pair in job.result["pairs"]]
    assert sizes == [(270, 960), (1920, 2)]


def test_preview__says_what_the_import_does_and_does_nothing(
    platform: Platform, run_job: RunJob, bring: Callable[..., Job], make_request: Callable[..., ImportRecipe]
) -> None:
    folders.camvid_colors(src(platform))
    put(src(platform) / "701_StillsRaw_full" / "B.png", jpeg(7))
    put(src(platform) / "LabeledApproved_full" / "b_L.png", painted(ids(9, 0), {0: (128, 64, 128), 9: (1, 2, 3)}))
    sources = platform.workspace.sources
    shown = _preview(platform, run_job, make_request())
    assert shown.state == "succeeded", shown.reason
    assert _tree(sources) == {}
    said: Any = shown.result
    assert (said["layout"], said["pictures"], said["table_file"]) == ("camvid", 2, "label_colors.txt")
    assert [(c["label"], c["raw_id"]) for c in said["classes"]] == [("Road", 0), ("Car", 1), ("Void", 2)]
    assert said["rules"][0]["pairs"] + said["rules"][-1]["pairs"] >= 2
    folder = platform.workspace.home / "previews" / shown.id
    for pair in said["pairs"]:
        assert decode_image((folder / pair["file"]).read_bytes()).shape[1] == 960
    assert {pair["outcome"] for pair in said["pairs"]} == {"added", "unknown_color"}
    job = bring()
    done: Any = job.result
    assert {k: done[k] for k in ("layout", "table", "classes", "counts", "statements", "pictures")} == {
        k: said[k] for k in ("layout", "table", "classes", "counts", "statements", "pictures")
    }
    assert (folder / "report.csv").read_bytes() == (platform.workspace.logs / f"{job.id}.report.csv").read_bytes()
    again = _preview(platform, run_job, make_request())
    assert again.result is not None
    assert again.result["counts"]["already_there"] == 4
    with platform.database.reading() as db:
        assert queue.get(db, shown.id).kind == "import_preview"


@pytest.mark.parametrize("file", ["id2label.json", "data.yaml", "meta/classes.xlsx"])
def test_import__a_table_in_a_form_that_is_not_read_is_not_replaced(tmp_path: Path, file: str) -> None:
    """Hugging Face's and YOLO's tables: the pixels were silently taken for hd-road's classes."""
    files: dict[str, bytes | str] = {"a.jpg": jpeg(), "a.png": encode_label(ids(0, 1)), file: '{"0": "road"}'}
    with pytest.raises(LabelMapError) as refused:
        surveyed.bring(tmp_path, files)
    assert file in refused.value.text.en
    assert set(surveyed.bring(tmp_path, roadelement="camvid").names("a.jpg")) == {"Sky", "Building"}


@pytest.mark.parametrize("file", ["labels.txt", "codes.txt", "class_list.names"])
def test_import__names_of_classes_under_other_names_of_files(tmp_path: Path, file: str) -> None:
    files: dict[str, bytes | str] = {
        "a.jpg": jpeg(), "a.png": encode_label(ids(0, 1)), file: "__ignore__\n_background_\ncar\n",
    }  # fmt: skip
    assert surveyed.bring(tmp_path, files).names("a.jpg") == {"_background_": 60, "car": 180}


def test_import__without_any_table_says_what_the_pixels_were_taken_for(
    platform: Platform, bring: Callable[..., Job]
) -> None:
    put(src(platform) / "a.jpg", jpeg())
    put(src(platform) / "a.png", encode_label(ids(0, 1)))
    assert any("There is no class table: read as hd-road" in w.en for w in bring().warnings)


def test_import__classes_of_another_number_or_spelling_are_named(platform: Platform, bring: Callable[..., Job]) -> None:
    outline = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, WIDTH, 0, WIDTH, HEIGHT, 0, HEIGHT]]}
    document = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [outline],
        "categories": [{"id": 1, "name": "Road"}, {"id": 2, "name": "sky"}],
    }
    put(src(platform) / "a.jpg", jpeg())
    put(src(platform) / "i.json", json.dumps(document))
    put(src(platform) / "classes.csv", "id,name\n0,road\n1,car\n2,sky\n")
    said = [w.en for w in bring().warnings if "were matched by name" in w.en]
    assert len(said) == 1
    assert said[0].endswith("1 Road -> 0 road")


def test_import__lists_of_pictures_with_their_labels(tmp_path: Path) -> None:
    """PaddleSeg's `train.txt`: rows of two files; what they say wins over what the files are called."""
    files: dict[str, bytes | str] = {
        "classes.csv": OWN, "images/a.jpg": jpeg(1), "images/b.jpg": jpeg(2), "images/c.jpg": jpeg(3), "images/d.jpg": jpeg(4),
        "labels/b.png": encode_label(ids(0, 0)), "labels/x.png": encode_label(ids(1, 1)), "labels/c.png": encode_label(ids(0, 1)),
        "train.txt": "images/a.jpg labels/b.png\nimages/b.jpg labels/x.png\nimages/gone.jpg labels/gone.png\n",
        "val_list.txt": "images/c.jpg labels/c.png\nimages/d.jpg labels/c.png\n",
    }  # fmt: skip
    got = surveyed.bring(tmp_path, files)
    assert {name: set(label.ravel().tolist()) for name, label in got.labels.items()} == {
        "images/a.jpg": {0},
        "images/b.jpg": {1},
    }
    assert got.splits == {"images/a.jpg": "train", "images/b.jpg": "train"}
    assert "the list that names both" in got.reasons["images/a.jpg"]
    assert got.statements["train.txt", "line 3"][0] == "picture_absent"
    assert {got.outcomes[f"images/{name}.jpg"] for name in "cd"} == {"ambiguous"}
    assert got.outcomes["labels/c.png"] == "ambiguous"


def test_import__lists_of_pictures_alone_are_splits(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {
        "classes.csv": OWN, "p/a.jpg": jpeg(1), "p/a.png": encode_label(ids(0, 1)), "p/b.jpg": jpeg(2),
        "p/b.png": encode_label(ids(0, 1)), "train.txt": "p/a.jpg\n", "val.txt": "p/b\n", "test.txt": "nothing of these\n",
    }  # fmt: skip
    got = surveyed.bring(tmp_path, files)
    assert got.splits == {"p/a.jpg": "train", "p/b.jpg": "val"}
    assert got.outcomes["test.txt"] == "not_used"


def test_import__single_unknown_pixels_are_said_at_the_end_too(platform: Platform, bring: Callable[..., Job]) -> None:
    label = ids(0, 1)
    label[0, :2] = 77  # 2 of 240
    put(src(platform) / "classes.csv", OWN)
    put(src(platform) / "a.jpg", jpeg())
    put(src(platform) / "a.png", encode_label(label))
    job = bring()
    assert [w.en for w in job.warnings if "of no class" in w.en] == [
        "2 pixels, in 1 picture, are of no class and were set to 255 (ignore); the report has their colours or ids"
    ]


def test_import__positions_of_a_manifest_stay_with_their_pictures(
    platform: Platform, bring: Callable[..., Job]
) -> None:
    """A set that was exported, or made from a selection, comes back with its places and their datum."""
    put(src(platform) / "classes.csv", OWN)
    for stem in "abc":
        put(src(platform) / "p" / f"{stem}.jpg", jpeg())
        put(src(platform) / "p" / f"{stem}.png", encode_label(ids(0, 1)))
    head = "package,stem,longitude,latitude,datum\n"
    put(src(platform) / "manifest.csv", f"{head}p,a,116.3912345,39.9,gcj02\np,b,116.4,39.8,unknown\n")
    bring(datum="wgs84")
    rows = read_manifest(platform.workspace.sources / "苏州")
    assert {key: (row.longitude, row.latitude, row.datum) for key, row in rows.items()} == {
        "p/a": ("116.3912345", "39.9", "gcj02"),
        "p/b": ("116.4", "39.8", "wgs84"),
        "p/c": ("", "", "wgs84"),
    }


def test_import__a_number_before_another_name_is_said(platform: Platform, bring: Callable[..., Job]) -> None:
    """Label Studio's `1 road`, where the table's 1 is a car: ids win, and both are shown."""
    corners = [[0, 0], [100, 0], [100, 100], [0, 100]]
    value = {"points": corners, "polygonlabels": ["1 road"]}
    region = {"type": "polygonlabels", "original_width": WIDTH, "original_height": HEIGHT, "value": value}
    task = {"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"id": 1, "result": [region]}]}
    put(src(platform) / "a.jpg", jpeg())
    put(src(platform) / "e.json", json.dumps([task]))
    put(src(platform) / "classes.csv", "id,name\n0,road\n1,car\n")
    assert [w.en.rpartition(": ")[2] for w in bring().warnings if "number before" in w.en] == ["1 road -> 1 car"]


def test_import__the_same_name_wins_over_what_a_name_looks_like(tmp_path: Path) -> None:
    """`a_L.jpg` with `a_L.png` is a pair, also where there is an `a.jpg`; `b_mask.jpg` alone is still b's label, a JPEG."""
    files: dict[str, bytes | str] = {
        "classes.csv": OWN, "a.jpg": jpeg(1), "a.png": encode_label(ids(0, 0)), "a_L.jpg": jpeg(2), "a_L.png": encode_label(ids(1, 1)),
        "b.jpg": jpeg(3), "b_mask.jpg": jpeg(4),
    }  # fmt: skip
    got = surveyed.bring(tmp_path, files)
    assert {name: set(label.ravel().tolist()) for name, label in got.labels.items()} == {"a.jpg": {0}, "a_L.jpg": {1}}
    assert got.outcomes["b_mask.jpg"] == "unsupported"
