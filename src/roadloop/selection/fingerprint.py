"""Perceptual fingerprints: near-duplicates of a picture have nearly the same 256 bits. Pure.

Difference hash (Krawetz, 2013) on 17x16 means of the grey picture: bit = brighter than the left neighbour by more
than one level, so that flat areas (sky, road) stay the same through compression and scaling.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.imaging.decode import UInt8, decode_image, decode_quarter

Prints = NDArray[np.uint64]

NEAR: Final = 20  #: of 256 bits: fewer different bits make a near-duplicate
_SIDE: Final = 16
_STEP: Final = 1.0
_BLOCK: Final = 65_536  #: pictures that are compared at once


def fingerprint(image: UInt8) -> Prints:
    """uint64 [4] of a picture, uint8 [H, W, 3] or grey [H, W]."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    small = cv2.resize(grey.astype(np.float32), (_SIDE + 1, _SIDE), interpolation=cv2.INTER_AREA)
    bits = np.asarray(small[:, 1:] - small[:, :-1] > _STEP)
    return np.packbits(bits).view(np.uint64)


def fingerprint_of(data: bytes, max_pixels: int) -> Prints:
    """uint64 [4] of an encoded picture. A plain JPEG is decoded at a quarter of its size, which is much faster.

    Raises:
        BrokenFileError: It cannot be decoded.
    """
    grey = decode_quarter(data, max_pixels)
    if grey is not None and min(grey.shape) > _SIDE:
        return fingerprint(grey)
    return fingerprint(decode_image(data, max_pixels))


def distances(one: Prints, many: Prints) -> NDArray[np.int64]:
    """How many of 256 bits differ: int64 [N], between uint64 [4] and uint64 [N, 4]."""
    bits = np.zeros(len(many), np.int64)
    for column in range(4):  # NumPy is slow along an axis of four
        bits += np.bitwise_count(many[:, column] ^ one[column])
    return bits


def near_any(some: Prints, known: Prints) -> NDArray[np.bool_]:
    """Which of uint64 [N, 4] are near-duplicates of any of uint64 [M, 4]: bool [N]."""
    blocks = [known[start : start + _BLOCK] for start in range(0, len(known), _BLOCK)]
    return np.array([any((distances(one, block) < NEAR).any() for block in blocks) for one in some], bool)
