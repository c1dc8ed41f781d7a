import numpy as np
import pytest

from package_data import picture
from roadloop.errors import BrokenFileError
from roadloop.imaging.decode import decode_image
from roadloop.imaging.encode import encode_color, encode_jpeg
from roadloop.packages.cut import BORDER, Size, border_of, for_package, framed, half_of, inner, lower_half, packed_size


@pytest.mark.parametrize(("height", "rows"), [(8, 4), (9, 5), (1, 1)])
def test_lower_half__odd_heights_keep_the_middle_row(height: int, rows: int) -> None:
    pixels = np.arange(height, dtype=np.uint8)[:, None].repeat(2, axis=1)
    assert lower_half(pixels)[:, 0].tolist() == list(range(height - rows, height))
    assert packed_size(Size(2, height), "remote") == Size(2 + 2 * BORDER, rows + 2 * BORDER)


def test_inner__undoes_framed() -> None:
    pixels = picture(1)
    assert framed(pixels, 50, 255).shape == (109, 112, 3)
    assert (framed(pixels, 50, 255)[:50] == 255).all()
    assert (inner(framed(pixels, 50, 255), 50) == pixels).all()
    assert inner(pixels, 0) is pixels


def test_for_package__full_is_the_file_to_the_byte_and_remote_is_cut() -> None:
    data = encode_color(picture(2))
    assert for_package(data, "full", 1000) is data
    remote = decode_image(for_package(data, "remote", 1000))
    assert (remote[50:-50, 50:-50] == picture(2)[4:]).all()
    assert (half_of(data, 1000), remote.shape) == (encode_color(picture(2)[4:]), (105, 112, 3))


def test_half_of__bordered_file_and_jpeg() -> None:
    bordered = for_package(encode_color(picture(2)), "remote", 1000)
    assert (decode_image(half_of(bordered, 20_000, 50)) == picture(2)[4:]).all()
    assert half_of(encode_jpeg(picture(2)), 1000).startswith(b"\xff\xd8")


def test_cut__full_pictures_stay_as_they_are_and_large_ones_are_not_decoded() -> None:
    assert (border_of("full"), border_of("remote"), packed_size(Size(7, 9), "full")) == (0, 50, Size(7, 9))
    data = encode_color(picture(2))  # 12 x 9 = 108 pixels
    assert for_package(data, "remote", 108)
    assert half_of(data, 108)
    with pytest.raises(BrokenFileError):
        for_package(data, "remote", 107)
    with pytest.raises(BrokenFileError):
        half_of(data, 107)
