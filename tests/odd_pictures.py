"""Broken and odd pictures, made from a seed: what phones, cameras, scanners, cut copies and mischief leave in folders."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin

UInt8 = NDArray[np.uint8]
PngImagePlugin.MAX_TEXT_CHUNK = 2**27  # Pillow itself refuses a picture for a long text beside it

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
#: Megapixels that the product may be told to decode at most; the pictures that are too large have a few more.
MOST_MPIX: Final = 2


class Odd(NamedTuple):
    """A picture.

    Attributes:
        name: Its file.
        data: The bytes.
        pixels: uint8 [H, W, 3], what Pillow makes of it; None where nothing may be made of it.
        sure: False where either is right: a flipped bit that a JPEG does not show.
    """

    name: str
    data: bytes
    pixels: UInt8 | None
    sure: bool = True


Make = Callable[[random.Random], bytes]


def make_odd(number: int, rng: random.Random) -> list[Odd]:
    """So many pictures, each kind in turn; names begin with their numbers."""
    kinds = [*GOOD, *BROKEN, *UNSURE]
    made = []
    for n in range(number):
        ending, kind = kinds[n % len(kinds)].split(" ", 1)
        data = (GOOD | BROKEN | UNSURE)[f"{ending} {kind}"](rng)
        sure = f"{ending} {kind}" not in UNSURE
        name = f"t{n // 50}_{n:03d}-{kind.replace(' ', '-')}.{ending}"
        made.append(Odd(name, data, None if f"{ending} {kind}" in BROKEN else as_pillow(data), sure))
    return made


def as_pillow(data: bytes) -> UInt8 | None:
    """What Pillow makes of a picture, upright, without alpha, of 16 bits the upper 8; None where it refuses."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode.startswith("I"):
                return np.repeat((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)[..., None], 3, axis=2)
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def _pixels(rng: random.Random, height: int = 40, width: int = 56) -> UInt8:
    """Smooth colours, so that a JPEG keeps them about as they are."""
    small = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def _image(rng: random.Random) -> Image.Image:
    return Image.fromarray(_pixels(rng, rng.randint(30, 60), rng.randint(30, 60)))


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _jpeg(mode: str = "RGB", **options: object) -> Make:
    return lambda rng: _saved(_image(rng).convert(mode), "JPEG", **options)


def _png(mode: str = "RGB", **options: object) -> Make:
    return lambda rng: _saved(_image(rng).convert(mode), "PNG", **options)


def _rotated(kind: str) -> Make:
    def make(rng: random.Random) -> bytes:
        exif = Image.Exif()
        exif[0x0112] = rng.randint(1, 8)
        return _saved(_image(rng), kind, exif=exif.tobytes())

    return make


def _flat(kind: str, height: int, width: int) -> Make:
    return lambda rng: _saved(Image.fromarray(_pixels(rng, height, width)), kind)


def _deep(*channels: int) -> Make:
    def make(rng: random.Random) -> bytes:
        values = np.random.default_rng(rng.randrange(2**32)).integers(0, 2**16, (9, 14, *channels), dtype=np.uint16)
        return cv2.imencode(".png", values)[1].tobytes()

    return make


def _several(kind: str) -> Make:
    def make(rng: random.Random) -> bytes:
        first, second = (Image.fromarray(_pixels(rng)) for _ in range(2))
        return _saved(first, kind, save_all=True, append_images=[second])

    return make


def _renamed(kind: str) -> Make:
    return lambda rng: _saved(_image(rng), kind)


def _half_clear(rng: random.Random) -> bytes:
    image = _image(rng)
    image.putalpha(Image.fromarray(np.arange(image.width * image.height).reshape(image.height, -1).astype(np.uint8)))
    return _saved(image, "PNG")


def _interlaced(rng: random.Random) -> bytes:
    """All seven passes of Adam7 over random pixels, every row unfiltered."""
    pixels = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, (19, 23, 3), dtype=np.uint8)
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]
    rows = [b"\0" + row.tobytes() for y, dy, x, dx in passes for row in pixels[y::dy, x::dx]]
    return _assembled(23, 19, _chunk(b"IDAT", zlib.compress(b"".join(rows))), interlaced=True)


def _short(color: int, depth: int, *, interlaced: bool = False) -> Make:
    """A PNG whose stream ends, as it should, before its last rows; the ones that there are have filters."""

    def make(rng: random.Random) -> bytes:
        head = struct.pack(">IIBBBBB", 9, 9, depth, color, 0, 0, interlaced)
        rows = zlib.compress(
            b"".join(b"\1" + rng.randbytes(9 * {0: 1, 2: 3, 3: 1, 6: 4}[color] * depth // 8) for _ in range(4))
        )
        palette = _chunk(b"PLTE", rng.randbytes(768)) if color == 3 else b""
        return _SIGNATURE + _chunk(b"IHDR", head) + palette + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")

    return make


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _assembled(width: int, height: int, chunks: bytes, *, interlaced: bool = False) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    return _SIGNATURE + _chunk(b"IHDR", head) + chunks + _chunk(b"IEND", b"")


def _long_text(rng: random.Random) -> bytes:
    """A PNG with a compressed text of 64 MiB, which nobody wants to read."""
    text = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**26), 9))
    row = b"\0" + rng.randbytes(30)
    return _assembled(10, 20, text + _chunk(b"IDAT", zlib.compress(row * 20)))


def _too_much_data(rng: random.Random) -> bytes:
    """A PNG whose 10x20 pixels are followed by 64 MiB more in the same stream."""
    row = b"\0" + rng.randbytes(30)
    return _assembled(10, 20, _chunk(b"IDAT", zlib.compress(row * 20 + bytes(2**26), 9)))


def _cut(make: Make) -> Make:
    def cut(rng: random.Random) -> bytes:
        data = make(rng)
        return data[: rng.randint(1, len(data) - 13)]

    return cut


def _flipped(make: Make) -> Make:
    def flip(rng: random.Random) -> bytes:
        data = bytearray(make(rng))
        data[rng.randrange(8, len(data))] ^= 1 << rng.randrange(8)
        return bytes(data)

    return flip


def _zeroed(rng: random.Random) -> bytes:
    """The end of a PNG is a page of zeros, as after a power cut."""
    data = _png()(rng)
    place = rng.randint(40, len(data) - 20)
    return data[:place] + bytes(len(data) - place)


def _bomb(width: int, height: int) -> Make:
    """A PNG that says it is large, and has the data: a thousandth of its pixels."""

    def make(_rng: random.Random) -> bytes:
        deflate = zlib.compressobj(9)
        row = bytes(1 + 3 * width)
        body = b"".join(deflate.compress(row) for _ in range(min(height, 100))) + deflate.flush()
        return _assembled(width, height, _chunk(b"IDAT", body))

    return make


def _large_jpeg(rng: random.Random) -> bytes:
    """A JPEG whose header says 60,000 x 60,000."""
    data = _jpeg()(rng)
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", 60_000, 60_000) + data[place + 4 :]


def _without_scan(rng: random.Random) -> bytes:
    """A JPEG that ends where its scan would begin."""
    data = _jpeg()(rng)
    return data[: data.index(b"\xff\xda")] + b"\xff\xd9"


def _empty_scan(rng: random.Random) -> bytes:
    """A JPEG with a scan's header, and not one byte of a scan."""
    data = _jpeg()(rng)
    place = data.index(b"\xff\xda")
    return data[: place + 2 + int.from_bytes(data[place + 2 : place + 4])] + b"\xff\xd9"


#: `<ending> <kind>` -> the bytes of one. Pillow's pixels are wanted.
GOOD: Final[dict[str, Make]] = {
    "jpg plain": _jpeg(),
    "JPG progressive": _jpeg(progressive=True),
    "jpg grey": _jpeg("L"),
    "jpeg cmyk": _jpeg("CMYK"),
    "jpg rgb inside": _jpeg(keep_rgb=True),
    "jpg restarts": _jpeg(restart_marker_rows=1),
    "jpg comment": _jpeg(comment=b"\xff\xd9 not the end"),
    "jpg followed by zeros": lambda rng: _jpeg()(rng) + bytes(100),
    "jpg turned": _rotated("JPEG"),
    "png turned": _rotated("PNG"),
    "jpg is a png": _png(),
    "png is a jpeg": _jpeg(),
    "png plain": _png(),
    "png grey": _png("L"),
    "png black or white": _png("1"),
    "png palette": _png("P"),
    "png clear palette": lambda rng: _saved(_image(rng).quantize(9), "PNG", transparency=3),
    "png alpha": _half_clear,
    "png grey alpha": _png("LA"),
    "png 16 bits grey": _deep(),
    "png 16 bits": _deep(3),
    "png 16 bits alpha": _deep(4),
    "png interlaced": _interlaced,
    "png animated": _several("PNG"),
    "jpg several": _several("MPO"),
    "png long text": _long_text,
    "png too much data": _too_much_data,
    "jpg one pixel": _flat("JPEG", 1, 1),
    "png one pixel": _flat("PNG", 1, 1),
    "jpg tall": _flat("JPEG", 65_500, 10),
    "png wide": _flat("PNG", 10, 65_500),
    "jpg turned again": _rotated("JPEG"),
}
#: Nothing may be made of these.
BROKEN: Final[dict[str, Make]] = {
    "jpg cut": _cut(_jpeg()),
    "jpg progressive cut": _cut(_jpeg(progressive=True)),
    "png cut": _cut(_png()),
    "png palette cut": _cut(_png("P")),
    "jpg empty": lambda _rng: b"",
    "png empty": lambda _rng: b"",
    "png zeroed": _zeroed,
    "png flipped": _flipped(_png()),
    "jpg text": lambda _rng: "这不是图片\n".encode(),
    "jpg noise": lambda rng: rng.randbytes(500),
    "png noise": lambda rng: _SIGNATURE + rng.randbytes(500),
    "jpg is a gif": _renamed("GIF"),
    "jpg is a bmp": _renamed("BMP"),
    "jpg is a tiff": _renamed("TIFF"),
    "jpg is a webp": _renamed("WEBP"),
    "gif animated": _several("GIF"),
    "tif several": _several("TIFF"),
    "webp kind": _renamed("WEBP"),
    "bmp kind": _renamed("BMP"),
    "jfif kind": _jpeg(),
    "jpg without scan": _without_scan,
    "jpg empty scan": _empty_scan,
    "png without data": lambda _rng: _assembled(9, 9, b""),
    "png no size": lambda rng: _assembled(0, 9, _chunk(b"IDAT", zlib.compress(rng.randbytes(9)))),
    "png too few rows": _short(2, 8),
    "png palette with too few rows": _short(3, 8),
    "png alpha with too few rows": _short(6, 16),
    "png interlaced with too few rows": _short(0, 8, interlaced=True),
    "png bomb": _bomb(60_000, 60_000),
    "png slightly too large": _bomb(1500, 1000 * MOST_MPIX),
    "jpg bomb": _large_jpeg,
}
#: Data that is damaged where it need not be seen: it is refused, or read as Pillow reads it.
UNSURE: Final[dict[str, Make]] = {
    "jpg flipped": _flipped(_jpeg()),
    "jpg progressive flipped": _flipped(_jpeg(progressive=True)),
}
KINDS: Final = len(GOOD) + len(BROKEN) + len(UNSURE)
