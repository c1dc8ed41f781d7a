import numpy as np
import pytest

from package_data import TABLE, mask
from roadloop.imaging.encode import encode_color, encode_jpeg
from roadloop.labels.colors import ColorCoder
from roadloop.packages.cut import framed
from roadloop.packages.manifest import PackageManifest, PackedPicture
from roadloop.packages.returned import Accepted, Rejected, ResultType, UInt8, accepts, check_label

CODER = ColorCoder(TABLE)


def packed(kind: str = "full", width: int = 20, height: int = 10) -> tuple[PackedPicture, PackageManifest]:
    border = 50 if kind == "remote" else 0
    one = PackedPicture(
        name="ext-a_1.jpg",
        label="ext-label-a_1.png",
        size=(width + 2 * border, height + 2 * border),
        source_size=(width, height),
        source_sha256="",
        track="a",
        point="1",
    )
    record = PackageManifest(
        version="v", number=1, type=kind, border=border, origin="images/v",
        class_table_name="tiny", class_table=TABLE.to_rows(), pictures=[one],
    )  # fmt: skip
    return one, record


def test_check_label__exact_colours() -> None:
    ids = mask(3, 20, 10, TABLE)
    cases: list[tuple[ResultType, UInt8]] = [("union", ids), ("lane", ids[5:])]
    for wanted, part in cases:
        found = check_label(encode_color(CODER.to_rgb(ids)), *packed(), wanted, 1000)
        assert isinstance(found, Accepted)
        assert (found.ids == part).all()


def test_check_label__border_is_cut_whatever_is_painted_on_it() -> None:
    ids = mask(4, 20, 10, TABLE)
    data = encode_color(framed(CODER.to_rgb(ids), 50, 7))
    found = check_label(data, *packed("remote"), "remote", 100_000)
    assert isinstance(found, Accepted)
    assert (found.ids == ids).all()


def test_check_label__few_unknown_pixels_are_ignored() -> None:
    colors = CODER.to_rgb(mask(5, 20, 10, TABLE))
    colors[0, 0] = colors[9, 19] = (1, 2, 3)
    found = check_label(encode_color(colors), *packed(), "union", 1000)
    assert isinstance(found, Accepted)
    assert (found.unknown_pixels, found.ids[0, 0], found.ids[9, 19]) == (2, 255, 255)


def test_check_label__more_are_rejected_with_colour_and_place() -> None:
    colors = framed(CODER.to_rgb(mask(5, 20, 10, TABLE)), 50, 255)
    colors[52, 53:56] = (1, 2, 3)
    colors[54, 60] = (9, 9, 9)
    found = check_label(encode_color(colors), *packed("remote"), "remote", 100_000)
    assert isinstance(found, Rejected)
    assert found.unknown_pixels == 4
    assert found.spots[0] == ((1, 2, 3), 3, (53, 52, 55, 52), ((53, 52), (54, 52), (55, 52)))
    assert found.spots[1].box == (60, 54, 60, 54)
    assert "RGB(1,2,3) x 3 [53,52-55,52] (53,52)" in found.reason.en
    assert "2.0 %" in found.reason.zh


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (encode_jpeg(CODER.to_rgb(mask(1, 20, 10, TABLE))), "PNG"),
        (encode_color(CODER.to_rgb(mask(1, 20, 10, TABLE)))[:-20], "incomplete"),
        (encode_color(CODER.to_rgb(mask(1, 10, 20, TABLE))), "10x20"),
    ],
)
def test_check_label__what_is_no_label(data: bytes, word: str) -> None:
    found = check_label(data, *packed(), "union", 1000)
    assert isinstance(found, Rejected)
    assert word in found.reason.en


def test_check_label__lane_reads_the_bottom_half_only() -> None:
    colors = CODER.to_rgb(mask(6, 20, 10, TABLE))
    colors[:5] = (1, 2, 3)
    assert isinstance(check_label(encode_color(colors), *packed(), "lane", 1000), Accepted)
    colors[7, 4:9] = (1, 2, 3)
    found = check_label(encode_color(colors), *packed(), "lane", 1000)
    assert isinstance(found, Rejected)
    assert found.spots[0].box == (4, 7, 8, 7)
    assert np.array(found.to_json()["colors"][0]["samples"]).shape == (5, 2)


def test_check_label__names_the_three_most_frequent_colours_and_five_places_of_each() -> None:
    colors = CODER.to_rgb(mask(6, 20, 10, TABLE))
    for row, value in enumerate((1, 2, 3, 4)):
        colors[row, : 20 - row] = (value, 9, 9)
    found = check_label(encode_color(colors), *packed(), "union", 200)
    assert isinstance(found, Rejected)
    assert found.unknown_pixels == 20 + 19 + 18 + 17
    listed = "; ".join(f"RGB({n + 1},9,9) x {20 - n} [0,{n}-{19 - n},{n}] (0,{n})" for n in range(3))
    assert found.reason.en.startswith("37.0 % of the pixels have a colour that the class table does not have")
    assert found.reason.en.endswith(f"(x,y of one)): {listed}")
    assert [spot.samples for spot in found.spots[:1]] == [((0, 0), (4, 0), (9, 0), (14, 0), (19, 0))]
    assert len(found.spots) == 4
    told = found.to_json()
    assert (told["reason"], told["unknown_pixels"], len(told["colors"])) == (found.reason._asdict(), 74, 4)


def test_check_label__a_large_label_is_not_decoded() -> None:
    data = encode_color(CODER.to_rgb(mask(1, 20, 10, TABLE)))
    assert isinstance(check_label(data, *packed(), "union", 200), Accepted)
    assert isinstance(check_label(data, *packed(), "union", 199), Rejected)


def test_accepts__what_can_be_made_of_a_package() -> None:
    assert (accepts("remote"), accepts("full")) == (("remote",), ("lane", "union"))
