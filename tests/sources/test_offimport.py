"""Imports through the real queue and context, one tiny folder for each layout."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import import_folders as folders
from import_folders import HEIGHT, WIDTH, ids, jpeg, painted, png, put
from imported import labels_of, report_rows
from roadloop import web
from roadloop.errors import (
    ConflictError,
    InvalidNameError,
    InvalidValueError,
    NameTakenError,
    NotFoundError,
    PathOutsideError,
    RoadloopError,
)
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.jobs import queue
from roadloop.jobs.queue import Job
from roadloop.labels.label_map import default_map
from roadloop.settings import Settings
from roadloop.sources.importers.found import Fate
from roadloop.sources.manifest import read_manifest
from roadloop.sources.offimport import create, prepare
from roadloop.sources.recipe import ImportRecipe
from roadloop.sources.service import has_pictures, open_set, read_splits, scan
from roadloop.storage import reading
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform, open_platform

Submit = Callable[..., str]
RunJob = Callable[[Platform, str], Job]
Import = Callable[..., Job]


def src(platform: Platform) -> Path:
    return platform.workspace.imports / "in"


def labels(platform: Platform, name: str = "苏州") -> dict[str, Counter[int]]:
    return labels_of(platform, name)


def report(platform: Platform, job: Job) -> dict[str, str]:
    """File -> outcome."""
    return {row["file"]: row["outcome"] for row in report_rows(platform, job) if not row["place"]}


def pixels(rows: int) -> int:
    return rows * WIDTH


BELOW = pixels(HEIGHT - 3)


def test_offimport__cityscapes(platform: Platform, bring: Import) -> None:
    folders.cityscapes(src(platform))
    job = bring()
    assert job.result is not None
    assert (job.result["layout"], job.result["table"], job.result["pictures"]) == ("cityscapes", "cityscapes", 2)
    assert job.result["counts"] == {"added": 4, "missing_partner": 1, "not_used": 4}
    assert labels(platform) == {
        "aachen/aachen_000000_000019": {7: pixels(3), 26: BELOW},
        "lindau/lindau_000000_000019": {7: pixels(3), 26: BELOW},
    }
    source = open_set(platform.workspace, "苏州")
    assert read_splits(source) == {
        "aachen/aachen_000000_000019": "train",
        "lindau/lindau_000000_000019": "val",
    }
    assert [(s.track, s.city) for s in scan(source).samples] == [
        ("aachen_000000", "aachen"),
        ("lindau_000000", "lindau"),
    ]
    named = report(platform, job)
    assert named["leftImg8bit/train/aachen/aachen_000001_000019_leftImg8bit.png"] == "missing_partner"
    assert len(named) == 9


def test_offimport__camvid_colours_bring_their_table(platform: Platform, bring: Import) -> None:
    folders.camvid_colors(src(platform))
    job = bring()
    assert job.result is not None
    assert job.result["layout"] == "camvid"
    table = open_set(platform.workspace, "苏州").table
    assert [(c.raw_id, c.name_en, c.color, c.train_id) for c in table.classes] == [
        (0, "Road", (128, 64, 128), 0),
        (1, "Car", (64, 0, 128), 1),
        (2, "Void", (0, 0, 0), 255),
    ]
    expected = {0: BELOW, 1: pixels(3)}
    assert labels(platform) == {
        "701_StillsRaw_full/0001TP_006690": expected,
        "701_StillsRaw_full/0016E5_000390": expected,
    }
    assert job.result["counts"] == {"added": 4, "missing_partner": 1, "used": 1}


def test_offimport__camvid_ids(platform: Platform, bring: Import) -> None:
    folders.camvid_ids(src(platform))
    bring()
    assert labels(platform) == {
        "train/0001TP_1": {3: BELOW, 8: pixels(3)},
        "val/0016E5_2": {3: BELOW, 8: pixels(3)},
    }
    assert read_splits(open_set(platform.workspace, "苏州")) == {"train/0001TP_1": "train", "val/0016E5_2": "val"}


def test_offimport__voc(platform: Platform, bring: Import) -> None:
    folders.voc(src(platform))
    job = bring()
    expected = {0: pixels(HEIGHT - 4), 7: pixels(3), 255: pixels(1)}
    assert labels(platform) == {"VOC2012/2007_000032": expected, "VOC2012/2007_000033": expected}
    named = report(platform, job)
    assert named["VOCdevkit/VOC2012/JPEGImages/2007_000099.jpg"] == "missing_partner"
    assert Counter(named.values()) == {"added": 4, "missing_partner": 1, "not_used": 2, "used": 2}


def test_offimport__cvat_colours_and_palettes(platform: Platform, bring: Import) -> None:
    folders.cvat(src(platform))
    job = bring()
    assert job.result is not None
    assert job.result["layout"] == "cvat"
    assert labels(platform) == {
        "cam0/a_1": {1: pixels(3), 2: BELOW},
        "1/a_2": {0: pixels(6), 2: pixels(HEIGHT - 6)},
    }


def test_offimport__cvat_into_a_table_of_the_team(platform: Platform, bring: Import) -> None:
    folders.cvat(src(platform))
    rows = "raw_id,name_en,name_zh,r,g,b,train_id\n4,Road,道路,1,1,1,0\n9,auto,Car,2,2,2,1\n"
    put(platform.workspace.home / "class-tables" / "本队.csv", rows)
    bring(roadelement="本队")
    # `background` is not in the table: nobody said anything there.
    assert labels(platform) == {
        "cam0/a_1": {9: pixels(3), 4: BELOW},
        "1/a_2": {255: pixels(6), 4: pixels(HEIGHT - 6)},
    }
    assert open_set(platform.workspace, "苏州").table.raw_ids == (4, 9)


def test_offimport__coco_panoptic(platform: Platform, bring: Import) -> None:
    folders.coco_panoptic(src(platform))
    job = bring()
    assert job.result is not None
    assert job.result["layout"] == "coco"
    assert labels(platform) == {"val2017/000000000139": {3: pixels(3), 149: pixels(HEIGHT - 4), 255: pixels(1)}}
    assert [c.color for c in open_set(platform.workspace, "苏州").table.classes] == [(0, 0, 142), (128, 64, 128)]
    assert report(platform, job) == {
        "annotations/instances_val2017.json": "used",
        "annotations/panoptic_val2017.json": "used",
        "annotations/panoptic_val2017/000000000139.png": "added",
        "val2017/000000000139.jpg": "added",
        "val2017/000000000140.jpg": "missing_partner",
    }


def test_offimport__odd_json_is_no_obstacle(platform: Platform, bring: Import) -> None:
    folders.plain(src(platform))
    odd = (
        '{"categories": [{}], "images": [{}], "annotations": [{"segments_info": 1}]}',
        "[" * 2000,
        "{}",
        "[]",
        '[{"data": 1}]',
    )
    for number, text in enumerate(
        (*odd, '{"categories": [], "images": 3, "annotations": 5}', '{"categories": [1], "images": []}')
    ):
        put(src(platform) / f"{number}.json", text)
    (src(platform) / "palette.md").symlink_to("/etc/passwd")
    job = bring()
    assert job.result is not None
    assert (job.result["layout"], job.result["pictures"]) == ("pairs", 2)
    put(
        src(platform) / "x" / "export.json",
        '[{"data": {"image": "t_1.jpg"}, "annotations": [{"result": [{"type": "brushlabels", "value": {"brushlabels": ["1 a"]}}]}]}]',
    )
    job = bring(dest="b")
    assert job.result is not None
    assert (job.result["layout"], job.result["pictures"]) == ("pairs", 2)


def test_offimport__coco_stuff(platform: Platform, bring: Import) -> None:
    folders.coco_stuff(src(platform))
    bring()
    assert labels(platform) == {"train2017/000000000009": {149: BELOW, 255: pixels(3)}}


def test_offimport__label_studio(platform: Platform, bring: Import) -> None:
    folders.label_studio(src(platform))
    job = bring()
    assert job.result is not None
    assert job.result["layout"] == "label-studio"
    # The outline covers the top row's left half; what nobody painted is 255.
    assert labels(platform) == {"images/a_1": {9: WIDTH // 2, 4: pixels(3) - WIDTH // 2, 255: BELOW}}
    assert report(platform, job) == {
        "export.json": "used",
        "images/a_1.jpg": "added",
        "images/a_2.jpg": "missing_partner",
    }


def test_offimport__pairs_in_one_folder_and_metadata(platform: Platform, bring: Import) -> None:
    folders.plain(src(platform))
    job = bring(city="苏州", source="2", annotype="1", datakind="1", imgoprange="0", datum="GCJ-02")
    assert job.result is not None
    assert (job.result["layout"], job.result["table"]) == ("pairs", "hd-road")
    assert labels(platform) == {"1/t_1": {2: pixels(3), 0: BELOW}, "1/t_2": {2: pixels(3), 0: BELOW}}
    sample = scan(open_set(platform.workspace, "苏州")).samples[0]
    assert (sample.facts.author, sample.facts.city, sample.facts.source) == ("张三", "苏州", "2")
    assert (sample.facts.annotype, sample.facts.datakind, sample.facts.imgoprange) == ("1", "1", "0")
    assert {row.datum for row in read_manifest(platform.workspace.sources / "苏州").values()} == {"gcj02"}


def test_offimport__pairs_in_two_folders(platform: Platform, bring: Import) -> None:
    put(src(platform) / "images" / "城" / "a_1.jpg", jpeg(1))
    put(src(platform) / "masks" / "城" / "a_1.png", encode_label(ids(2, 0)))
    put(src(platform) / "images" / "b_1.png", png(2))
    put(src(platform) / "masks" / "b_1_mask.png", encode_label(ids(255, 0)))
    bring()
    # Nobody said what b_1 shows above; it stays 255, with a colour of its own.
    assert labels(platform) == {"images-城/a_1": {2: pixels(3), 0: BELOW}, "images/b_1": {255: pixels(3), 0: BELOW}}
    assert default_map(open_set(platform.workspace, "苏州").table).template == "general"


def test_offimport__unlabelled_pixels_of_png_pictures_get_a_colour_of_their_own(
    platform: Platform, bring: Import
) -> None:
    put(src(platform) / "classes.csv", "raw_id,name_en,name_zh,r,g,b,train_id\n0,a,甲,0,0,0,0\n1,b,乙,9,9,9,1\n")
    put(src(platform) / "images" / "a.png", png())
    put(src(platform) / "masks" / "a.png", encode_label(ids(255, 0)))
    bring()
    assert labels(platform) == {"images/a": {255: pixels(3), 0: BELOW}}
    assert open_set(platform.workspace, "苏州").table.raw_ids == (0, 1, 255)


def test_offimport__a_source_set_comes_over_whole(platform: Platform, bring: Import) -> None:
    folders.camvid_colors(src(platform))
    bring(city="北京")
    before = labels(platform)
    (platform.workspace.sources / "苏州").rename(platform.workspace.imports / "copy")
    bring(src="copy", dest="again")
    assert labels(platform, "again") == before
    assert {s.city for s in scan(open_set(platform.workspace, "again")).samples} == {"北京"}


def test_offimport__every_file_has_one_outcome(
    platform: Platform, bring: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = src(platform)
    folders.plain(root)
    put(root / "1" / "cut.jpg", jpeg()[:-20])
    put(root / "1" / "cut.png", encode_label(ids(2, 0)))
    put(root / "1" / "size.jpg", jpeg())
    put(root / "1" / "size.png", encode_label(ids(2, 0)[:5]))
    put(root / "1" / "odd.jpg", jpeg())
    put(root / "1" / "label-odd.png", painted(ids(9, 0), {0: (64, 64, 32), 9: (9, 9, 9)}))
    few = ids(2, 0)
    few[0, :2] = 200
    put(root / "1" / "few.jpg", jpeg(3))
    put(root / "1" / "few.png", encode_label(few))
    put(root / "1" / "lonely.jpg", jpeg())
    put(root / "1" / "photo.tiff", b"II*")
    put(root / "notes.txt", "hello")
    put(root / ".hidden", "x")
    put(root / "-bad" / "x.jpg", jpeg())
    put(root / "-bad" / "x.png", encode_label(ids(2, 0)))
    put(platform.workspace.home / "secret.png", encode_label(ids(2, 0)))
    put(root / "1" / "link.jpg", jpeg())
    (root / "1" / "link.png").symlink_to("/etc/passwd")
    (root / "loop").symlink_to(root)
    put(root / "1" / "gone.jpg", jpeg())
    put(root / "1" / "gone.png", encode_label(ids(2, 0)))
    read = reading.read_bytes

    def vanish(path: Path) -> bytes:
        if path.name == "gone.jpg":
            path.unlink()
        return read(path)

    monkeypatch.setattr(reading, "read_bytes", vanish)
    job = bring()
    assert report(platform, job) == {
        "'-bad/x.jpg": "bad_name",
        "'-bad/x.png": "bad_name",
        ".hidden": "not_used",
        "1/cut.jpg": "broken",
        "1/cut.png": "partner_left_out",
        "1/few.jpg": "added",
        "1/few.png": "added",
        "1/gone.jpg": "vanished",
        "1/gone.png": "partner_left_out",
        "1/label-odd.png": "unknown_color",
        "1/label-t_2.png": "added",
        "1/link.jpg": "partner_left_out",
        "1/link.png": "outside",
        "1/lonely.jpg": "missing_partner",
        "1/odd.jpg": "partner_left_out",
        "1/photo.tiff": "unsupported",
        "1/size.jpg": "partner_left_out",
        "1/size.png": "other_size",
        "1/t_1.jpg": "added",
        "1/t_1.png": "added",
        "1/t_2.png": "added",
        "loop": "unsupported",
        "notes.txt": "not_used",
    }
    assert labels(platform)["1/few"] == {2: pixels(3) - 2, 0: BELOW, 255: 2}
    text = (platform.workspace.logs / f"{job.id}.report.csv").read_text(encoding="utf-8-sig")
    assert "(9,9,9) x 60" in text
    assert "200 x 2" in text
    assert any("1 of unknown colours" in w.en for w in job.warnings)


def test_offimport__gbk_names(platform: Platform, bring: Import) -> None:
    folder = bytes(src(platform)) + b"/" + "东区".encode("gbk")
    Path(os.fsdecode(folder)).mkdir(parents=True)
    for ending, data in ((b".jpg", jpeg()), (b".png", encode_label(ids(2, 0)))):
        Path(os.fsdecode(folder + b"/" + "车_1".encode("gbk") + ending)).write_bytes(data)
    for mode, name in (("copy", "a"), ("reference", "b")):
        job = bring(dest=name, mode=mode)
        assert labels(platform, name) == {"东区/车_1": {2: pixels(3), 0: BELOW}}
        assert report(platform, job) == {"东区/车_1.jpg": "added", "东区/车_1.png": "added"}


def test_offimport__again_adds_what_is_new(platform: Platform, bring: Import) -> None:
    folders.plain(src(platform))
    bring()
    target = platform.workspace.sources / "苏州"
    before = {p: p.read_bytes() for p in target.rglob("*") if p.is_file()}
    job = bring()
    assert job.result is not None
    assert job.result["counts"] == {"already_there": 4}
    assert {p: p.read_bytes() for p in target.rglob("*") if p.is_file()} == before
    put(src(platform) / "1" / "t_1.png", encode_label(ids(3, 0)))
    put(src(platform) / "1" / "t_3.jpg", jpeg(3))
    put(src(platform) / "1" / "t_3.png", encode_label(ids(3, 0)))
    job = bring(author="李四", city="北京")
    assert job.result is not None
    assert job.result["counts"] == {"added": 2, "already_there": 2, "changed": 2}
    assert labels(platform) == {
        "1/t_1": {2: pixels(3), 0: BELOW},
        "1/t_2": {2: pixels(3), 0: BELOW},
        "1-2/t_3": {3: pixels(3), 0: BELOW},
    }
    assert {s.key: s.facts.author for s in scan(open_set(platform.workspace, "苏州")).samples} == {
        "1/t_1": "张三",
        "1/t_2": "张三",
        "1-2/t_3": "李四",
    }
    assert list(platform.workspace.home.rglob("*.partial")) == []


def _files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_offimport__by_reference_nothing_is_copied(platform: Platform, bring: Import) -> None:
    folders.plain(src(platform))
    bring(mode="reference")
    target = platform.workspace.sources / "苏州"
    assert _files(target) == ["classes.csv", "import.json", "manifest.csv", "manifest.json"]
    source = open_set(platform.workspace, "苏州")
    assert has_pictures(source)
    assert labels(platform) == {"1/t_1": {2: pixels(3), 0: BELOW}, "1/t_2": {2: pixels(3), 0: BELOW}}
    assert scan(source).samples[0].image == src(platform) / "1" / "t_1.jpg"
    put(src(platform) / "1" / "t_3.jpg", jpeg(3))
    put(src(platform) / "1" / "t_3.png", encode_label(ids(3, 0)))
    job = bring(mode="reference")
    assert job.result is not None
    assert job.result["counts"] == {"added": 2, "already_there": 4}
    assert labels(platform)["1-2/t_3"] == {3: pixels(3), 0: BELOW}
    (src(platform) / "1" / "t_1.jpg").unlink()
    found = scan(source)
    assert [s.key for s in found.samples] == ["1/t_2", "1-2/t_3"]
    assert [p.file for p in found.problems] == ["苏州/1/t_1"]


def test_offimport__by_reference_writes_only_labels_that_had_to_be_translated(
    platform: Platform, bring: Import
) -> None:
    folders.label_studio(src(platform))
    bring(mode="reference")
    assert _files(platform.workspace.sources / "苏州") == [
        "classes.csv",
        "images/a_1.png",
        "import.json",
        "manifest.csv",
        "manifest.json",
    ]
    assert labels(platform) == {"images/a_1": {9: WIDTH // 2, 4: pixels(3) - WIDTH // 2, 255: BELOW}}


def test_offimport__from_a_read_only_root(
    settings: Settings, tmp_path: Path, run_job: RunJob, make_request: Callable[..., ImportRecipe]
) -> None:
    store = tmp_path / "store"
    folders.cityscapes(store / "城")
    opened = open_platform(settings.model_copy(update={"roots": (f"{store}:ro",)}), upgrade=True)
    task_id = opened.database.write(
        lambda: create(opened, prepare(opened.workspace, make_request(src=str(store / "城"), mode="reference")))
    )
    assert run_job(opened, task_id).state == "succeeded"
    assert len(labels(opened)) == 2
    # Without the root nothing in it is read any more.
    closed = Workspace(settings.home)
    assert [p.file for p in scan(open_set(closed, "苏州")).problems] == [
        "苏州/aachen/aachen_000000_000019",
        "苏州/lindau/lindau_000000_000019",
    ]
    opened.database.close()


@pytest.mark.parametrize(
    ("changes", "error", "word"),
    [
        ({"src": "sad"}, NotFoundError, "imports"),
        ({"src": "../x"}, PathOutsideError, "workspace"),
        ({"src": "/etc"}, PathOutsideError, "workspace"),
        ({"src": "sources"}, PathOutsideError, "imports/"),
        ({"src": "."}, InvalidValueError, "itself"),
        ({"dest": "../sad"}, InvalidNameError, "dest"),
        ({"roadelement": "sad"}, NotFoundError, "hd-road"),
        ({"source": "sad"}, InvalidValueError, "2 hand-picked"),
        ({"annotype": "sad"}, InvalidValueError, "1 rework"),
        ({"datakind": "sad"}, InvalidValueError, "1 test"),
        ({"imgoprange": "sad"}, InvalidValueError, "0 half"),
        ({"datum": "mars"}, InvalidValueError, "gcj02"),
        ({"layout": "sad"}, InvalidValueError, "cityscapes"),
    ],
)
def test_create__refused(
    platform: Platform, submit: Submit, changes: dict[str, str], error: type[RoadloopError], word: str
) -> None:
    folders.plain(src(platform))
    with pytest.raises(error) as raised:
        submit(**changes)
    assert word in raised.value.text.en
    assert raised.value.text.zh


def test_create__a_name_taken_by_another_source(platform: Platform, submit: Submit, bring: Import) -> None:
    folders.plain(src(platform))
    first = submit()
    with pytest.raises(NameTakenError) as raised:
        submit()
    assert raised.value.details["task_id"] == first
    (platform.workspace.sources / "手工").mkdir()
    with pytest.raises(NameTakenError):
        submit(dest="手工")
    folders.voc(platform.workspace.imports / "voc")
    bring(src="voc", dest="b")
    for changes in ({"mode": "reference"}, {"src": "in"}):
        with pytest.raises(NameTakenError):
            submit(**{"src": "voc", "dest": "b", **changes})
    for wrong in ({"roadelement": "cityscapes"}, {"layout": "cvat"}):
        with pytest.raises(ConflictError):
            submit(src="voc", dest="b", **wrong)
    submit(src="voc", dest="b", roadelement="voc", layout="voc")


def test_offimport__nothing_usable_keeps_the_report(platform: Platform, submit: Submit, run_job: RunJob) -> None:
    put(src(platform) / "a.jpg", b"text")
    put(src(platform) / "a.png", encode_label(ids(2, 0)))
    job = run_job(platform, submit())
    assert (job.state, job.error) == ("failed", "job_failed")
    assert job.reason is not None
    assert "a.jpg" in job.reason.en
    assert report(platform, job) == {"a.jpg": "broken", "a.png": "partner_left_out"}
    assert list(platform.workspace.sources.iterdir()) == []


def test_offimport__the_named_layout_must_fit(platform: Platform, submit: Submit, run_job: RunJob) -> None:
    folders.plain(src(platform))
    job = run_job(platform, submit(layout="coco"))
    assert (job.state, job.error) == ("failed", "job_failed")
    assert job.reason is not None
    assert "coco" in job.reason.zh


def test_offimport__a_table_without_any_of_the_classes(platform: Platform, submit: Submit, run_job: RunJob) -> None:
    folders.label_studio(src(platform))
    put(platform.workspace.home / "class-tables" / "x.txt", "1 2 3 sky\n")
    job = run_job(platform, submit(roadelement="x"))
    assert (job.state, job.error) == ("failed", "label_map")
    assert job.reason is not None
    assert "4 road" in job.reason.en


FULL = """
import resource, sys
from roadloop.jobs import queue, run
from roadloop.settings import Settings
from roadloop.storage.platform import open_platform
platform = open_platform(Settings())
with platform.database.transaction() as db:
    job = queue.claim(db, sys.argv[1], (), "test")
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
run.run(platform, job)
"""


def test_offimport__full_disk_is_named_and_leaves_nothing(
    settings: Settings, platform: Platform, submit: Submit, run_job: RunJob
) -> None:
    folders.plain(src(platform))
    noise = np.random.default_rng(0).integers(0, 255, (1200, 1200, 3), dtype=np.uint8)
    put(src(platform) / "big.png", encode_color(noise))
    put(src(platform) / "label-big.png", encode_label(np.zeros((1200, 1200), np.uint8)))
    task_id = submit()
    done = subprocess.run([sys.executable, "-c", FULL, task_id], env=settings.child_environment(), check=False)
    assert done.returncode == 0
    with platform.database.reading() as db:
        job = queue.get(db, task_id)
    assert (job.state, job.error) == ("failed", "disk_full")
    assert list(platform.workspace.sources.iterdir()) == []
    with platform.database.transaction() as db:
        queue.start(db, task_id)
    assert run_job(platform, task_id).state == "succeeded"
    assert len(labels(platform)) == 3


def test_fates__the_page_calls_them_as_the_report_does() -> None:
    page = (Path(web.__file__).parent / "static" / "js" / "components" / "imported.js").read_text(encoding="utf-8")
    named = dict(re.findall(r'^  (\w+): \(\) => t\("([^"]+)", "[^"]+"\),$', page, re.MULTILINE))
    assert named == {fate.value: fate.text.zh for fate in Fate}
