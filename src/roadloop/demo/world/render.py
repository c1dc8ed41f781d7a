"""From a scene to a picture and its mask.

Everything is drawn into one raster of numbers, twice the picture's size each way, one number for each face.
The picture and the mask are two look-ups in it: colours, averaged down, and the raw id at each picture
pixel's centre. So the mask is exact by construction, and the picture's edges are soft.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.demo.world.camera import NEAR, Camera
from roadloop.demo.world.cities import Light, Raw
from roadloop.demo.world.ground import Ground
from roadloop.demo.world.mesh import Mesh, disc_shapes
from roadloop.demo.world.plan import chance_of
from roadloop.demo.world.scene import VIEW
from roadloop.demo.world.texture import Textures

FINE = 2
"""Raster pixels for a picture pixel, each way."""
SHIFT = 4
"""Fractional bits of raster coordinates."""
GROUND_VIEW = 130.0

Floats = NDArray[np.float32]


class Raster:
    """The raster of face numbers and what each number means."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.cells = np.zeros((size[1] * FINE, size[0] * FINE), np.uint16)
        self.paint: list[Floats] = []
        self.depth: list[Floats] = []
        self.count = 0

    def number(self, paint: Floats, depth: Floats) -> int:
        """Reserve one number for each row of `paint` [n, 4]; the first is returned."""
        first = self.count
        self.paint.append(paint)
        self.depth.append(depth)
        self.count += len(paint)
        assert self.count < 2**16, "more faces than numbers"
        return first


def draw_ground(raster: Raster, camera: Camera, blocks: list[Ground]) -> None:
    """Draw the ground polygons of all blocks, layer by layer."""
    points = np.concatenate([block.points for block in blocks])
    sizes = np.concatenate([block.sizes for block in blocks])
    paint = np.concatenate([block.paint for block in blocks])
    layer = np.concatenate([block.layer for block in blocks])
    pixels, ahead = camera.project(points)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    nearest = np.minimum.reduceat(ahead, starts[:-1])
    farthest = np.maximum.reduceat(ahead, starts[:-1])
    shown = np.flatnonzero((farthest > NEAR) & (nearest < GROUND_VIEW))
    order = shown[np.argsort(layer[shown], kind="stable")]
    first = raster.number(paint[order], np.zeros(len(order), np.float32))
    corners = _fixed(pixels)
    for number, index in enumerate(order, start=first):
        polygon = corners[starts[index] : starts[index + 1]]
        cv2.fillPoly(raster.cells, [polygon], number, cv2.LINE_8, SHIFT)


def draw_things(raster: Raster, camera: Camera, things: Mesh, light: Light) -> None:
    """Draw quads and discs from the back to the front."""
    quads, quad_rows = _quads(camera, things)
    discs, disc_rows = _discs(camera, things)
    order = np.concatenate([things.quad_order[quad_rows], things.disc_order[disc_rows]])
    bright = light.ambient + light.diffuse * np.maximum(
        0.0, things.normals[quad_rows] @ np.array(light.sun, np.float32)
    )
    quad_paint = things.quad_paint[quad_rows].copy()
    quad_paint[:, :3] *= np.minimum(bright, 1.15).astype(np.float32)[:, None]
    disc_paint = things.disc_paint[disc_rows].copy()
    disc_paint[:, :3] *= np.float32(light.ambient + 0.6 * light.diffuse)
    paint = np.concatenate([quad_paint, disc_paint])
    rank = np.lexsort((order[:, 2], -order[:, 1], order[:, 0]))
    depth = np.maximum(order[rank, 1] - np.float32(camera.s), 0.0)
    first = raster.number(paint[rank], depth)
    shapes = [*quads, *discs]
    convex = len(quads)
    cells = raster.cells
    for number, index in enumerate(rank.tolist(), start=first):
        if index < convex:
            cv2.fillConvexPoly(cells, shapes[index], number, cv2.LINE_8, SHIFT)
        else:
            cv2.fillPoly(cells, [shapes[index]], number, cv2.LINE_8, SHIFT)


def shadow_mask(camera: Camera, things: Mesh, strength: float) -> Floats:
    """How much light reaches the ground, float32 [H, W], 1 in full light."""
    mask = np.full((camera.size[1], camera.size[0]), 255, np.uint8)
    shadows = things.shadows
    ahead = shadows[..., 0] - np.float32(camera.s)
    shadows = shadows[(ahead.max(axis=1) > NEAR) & (ahead.min(axis=1) < 110.0)]
    corners = np.round(camera.project(shadows)[0] * 16).astype(np.int32)
    dark = int(255 * (1 - strength))
    for polygon in corners:
        cv2.fillConvexPoly(mask, polygon, dark, cv2.LINE_8, SHIFT)
    spread = max(1, camera.size[0] // 240)
    return cv2.blur(mask, (2 * spread + 1, 2 * spread + 1)).astype(np.float32) / 255.0


def compose(
    raster: Raster, camera: Camera, things: Mesh, textures: Textures, frame: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Picture uint8 [H, W, 3] RGB and mask uint8 [H, W] of raw ids."""
    plan = camera.plan
    light = plan.light
    paint = np.concatenate(raster.paint)
    depth = np.concatenate(raster.depth)
    color = paint[:, :3] * np.array(light.color, np.float32)
    haze = (1.0 - np.exp(-depth / np.float32(light.haze)))[:, None]
    color = color * (1 - haze) + np.array(light.sky_low, np.float32) * haze
    table = np.zeros((len(paint), 4), np.uint8)
    table[:, :3] = np.clip(color, 0, 255)
    fine = np.take(table.view(np.uint32)[:, 0], raster.cells).view(np.uint8)
    picture = cv2.pyrDown(fine.reshape(*raster.cells.shape, 4)).astype(np.uint8, copy=False)
    label = np.take(paint[:, 3].astype(np.uint8), raster.cells[::FINE, ::FINE])
    return textures.finish(picture, label, camera, shadow_mask(camera, things, light.shadow), frame), label


def _quads(camera: Camera, things: Mesh) -> tuple[list[NDArray[np.int32]], NDArray[np.intp]]:
    ahead = things.quads[..., 0] - np.float32(camera.s)
    near, far = ahead.min(axis=1), ahead.max(axis=1)
    rows = np.flatnonzero((far > NEAR) & (near < np.minimum(things.quad_order[:, 3], VIEW)))
    quads, normals = things.quads[rows], things.normals[rows]
    middle = quads.mean(axis=1)
    towards = np.empty_like(middle)
    depth = np.maximum(middle[:, 0] - camera.s, NEAR)
    towards[:, 0] = -depth
    towards[:, 1] = camera.x - middle[:, 1] - camera.bend(depth.astype(np.float64))
    towards[:, 2] = camera.eye - middle[:, 2]
    facing = ((normals * towards).sum(axis=1) > 0) | (np.abs(normals).sum(axis=1) == 0)
    rows, quads = rows[facing], quads[facing]
    pixels, _ = camera.project(quads)
    inside = _inside(camera, pixels.min(axis=1), pixels.max(axis=1))
    return list(_fixed(pixels[inside])), rows[inside]


def _discs(camera: Camera, things: Mesh) -> tuple[list[NDArray[np.int32]], NDArray[np.intp]]:
    ahead = things.discs[:, 0] - np.float32(camera.s)
    leaves = things.disc_paint[:, 3] == Raw.VEGETATION
    rows = np.flatnonzero(
        (ahead > np.where(leaves, 3.5, 2 * NEAR)) & (ahead < np.minimum(things.disc_order[:, 3], VIEW))
    )
    discs = things.discs[rows]
    center, depth = camera.project(discs[:, :3])
    radius = discs[:, 3] * np.float32(camera.focal) / depth
    inside = _inside(camera, center - radius[:, None], center + radius[:, None]) & (radius > 0.4)
    shapes = _SHAPES[discs[inside, 4].astype(np.intp)] * (1.0, -1.0)
    outlines = center[inside, None, :] + shapes * radius[inside, None, None]
    return list(_fixed(outlines.astype(np.float32))), rows[inside]


def _inside(camera: Camera, low: Floats, high: Floats) -> NDArray[np.bool_]:
    width, height = camera.size
    inside: NDArray[np.bool_] = (high[:, 0] > 0) & (low[:, 0] < width) & (high[:, 1] > 0) & (low[:, 1] < height)
    return inside


def _fixed(pixels: Floats) -> NDArray[np.int32]:
    limit = np.float32(2.0**26)
    fixed: NDArray[np.int32] = np.round(np.clip(pixels * np.float32(FINE << SHIFT), -limit, limit)).astype(np.int32)
    return fixed


_SHAPES = disc_shapes()


def sky_and_land(raster: Raster, camera: Camera) -> None:
    """Number 0 is the sky; draw the skyline behind everything and the open ground below the horizon."""
    plan = camera.plan
    light = plan.light
    raster.number(np.array([[*light.sky_low, Raw.SKY]], np.float32), np.zeros(1, np.float32))
    width, height = camera.size
    chance = chance_of(*plan.key, 4)
    turn = -camera.focal * plan.bend.slope(camera.s)
    low = np.array(light.sky_low)
    hills, towers = low * 0.62 + np.array([40, 62, 60]) * 0.38, low * 0.72 + np.array([70, 76, 88]) * 0.28
    verge = plan.city.leaves[0]
    paint = np.array([[*hills, Raw.VEGETATION], [*towers, Raw.BUILDING], [*verge, Raw.VEGETATION]], np.float32)
    paint[:2, :3] /= np.array(light.color, np.float32)
    first = raster.number(paint, np.zeros(3, np.float32))
    along = np.linspace(-1.0, 2.0, 61) * width + turn
    waves = sum(
        chance.uniform(0.3, 1.0) * np.sin(np.arange(61) / chance.uniform(1.5, 6) + chance.uniform(0, 6))
        for _ in range(4)
    )
    tops = camera.horizon - height * (0.045 + 0.012 * waves)
    hill = np.column_stack([np.append(along, [along[-1], along[0]]), np.append(tops, [camera.horizon + 2] * 2)])
    cv2.fillPoly(raster.cells, [_fixed(hill.astype(np.float32))], first, cv2.LINE_8, SHIFT)
    for _ in range(42):
        left = chance.uniform(-1.0, 2.0) * width + turn
        wide = chance.uniform(0.012, 0.05) * width
        tall = camera.horizon - height * chance.uniform(0.02, 0.10 + 0.004 * plan.city.floors[1])
        box = np.array(
            [(left, tall), (left + wide, tall), (left + wide, camera.horizon + 2), (left, camera.horizon + 2)]
        )
        cv2.fillConvexPoly(raster.cells, _fixed(box.astype(np.float32)), first + 1, cv2.LINE_8, SHIFT)
    raster.cells[max(0, round(camera.horizon * FINE)) :] = first + 2
