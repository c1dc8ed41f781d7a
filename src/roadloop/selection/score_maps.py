"""Where in a picture a model is uncertain: a small map for each picture that was taken, in one file beside them.

`score-maps.zip` holds `<picture>.png` for each: 8-bit grey, whole percent. Each of its pixels is the largest of `SHRINK` by
`SHRINK` pixels of the picture, so that a thin pole stays. One file, because folders below `images/` are looked through for
pictures; stored, because PNGs are packed already.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError
from roadloop.imaging.decode import UInt8, decode_label
from roadloop.imaging.encode import encode_label
from roadloop.storage import publish, reading

NAME: Final = "score-maps.zip"
SHRINK: Final = 4  #: a map has so many times fewer rows and columns than its picture
MOST: Final = 1000  #: pictures of a selection that have one: at most 250 MB of 2448x2048 (decision 0061)


def shrunk(doubt_HW: NDArray[np.float32]) -> UInt8:
    """The map of a picture: whole percent, uint8 [ceil(H / SHRINK), ceil(W / SHRINK)].

    Args:
        doubt_HW: 0..1, float32 [H, W].
    """
    rows, columns = (-(-side // SHRINK) for side in doubt_HW.shape)
    whole = np.zeros((rows * SHRINK, columns * SHRINK), np.float32)
    whole[: doubt_HW.shape[0], : doubt_HW.shape[1]] = doubt_HW
    largest = whole.reshape(rows, SHRINK, columns, SHRINK).max((1, 3))
    return np.asarray(np.rint(100 * np.clip(largest, 0, 1)), np.uint8)


def write_maps(folder: Path, maps: Iterable[tuple[str, UInt8]]) -> None:
    """Write the maps of pictures, by file name, beside them; the same maps give the same bytes.

    Raises:
        DiskFullError: No space is left.
    """
    with publish.disk_errors(folder), zipfile.ZipFile(folder / NAME, "w") as packed:
        for file, percent in maps:
            packed.writestr(zipfile.ZipInfo(f"{file}.png"), encode_label(percent))


def mapped(folder: Path) -> frozenset[str]:
    """The pictures of a selection's folder that have a map; none where the file is gone or damaged."""
    try:
        with _opened(folder) as packed:
            return frozenset(name.removesuffix(".png") for name in packed.namelist())
    except (OSError, zipfile.BadZipFile):
        return frozenset()


def read_map(folder: Path, file: str, size: tuple[int, int]) -> UInt8 | None:
    """The map of a picture, as large as it: whole percent, uint8 [H, W]; None where it has none that can be read.

    Args:
        folder: The selection's.
        file: The picture's name.
        size: Its H and W.
    """
    try:
        with _opened(folder) as packed:
            small = decode_label(packed.read(f"{file}.png"), size[0] * size[1])
    except (OSError, KeyError, zipfile.BadZipFile, BrokenFileError):
        return None
    return small.repeat(SHRINK, 0).repeat(SHRINK, 1)[: size[0], : size[1]]


@contextmanager
def _opened(folder: Path) -> Iterator[zipfile.ZipFile]:
    with io.BufferedReader(reading.open_file(folder / NAME)) as stream, zipfile.ZipFile(stream) as packed:
        yield packed
