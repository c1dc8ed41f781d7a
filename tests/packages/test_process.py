"""Returned labels become source sets, to the pixel."""

import csv
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from package_data import TABLE, annotate, mask, write_images
from roadloop.errors import BrokenFileError, ConflictError, InvalidValueError, NotFoundError
from roadloop.imaging.decode import decode_color_label, decode_image
from roadloop.imaging.encode import encode_color
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import shipped
from roadloop.packages import manifest, service, store
from roadloop.packages.recipe import ProcessLabel
from roadloop.packages.returned import ResultType
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.manifest import read_manifest
from roadloop.sources.service import open_set, scan
from roadloop.storage import reading
from roadloop.storage.platform import Platform

Job = queue.Job
UInt8 = NDArray[np.uint8]


def truth(stem: str, width: int = 12, height: int = 9) -> UInt8:
    """A different random mask for every picture."""
    return mask(int(hashlib.sha256(stem.encode()).hexdigest()[:6], 16), width, height)


def read_set(platform: Platform, name: str) -> dict[str, Checked]:
    source = open_set(platform.workspace, name)
    found = scan(source)
    assert found.problems == []
    checked = {s.key: check_sample(s, source.table) for s in found.samples}
    assert all(isinstance(c, Checked) for c in checked.values()), checked
    return {key: c for key, c in checked.items() if isinstance(c, Checked)}


def test_process__positions_arrive_with_their_datum(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    folder = write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    head = "file,track,point,longitude,latitude,datum"
    (folder / "selection.csv").write_text(f"{head}\na_1.jpg,a,1,120.6,31.3,gcj02\na_2.jpg,a,2,120.6,31.3,unknown\n")
    divide("v1", 2)
    packed = manifest.read(platform.workspace.home / "packages" / "v1" / "1").pictures
    assert [p.facts["datum"] for p in packed] == ["gcj02", "unknown"]
    annotate(platform, "v1", 1, truth)
    assert publish_labels("v1", "union").state is JobState.SUCCEEDED
    rows = read_manifest(platform.workspace.sources / "full-aug-20261123").values()
    assert [(r.longitude, r.latitude, r.datum) for r in rows] == [
        ("120.6", "31.3", "gcj02"), ("120.6", "31.3", "unknown")
    ]  # fmt: skip


@pytest.mark.parametrize("height", [8, 9])
@pytest.mark.parametrize(
    ("flow", "name"),
    [
        (("full", "union"), "full-aug-20261123"),
        (("full", "lane"), "lane-aug-20261123"),
        (("remote", "remote"), "lane-aug-20261123"),
    ],
)
def test_process__round_trip_changes_no_pixel(
    platform: Platform,
    divide: Callable[..., Job],
    publish_labels: Callable[..., Job],
    flow: tuple[str, str],
    name: str,
    height: int,
) -> None:
    kind, wanted = flow
    images = write_images(platform, "苏州", ["a_1.jpg", "a_2.png", "b_1.jpg"], height=height)
    divide("苏州", 2, kind)
    for number in (1, 2):
        annotate(platform, "苏州", number, lambda stem: truth(stem, height=height))
    job = publish_labels("苏州", wanted)
    assert job.state is JobState.SUCCEEDED, job.reason
    assert job.result is not None
    assert (job.result["published_pictures"], job.result["rejected_pictures"]) == (3, 0)
    found = read_set(platform, name)
    assert sorted(found) == ["1/a_1", "1/a_2", "2/b_1"]
    top = 0 if wanted == "union" else height // 2
    changed = 0
    for key, sample in found.items():
        stem = key.partition("/")[2]
        expected = truth(stem, height=height)[top:]
        assert sample.ids.shape == expected.shape
        changed += int((sample.ids != expected).sum())
        original = next(images.glob(f"{stem}.*")).read_bytes()
        if wanted == "union":
            assert sample.image == original
        elif stem == "a_2":
            assert (decode_image(sample.image) == decode_image(original)[top:]).all()
    assert changed == 0
    assert not list(platform.workspace.home.rglob("*.partial"))


def test_process__the_same_labels_are_not_published_twice_at_once(
    platform: Platform, divide: Callable[..., Job], run_job: Callable[[Platform, str], Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    divide("v1", 5)
    annotate(platform, "v1", 1, truth)

    def submit(types: ResultType) -> str:
        return platform.database.write(
            lambda: service.publish_labels(platform, ProcessLabel(version="v1", types=types, new=True), "20261123")
        )

    first = submit("union")
    submit("lane")
    with pytest.raises(ConflictError, match="are being published") as caught:
        submit("union")
    assert caught.value.details == {"task_id": first}
    run_job(platform, first)
    submit("union")


def test_process__names_are_never_merged(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    divide("v1", 5)
    annotate(platform, "v1", 1, truth, only={"a_1"})
    publish_labels("v1", "union")
    annotate(platform, "v1", 1, truth)
    publish_labels("v1", "union")
    publish_labels("v1", "union", new=True)
    job = publish_labels("v1", "union", date="20261124", new=True)
    assert sorted(read_set(platform, "full-aug-20261123")) == ["1/a_1"]
    assert sorted(read_set(platform, "full-aug-20261123-2")) == ["1/a_1", "1/a_2"]
    assert job.state is JobState.FAILED
    assert job.reason is not None
    assert "all 2 labels were published before" in job.reason.en
    assert not (platform.workspace.sources / "full-aug-20261124").exists()
    assert not (platform.workspace.sources / "full-aug-20261123-3").exists()


def test_process__new_leaves_out_what_was_published(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    divide("v1", 5)
    annotate(platform, "v1", 1, truth, only={"a_1"})
    publish_labels("v1", "union")
    annotate(platform, "v1", 1, truth)
    publish_labels("v1", "union", new=True)
    assert sorted(read_set(platform, "full-aug-20261123-2")) == ["1/a_2"]


def spoil(platform: Platform, number: int, stem: str) -> Path:
    """Paint a colour that no class has into a corner of a returned label."""
    path = platform.workspace.home / "released" / "v1" / str(number) / f"ext-label-{stem}.png"
    pixels = decode_color_label(path.read_bytes())
    pixels[-2:, -3:] = (1, 2, 3)
    path.write_bytes(encode_color(pixels))
    return path


def test_process__rejected_labels_are_kept_explained_and_sent_out_again(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg", "a_3.jpg"])
    divide("v1", 2)
    annotate(platform, "v1", 1, truth)
    annotate(platform, "v1", 2, truth, only=set())
    bad = spoil(platform, 1, "a_2").read_bytes()
    job = publish_labels("v1", "union")
    assert job.result is not None
    counts = ("published_pictures", "rejected_pictures", "missing_pictures")
    assert [job.result[c] for c in counts] == [1, 1, 1]
    assert "rejected=1" in job.warnings[0].en
    kept = platform.workspace.home / job.result["rejected_folder"]
    assert (kept / "1" / "ext-label-a_2.png").read_bytes() == bad
    (entry,) = json.loads((kept / "report.json").read_text())
    assert entry["colors"] == [
        {"color": [1, 2, 3], "pixels": 6, "box": [9, 7, 11, 8], "samples": [[9, 7], [10, 7], [11, 7], [9, 8], [11, 8]]}
    ]
    again = divide("v1", 5, rejected=True)
    assert again.result is not None
    assert (again.result["first"], again.result["pictures"]) == (3, 1)
    folder = platform.workspace.home / "packages" / "v1" / "3"
    assert (folder / "pre-labels" / "ext-label-a_2.png").read_bytes() == bad
    (line,) = csv.reader((folder / "reasons.csv").read_text().splitlines())
    assert line[0] == "ext-a_2.jpg"
    assert "RGB(1,2,3) x 6" in line[1]
    with pytest.raises(InvalidValueError, match="rejected"):
        divide("v1", 5, rejected=True)
    annotate(platform, "v1", 3, truth)
    last = publish_labels("v1", "union")
    assert last.result is not None
    assert [last.result[c] for c in (*counts, "superseded_pictures")] == [2, 0, 1, 1]
    found = read_set(platform, "full-aug-20261123-2")
    assert sorted(found) == ["1/a_1", "3/a_2"]
    assert (found["3/a_2"].ids == truth("a_2")).all()


def test_process__the_newest_package_of_rejected_pictures_wins_else_the_lowest_number(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg", "a_3.jpg"])
    divide("v1", 3, overlap="3")  # all three in the packages 1 and 2
    for number in (1, 2):
        annotate(platform, "v1", number, truth)
        spoil(platform, number, "a_2")
        spoil(platform, number, "a_3")
    publish_labels("v1", "union")
    divide("v1", 2, rejected=True)
    annotate(platform, "v1", 3, truth)
    spoil(platform, 3, "a_3")
    publish_labels("v1", "union", new=True)
    divide("v1", 2, rejected=True)
    for number in (1, 2, 3, 4):  # in the end all are good, and no two the same
        annotate(platform, "v1", number, lambda stem, number=number: truth(f"{stem} of {number}"))  # type: ignore[misc]
    job = publish_labels("v1", "union", date="20261124")
    assert job.result is not None
    assert (job.result["published_pictures"], job.result["rejected_pictures"]) == (3, 0)
    found = read_set(platform, "full-aug-20261124")
    assert sorted(found) == ["1/a_1", "3/a_2", "4/a_3"]
    for key, sample in found.items():
        package, _, stem = key.partition("/")
        assert (sample.ids == truth(f"{stem} of {package}")).all()


def test_process__all_rejected_fails_but_keeps_them(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg"])
    divide("v1", 2)
    annotate(platform, "v1", 1, truth)
    spoil(platform, 1, "a_1")
    job = publish_labels("v1", "union")
    assert (job.state, job.error) == (JobState.FAILED, "job_failed")
    assert job.reason is not None
    assert "RGB(1,2,3)" in job.reason.zh
    (kept,) = (platform.workspace.home / "released/v1/rejected").iterdir()
    assert (kept / "1/ext-label-a_1.png").is_file()
    assert list(platform.workspace.sources.iterdir()) == []
    assert divide("v1", 5, rejected=True).state is JobState.SUCCEEDED


def test_process__overlap_and_gold_are_scored(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job], gold_set: str
) -> None:
    write_images(platform, "v1", [f"d_{n:04d}.jpg" for n in range(6)])
    divide("v1", 5, gold="2", gold_set=gold_set, overlap="2")
    known = {s.point: s for s in scan(open_set(platform.workspace, gold_set)).samples}
    by_image = {hashlib.sha256(reading.read_bytes(s.image)).hexdigest(): s for s in known.values()}
    home = platform.workspace.home

    def paint(number: int) -> Callable[[str], UInt8]:
        pictures = {p.stem: p for p in manifest.read(home / f"packages/v1/{number}").pictures}

        def ids(stem: str) -> UInt8:
            sample = by_image.get(pictures[stem].source_sha256)
            found = np.full((9, 12), 1, np.uint8)
            if sample is not None:
                checked = check_sample(sample, TABLE)
                assert isinstance(checked, Checked)
                found = checked.ids.copy()
            if number == 2:
                found[0, :6] = 2  # the second annotator is sloppy in six pixels
            return found

        return ids

    for number in (1, 2):
        annotate(platform, "v1", number, paint(number))
    job = publish_labels("v1", "union")
    assert job.result is not None, job.reason
    assert job.result["published_pictures"] == 6
    (agreement,) = job.result["agreement"]
    assert (agreement["packages"], agreement["pictures"], agreement["pixels"]) == ([1, 2], 2, 2 * 108)
    assert agreement["pixel_agreement"] == round(1 - 12 / 216, 6)
    scores = {g["package"]: g["pixel_agreement"] for g in job.result["gold"]}
    assert scores[1] == 1.0
    assert scores[2] < 1.0
    assert len(read_set(platform, "full-aug-20261123")) == 6
    report = json.loads((home / job.result["report"]).read_text())
    assert [c["raw_id"] for c in report["agreement"][0]["classes"]] == [1, 2]
    assert report["agreement"][0]["classes"][0]["iou"] == round(204 / 216, 6)


def test_process__full_packages_cannot_become_remote(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg"])
    divide("v1", 2)
    annotate(platform, "v1", 1, truth)
    with pytest.raises(InvalidValueError, match="lane, union"):
        publish_labels("v1", "remote")
    with pytest.raises(NotFoundError, match="dasda"):
        publish_labels("dasda", "remote")
    (platform.workspace.home / "released/empty").mkdir()
    with pytest.raises(InvalidValueError, match="holds no packages"):
        publish_labels("empty", "remote")
    (platform.workspace.home / "released/strange/77").mkdir(parents=True)
    with pytest.raises(NotFoundError, match="77"):
        publish_labels("strange", "remote")
    (platform.workspace.home / "packages/v1/1/manifest.json").write_text("{}")
    with pytest.raises(BrokenFileError, match="v1/1"):
        publish_labels("v1", "union")


def test_process__returned_under_another_version_and_originals_gone(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    images = write_images(platform, "v1", ["a_1.jpg", "a_2.png"])
    divide("v1", 5, "remote")
    annotate(platform, "v1", 1, truth)
    (platform.workspace.home / "released/v1").rename(platform.workspace.home / "released/back")
    for path in images.iterdir():
        path.unlink()
    job = publish_labels("back", "remote")
    assert job.state is JobState.SUCCEEDED, job.reason
    found = read_set(platform, "lane-aug-20261123")
    assert (found["1/a_2"].ids == truth("a_2")[4:]).all()


def test_process__changed_picture_is_not_published(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    images = write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    divide("v1", 5)
    annotate(platform, "v1", 1, truth)
    for path in (images / "a_1.jpg", platform.workspace.home / "packages/v1/1/ext-a_1.jpg"):
        path.write_bytes((images / "a_2.jpg").read_bytes())
    job = publish_labels("v1", "union")
    assert job.result is not None
    assert (job.result["published_pictures"], job.result["rejected_pictures"]) == (1, 1)
    assert "ext-a_1.jpg is gone or was changed" in job.warnings[0].en


def test_process__unknown_pixels_of_a_png_picture_never_become_black(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.png", "a_2.jpg"], width=20, height=10)
    divide("v1", 5)
    annotate(platform, "v1", 1, lambda stem: truth(stem, 20, 10))
    for stem in ("a_1", "a_2"):
        path = platform.workspace.home / f"released/v1/1/ext-label-{stem}.png"
        pixels = decode_color_label(path.read_bytes())
        pixels[0, 0] = (1, 2, 3)
        path.write_bytes(encode_color(pixels))
    publish_labels("v1", "union")
    found = read_set(platform, "full-aug-20261123")
    assert found["1/a_2"].ids[0, 0] == 255
    has_black = any(c.color == (0, 0, 0) for c in shipped().classes)
    assert ("1/a_1" in found) is not has_black


def test_process__a_label_that_links_out_is_rejected_and_its_bytes_stay_outside(
    platform: Platform, tmp_path: Path, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    divide("v1", 2)
    annotate(platform, "v1", 1, truth)
    back = platform.workspace.home / "released" / "v1" / "1"
    outside = tmp_path.parent / f"{tmp_path.name}-outside.png"
    (back / "ext-label-a_1.png").rename(outside)
    (back / "ext-label-a_1.png").symlink_to(outside)
    kept = platform.workspace.home / "store.png"
    (back / "ext-label-a_2.png").rename(kept)
    (back / "ext-label-a_2.png").symlink_to(kept)
    job = publish_labels("v1", "union")
    assert job.result is not None
    assert (job.result["published_pictures"], job.result["rejected_pictures"]) == (1, 1)
    report = json.loads((platform.workspace.home / job.result["report"]).read_text())
    assert "leads out" in json.dumps(report["rejected"])
    rejected = platform.workspace.home / job.result["rejected_folder"]
    assert not list(rejected.rglob("*.png"))


def outcomes(platform: Platform, number: int) -> dict[str, tuple[str, object, str]]:
    """What the rows say of a package's pictures: outcome, reason, and where a rejected label is kept."""
    with platform.database.reading() as db:
        return {name: (r.outcome, r.reason, r.label) for name, r in store.pictures_in(db, number).items()}


def test_process__the_rows_say_what_became_of_each_picture(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg", "a_3.jpg"])
    divide("v1", 3, overlap="1")  # one of them in the packages 1 and 2
    (twice,) = manifest.read(platform.workspace.packages / "v1" / "2").pictures
    bad, good = sorted({"a_1", "a_2", "a_3"} - {twice.stem})
    annotate(platform, "v1", 1, truth, only={twice.stem, bad})
    annotate(platform, "v1", 2, truth)
    for stem in (twice.stem, bad):
        spoil(platform, 1, stem)
    job = publish_labels("v1", "union")
    assert job.result is not None
    kept = job.result["rejected_folder"]
    rows = outcomes(platform, 1)
    assert rows[f"ext-{twice.stem}.jpg"] == ("superseded", None, "")  # the other annotator's was good
    outcome, reason, label = rows[f"ext-{bad}.jpg"]
    assert (outcome, label) == ("rejected", f"{kept}/1/ext-label-{bad}.png")
    assert "RGB(1,2,3) x 6" in str(reason)
    assert rows[f"ext-{good}.jpg"] == ("", None, "")  # it has not come back
    assert outcomes(platform, 2) == {twice.name: ("published", None, "")}
    report = json.loads((platform.workspace.home / job.result["report"]).read_text())
    assert report["missing"] == [{"package": 1, "picture": f"ext-{good}.jpg"}]
    assert report["superseded"] == [{"package": 1, "picture": twice.name}]
    (entry,) = report["rejected"]
    assert (entry["package"], entry["picture"], entry["label"]) == (1, f"ext-{bad}.jpg", f"ext-label-{bad}.png")
    sheet = (platform.workspace.home / kept / "report.csv").read_bytes()
    assert sheet.startswith("\ufeff".encode())  # for spreadsheets
    head, line = csv.reader(sheet.decode("utf-8-sig").splitlines())
    assert (head[:3], line[:3]) == (["package", "picture", "label"], ["1", f"ext-{bad}.jpg", f"ext-label-{bad}.png"])
    divide("v1", 3, rejected=True)
    publish_labels("v1", "union")
    assert outcomes(platform, 1)[f"ext-{bad}.jpg"] == ("superseded", None, "")  # it is out again


def test_process__without_a_rejected_label_nothing_is_put_aside(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg"])
    divide("v1", 1)
    annotate(platform, "v1", 1, truth)
    job = publish_labels("v1", "union")
    assert job.result is not None
    assert job.result["rejected_folder"] is None
    assert {path.name for path in (platform.workspace.released / "v1").iterdir()} == {"1", "reports"}


def test_process__a_label_of_new_asks_the_sets_that_still_stand(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    """What people have put beside a set's packages is nobody's picture; a set that is gone published nothing."""
    write_images(platform, "v1", ["a_1.jpg"])
    divide("v1", 1)
    annotate(platform, "v1", 1, truth)
    publish_labels("v1", "union")
    made = platform.workspace.sources / "full-aug-20261123"
    shutil.copytree(made / "1", made / "mine")
    job = publish_labels("v1", "union", new=True)
    assert (job.state, job.error) == (JobState.FAILED, "job_failed")
    assert job.reason is not None
    assert "all 1 label was published before" in job.reason.en
    shutil.rmtree(made)
    job = publish_labels("v1", "union", new=True)
    assert (job.state, job.result and job.result["published_pictures"]) == (JobState.SUCCEEDED, 1)


def test_colours__every_shipped_class_survives(platform: Platform) -> None:
    coder = ColorCoder(shipped())
    ids = np.array([shipped().raw_ids], np.uint8)
    assert (coder.to_ids(coder.to_rgb(ids)).ids == ids).all()


def test_publish_labels__a_refusal_names_the_parameter_at_fault(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg"])
    for number, types in ((1, "full"), (2, "remote")):
        divide("v1", 2, types)
        (platform.workspace.released / f"only-{types}" / str(number)).mkdir(parents=True)
    (platform.workspace.released / "empty").mkdir()
    (platform.workspace.released / "strange" / "77").mkdir(parents=True)
    for version, wanted, parameter, said in (
        ("only-full", "remote", "types", "are of type full, which remote cannot be made of; use lane, union."),
        ("only-remote", "union", "types", "are of type remote, which union cannot be made of; use remote."),
        ("empty", "union", "version", "released/empty holds no packages"),
        ("strange", "union", "version", "None of the packages [77] in released/strange was made by"),
        ("nothing", "union", "version", "There is no folder released/nothing; there are: empty, only-full"),
    ):
        with pytest.raises((InvalidValueError, NotFoundError)) as refused:
            publish_labels(version, wanted)
        assert said in refused.value.text.en
        assert refused.value.details["parameter"] == parameter


def test_process__packages_that_cannot_be_read_are_passed_over_and_named(
    platform: Platform, divide: Callable[..., Job], publish_labels: Callable[..., Job]
) -> None:
    write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"])
    divide("v1", 1)
    divide("v1", 2, "remote")
    for number in (1, 2, 3):
        annotate(platform, "v1", number, truth)
    (platform.workspace.packages / "v1" / "1" / "manifest.json").write_text("{}")
    (platform.workspace.released / "v1" / "0").mkdir()
    job = publish_labels("v1", "union")
    assert sorted(read_set(platform, "full-aug-20261123")) == ["2/a_2"]
    assert job.result is not None
    report = json.loads((platform.workspace.home / job.result["report"]).read_text())
    skipped = {one["package"]: one["reason"]["en"] for one in report["skipped_packages"]}
    assert (skipped[0], skipped[3], sorted(skipped)) == (
        "there is no package of this number",
        "its type is remote",
        [0, 1, 3],
    )
    assert [w.en.partition(" is passed")[0] for w in job.warnings] == ["Package 0", "Package 1", "Package 3"]
