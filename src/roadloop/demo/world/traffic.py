"""Vehicles and people, each as a mesh around the origin that looks forward along the road."""

import numpy as np

from roadloop.demo.world.cities import City, Color, Raw
from roadloop.demo.world.mesh import Box, Builder, Mesh

Chance = np.random.Generator
Sun = tuple[float, float, float]

CAR_COLORS: tuple[Color, ...] = (
    (228, 228, 226), (206, 206, 204), (34, 36, 40), (58, 62, 68), (150, 24, 28), (30, 58, 122),
    (122, 126, 130), (92, 60, 44), (190, 186, 172), (24, 74, 60),
)  # fmt: skip
GLASS: Color = (44, 54, 64)
TAIL: Color = (214, 34, 30)
HEAD: Color = (246, 240, 214)


def car(chance: Chance, sun: Sun, *, taxi: Color | None = None) -> Mesh:
    """A saloon or an estate car, 4.2 to 4.8 m long."""
    color = taxi or CAR_COLORS[int(chance.integers(len(CAR_COLORS)))]
    length, width = chance.uniform(4.2, 4.8), chance.uniform(1.74, 1.88)
    height, waist = chance.uniform(1.40, 1.66), 0.88
    estate = bool(chance.random() < 0.45)
    s0, s1, x0, x1 = -length / 2, length / 2, -width / 2, width / 2
    b = Builder()
    b.box(Box(s0 + 0.1, s1 - 0.1, x0 + 0.1, x1 - 0.1, 0.0, 0.35), Raw.VEHICLE, (20, 20, 22))
    b.box(Box(s0, s1, x0, x1, 0.28, waist), Raw.VEHICLE, color)
    rear, front = s0 + (0.15 if estate else 0.75), s1 - 1.25
    roof0, roof1 = rear + (0.35 if estate else 0.55), front - 0.75
    inset = 0.16
    _cabin(b, (rear, roof0, roof1, front), (x0, x1, inset), (waist, height), color)
    for x, outward in ((x0, -1.0), (x1, 1.0)):
        for s in (s0 + 0.85, s1 - 0.85):
            b.wheel(s, x + outward * 0.01, 0.32, outward, Raw.VEHICLE)
    for x in (x0 + 0.03, x1 - 0.38):
        _plate(b, s0, (x, x + 0.35, 0.66, 0.80), -1.0, Raw.VEHICLE, TAIL)
        _plate(b, s1, (x, x + 0.35, 0.60, 0.74), 1.0, Raw.VEHICLE, HEAD)
    _plate(b, s0, (-0.22, 0.22, 0.52, 0.64), -1.0, Raw.VEHICLE, (48, 82, 170))
    _plate(b, s1, (-0.42, 0.42, 0.42, 0.58), 1.0, Raw.VEHICLE, (30, 30, 32))
    _plate(b, s0, (x0 + 0.06, x1 - 0.06, 0.28, 0.42), -1.0, Raw.VEHICLE, (36, 36, 38))
    b.ground_shadow(Box(s0, s1, x0, x1, 0.0, height * 0.8), sun)
    return b.mesh()


def bus(chance: Chance, city: City, sun: Sun) -> Mesh:
    """A city bus, 11 m."""
    color = city.buses[int(chance.integers(len(city.buses)))]
    s0, s1, x0, x1, height = -5.5, 5.5, -1.25, 1.25, 3.05
    b = Builder()
    b.box(Box(s0, s1, x0, x1, 0.32, height), Raw.BUS, color, top=(226, 226, 222))
    for x, outward in ((x0, -1.0), (x1, 1.0)):
        b.side([(s0 + 0.3, 0.7), (s1 - 0.3, 0.7), (s1 - 0.3, 1.0), (s0 + 0.3, 1.0)], x, outward, Raw.BUS,
               (236, 236, 232))  # fmt: skip
        for window in range(6):
            start = s0 + 0.45 + window * 1.72
            b.side([(start, 1.35), (start + 1.5, 1.35), (start + 1.5, 2.5), (start, 2.5)], x, outward,
                   Raw.BUS, GLASS)  # fmt: skip
        for s in (s0 + 2.6, s1 - 2.2):
            b.wheel(s, x + outward * 0.01, 0.48, outward, Raw.BUS)
    _plate(b, s0, (x0 + 0.2, x1 - 0.2, 1.5, 2.5), -1.0, Raw.BUS, GLASS)
    _plate(b, s1, (x0 + 0.1, x1 - 0.1, 1.1, 2.6), 1.0, Raw.BUS, GLASS)
    for end, outward, light in ((s0, -1.0, TAIL), (s1, 1.0, HEAD)):
        for x in (x0 + 0.08, x1 - 0.38):
            _plate(b, end, (x, x + 0.3, 0.6, 0.85), outward, Raw.BUS, light)
        _plate(b, end, (-0.7, 0.7, 2.62, 2.88), outward, Raw.BUS, (250, 150, 40))
    b.ground_shadow(Box(s0, s1, x0, x1, 0.0, height * 0.8), sun)
    return b.mesh()


def truck(chance: Chance, sun: Sun) -> Mesh:
    """A box van, 6.6 m."""
    body = ((226, 222, 208), (186, 190, 194), (64, 96, 150))[int(chance.integers(3))]
    cab = ((200, 60, 44), (48, 84, 150), (224, 224, 220))[int(chance.integers(3))]
    s0, s1, x0, x1 = -3.3, 3.3, -1.1, 1.1
    b = Builder()
    b.box(Box(s0, s1, x0 + 0.15, x1 - 0.15, 0.35, 0.75), Raw.TRUCK, (36, 36, 38))
    b.box(Box(s1 - 1.7, s1, x0 + 0.05, x1 - 0.05, 0.55, 2.15), Raw.TRUCK, cab)
    _plate(b, s1, (x0 + 0.2, x1 - 0.2, 1.35, 2.0), 1.0, Raw.TRUCK, GLASS)
    for x, outward in ((x0 + 0.05, -1.0), (x1 - 0.05, 1.0)):
        b.side([(s1 - 1.2, 1.35), (s1 - 0.3, 1.35), (s1 - 0.3, 2.0), (s1 - 1.2, 2.0)], x, outward, Raw.TRUCK,
               GLASS)  # fmt: skip
    b.box(Box(s0, s1 - 1.85, x0, x1, 0.75, 2.85), Raw.TRUCK, body)
    for x, outward in ((x0, -1.0), (x1, 1.0)):
        for s in (s0 + 1.2, s1 - 0.9):
            b.wheel(s, x + outward * 0.01, 0.42, outward, Raw.TRUCK)
    _plate(b, s0, (-0.02, 0.02, 0.85, 2.75), -1.0, Raw.TRUCK, (70, 70, 72))
    for x in (x0 + 0.05, x1 - 0.35):
        _plate(b, s0, (x, x + 0.3, 0.5, 0.68), -1.0, Raw.TRUCK, TAIL)
        _plate(b, s1, (x, x + 0.3, 0.65, 0.85), 1.0, Raw.TRUCK, HEAD)
    b.ground_shadow(Box(s0, s1, x0, x1, 0.0, 2.2), sun)
    return b.mesh()


def scooter(chance: Chance, sun: Sun) -> Mesh:
    """An electric scooter with its rider."""
    coat = _coat(chance)
    paint = CAR_COLORS[int(chance.integers(len(CAR_COLORS)))]
    b = Builder()
    for x, outward in ((-0.06, -1.0), (0.06, 1.0)):
        b.wheel(-0.6, x, 0.26, outward, Raw.SCOOTER)
        b.wheel(0.6, x, 0.26, outward, Raw.SCOOTER)
    b.box(Box(-0.72, -0.55, -0.07, 0.07, 0.0, 0.5), Raw.SCOOTER, (26, 26, 28))
    b.box(Box(-0.7, 0.7, -0.2, 0.2, 0.28, 0.78), Raw.SCOOTER, paint)
    b.box(Box(-0.3, 0.15, -0.26, 0.26, 0.75, 1.42), Raw.SCOOTER, coat)
    b.disc((-0.05, 0.0, 1.58), 0.17, Raw.SCOOTER, (220, 190, 60) if chance.random() < 0.5 else (40, 40, 46))
    _plate(b, -0.71, (-0.07, 0.07, 0.55, 0.66), -1.0, Raw.SCOOTER, TAIL)
    b.ground_shadow(Box(-0.7, 0.7, -0.2, 0.2, 0.0, 1.2), sun)
    return b.mesh()


def pedestrian(chance: Chance, sun: Sun) -> Mesh:
    """Somebody on foot."""
    height = chance.uniform(1.55, 1.82)
    coat, trousers = _coat(chance), ((40, 44, 60), (60, 56, 52), (28, 30, 34))[int(chance.integers(3))]
    stride = chance.uniform(0.05, 0.25)
    b = Builder()
    for x, ahead in ((-0.11, stride), (0.11, -stride)):
        b.box(Box(ahead - 0.09, ahead + 0.09, x - 0.09, x + 0.09, 0.0, 0.5 * height), Raw.PEDESTRIAN, trousers)
    b.box(Box(-0.13, 0.13, -0.23, 0.23, 0.46 * height, 0.85 * height), Raw.PEDESTRIAN, coat)
    b.disc((0.0, 0.0, 0.925 * height), 0.13, Raw.PEDESTRIAN, (206, 164, 138))
    b.disc((0.02, 0.0, 0.955 * height), 0.12, Raw.PEDESTRIAN, (36, 30, 28))
    b.ground_shadow(Box(-0.15, 0.15, -0.2, 0.2, 0.0, 1.5), sun)
    return b.mesh()


def _cabin(
    b: Builder,
    along: tuple[float, float, float, float],
    across: tuple[float, float, float],
    up: tuple[float, float],
    color: Color,
) -> None:
    rear, roof0, roof1, front = along
    x0, x1, inset = across
    waist, height = up
    left, right = x0 + inset, x1 - inset
    raw = Raw.VEHICLE
    b.quad([(front, x0, waist), (front, x1, waist), (roof1, right, height), (roof1, left, height)],
           (1, 0, 0.8), raw, GLASS)  # fmt: skip
    b.quad([(roof0, left, height), (roof0, right, height), (roof1, right, height), (roof1, left, height)],
           (0, 0, 1), raw, color)  # fmt: skip
    for low, high, outward in ((x0, left, -1.0), (x1, right, 1.0)):
        b.quad([(rear, low, waist), (front, low, waist), (roof1, high, height), (roof0, high, height)],
               (0, outward, 0.15), raw, color)  # fmt: skip
        b.quad(
            [
                (rear + 0.25, low, waist + 0.03),
                (front - 0.2, low, waist + 0.03),
                (roof1 - 0.1, high, height - 0.08),
                (roof0 + 0.1, high, height - 0.08),
            ],
            (0, outward, 0.15), raw, GLASS,
        )  # fmt: skip
    b.quad([(rear, x0, waist), (rear, x1, waist), (roof0, right, height), (roof0, left, height)],
           (-1, 0, 0.5), raw, color)  # fmt: skip
    b.quad(
        [
            (rear, x0 + 0.14, waist + 0.05),
            (rear, x1 - 0.14, waist + 0.05),
            (roof0, right - 0.06, height - 0.08),
            (roof0, left + 0.06, height - 0.08),
        ],
        (-1, 0, 0.5), raw, GLASS,
    )  # fmt: skip


def _plate(
    b: Builder, s: float, area: tuple[float, float, float, float], outward: float, raw: Raw, color: Color
) -> None:
    x0, x1, y0, y1 = area
    b.quad([(s, x0, y0), (s, x1, y0), (s, x1, y1), (s, x0, y1)], (outward, 0, 0), raw, color, reach=60.0)


def _coat(chance: Chance) -> Color:
    coats: tuple[Color, ...] = ((170, 40, 44), (44, 66, 120), (60, 62, 60), (214, 168, 52), (120, 140, 150))
    return coats[int(chance.integers(len(coats)))]
