"""What belongs to a returned label: the picture as it was sent out, and the truth where that is known."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from package_data import TABLE, mask, picture
from roadloop.errors import BrokenFileError, PathOutsideError
from roadloop.imaging.decode import decode_image
from roadloop.imaging.encode import encode_color
from roadloop.packages.cut import BORDER, PackageType, for_package
from roadloop.packages.evidence import Returned, Truths, load_image
from roadloop.packages.manifest import PackageManifest, PackedPicture
from roadloop.storage.platform import Platform

LIMIT = 10**6
ORIGINAL = encode_color(picture(1))


@pytest.fixture
def label(platform: Platform) -> Returned:
    """Of a picture whose file is nowhere yet: not among the originals, not in the package, not in what came back."""
    return returned(platform.workspace.home)


def returned(home: Path, kind: PackageType = "full") -> Returned:
    for place in ("images/v", "packages/v/1", "released/v/1"):
        (home / place).mkdir(parents=True, exist_ok=True)
    one = PackedPicture(
        name="ext-a_1.png", label="ext-label-a_1.png", size=(12, 9), source_size=(12, 9), track="a", point="1",
        source_sha256=hashlib.sha256(ORIGINAL).hexdigest(),
    )  # fmt: skip
    record = PackageManifest(
        version="v", number=1, type=kind, border=BORDER if kind == "remote" else 0, origin="images/v",
        class_table_name="tiny", class_table=TABLE.to_rows(), pictures=[one],
    )  # fmt: skip
    row = SimpleNamespace(origin="images/v/a_1.png", role="base")
    return Returned(home / "packages/v/1", record, one, home / "released/v/1" / one.label, row)


@pytest.mark.parametrize("place", ["images/v/a_1.png", "packages/v/1/ext-a_1.png", "released/v/1/ext-a_1.png"])
def test_load_image__from_wherever_it_is_unchanged(platform: Platform, label: Returned, place: str) -> None:
    home = platform.workspace.home
    for other in ("images/v/a_1.png", "packages/v/1/ext-a_1.png", "released/v/1/ext-a_1.png"):
        (home / other).write_bytes(ORIGINAL if other == place else ORIGINAL + b"edited")
    assert load_image(platform.workspace, label, "union", LIMIT) == ORIGINAL
    half = decode_image(load_image(platform.workspace, label, "lane", LIMIT))
    assert (half == picture(1)[4:]).all()
    (home / place).unlink()
    with pytest.raises(BrokenFileError, match=r"The picture ext-a_1\.png is gone or was changed"):
        load_image(platform.workspace, label, "lane", LIMIT)


def test_load_image__of_a_package_from_elsewhere_has_no_original(platform: Platform, label: Returned) -> None:
    (platform.workspace.home / "images/v/a_1.png").write_bytes(ORIGINAL)
    with pytest.raises(BrokenFileError):
        load_image(platform.workspace, label._replace(row=None), "union", LIMIT)
    (label.package / "ext-a_1.png").write_bytes(ORIGINAL)
    assert load_image(platform.workspace, label._replace(row=None), "union", LIMIT) == ORIGINAL


def test_load_image__a_half_picture_is_in_its_border_where_the_original_is_gone(platform: Platform) -> None:
    label = returned(platform.workspace.home, "remote")
    (label.package / "ext-a_1.png").write_bytes(for_package(ORIGINAL, "remote", LIMIT))
    assert (decode_image(load_image(platform.workspace, label, "remote", LIMIT)) == picture(1)[4:]).all()
    with pytest.raises(BrokenFileError, match="is gone or was changed"):
        load_image(platform.workspace, label, "union", LIMIT)


def test_load_image__never_from_outside(platform: Platform, label: Returned) -> None:
    secret = platform.workspace.home.parent / "secret.png"
    secret.write_bytes(ORIGINAL)
    (label.package / "ext-a_1.png").symlink_to(secret)
    with pytest.raises(PathOutsideError):
        load_image(platform.workspace, label, "union", LIMIT)


def test_returned__whose_picture_and_whether_a_test(label: Returned) -> None:
    assert (label.origin, label.gold) == ("images/v/a_1.png", False)
    elsewhere = label._replace(row=None)
    assert (elsewhere.origin, elsewhere.gold) == ("1/ext-a_1.png", False)
    assert label._replace(row=SimpleNamespace(origin="x", role="gold")).gold


def test_truths__of_the_samples_that_are_whole(platform: Platform, gold_set: str) -> None:
    truths = Truths(platform.workspace, gold_set, LIMIT)
    found = truths.find("p/k_003")
    assert found is not None
    assert np.array_equal(found, mask(103, table=TABLE))
    (platform.workspace.sources / gold_set / "p" / "k_004.png").write_bytes(b"no label")
    assert [truths.find(key) for key in ("p/k_004", "p/none")] == [None, None]
    assert Truths(platform.workspace, gold_set, 10).find("p/k_003") is None  # larger than what is read
    assert Truths(platform.workspace, "gone", LIMIT).find("p/k_003") is None
