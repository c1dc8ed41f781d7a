"""What makes flat colours look like a photograph: grain, wear, shadows, sky, haze, vignette, sensor noise."""

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.demo.world.camera import Camera
from roadloop.demo.world.cities import Raw
from roadloop.demo.world.plan import chance_of

Floats = NDArray[np.float32]
SIDE = 512
"""Texture tiles are SIDE x SIDE and wrap around."""
GROUND = (
    Raw.ROAD, Raw.LANE_WHITE, Raw.LANE_YELLOW, Raw.EDGE_LEFT, Raw.EDGE_RIGHT, Raw.STOP_LINE, Raw.CROSSWALK,
    Raw.SYMBOL, Raw.STOP_GRID, Raw.MANHOLE, Raw.PAVEMENT,
)  # fmt: skip
PAINTED = GROUND[1:9]


class Textures:
    """Noise tiles of a world, made once.

    Args:
        seed: Of the world.
        size: Width and height of the pictures.
    """

    def __init__(self, seed: int, size: tuple[int, int]) -> None:
        chance = chance_of(seed, 99)
        self.size = size
        self.grain = _octaves(chance, (1, 2, 4))
        self.patches = _octaves(chance, (16, 32, 64))
        self.clouds = _octaves(chance, (16, 32, 64, 128))
        width, height = size
        self._noise = chance.normal(0.0, 1.0, (height + 64, width + 64, 1)).astype(np.float32)
        self._wear = np.zeros(256, np.float32)
        self._rough = np.full(256, 0.04, np.float32)
        self._lit = np.zeros(256, np.float32)
        self._wear[list(PAINTED)] = 0.22
        self._rough[list(GROUND)] = 0.10
        self._rough[[Raw.SKY, Raw.VEHICLE, Raw.BUS, Raw.TRUCK]] = 0.0
        self._rough[Raw.VEGETATION] = 0.16
        self._lit[list(GROUND)] = 1.0
        self._lit[Raw.CURB] = 0.6
        v, u = np.mgrid[0:height, 0:width].astype(np.float32)
        radius = ((u / width - 0.5) ** 2 + (v / height - 0.5) ** 2) * 2
        rows, columns = np.arange(height) % SIDE, np.arange(width) % SIDE
        self._grain_here = self.grain[np.ix_(rows, columns)]
        self._patches_here = self.patches[np.ix_(rows, columns)]
        self._vignette = (1.0 - 0.20 * radius).astype(np.float32)

    def finish(
        self, picture: NDArray[np.uint8], label: NDArray[np.uint8], view: Camera, light: Floats, frame: int
    ) -> NDArray[np.uint8]:
        """Texture, light, sky and noise on a picture uint8 [H, W, 4]; uint8 [H, W, 3]."""
        plan = view.plan
        chance = chance_of(*plan.key, 5, frame)
        gain = self._vignette * np.float32(1.0 + 0.05 * np.sin(frame * 0.13) + chance.normal(0.0, 0.008))
        rough, patches = self._ground(view, label)
        shade = 1.0 + self._rough[label] * rough + self._wear[label] * np.minimum(patches, 0.0)
        lit = self._lit[label]
        shade *= 1.0 + lit * (light - 1.0)
        shade *= gain
        image = picture[..., :3].astype(np.float32)
        self._sky(image, label, view)
        self._fog(image, label, view)
        image *= shade[..., None]
        image *= np.array(plan.city.tint, np.float32)
        row, column = int(chance.integers(64)), int(chance.integers(64))
        height, width = label.shape
        image += np.float32(2.6) * self._noise[row : row + height, column : column + width]
        finished: NDArray[np.uint8] = np.clip(image, 0, 255).astype(np.uint8)
        return finished

    def _ground(self, view: Camera, label: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Fine grain and broad patches, float32 [H, W] about -1..1, fixed to the road where there is road."""
        width, height = view.size
        top = min(max(int(np.ceil(view.horizon)) + 2, 0), height)
        v = np.arange(top, height, dtype=np.float64)
        depth = view.focal * view.eye / (v - view.horizon)
        along = (view.s + depth) % 1000.0
        left = view.x - view.bend(depth)
        across = left[:, None] + (np.arange(width) - (width / 2 - 0.5)) * (depth / view.focal)[:, None]
        along = np.broadcast_to(along[:, None], across.shape)
        rough = self._grain_here.copy()
        patch = self._patches_here.copy()
        ground = self._lit[label[top:]] > 0
        fade = np.exp(-depth / 22.0).astype(np.float32)[:, None]
        fine = fade * _sampled(self.grain, across * 28.0, along * 14.0)
        broad = _sampled(self.patches, across * 22.0, along * 6.0)
        rough[top:] = np.where(ground, fine + 0.7 * broad, rough[top:])
        patch[top:] = np.where(ground, broad, patch[top:])
        return rough, patch

    def _sky(self, image: Floats, label: NDArray[np.uint8], view: Camera) -> None:
        light = view.plan.light
        bottom = min(max(int(view.horizon) + 1, 1), label.shape[0])
        share = np.linspace(0.0, 1.0, bottom, dtype=np.float32)[:, None, None] ** 1.3
        sky = np.array(light.sky_top, np.float32) * (1 - share) + np.array(light.sky_low, np.float32) * share
        turn = int(view.focal * view.plan.bend.slope(view.s))
        rows = (np.arange(bottom) * 300 // max(bottom, 1)) % SIDE
        columns = ((np.arange(label.shape[1]) + turn) * 400 // label.shape[1] + view.plan.key[-1] * 97) % SIDE
        cloud = np.clip(self.clouds[np.ix_(rows, columns)] - 0.1, 0.0, 1.0)[..., None] * light.clouds
        sky = sky + (np.float32(250.0) - sky) * cloud
        mask = (label[:bottom] == Raw.SKY)[..., None]
        np.copyto(image[:bottom], sky, where=mask)

    def _fog(self, image: Floats, label: NDArray[np.uint8], view: Camera) -> None:
        light = view.plan.light
        top = min(max(int(np.ceil(view.horizon)) + 1, 0), label.shape[0])
        v = np.arange(top, label.shape[0], dtype=np.float32)
        haze = 1.0 - np.exp(-view.focal * view.eye / (v - np.float32(view.horizon) + 0.5) / light.haze)
        weight = (self._lit[label[top:]] * haze[:, None].astype(np.float32))[..., None]
        image[top:] += weight * (np.array(light.sky_low, np.float32) - image[top:])


def _octaves(chance: np.random.Generator, steps: tuple[int, ...]) -> Floats:
    """A tile of smooth noise that wraps around, float32 [SIDE, SIDE] with a standard deviation of 0.5."""
    tile = np.zeros((SIDE, SIDE), np.float32)
    for weight, step in enumerate(steps, start=1):
        cells = SIDE // step
        small = chance.normal(0.0, 1.0, (cells, cells)).astype(np.float32)
        padded = np.pad(small, 2, mode="wrap")
        large = cv2.resize(padded, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        tile += weight * large[2 * step : 2 * step + SIDE, 2 * step : 2 * step + SIDE]
    scaled: Floats = (0.5 * (tile - tile.mean()) / tile.std()).astype(np.float32)
    return scaled


def _sampled(tile: Floats, across: NDArray[np.float64], along: NDArray[np.float64]) -> Floats:
    sampled = cv2.remap(
        tile,
        (across % SIDE).astype(np.float32),
        (along % SIDE).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    return sampled.astype(np.float32, copy=False)
