import io

import numpy as np
from PIL import Image

from roadloop.imaging.decode import decode_color_label, decode_image, decode_label
from roadloop.imaging.encode import encode_color, encode_jpeg, encode_label, encode_palette

IDS = np.random.default_rng(5).integers(0, 256, (33, 21), dtype=np.uint8)
RGB = np.random.default_rng(6).integers(0, 256, (33, 21, 3), dtype=np.uint8)


def test_encode_label__pillow_reads_the_same_ids() -> None:
    image = Image.open(io.BytesIO(encode_label(IDS)))
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), IDS)
    assert encode_label(IDS) == encode_label(IDS[:, ::-1][:, ::-1])


def test_encode_label__areas_are_small() -> None:
    ids = np.repeat(np.arange(10, dtype=np.uint8), 48_000).reshape(800, 600)
    assert len(encode_label(ids)) < 5_000


def test_encode_palette__ids_and_colours() -> None:
    colors = np.arange(768, dtype=np.uint16).reshape(256, 3).astype(np.uint8)
    data = encode_palette(IDS, colors)
    assert np.array_equal(decode_label(data), IDS)
    assert np.array_equal(decode_color_label(data), colors[IDS])


def test_encode_color__exact() -> None:
    assert np.array_equal(decode_color_label(encode_color(RGB)), RGB)


def test_encode_jpeg__red_stays_red() -> None:
    red = np.zeros((16, 16, 3), dtype=np.uint8)
    red[..., 0] = 250
    decoded = decode_image(encode_jpeg(red, 95)).astype(int)
    assert np.abs(decoded - red).max() <= 4
    assert len(encode_jpeg(RGB, 30)) < len(encode_jpeg(RGB, 95))
