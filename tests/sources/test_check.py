import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from places import on_disk
from roadloop.imaging.encode import encode_color, encode_jpeg, encode_label
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.check import Checked, check_sample, count_ids
from roadloop.sources.layout import Pair, Problem, Sample, make_sample
from roadloop.sources.manifest import Row

TABLE = ClassTable("t", (LabelClass(0, "a", "甲", (1, 1, 1), 0), LabelClass(7, "b", "乙", (7, 7, 7), 1)))
RGB = np.full((20, 30, 3), 90, dtype=np.uint8)
IDS = np.zeros((20, 30), dtype=np.uint8)
IDS[:5] = 7


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    (tmp_path / "x.jpg").write_bytes(encode_jpeg(RGB))
    (tmp_path / "x.png").write_bytes(encode_label(IDS))
    return make_sample("set", tmp_path, Pair("x", "x.jpg", "x.png", "id"), Row("p", "x"))


def _reason(sample: Sample) -> str:
    problem = check_sample(sample, TABLE)
    assert isinstance(problem, Problem)
    assert problem.file.startswith(f"set/{sample.package}/x.")
    assert problem.reason.zh
    return problem.reason.en


def _good(sample: Sample, table: ClassTable = TABLE) -> Checked:
    checked = check_sample(sample, table)
    assert isinstance(checked, Checked), checked
    return checked


def test_check_sample__good(sample: Sample) -> None:
    checked = _good(sample)
    assert checked.image == on_disk(sample.image).read_bytes()
    assert (checked.width, checked.height, checked.image_format) == (30, 20, "jpeg")
    assert np.array_equal(checked.ids, IDS)
    assert checked.counts[[0, 7]].tolist() == [450, 150]
    assert checked.unknown_pixels == 0


def test_check_sample__a_flipped_bit_in_the_picture_is_named(sample: Sample) -> None:
    data = on_disk(sample.image).read_bytes()
    known = sample._replace(facts=Row("p", "x", image_sha256=hashlib.sha256(data).hexdigest()))
    assert _good(known).image == data
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1  # it still decodes
    on_disk(sample.image).write_bytes(damaged)
    assert _good(sample).image == damaged
    assert _reason(known).startswith("The picture is not what was imported (image_sha256 in manifest.csv does not fit)")


def test_check_sample__colour_label(sample: Sample) -> None:
    on_disk(sample.label).write_bytes(encode_color(ColorCoder(TABLE).to_rgb(IDS)))
    checked = _good(sample._replace(label_kind="color"))
    assert np.array_equal(checked.ids, IDS)


def test_check_sample__rotated_picture_fits_its_upright_label(sample: Sample) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(RGB.transpose(1, 0, 2)).save(out, "JPEG", exif=exif.tobytes())
    on_disk(sample.image).write_bytes(out.getvalue())
    assert (_good(sample).width, _good(sample).height) == (30, 20)


def test_check_sample__six_unknown_pixels_of_600_are_ignored(sample: Sample) -> None:
    ids = IDS.copy()
    ids[0, :6] = 200
    on_disk(sample.label).write_bytes(encode_label(ids))
    checked = _good(sample)
    assert checked.ids[0, :7].tolist() == [255] * 6 + [7]
    assert checked.counts[[0, 7, 200, 255]].tolist() == [450, 144, 0, 6]
    assert checked.unknown_pixels == 6


def test_check_sample__seven_unknown_pixels_of_600_are_too_many(sample: Sample) -> None:
    ids = IDS.copy()
    ids[0, :7] = 200
    on_disk(sample.label).write_bytes(encode_label(ids))
    assert "200 x 7" in _reason(sample)


def test_check_sample__255_is_always_known(sample: Sample) -> None:
    on_disk(sample.label).write_bytes(encode_label(np.full_like(IDS, 255)))
    assert _good(sample).unknown_pixels == 0


def test_check_sample__unknown_colours_are_named(sample: Sample) -> None:
    rgb = ColorCoder(TABLE).to_rgb(IDS)
    rgb[:10] = (3, 2, 1)
    on_disk(sample.label).write_bytes(encode_color(rgb))
    assert "(3,2,1) x 300" in _reason(sample._replace(label_kind="color"))


def test_check_sample__shared_colours_cannot_be_told_apart(sample: Sample) -> None:
    table = ClassTable("t", (LabelClass(0, "a", "甲", (1, 1, 1), 0), LabelClass(7, "b", "乙", (1, 1, 1), 1)))
    on_disk(sample.label).write_bytes(encode_color(ColorCoder(TABLE).to_rgb(IDS)))
    assert isinstance(check_sample(sample._replace(label_kind="color"), table), Problem)
    on_disk(sample.label).write_bytes(encode_label(IDS))
    assert isinstance(check_sample(sample, table), Checked)


def test_check_sample__bad_files(sample: Sample) -> None:
    label, image = on_disk(sample.label).read_bytes(), on_disk(sample.image).read_bytes()
    on_disk(sample.label).write_bytes(encode_label(IDS[:19]))
    assert "30x19" in _reason(sample)
    on_disk(sample.label).write_bytes(encode_color(RGB))
    assert "8-bit grey" in _reason(sample)
    on_disk(sample.label).write_bytes(label[:-20])
    assert "incomplete" in _reason(sample)
    on_disk(sample.label).write_bytes(label)
    on_disk(sample.image).write_bytes(image[:-20])
    assert "incomplete" in _reason(sample)
    on_disk(sample.image).write_bytes(b"")
    assert "empty" in _reason(sample)
    on_disk(sample.image).unlink()
    assert "Cannot be read" in _reason(sample)
    on_disk(sample.image).write_bytes(image)
    assert isinstance(check_sample(sample, TABLE, max_pixels=599), Problem)


def test_count_ids__exact_beyond_float32() -> None:
    ids = np.full((4099, 4099), 7, dtype=np.uint8)
    ids[-1, :2] = 255
    counts = count_ids(ids)
    assert (counts[7], counts[255], counts.sum()) == (4099 * 4099 - 2, 2, 4099 * 4099)
    assert count_ids(np.arange(256, dtype=np.uint8).reshape(1, 256)[:, ::-1]).tolist() == [1] * 256
    assert count_ids(np.zeros((1, 1), dtype=np.uint8))[0] == 1
