import io
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from odd_pictures import BROKEN
from roadloop.errors import BrokenFileError
from roadloop.imaging.decode import (
    check_image,
    decode_color_label,
    decode_image,
    decode_label,
)
from roadloop.imaging.encode import encode_label
from roadloop.imaging.header import read_header

RGB = np.random.default_rng(0).integers(0, 255, (9, 14, 3), dtype=np.uint8)
SMOOTH = np.asarray(Image.fromarray(RGB).resize((161, 97), Image.Resampling.BICUBIC))


def _save(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _pillow(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def _exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


COLOR = Image.fromarray(SMOOTH)
GOOD = {
    "jpeg": _save(COLOR, "JPEG"),
    "jpeg-444": _save(COLOR, "JPEG", quality=95, subsampling=0),
    "jpeg-progressive": _save(COLOR, "JPEG", progressive=True),
    "jpeg-grey": _save(COLOR.convert("L"), "JPEG"),
    "jpeg-cmyk": _save(COLOR.convert("CMYK"), "JPEG"),
    "jpeg-rgb": _save(COLOR, "JPEG", keep_rgb=True),
    "jpeg-restarts": _save(COLOR, "JPEG", restart_marker_rows=1),
    "jpeg-comment": _save(COLOR, "JPEG", comment=b"\xff\xd9 not the end"),
    "jpeg-trailer": _save(COLOR, "JPEG") + b"\0" * 100,
    "png": _save(COLOR, "PNG"),
    "png-grey": _save(COLOR.convert("L"), "PNG"),
    "png-grey-1": _save(COLOR.convert("1"), "PNG"),
    "png-alpha": _save(COLOR.convert("RGBA"), "PNG"),
    "png-grey-alpha": _save(COLOR.convert("LA"), "PNG"),
    "png-palette": _save(COLOR.quantize(50), "PNG"),
    "png-transparent-palette": _save(COLOR.quantize(9), "PNG", transparency=3),
    "png-tall": _save(Image.fromarray(np.zeros((6550, 10, 3), np.uint8)), "PNG"),
    "one-pixel-jpeg": _save(Image.fromarray(RGB[:1, :1]), "JPEG"),
    "one-pixel-png": _save(Image.fromarray(RGB[:1, :1]), "PNG"),
    **{f"jpeg-exif-{i}": _save(COLOR, "JPEG", exif=_exif(i)) for i in range(1, 9)},
    **{f"png-exif-{i}": _save(COLOR, "PNG", exif=_exif(i)) for i in range(1, 9)},
}


@pytest.mark.parametrize("name", GOOD)
def test_decode_image__pixels_equal_pillow(name: str) -> None:
    expected = _pillow(GOOD[name])
    decoded = decode_image(GOOD[name])
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    assert np.array_equal(decoded, expected)
    assert read_header(GOOD[name]).size == (expected.shape[1], expected.shape[0])
    assert check_image(GOOD[name]).size == read_header(GOOD[name]).size


@pytest.mark.parametrize("name", GOOD)
def test_decode_image__a_view_gives_the_same_pixels(name: str) -> None:
    data = GOOD[name]
    view = memoryview(b"before" + data + b"after")[6 : 6 + len(data)]
    assert (decode_image(view) == decode_image(data)).all()
    assert read_header(view) == read_header(data)


def test_decode_image__16_bits_keep_the_upper_8() -> None:
    values = np.array([[0, 255, 256, 65535]], dtype=np.uint16)
    data = _save(Image.fromarray(values), "PNG")
    assert decode_image(data)[:, :, 0].tolist() == [[0, 0, 1, 255]]
    assert check_image(data).depth == 16


@pytest.mark.parametrize("name", ["jpeg", "jpeg-progressive", "jpeg-exif-6", "png", "png-palette"])
def test_decode_image__every_truncation_is_detected(name: str) -> None:
    data = GOOD[name]
    places = np.random.default_rng(7).integers(0, len(data) - 1, 100)
    for place in places.tolist():
        with pytest.raises(BrokenFileError):
            decode_image(data[:place])
        with pytest.raises(BrokenFileError):
            check_image(data[:place])


@pytest.mark.parametrize("name", ["jpeg", "jpeg-grey", "jpeg-progressive", "jpeg-cmyk", "jpeg-exif-6"])
def test_decode_image__a_jpeg_without_scan_data_is_truncated(name: str) -> None:
    """Decoders make a grey picture of it, without a word."""
    data = GOOD[name]
    scan = data.index(b"\xff\xda")
    begin = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4])
    for read in (decode_image, check_image):
        with pytest.raises(BrokenFileError):
            read(data[:begin] + b"\xff\xd9")


def test_decode_image__zeroed_tail_is_detected() -> None:
    for name in ("jpeg", "png"):
        data = GOOD[name]
        half = len(data) // 2
        with pytest.raises(BrokenFileError):
            decode_image(data[:half] + b"\0" * (len(data) - half))


def test_decode_image__flipped_byte_in_a_png_is_detected() -> None:
    data = bytearray(GOOD["png"])
    data[len(data) // 2] ^= 1
    with pytest.raises(BrokenFileError):
        decode_image(bytes(data))


def test_decode_image__random_damage_is_a_picture_or_an_error() -> None:
    rng = np.random.default_rng(3)
    for name in ("jpeg", "jpeg-progressive", "jpeg-cmyk", "jpeg-exif-8", "png-palette", "png-alpha"):
        for _ in range(40):
            data = bytearray(GOOD[name])
            for place in rng.integers(0, len(data), 4).tolist():
                data[place] = int(rng.integers(0, 256))
            try:
                assert decode_image(bytes(data)).ndim == 3
            except BrokenFileError:
                continue


@pytest.mark.parametrize("kind", [kind for kind in BROKEN if "too few rows" in kind or "scan" in kind])
def test_decode_image__a_whole_file_without_all_its_data(kind: str) -> None:
    data = BROKEN[kind](random.Random(0))
    for decode in (decode_image, check_image, *([decode_label] if "palette" in kind else [])):
        with pytest.raises(BrokenFileError, match=r"incomplete|damaged"):
            decode(data)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a" + b"\0" * 50, b"\x89PNG\r\n\x1a\n", b"text"])
def test_decode_image__not_a_picture(data: bytes) -> None:
    with pytest.raises(BrokenFileError):
        decode_image(data)


def _bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")


def test_decode_image__size_is_checked_before_decoding() -> None:
    with pytest.raises(BrokenFileError) as caught:
        decode_image(_bomb(60_000, 60_000))
    assert caught.value.details == {"width": 60_000, "height": 60_000}
    with pytest.raises(BrokenFileError):
        decode_image(GOOD["jpeg"], max_pixels=100)
    with pytest.raises(BrokenFileError):
        decode_label(_bomb(60_000, 60_000))


IDS = np.random.default_rng(5).integers(0, 256, (33, 21), dtype=np.uint8)


def test_decode_label__grey_with_any_filter() -> None:
    smooth = (np.add.outer(np.arange(90), np.arange(70)) // 3).astype(np.uint8)
    for ids in (IDS, smooth):
        assert np.array_equal(decode_label(_save(Image.fromarray(ids), "PNG")), ids)
        assert np.array_equal(decode_label(encode_label(ids)), ids)


@pytest.mark.parametrize("colors", [2, 4, 16, 256])
def test_decode_label__palette_keeps_ids(colors: int) -> None:
    ids = (IDS.astype(int) % colors).astype(np.uint8)
    image = Image.fromarray(ids)
    image = image.copy()
    image.putpalette([v for i in range(colors) for v in (255 - i, i, 7)])
    for options in ({}, {"bits": {2: 1, 4: 2, 16: 4, 256: 8}[colors]}):
        data = _save(image, "PNG", **options)
        assert Image.open(io.BytesIO(data)).mode == "P"
        assert np.array_equal(decode_label(data), ids)


@pytest.mark.parametrize("name", ["jpeg", "png", "png-alpha", "png-grey-alpha", "png-grey-1"])
def test_decode_label__other_formats_refused(name: str) -> None:
    with pytest.raises(BrokenFileError):
        decode_label(GOOD[name])


@pytest.mark.parametrize("filtered", [False, True])
def test_decode_label__a_view_gives_the_same_ids(filtered: bool) -> None:
    ids = np.random.default_rng(0).integers(0, 30, (20, 30), dtype=np.uint8)
    data = cv2.imencode(".png", ids)[1].tobytes() if filtered else encode_label(ids)
    assert (decode_label(memoryview(data)) == ids).all()
    with pytest.raises(BrokenFileError):
        decode_label(memoryview(data)[:-20])


def test_decode_label__16_bits_refused() -> None:
    with pytest.raises(BrokenFileError):
        decode_label(_save(Image.fromarray(IDS.astype(np.uint16)), "PNG"))


def test_decode_label__every_truncation_is_detected() -> None:
    data = encode_label(IDS)
    for place in range(len(data)):
        with pytest.raises(BrokenFileError):
            decode_label(data[:place])


def test_decode_label__too_little_data_in_a_whole_file() -> None:
    short = encode_label(IDS[:10])
    tall = short[:16] + struct.pack(">II", 21, 33) + short[24:29]
    tall += struct.pack(">I", zlib.crc32(tall[12:29])) + short[33:]
    with pytest.raises(BrokenFileError):
        decode_label(tall)


def test_decode_color_label__palette_gives_its_colours() -> None:
    image = Image.fromarray(IDS % 3)
    image.putpalette([9, 8, 7, 1, 2, 3, 255, 0, 128])
    rgb = decode_color_label(_save(image, "PNG"))
    assert rgb[IDS % 3 == 1][0].tolist() == [1, 2, 3]
    assert np.array_equal(decode_color_label(_save(COLOR, "PNG")), SMOOTH)


def test_decode_color_label__jpeg_refused() -> None:
    with pytest.raises(BrokenFileError):
        decode_color_label(GOOD["jpeg"])
