"""Pictures that are told by their names alone, because they are not read."""

from pathlib import PurePath
from typing import Final

from roadloop.errors import Text

_RENAMED: Final = frozenset({".jfif", ".jpe"})  #: JPEG files under another ending
_OTHER_PICTURES: Final = _RENAMED | {
    ".bmp", ".tif", ".tiff", ".webp", ".gif", ".jp2", ".heic", ".heif", ".avif", ".ppm", ".pgm", ".tga", ".exr",
}  # fmt: skip


def odd_picture(name: str) -> Text | None:
    """Why a picture of a kind that is not read is left out; None for any other file."""
    ending = PurePath(name).suffix.lower()
    if name.startswith(".") or ending not in _OTHER_PICTURES:
        return None
    if ending in _RENAMED:
        return Text(f"不读取 {ending} 文件；把结尾改成 .jpg 即可", f"A {ending} file is not read; rename it to .jpg")
    return Text(f"不读取 {ending} 图片；请存为 JPEG 或 PNG", f"A {ending} picture is not read; save it as JPEG or PNG")
