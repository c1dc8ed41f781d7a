"""What a model makes of a picture."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

UInt8 = NDArray[np.uint8]
UInt16 = NDArray[np.uint16]

CERTAIN: Final = 65535  #: a probability of 1, as confidences are stored


class Prediction(NamedTuple):
    """What a model made of a picture.

    Attributes:
        ids: uint8[H, W], train ids; 255 where nothing was predicted.
        certainty: uint16[H, W], the probability of each, in 65535ths; None when nobody asked.
    """

    ids: UInt8
    certainty: UInt16 | None = None
