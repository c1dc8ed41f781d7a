"""What is done to one training picture: crop first, then resize, mirror, colour. Pure: arrays and a generator in.

H and W are pixels of the picture, h and w those of the crop. RGB everywhere.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.labels.table import IGNORE
from roadloop.training.recipe import TrainingRecipe

UInt8 = NDArray[np.uint8]
GREY: Final = np.array([0.299, 0.587, 0.114])  # luma of Rec. 601


@dataclass(frozen=True)
class Augmentation:
    """The limits of the random changes, and what fills the space outside a picture.

    Attributes:
        crop: h and w.
        scale: Smallest and largest magnification.
        flip: Probability of mirroring.
        flip_pairs: Train ids that change places in a mirrored picture.
        brightness: Largest shift, as a share of 255.
        contrast: Largest change of the distance from middle grey.
        saturation: Largest change of the distance from grey.
        fill: Colour outside the picture, 0..255: the mean, which is 0 for the network.
    """

    crop: tuple[int, int]
    scale: tuple[float, float]
    flip: float
    flip_pairs: tuple[tuple[int, int], ...]
    brightness: float
    contrast: float
    saturation: float
    fill: tuple[int, int, int]

    @classmethod
    def of(cls, recipe: TrainingRecipe) -> "Augmentation":
        """The augmentation that a recipe asks for."""
        data = recipe.data
        red, green, blue = (round(255 * m) for m in data.mean)
        return cls(
            crop=recipe.crop,
            scale=data.scale,
            flip=data.flip,
            flip_pairs=data.flip_pairs or (),
            brightness=data.brightness,
            contrast=data.contrast,
            saturation=data.saturation,
            fill=(red, green, blue),
        )

    def apply(self, image: UInt8, label: UInt8, rng: np.random.Generator) -> tuple[UInt8, UInt8]:
        """A random sample of one picture.

        Args:
            image: uint8 [H, W, 3].
            label: Train ids, uint8 [H, W].
            rng: Draws the same numbers in the same order whatever the limits are.

        Returns:
            uint8 [h, w, 3] and uint8 [h, w]; 255 where the crop reaches outside the picture.
        """
        magnify, down, right, mirror, *color = rng.random(7)
        low, high = self.scale
        image, label = cut(
            image, label, self.crop, low * (high / low) ** magnify, (float(down), float(right)), self.fill
        )
        if mirror < self.flip:
            image, label = image[:, ::-1], self._swapped()[label[:, ::-1]]
        limits = np.array([self.brightness, self.contrast, self.saturation])
        if limits.any():
            image = recolor(image, *((2 * np.array(color) - 1) * limits))
        return np.ascontiguousarray(image), np.ascontiguousarray(label)

    def _swapped(self) -> UInt8:
        lut = np.arange(256, dtype=np.uint8)
        for a, b in self.flip_pairs:
            lut[a], lut[b] = b, a
        return lut


def cut(
    image: UInt8,
    label: UInt8,
    crop: tuple[int, int],
    scale: float,
    place: tuple[float, float],
    fill: tuple[int, int, int],
) -> tuple[UInt8, UInt8]:
    """Take the window that fills the crop after magnification, then resize it: only needed pixels are resized.

    Args:
        image: uint8 [H, W, 3].
        label: uint8 [H, W].
        crop: h and w.
        scale: Magnification.
        place: Where the window lies, 0..1 of the room it has, down and right.
        fill: Colour outside the picture.
    """
    out = np.empty((*crop, 3), np.uint8)
    out[:] = fill
    ids = np.full(crop, IGNORE, np.uint8)
    y, into_y = _span(image.shape[0], crop[0], scale, place[0])
    x, into_x = _span(image.shape[1], crop[1], scale, place[1])
    size = (into_x.stop - into_x.start, into_y.stop - into_y.start)
    smaller = size[0] < x.stop - x.start
    out[into_y, into_x] = _resize(image[y, x], size, cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    ids[into_y, into_x] = _resize(label[y, x], size, cv2.INTER_NEAREST_EXACT)
    return out, ids


def _span(length: int, crop: int, scale: float, place: float) -> tuple[slice, slice]:
    """Along one axis: which pixels of the picture, and where they come to lie in the crop."""
    window = max(1, round(crop / scale))
    room = length - window
    start = int(place * (room + 1)) if room >= 0 else -int(place * (1 - room))
    first, last = max(0, start), min(length, start + window)
    into = min(crop - 1, round((first - start) * crop / window))
    return slice(first, last), slice(into, max(into + 1, round((last - start) * crop / window)))


def _resize(pixels: UInt8, size: tuple[int, int], method: int) -> UInt8:
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return cv2.resize(pixels, size, interpolation=method).astype(np.uint8, copy=False)


def recolor(image: UInt8, brightness: float, contrast: float, saturation: float) -> UInt8:
    """Shift brightness, stretch contrast around middle grey, move away from grey: one affine map of RGB.

    Args:
        image: uint8 [H, W, 3].
        brightness: Shift as a share of 255.
        contrast: Change of the distance from 127.5.
        saturation: Change of the distance from grey.
    """
    matrix = (1 + saturation) * np.eye(3) - saturation * np.tile(GREY, (3, 1))
    shift = np.full((3, 1), 255 * brightness - 127.5 * contrast)
    affine = np.hstack([(1 + contrast) * matrix, shift])
    return cv2.transform(np.ascontiguousarray(image), affine).astype(np.uint8, copy=False)
