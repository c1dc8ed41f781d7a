"""What makes two pictures the same, or nearly: sha256, a difference hash, and a thumbnail. Pure, from bytes."""

import hashlib
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.imaging.header import broken

SIDE: Final = 8  #: of the thumbnail, pixels
_SMALL: Final = 128  # a picture whose side is shorter is not decoded at an eighth of its size

UInt8 = NDArray[np.uint8]


class Fingerprint(NamedTuple):
    """Of one picture.

    Attributes:
        sha256: Of the file.
        dhash: 64 bits: is a pixel brighter than its right neighbour, in 9 x 8 pixels of grey.
        thumbnail: 64 bytes: 8 x 8 pixels of grey.
    """

    sha256: str
    dhash: int
    thumbnail: bytes


def fingerprint(data: bytes, size: tuple[int, int]) -> Fingerprint:
    """The fingerprint of a JPEG or PNG that is known to be whole.

    Args:
        data: The file.
        size: (width, height) in pixels.

    Raises:
        BrokenFileError: It cannot be decoded.
    """
    reduced = cv2.IMREAD_REDUCED_GRAYSCALE_8 if min(size) >= _SMALL else cv2.IMREAD_GRAYSCALE
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), reduced | cv2.IMREAD_IGNORE_ORIENTATION)
    if grey is None:
        raise broken("图片数据无法解码", "The picture data cannot be decoded")
    small: UInt8 = np.asarray(cv2.resize(grey, (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    bits = np.packbits(small[:, :-1] > small[:, 1:])
    thumbnail = np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    return Fingerprint(hashlib.sha256(data).hexdigest(), int.from_bytes(bits.tobytes()), thumbnail.tobytes())
