"""Things made of quads and discs, in metres.

Axes: s forward along the road, x to the right of its centre line, y up. A thing is drawn quad by quad in
the order of building, back faces left out, so builders go from the inside out.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.demo.world.cities import Color, Raw

Floats = NDArray[np.float32]

FAR = 1000.0
LEAVES = 6
"""Disc shapes 0..5 are ragged leaf clusters."""
ROUND, TRIANGLE = 6, 7
SHAPE_POINTS = 14


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A thing, or many of them.

    Attributes:
        quads: float32 [M, 4, 3], corners (s, x, y).
        normals: float32 [M, 3]; a zero normal is seen from both sides.
        quad_paint: float32 [M, 4], red, green, blue, raw id.
        quad_order: float32 [M, 4]: layer, s to sort by, place within the thing, largest distance drawn.
        discs: float32 [D, 5]: s, x, y, radius, shape. Discs always face the camera.
        disc_paint: float32 [D, 4].
        disc_order: float32 [D, 4], as `quad_order`.
        shadows: float32 [K, 4, 3], quads on the ground.
    """

    quads: Floats
    normals: Floats
    quad_paint: Floats
    quad_order: Floats
    discs: Floats
    disc_paint: Floats
    disc_order: Floats
    shadows: Floats

    def placed(self, s: float, x: float, *, layer: int, turned: bool = False) -> "Mesh":
        """The thing at (s, x), its far end deciding the order; `turned` makes it face the camera."""
        sign = np.float32(-1.0 if turned else 1.0)
        flip = np.array([sign, sign, 1.0], np.float32)
        shift = np.array([s, x, 0.0], np.float32)
        quads = self.quads * flip + shift
        discs = self.discs.copy()
        discs[:, :2] = discs[:, :2] * sign + shift[:2]
        far = float(max(quads[..., 0].max(initial=-FAR), discs[:, 0].max(initial=-FAR)))
        quad_order, disc_order = self.quad_order.copy(), self.disc_order.copy()
        for order in (quad_order, disc_order):
            order[:, 0] = layer
            order[:, 1] = far
        return Mesh(
            quads,
            self.normals * flip,
            self.quad_paint,
            quad_order,
            discs,
            self.disc_paint,
            disc_order,
            self.shadows * flip + shift,
        )


def joined(meshes: list[Mesh]) -> Mesh:
    """All of them as one."""
    return Mesh(
        *(
            np.concatenate([getattr(mesh, field) for mesh in meshes] or [getattr(EMPTY, field)])
            for field in Mesh.__slots__
        )
    )


class Box(NamedTuple):
    """An axis-parallel box in metres."""

    s0: float
    s1: float
    x0: float
    x1: float
    y0: float
    y1: float


class Builder:
    """Collects the quads, discs and shadows of one thing."""

    def __init__(self, *, reach: float = FAR) -> None:
        self.reach = reach
        self._quads: list[list[tuple[float, float, float]]] = []
        self._normals: list[tuple[float, float, float]] = []
        self._quad_paint: list[tuple[float, ...]] = []
        self._quad_order: list[tuple[float, ...]] = []
        self._discs: list[tuple[float, ...]] = []
        self._disc_paint: list[tuple[float, ...]] = []
        self._disc_order: list[tuple[float, ...]] = []
        self._shadows: list[list[tuple[float, float, float]]] = []

    def quad(
        self,
        corners: list[tuple[float, float, float]],
        normal: tuple[float, float, float],
        raw: Raw,
        color: Color,
        *,
        reach: float | None = None,
    ) -> None:
        """Add a flat face; three corners make a triangle. `normal` points outwards, zero for both sides."""
        self._quads.append([*corners, *[corners[-1]] * (4 - len(corners))])
        self._normals.append(normal)
        self._quad_paint.append((*color, float(raw)))
        self._quad_order.append((0.0, 0.0, self._place(), self.reach if reach is None else reach))

    def disc(
        self, center: tuple[float, float, float], radius: float, raw: Raw, color: Color, *, shape: int = ROUND
    ) -> None:
        """Add a disc that faces the camera."""
        self._discs.append((*center, radius, float(shape)))
        self._disc_paint.append((*color, float(raw)))
        self._disc_order.append((0.0, 0.0, self._place(), self.reach))

    def box(self, box: Box, raw: Raw, color: Color, *, top: Color | None = None) -> None:
        """Add the five visible faces of a box."""
        s0, s1, x0, x1, y0, y1 = box
        self.quad([(s1, x0, y0), (s1, x1, y0), (s1, x1, y1), (s1, x0, y1)], (1, 0, 0), raw, color)
        self.quad([(s0, x0, y1), (s0, x1, y1), (s1, x1, y1), (s1, x0, y1)], (0, 0, 1), raw, top or color)
        self.quad([(s0, x0, y0), (s1, x0, y0), (s1, x0, y1), (s0, x0, y1)], (0, -1, 0), raw, color)
        self.quad([(s0, x1, y0), (s1, x1, y0), (s1, x1, y1), (s0, x1, y1)], (0, 1, 0), raw, color)
        self.quad([(s0, x0, y0), (s0, x1, y0), (s0, x1, y1), (s0, x0, y1)], (-1, 0, 0), raw, color)

    def side(self, outline: list[tuple[float, float]], x: float, outward: float, raw: Raw, color: Color) -> None:
        """Add a face parallel to the road from (s, y) corners, seen from the side of `outward`."""
        self.quad([(s, x, y) for s, y in outline], (0, outward, 0), raw, color)

    def wheel(self, s: float, x: float, radius: float, outward: float, raw: Raw) -> None:
        """Add a wheel: an octagon parallel to the road."""
        angles = np.arange(8) * (np.pi / 4) + np.pi / 8
        ring = [(s + radius * float(np.cos(a)), radius + radius * float(np.sin(a))) for a in angles]
        for corners in ((0, 1, 2, 3), (0, 3, 4, 7), (4, 5, 6, 7)):
            self.side([ring[i] for i in corners], x, outward, raw, (26, 26, 28))

    def ground_shadow(self, box: Box, sun: tuple[float, float, float]) -> None:
        """Add the shadow that a box throws on the ground."""
        length = min(3.0, 1.0 / max(sun[2], 0.2)) * box.y1
        ds, dx = -sun[0] * length, -sun[1] * length
        base = [(box.s0, box.x0), (box.s1, box.x0), (box.s1, box.x1), (box.s0, box.x1)]
        roof = [(s + ds, x + dx) for s, x in base]
        for here, after in ((0, 1), (1, 2), (2, 3), (3, 0)):
            ring = [base[here], base[after], roof[after], roof[here]]
            self._shadows.append([(s, x, 0.0) for s, x in ring])
        self._shadows.append([(s, x, 0.0) for s, x in roof])

    def round_shadow(
        self, height: float, radius: float, sun: tuple[float, float, float], offset: tuple[float, float]
    ) -> None:
        """Add the shadow of a part of a crown: `radius` wide at `height`, `offset` (s, x) from the trunk."""
        length = min(2.5, 1.0 / max(sun[2], 0.2)) * height
        s, x = offset[0] - sun[0] * length, offset[1] - sun[1] * length
        angles = np.arange(8) * (np.pi / 4)
        ring = [(s + radius * float(np.cos(a)), x + radius * float(np.sin(a)), 0.0) for a in angles]
        for corners in ((0, 1, 2, 3), (0, 3, 4, 7), (4, 5, 6, 7)):
            self._shadows.append([ring[i] for i in corners])

    def mesh(self) -> Mesh:
        """What was collected, at the origin."""
        return Mesh(
            np.array(self._quads, np.float32).reshape(-1, 4, 3),
            np.array(self._normals, np.float32).reshape(-1, 3),
            np.array(self._quad_paint, np.float32).reshape(-1, 4),
            np.array(self._quad_order, np.float32).reshape(-1, 4),
            np.array(self._discs, np.float32).reshape(-1, 5),
            np.array(self._disc_paint, np.float32).reshape(-1, 4),
            np.array(self._disc_order, np.float32).reshape(-1, 4),
            np.array(self._shadows, np.float32).reshape(-1, 4, 3),
        )

    def _place(self) -> float:
        return float(len(self._quads) + len(self._discs))


EMPTY = Builder().mesh()


def disc_shapes() -> Floats:
    """The outlines of discs, float32 [8, 14, 2] of radius about one: six leaf clusters, a circle, a triangle."""
    angles = np.arange(SHAPE_POINTS) * (2 * np.pi / SHAPE_POINTS)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    shapes = np.empty((LEAVES + 2, SHAPE_POINTS, 2), np.float32)
    for index in range(LEAVES):
        chance = np.random.Generator(np.random.PCG64([7, index]))
        shapes[index] = circle * chance.uniform(0.72, 1.15, (SHAPE_POINTS, 1))
    shapes[ROUND] = circle
    corners = np.array([(0.0, 1.0), (-0.87, -0.5), (0.87, -0.5)])
    shapes[TRIANGLE] = corners[np.minimum(np.arange(SHAPE_POINTS) * 3 // SHAPE_POINTS, 2)]
    return shapes
