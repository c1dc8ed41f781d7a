"""The camera of the survey vehicle."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadloop.demo.world.plan import FRAME_SECONDS, Plan

Floats = NDArray[np.float32]

NEAR = 0.6
"""Metres before the camera where things are cut."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera over a bending road.

    Attributes:
        size: Width and height of the picture in pixels.
        focal: Focal length in pixels.
        horizon: Row of the horizon.
        eye: Height above the road in metres.
        s: Place along the road.
        x: Place across the road.
        plan: The street, for its bend.
    """

    size: tuple[int, int]
    focal: float
    horizon: float
    eye: float
    s: float
    x: float
    plan: Plan

    def bend(self, depth: Any) -> Any:
        """Metres that the road's centre line lies to the right at `depth` metres ahead."""
        bend = self.plan.bend
        return bend.offset(self.s + depth) - bend.offset(self.s) - bend.slope(self.s) * depth

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Corners (s, x, y) [..., 3] to picture coordinates [..., 2] and depths [...] in metres."""
        ahead = points[..., 0] - np.float32(self.s)
        depth = np.maximum(ahead, np.float32(NEAR))
        aside = points[..., 1] - np.float32(self.x) + self.bend(depth.astype(np.float64)).astype(np.float32)
        down = np.float32(self.eye) - points[..., 2]
        scale = np.float32(self.focal) / depth
        u = aside * scale + np.float32(self.size[0] / 2 - 0.5)
        v = down * scale + np.float32(self.horizon)
        return np.stack([u, v], axis=-1), ahead


def camera_at(plan: Plan, frame: int, size: tuple[int, int]) -> Camera:
    """The camera of picture `frame`."""
    s, x = plan.place(frame)
    width, height = size
    time = frame * FRAME_SECONDS
    pitch = 0.004 * np.sin(time * 1.9) + 0.003 * np.sin(time * 4.7 + 1.0)
    focal = 0.86 * width
    return Camera(size, focal, 0.44 * height + focal * pitch, plan.eye, s, x, plan)
