"""Round trips: a source set leaves in a layout, comes in again through the real job, and nothing has changed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from import_folders import ids, jpeg, png, put
from roadloop.cli.main import app
from roadloop.errors import ConflictError, InvalidValueError, LabelMapError, NotFoundError
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.jobs.queue import Job
from roadloop.labels.colors import ColorCoder, distinct_colors, with_ignore
from roadloop.labels.table import IGNORE, ClassTable, LabelClass, format_csv, shipped
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.export_set import Export, export_set
from roadloop.sources.exporters.layouts import EXPORTERS
from roadloop.sources.importers.recognise import LAYOUTS
from roadloop.sources.service import open_set, read_splits, scan
from roadloop.storage.platform import Platform

UInt8 = NDArray[np.uint8]
Submit = Callable[..., str]
RunJob = Callable[[Platform, str], Job]
Bring = Callable[..., Job]


def put_sample(folder: Path, key: str, label: UInt8, *, colors: ClassTable | None = None, number: int = 0) -> None:
    """A JPEG with its ids, or, given a table, a PNG with its colours."""
    package, stem = key.split("/")
    if colors is None:
        put(folder / package / f"{stem}.jpg", jpeg(number))
        put(folder / package / f"{stem}.png", encode_label(label))
    else:
        put(folder / package / f"{stem}.png", png(number))
        put(folder / package / f"label-{stem}.png", encode_color(ColorCoder(colors).to_rgb(label)))


def hard_set(folder: Path) -> None:
    """hd-road's 81 classes: ids of every class, names that occur twice, Chinese packages, equal stems, 255, splits."""
    every = np.resize(np.array(shipped().raw_ids, np.uint8), (12, 20))
    odd = ids(255, 0)
    odd[5:, 7:] = 36
    put_sample(folder, "苏州/0016E5_1", every, number=1)
    put_sample(folder, "东区 2/0016E5_1", ids(2, 255), number=2)
    put_sample(folder, "train/a b+c#d%20&e", odd, number=3)
    put_sample(folder, "val/x.y", ids(69, 44), number=4)
    put_sample(folder, "1/全忽略", np.full((12, 20), 255, np.uint8), number=5)
    put_sample(folder, "test/q", ids(255, 10), colors=with_ignore(shipped()), number=6)
    put_sample(folder, "latest/q", ids(0, 21), colors=shipped(), number=7)
    put(folder / "classes.csv", format_csv(with_ignore(shipped())))
    put(folder / "splits" / "train.txt", "苏州/0016E5_1\nval/x.y\n")
    put(folder / "splits" / "val.txt", "train/a b+c#d%20&e\ntest/q\n")
    rows = "package,stem,track,point,city\n苏州,0016E5_1,轨迹,007,苏州\nval,x.y,t2,1,\n"
    put(folder / "manifest.csv", rows)


def pixels(platform: Platform, name: str) -> dict[str, tuple[bytes, list[list[int]]]]:
    """Picture bytes and raw ids by `<package>/<stem>`; fails on any problem."""
    source = open_set(platform.workspace, name)
    found = scan(source)
    assert found.problems == []
    read = {}
    for sample in found.samples:
        checked = check_sample(sample, source.table)
        assert isinstance(checked, Checked), checked
        assert checked.unknown_pixels == 0
        read[sample.key] = checked.image, checked.ids.tolist()
    return read


def leave(platform: Platform, name: str, layout: str, out: Path, *, link: bool = True) -> Export:
    source = open_set(platform.workspace, name)
    return export_set(source, layout, out, link=link, max_pixels=10**6, progress=lambda _done, _total: None)


def test_exporters__every_layout_of_masks_can_be_written() -> None:
    assert set(EXPORTERS) <= set(LAYOUTS)


@pytest.mark.parametrize("layout", EXPORTERS)
def test_export_set__comes_back_as_it_was(platform: Platform, bring: Bring, layout: str) -> None:
    hard_set(platform.workspace.sources / "原")
    out = platform.workspace.imports / "in"
    done = leave(platform, "原", layout, out)
    assert (done.pictures, done.problems) == (7, ())
    job = bring(dest="again")
    assert job.result is not None
    assert job.result["layout"] == layout
    assert {w.en.partition(":")[0] for w in job.warnings} <= set()
    before, after = (open_set(platform.workspace, name) for name in ("原", "again"))
    assert pixels(platform, "again") == pixels(platform, "原")
    assert after.table.to_rows() == before.table.to_rows()
    assert read_splits(after) == read_splits(before)
    facts = {s.key: (s.track, s.point, s.city) for s in scan(before).samples}
    assert {s.key: (s.track, s.point, s.city) for s in scan(after).samples} == facts
    assert facts["苏州/0016E5_1"] == ("轨迹", "007", "苏州")
    assert list(out.parent.glob("*.partial")) == []


NAMES = ("lane", "lane", "车道", "", "5 lane", "background", "Unlabelled", "a: b, c", 'q "x"', "#1", "255", "void")


def random_table(rng: np.random.Generator, layout: str) -> ClassTable:
    """Random ids, names and colours; names that a label map cannot say are left out for the one that needs it."""
    names = [name for name in NAMES if not (layout == "cvat" and name.startswith("#"))]
    raw_ids = rng.choice(256, len(names), replace=False).tolist()
    colors = [*distinct_colors(40), (0, 0, 0), (255, 255, 255), (9, 9, 9)]
    rng.shuffle(colors)
    return ClassTable(
        "原",
        tuple(
            LabelClass(
                raw_id, name, str(rng.choice(["", "车", "路"])), color, IGNORE if raw_id == IGNORE else place % 4
            )
            for place, (raw_id, name, color) in enumerate(zip(raw_ids, names, colors, strict=False))
        ),
    )


@pytest.mark.parametrize("layout", EXPORTERS)
@pytest.mark.parametrize("seed", range(2))
def test_export_set__random_tables(platform: Platform, bring: Bring, layout: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = random_table(rng, layout)
    folder = platform.workspace.sources / "原"
    put(folder / "classes.csv", format_csv(table))
    values = np.array([*table.raw_ids, IGNORE], np.uint8)
    for number in range(3):
        label = rng.choice(values, (12, 20)).astype(np.uint8)
        put_sample(folder, f"包 {number % 2}/x_{number // 2}", label, number=number)
    put_sample(folder, "p/png", np.resize(values[:-1], (12, 20)), colors=table)
    put(folder / "splits" / "test.txt", "包 0/x_1\n")
    leave(platform, "原", layout, platform.workspace.imports / "in")
    bring(dest="again", layout=layout)
    assert pixels(platform, "again") == pixels(platform, "原")
    assert read_splits(open_set(platform.workspace, "again")) == {"包 0/x_1": "test"}
    # Only labels of colours need a class for 255.
    expected = with_ignore(table) if layout == "cvat" else table
    assert open_set(platform.workspace, "again").table.to_rows() == expected.to_rows()


def test_export_set__255_of_png_pictures_becomes_a_class_and_is_said(platform: Platform, bring: Bring) -> None:
    put_sample(platform.workspace.sources / "原", "p/a", ids(255, 0), colors=with_ignore(shipped()))
    folder = platform.workspace.sources / "原"
    put(folder / "p" / "b.jpg", jpeg())
    put(folder / "p" / "b.png", encode_label(ids(2, 0)))
    put(folder / "classes.csv", format_csv(with_ignore(shipped())))
    bring_by_reference = platform.workspace.imports / "ids"
    put(bring_by_reference / "classes.csv", format_csv(shipped()))
    put(bring_by_reference / "images" / "a.png", png())
    put(bring_by_reference / "masks" / "a.png", encode_label(ids(255, 0)))
    bring(src="ids", dest="引用", mode="reference")
    assert open_set(platform.workspace, "引用").table.to_rows() == shipped().to_rows()
    done = leave(platform, "引用", "voc", platform.workspace.imports / "in")
    assert any("255 ignore" in note.en for note in done.notes)
    bring(dest="again")
    assert open_set(platform.workspace, "again").table.to_rows() == with_ignore(shipped()).to_rows()
    assert pixels(platform, "again") == pixels(platform, "引用")


def test_export_set__a_set_by_reference_leaves_with_its_own_bytes(platform: Platform, bring: Bring) -> None:
    store = platform.workspace.imports / "store"
    put(store / "label_colors.txt", "64 64 64 road\n9 9 9 car\n")
    put(store / "a" / "x.jpg", jpeg(1))
    put(store / "a" / "x.png", encode_label(ids(0, 1)))
    put(store / "b" / "x.jpg", jpeg(2))
    put(store / "b" / "x.png", encode_label(ids(1, 0)))
    bring(src="store", dest="原", mode="reference")
    leave(platform, "原", "coco", platform.workspace.imports / "in")
    assert (platform.workspace.imports / "in" / "a" / "x.jpg").samefile(store / "a" / "x.jpg")
    leave(platform, "原", "coco", platform.workspace.imports / "copied", link=False)
    copied = platform.workspace.imports / "copied" / "a" / "x.jpg"
    assert not copied.samefile(store / "a" / "x.jpg")
    assert copied.read_bytes() == jpeg(1)
    bring(dest="again", mode="reference")
    assert pixels(platform, "again") == pixels(platform, "原")
    assert open_set(platform.workspace, "again").table.to_rows() == open_set(platform.workspace, "原").table.to_rows()


def simple(platform: Platform, key: str = "p/a", table: ClassTable | None = None) -> None:
    folder = platform.workspace.sources / "原"
    put(folder / "classes.csv", format_csv(table or shipped()))
    put_sample(folder, key, ids(2, 0))


def test_export_set__refuses_a_folder_that_is_there_and_leaves_it(platform: Platform, tmp_path: Path) -> None:
    simple(platform)
    with pytest.raises(ConflictError):
        leave(platform, "原", "voc", tmp_path)
    with pytest.raises(ConflictError) as raised:
        leave(platform, "原", "voc", platform.workspace.sources / "原" / "p2")
    assert "原" in raised.value.text.zh
    with pytest.raises(InvalidValueError) as wrong:
        leave(platform, "原", "sad", tmp_path / "out")
    assert "label-studio" in wrong.value.text.en
    assert list(tmp_path.glob("*out*")) == []


@pytest.mark.parametrize(
    ("layout", "key"),
    [("pairs", "masks/a"), ("voc", "SegmentationClass/a"), ("camvid", "xannot/a"), ("coco", "p/panoptic")],
)
def test_export_set__a_name_that_means_something_else_there_is_refused(
    platform: Platform, tmp_path: Path, layout: str, key: str
) -> None:
    simple(platform, key)
    with pytest.raises(InvalidValueError) as raised:
        leave(platform, "原", layout, tmp_path / "out")
    assert key in raised.value.text.en
    assert raised.value.details["parameter"] == "layout"
    assert [p.name for p in tmp_path.iterdir() if "out" in p.name] == []


def test_export_set__a_folder_that_looks_like_two_layouts_says_which_to_name(platform: Platform, bring: Bring) -> None:
    simple(platform, "SegmentationClass/a")
    done = leave(platform, "原", "camvid", platform.workspace.imports / "in")
    assert [note.en for note in done.notes if "layout=camvid" in note.en]
    bring(dest="again", layout="camvid")
    assert pixels(platform, "again") == pixels(platform, "原")


def test_export_set__tables_that_a_form_cannot_hold(platform: Platform, tmp_path: Path) -> None:
    odd = ClassTable("x", (LabelClass(0, "#a", "甲", (1, 1, 1), 0), LabelClass(2, "", "乙", (2, 2, 2), 1)))
    simple(platform, table=odd)
    with pytest.raises(InvalidValueError) as raised:
        leave(platform, "原", "cvat", tmp_path / "out")
    assert "labelmap.txt" in raised.value.text.zh
    done = leave(platform, "原", "camvid", tmp_path / "camvid")
    assert any("label_colors.txt" in note.en for note in done.notes)
    assert not (tmp_path / "camvid" / "label_colors.txt").exists()
    twins = ClassTable("x", (LabelClass(0, "a", "甲", (1, 1, 1), 0), LabelClass(2, "b", "乙", (1, 1, 1), 1)))
    put(platform.workspace.sources / "原" / "classes.csv", format_csv(twins))
    with pytest.raises(LabelMapError):
        leave(platform, "原", "cvat", tmp_path / "out")
    assert leave(platform, "原", "voc", tmp_path / "out").pictures == 1


def test_export_set__names_what_is_left_out(platform: Platform, tmp_path: Path) -> None:
    folder = platform.workspace.sources / "原"
    put(folder / "p" / "cut.jpg", jpeg()[:-20])
    put(folder / "p" / "cut.png", encode_label(ids(2, 0)))
    put(folder / "p" / "lonely.jpg", jpeg())
    with pytest.raises(NotFoundError) as raised:
        leave(platform, "原", "voc", tmp_path / "out")
    assert "lonely.jpg" in raised.value.text.en
    put_sample(folder, "p/good", ids(2, 0))
    put(folder / "splits" / "val.txt", "p/good\np/cut\n")
    done = leave(platform, "原", "voc", tmp_path / "out")
    assert done.pictures == 1
    assert [p.file for p in done.problems] == ["原/p/lonely.jpg", "原/p/cut.jpg"]
    assert any("1 picture of the split lists" in note.en for note in done.notes)
    assert (tmp_path / "out" / "ImageSets" / "Segmentation" / "val.txt").read_text() == "p/good\n"


def test_export_set__on_the_command_line(platform: Platform, tmp_path: Path) -> None:
    simple(platform, "苏州/a")
    out = tmp_path / "出"
    arguments = ["export-set", "原", "--layout", "coco", "--out", str(out), "--home", str(platform.workspace.home)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "1 picture" in result.output
    assert (out / "苏州" / "a.jpg").read_bytes() == jpeg()
    with pytest.raises(ConflictError):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
