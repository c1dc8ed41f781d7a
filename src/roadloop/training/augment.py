"""What is done to one training picture: crop first, then resize or turn, mirror, colour. Pure: arrays and a generator in.

H and W are pixels of the picture, h and w those of the crop. RGB everywhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.labels.table import IGNORE
from roadloop.training.recipe import DataConfig

UInt8 = NDArray[np.uint8]
GREY: Final = np.array([0.299, 0.587, 0.114])  # luma of Rec. 601
AVERAGED_BELOW: Final = 0.5  #: magnification under which linear interpolation would leave pixels of the picture out
DRAWS: Final = 11  #: numbers drawn for a sample; new ones are added at the end, so that older ones stay


class Window(NamedTuple):
    """The part of a picture that fills the crop.

    Attributes:
        scale: Magnification.
        place: Where it lies, 0..1 of the room it has, down and right.
        pixel: Row and column of a pixel that lies in its middle half, unless the picture's edge is near; None: any.
    """

    scale: float
    place: tuple[float, float]
    pixel: tuple[int, int] | None = None


@dataclass(frozen=True)
class Augmentation:
    """The random changes that a configuration asks for.

    Attributes:
        data: Their limits; complete.
        class_pixels: Pixels of each class in the training split, by train id; needed where `rare_class_share` > 0.
    """

    data: DataConfig
    class_pixels: Sequence[int]

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width of a sample, h and w."""
        assert self.data.crop is not None
        return self.data.crop

    @property
    def fill(self) -> tuple[int, int, int]:
        """Colour outside the picture, 0..255: the mean, which is 0 for the network."""
        red, green, blue = (round(255 * m) for m in self.data.mean)
        return red, green, blue

    def apply(
        self, image: UInt8, label: UInt8, rng: np.random.Generator, out: tuple[UInt8, UInt8] | None = None
    ) -> tuple[UInt8, UInt8]:
        """A random sample of one picture.

        Args:
            image: uint8 [H, W, 3].
            label: Train ids, uint8 [H, W].
            rng: Draws the same numbers in the same order whatever the limits are.
            out: Where the sample is written, uint8 [h, w, 3] and uint8 [h, w]; made when absent.

        Returns:
            uint8 [h, w, 3] and uint8 [h, w]; 255 where the crop reaches outside the picture.
        """
        magnify, down, right, mirror, *color, turn, rare, which, where = rng.random(DRAWS)
        low, high = self.data.scale
        pixel = self._rare_pixel(label, which, where) if rare < self.data.rare_class_share else None
        window = Window(low * (high / low) ** magnify, (float(down), float(right)), pixel)
        if self.data.rotate:
            angle = float(2 * turn - 1) * self.data.rotate
            image, label = cut_turned(image, label, self.crop, window, angle, self.fill)
        else:
            image, label = cut(image, label, self.crop, window, self.fill)
        if mirror < self.data.flip:
            image, label = _mirror(image), self._swap(_mirror(label))
        pixels, ids = out or (np.empty((*self.crop, 3), np.uint8), np.empty(self.crop, np.uint8))
        ids[:] = label
        limits = np.array([self.data.brightness, self.data.contrast, self.data.saturation])
        if limits.any():
            brightness, contrast, saturation = (2 * np.array(color) - 1) * limits
            recolor(image, brightness, contrast, saturation, out=pixels)
        else:
            pixels[:] = image
        return pixels, ids

    def _rare_pixel(self, label: UInt8, which: float, where: float) -> tuple[int, int] | None:
        """A pixel of one of the label's classes, each as likely as it is rare; None where everything is ignored.

        Args:
            label: Train ids, uint8 [H, W].
            which: 0..1, draws the class.
            where: 0..1, draws the pixel, each of the class as likely.
        """
        found = cv2.calcHist([label], [0], None, [256], [0, 256]).ravel()[: len(self.class_pixels)] > 0
        rarity = np.array([1 / max(1, n) for n in self.class_pixels]) * found
        if not found.any():
            return None
        shares = np.cumsum(rarity / rarity.sum())
        train_id = min(int(np.searchsorted(shares, which, side="right")), int(np.flatnonzero(found)[-1]))
        places = np.flatnonzero(label == train_id)
        row, column = divmod(int(places[int(where * len(places))]), label.shape[1])
        return row, column

    def _swap(self, label: UInt8) -> UInt8:
        if not self.data.flip_pairs:
            return label
        lut = np.arange(256, dtype=np.uint8)
        for a, b in self.data.flip_pairs:
            lut[a], lut[b] = b, a
        return cv2.LUT(label, lut).astype(np.uint8, copy=False)


def cut(
    image: UInt8, label: UInt8, crop: tuple[int, int], window: Window, fill: tuple[int, int, int]
) -> tuple[UInt8, UInt8]:
    """Take the window that fills the crop after magnification, then resize it: only needed pixels are resized.

    Args:
        image: uint8 [H, W, 3].
        label: uint8 [H, W].
        crop: h and w.
        window: Which part of the picture.
        fill: Colour outside the picture.
    """
    y, into_y = _span(image.shape[0], crop[0], window, 0)
    x, into_x = _span(image.shape[1], crop[1], window, 1)
    size = (into_x.stop - into_x.start, into_y.stop - into_y.start)
    reduced = min(size[0] / (x.stop - x.start), size[1] / (y.stop - y.start))
    room = (into_y.start, crop[0] - into_y.stop, into_x.start, crop[1] - into_x.stop)
    out = _resize(image[y, x], size, cv2.INTER_AREA if reduced < AVERAGED_BELOW else cv2.INTER_LINEAR)
    ids = _resize(label[y, x], size, cv2.INTER_NEAREST_EXACT)
    return _pad(out, room, fill), _pad(ids, room, (IGNORE,))


def cut_turned(
    image: UInt8,
    label: UInt8,
    crop: tuple[int, int],
    window: Window,
    angle: float,
    fill: tuple[int, int, int],
) -> tuple[UInt8, UInt8]:
    """As `cut`, with the window turned around its middle: one affine map, computed for the crop's pixels alone.

    Between pixels the picture is linear and the label takes the nearest. A strongly reduced picture is not averaged
    as in `cut`; thin lines may break up there.

    Args:
        image: uint8 [H, W, 3].
        label: uint8 [H, W].
        crop: h and w.
        window: Which part of the picture.
        angle: Degrees; the picture's content turns counterclockwise where it is positive.
        fill: Colour outside the picture.
    """
    first, length = zip(*(_place(image.shape[k], crop[k], window, k) for k in (0, 1)), strict=True)
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    step_y, step_x = length[0] / crop[0], length[1] / crop[1]
    turn = np.array([[cos * step_x, -sin * step_y], [sin * step_x, cos * step_y]])
    middle = np.array([first[1] + (length[1] - 1) / 2, first[0] + (length[0] - 1) / 2])
    shift = middle - turn @ np.array([(crop[1] - 1) / 2, (crop[0] - 1) / 2])
    to_picture, size = np.column_stack([turn, shift]), (crop[1], crop[0])
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    out = cv2.warpAffine(image, to_picture, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=fill)
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_NEAREST
    ids = cv2.warpAffine(label, to_picture, size, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=(IGNORE,))
    return out.astype(np.uint8, copy=False), ids.astype(np.uint8, copy=False)


def _place(length: int, crop: int, window: Window, axis: int) -> tuple[int, int]:
    """Along one axis: the window's first pixel, negative where it begins outside the picture, and its length."""
    size = max(1, round(crop / window.scale))
    room, place = length - size, window.place[axis]
    if room < 0:
        return -int(place * (1 - room)), size
    if window.pixel is None:
        return int(place * (room + 1)), size
    return min(max(0, window.pixel[axis] - int((0.25 + place / 2) * size)), room), size


def _span(length: int, crop: int, window: Window, axis: int) -> tuple[slice, slice]:
    """Along one axis: which pixels of the picture, and where they come to lie in the crop."""
    start, size = _place(length, crop, window, axis)
    first, last = max(0, start), min(length, start + size)
    into = min(crop - 1, round((first - start) * crop / size))
    return slice(first, last), slice(into, max(into + 1, round((last - start) * crop / size)))


def _resize(pixels: UInt8, size: tuple[int, int], method: int) -> UInt8:
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return cv2.resize(pixels, size, interpolation=method).astype(np.uint8, copy=False)


def _mirror(pixels: UInt8) -> UInt8:
    return cv2.flip(pixels, 1).astype(np.uint8, copy=False)


def _pad(pixels: UInt8, room: tuple[int, int, int, int], value: Sequence[int]) -> UInt8:
    """So many pixels of one value added above, below, to the left and to the right."""
    if not any(room):
        return pixels
    return cv2.copyMakeBorder(pixels, *room, cv2.BORDER_CONSTANT, value=value).astype(np.uint8, copy=False)


def recolor(image: UInt8, brightness: float, contrast: float, saturation: float, out: UInt8 | None = None) -> UInt8:
    """Shift brightness, stretch contrast around middle grey, move away from grey: one affine map of RGB.

    Args:
        image: uint8 [H, W, 3].
        brightness: Shift as a share of 255.
        contrast: Change of the distance from 127.5.
        saturation: Change of the distance from grey.
        out: Where the result is written, uint8 [H, W, 3]; made when absent.
    """
    matrix = (1 + saturation) * np.eye(3) - saturation * np.tile(GREY, (3, 1))
    shift = np.full((3, 1), 255 * brightness - 127.5 * contrast)
    affine = np.hstack([(1 + contrast) * matrix, shift])
    return cv2.transform(np.ascontiguousarray(image), affine, dst=out).astype(np.uint8, copy=False)
