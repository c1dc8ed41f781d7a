"""One labelled picture, read from the disk and checked: whole, matching in size, labels in the class table."""

import hashlib
from functools import cache
from pathlib import PurePath
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, LabelMapError, ObjectStoreError, RoadloopError, Text
from roadloop.imaging.decode import MAX_PIXELS, check_image, decode_color_label, decode_label
from roadloop.imaging.header import Format, broken
from roadloop.labels.colors import ColorCoder, describe_unknown
from roadloop.labels.table import IGNORE, ClassTable
from roadloop.sources.layout import Problem, Sample
from roadloop.sources.manifest import MANIFEST
from roadloop.storage import reading
from roadloop.storage.objects import ObjectPath, Place
from roadloop.storage.paths import printable

MAX_UNKNOWN: Final = 0.01  # of a picture's pixels
_coder: Final = cache(ColorCoder)
_EXACT_PIXELS: Final = 2**24  # OpenCV counts in whole numbers but answers in float32


class Checked(NamedTuple):
    """A good sample.

    Attributes:
        image: The picture's bytes as they are on the disk.
        image_format: `jpeg` or `png`.
        width: Pixels, after the EXIF rotation.
        height: Pixels.
        ids: uint8 [H, W], raw ids; 255 where the label shows something that the class table does not have.
        counts: int64 [256], pixels by raw id.
        unknown_pixels: How many pixels the class table does not have (at most 1 %).
    """

    image: bytes
    image_format: Format
    width: int
    height: int
    ids: NDArray[np.uint8]
    counts: NDArray[np.int64]
    unknown_pixels: int


def check_sample(sample: Sample, table: ClassTable, max_pixels: int = MAX_PIXELS) -> Checked | Problem:
    """Read and check one sample; a bad file becomes a `Problem`, never an exception.

    Args:
        sample: What to read.
        table: Class table of its set.
        max_pixels: Larger pictures are left out.

    Raises:
        ObjectStoreError: It lies in a store that refuses all that is asked, or does not answer.
    """
    place = f"{sample.source}/{sample.package}"
    file = sample.image_name
    try:
        image = _read(sample.image)
        check_unchanged(image, sample.facts.image_sha256)
        header = check_image(image, max_pixels)
        file = sample.label_name
        ids, counts, unknown = read_ids(sample, table, max_pixels)
        if ids.shape != header.size[::-1]:
            raise BrokenFileError(other_size(ids, header.size))
    except ObjectStoreError:
        raise
    except RoadloopError as error:
        return Problem(f"{place}/{printable(PurePath(file).name)}", error.text)
    width, height = header.size
    return Checked(image, header.format, width, height, ids, counts, unknown)


def check_label_unchanged(label: bytes, place: Place, sha256: str) -> None:
    """`check_unchanged` for a label in an object store, where nothing else tells that it was replaced.

    Labels on the disk may be mended in place.

    Raises:
        BrokenFileError: They differ.
    """
    if isinstance(place, ObjectPath) and sha256 and hashlib.sha256(label).hexdigest() != sha256:
        raise broken(
            f"标注与导入时不同（{MANIFEST} 的 label_sha256 不符）：请恢复它，或把新的标注导入为另一个源数据",
            f"The label is not what was imported (label_sha256 in {MANIFEST} does not fit): put it back, or import the"
            " new labels into another source set",
        )


def check_unchanged(image: bytes, sha256: str) -> None:
    """Compare a picture with what it was when it was imported; a flipped bit makes another picture without an error.

    Args:
        image: The file's bytes.
        sha256: What the source set's manifest says, or empty where it says nothing.

    Raises:
        BrokenFileError: They differ.
    """
    if sha256 and hashlib.sha256(image).hexdigest() != sha256:
        raise broken(
            f"图片与导入时不同（{MANIFEST} 的 image_sha256 不符），可能已损坏：请恢复它；若是有意修改，请清空该行的 image_sha256",
            f"The picture is not what was imported (image_sha256 in {MANIFEST} does not fit), so it may be damaged:"
            " put it back; if it was changed on purpose, clear image_sha256 in its row",
        )


def _read(place: Place) -> bytes:
    try:
        return reading.read_bytes(place)
    except OSError as error:
        what = reading.why(error)
        raise broken(f"无法读取：{what.zh}", f"Cannot be read: {what.en}") from error


def read_ids(sample: Sample, table: ClassTable, max_pixels: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], int]:
    """A label alone: uint8 [H, W] raw ids, int64 [256] pixels by raw id, and how many pixels the table does not have.

    Raises:
        RoadloopError: It cannot be read, or shows too much that the class table does not have.
    """
    data = _read(sample.label)
    check_label_unchanged(data, sample.label, sample.facts.label_sha256)
    if sample.label_kind == "color":
        decoded = _coder(table).to_ids(decode_color_label(data, max_pixels))
        _check_share(decoded.unknown_pixels, decoded.ids.size, "颜色", "colours", describe_unknown(decoded.unknown))
        return decoded.ids, count_ids(decoded.ids), decoded.unknown_pixels
    ids = decode_label(data, max_pixels)
    counts = count_ids(ids)
    strange = np.flatnonzero((counts > 0) & ~_known(table))
    unknown = int(counts[strange].sum())
    if unknown:
        found = ", ".join(f"{i} x {counts[i]}" for i in strange[:10].tolist())
        _check_share(unknown, ids.size, "编号", "ids", found)
        ids = np.where(_known(table)[ids], ids, np.uint8(IGNORE))
        counts[IGNORE] += unknown
        counts[strange] = 0
    return ids, counts, unknown


def count_ids(ids: NDArray[np.uint8]) -> NDArray[np.int64]:
    """int64 [256]: pixels of each value of uint8 [H, W]; four times as fast as NumPy's bincount."""
    counts = np.zeros(256, dtype=np.int64)
    rows = max(1, _EXACT_PIXELS // max(1, ids.shape[1]))
    for start in range(0, len(ids), rows):
        counts += cv2.calcHist([ids[start : start + rows]], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    return counts


def _check_share(unknown: int, pixels: int, zh: str, en: str, found: str) -> None:
    if unknown > MAX_UNKNOWN * pixels:
        share = f"{100 * unknown / pixels:.1f} %"
        raise LabelMapError(
            Text(
                f"{share} 的像素使用类别表以外的{zh}（{zh} x 像素数）：{found}",
                f"{share} of the pixels have {en} outside the class table ({en} x pixels): {found}",
            ),
            unknown=unknown,
        )


def other_size(ids: NDArray[np.uint8], picture: tuple[int, int]) -> Text:
    """What is said of a label, uint8 [H, W], that has not the size of its picture, (width, height)."""
    height, width = ids.shape
    return Text(
        f"标注尺寸 {width}x{height} 与图片尺寸 {picture[0]}x{picture[1]} 不同",
        f"The label's size {width}x{height} is not the picture's, {picture[0]}x{picture[1]}",
    )


@cache
def _known(table: ClassTable) -> NDArray[np.bool_]:
    known = np.zeros(256, dtype=np.bool_)
    known[[*table.raw_ids, IGNORE]] = True
    return known
