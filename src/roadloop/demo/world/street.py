"""What stands beside the road: houses, trees, hedges, fences, poles with lamps, lights and signs."""

import numpy as np

from roadloop.demo.world.cities import City, Color, Raw
from roadloop.demo.world.mesh import LEAVES, TRIANGLE, Box, Builder, Mesh

Chance = np.random.Generator
Sun = tuple[float, float, float]

METAL: Color = (132, 136, 140)
WHITE: Color = (238, 238, 236)
DETAIL = 85.0
"""Metres beyond which windows are left out."""


def house(chance: Chance, city: City, sun: Sun, *, length: float, side: float, raised: int = 0) -> Mesh:
    """A building of `length` m along the road with its front at x = 0, on the side `side` (-1 left, 1 right)."""
    wall = _near(chance, city.walls[int(chance.integers(len(city.walls)))], 8.0)
    roof = city.roofs[int(chance.integers(len(city.roofs)))]
    window = city.windows[int(chance.integers(len(city.windows)))]
    floors = int(chance.integers(city.floors[0], city.floors[1] + 1)) + raised
    storey = chance.uniform(3.0, 3.5)
    height, depth = floors * storey + 0.6, chance.uniform(9.0, 16.0)
    x0, x1 = sorted((0.0, side * depth))
    box = Box(0.0, length, x0, x1, 0.0, height)
    b = Builder()
    b.box(box, Raw.BUILDING, wall, top=roof)
    _windows(b, chance, box, side, (floors, storey, window))
    if raised == 0 and chance.random() < city.pitched:
        _pitched_roof(b, box, roof)
    else:
        b.box(Box(-0.2, length + 0.2, x0 - 0.2, x1 + 0.2, height - 0.5, height), Raw.BUILDING,
              _scaled(wall, 0.82), top=roof)  # fmt: skip
    if raised == 0 and chance.random() < 0.25:
        _billboard(b, chance, (length, side, min(height - 0.8, 6.0)))
    b.ground_shadow(Box(0.0, length, x0, x1, 0.0, min(height, 7.5)), sun)
    return b.mesh()


def tree(chance: Chance, city: City, sun: Sun) -> Mesh:
    """A street tree, 5 to 8 m."""
    base = _near(chance, city.leaves[int(chance.integers(len(city.leaves)))], 8.0)
    radius = chance.uniform(1.3, 2.2)
    middle = 1.9 + radius + chance.uniform(0.0, 1.8)
    b = Builder()
    b.box(Box(-0.13, 0.13, -0.13, 0.13, 0.0, middle), Raw.VEGETATION, (92, 76, 60))
    lean = np.array([sun[1], sun[2]])
    angle, far = chance.uniform(0.0, 2 * np.pi, 34), np.sqrt(chance.uniform(0.0, 1.0, 34)) * 0.8 * radius
    places = np.column_stack([far * np.cos(angle), far * np.sin(angle)])
    sizes = np.where(np.arange(34) < 16, chance.uniform(0.36, 0.5, 34), chance.uniform(0.14, 0.3, 34)) * radius
    height = places @ lean / radius
    order = np.argsort(height - 0.9 * (sizes / radius) + chance.uniform(-0.15, 0.15, 34))
    for (x, y), size, up in zip(places[order], sizes[order], height[order], strict=True):
        bright = 0.94 + 0.30 * float(up) + float(chance.uniform(-0.10, 0.10))
        b.disc((float(chance.uniform(-0.3, 0.3)), float(x), middle + float(y)), float(size), Raw.VEGETATION,
               _scaled(base, bright), shape=int(chance.integers(LEAVES)))  # fmt: skip
    for _ in range(4):
        offset = (float(chance.uniform(-0.6, 0.6)) * radius, float(chance.uniform(-0.6, 0.6)) * radius)
        b.round_shadow(middle, float(chance.uniform(0.6, 0.9)) * radius, sun, offset)
    return b.mesh()


def hedge(chance: Chance, city: City, *, length: float, width: float, height: float) -> Mesh:
    """A clipped hedge along the road from s = 0."""
    base = _near(chance, city.leaves[int(chance.integers(len(city.leaves)))], 8.0)
    b = Builder()
    b.box(Box(0.0, length, -width / 2, width / 2, 0.0, height), Raw.VEGETATION, _scaled(base, 0.92),
          top=_scaled(base, 1.12))  # fmt: skip
    for _ in range(int(length * 0.8)):
        b.disc((float(chance.uniform(0, length)), float(chance.uniform(-0.5, 0.5)) * width,
                height * float(chance.uniform(0.8, 1.0))),
               float(chance.uniform(0.12, 0.25)), Raw.VEGETATION, _scaled(base, float(chance.uniform(0.85, 1.25))),
               shape=int(chance.integers(LEAVES)))  # fmt: skip
    return b.mesh()


def fence(*, length: float, height: float) -> Mesh:
    """A railing along the road from s = 0: posts and four rails."""
    b = Builder()
    for s in np.arange(0.0, length, 3.0):
        end = min(float(s) + 3.0, length)
        for y in (0.16, 0.42, 0.68, 0.94):
            b.quad([(s, 0, y), (end, 0, y), (end, 0, y + 0.14), (s, 0, y + 0.14)], (0, 0, 0), Raw.FENCE,
                   (204, 208, 212))  # fmt: skip
        b.box(Box(s, s + 0.1, -0.05, 0.05, 0.0, height + 0.1), Raw.FENCE, (226, 228, 230))
    return b.mesh()


def lamp_post(side: float, *, height: float = 7.5, arm: float = 2.2) -> Mesh:
    """A street lamp whose arm reaches over the road."""
    b = Builder()
    _pole(b, 0.0, height, 0.085)
    x0, x1 = sorted((0.0, -side * arm))
    b.box(Box(-0.06, 0.06, x0, x1, height - 0.14, height), Raw.POLE, METAL)
    x0, x1 = sorted((-side * arm, -side * (arm + 0.75)))
    b.box(Box(-0.16, 0.16, x0, x1, height - 0.2, height + 0.04), Raw.LAMP, (226, 226, 214))
    return b.mesh()


def traffic_light(side: float, *, reach: float, state: int) -> Mesh:
    """A mast with an arm of `reach` m over the road and two signal heads; `state` 0 red, 1 amber, 2 green."""
    b = Builder()
    _pole(b, 0.0, 6.2, 0.12)
    x0, x1 = sorted((0.0, -side * reach))
    b.box(Box(-0.08, 0.08, x0, x1, 5.75, 5.93), Raw.POLE, METAL)
    for share in (0.55, 0.95):
        x = -side * reach * share
        b.box(Box(-0.15, 0.15, x - 0.75, x + 0.75, 5.55, 6.1), Raw.TRAFFIC_LIGHT, (28, 30, 32))
        for lamp, color in enumerate(((232, 44, 36), (240, 180, 40), (60, 220, 130))):
            lit = color if lamp == state else (52, 52, 50)
            b.disc((-0.16, x - 0.46 + 0.46 * lamp, 5.825), 0.17, Raw.TRAFFIC_LIGHT_HEAD, lit)
    return b.mesh()


def sign_post(chance: Chance) -> Mesh:
    """A pole with one or two small signs: warning, prohibition or mandatory."""
    b = Builder()
    _pole(b, 0.0, 3.1, 0.06)
    kinds = chance.permutation(3)[: int(chance.integers(1, 3))]
    for place, kind in enumerate(kinds):
        y = 2.75 - 0.82 * place
        if kind == 0:
            b.disc((-0.08, 0.0, y), 0.50, Raw.SIGN_WARNING, (30, 30, 30), shape=TRIANGLE)
            b.disc((-0.08, 0.0, y), 0.43, Raw.SIGN_WARNING, (246, 206, 40), shape=TRIANGLE)
            b.disc((-0.08, 0.0, y - 0.03), 0.12, Raw.SIGN_WARNING, (30, 30, 30))
        elif kind == 1:
            b.disc((-0.08, 0.0, y), 0.40, Raw.SIGN_PROHIBITION, (208, 30, 36))
            b.disc((-0.08, 0.0, y), 0.29, Raw.SIGN_PROHIBITION, WHITE)
            b.quad([(-0.09, -0.14, y - 0.09), (-0.09, 0.14, y - 0.09), (-0.09, 0.14, y + 0.09),
                    (-0.09, -0.14, y + 0.09)], (0, 0, 0), Raw.SIGN_PROHIBITION, (30, 30, 30))  # fmt: skip
        else:
            b.disc((-0.08, 0.0, y), 0.40, Raw.SIGN_INSTRUCTIVE, (32, 84, 190))
            b.quad([(-0.09, -0.2, y - 0.06), (-0.09, 0.2, y - 0.06), (-0.09, 0.0, y + 0.26)], (0, 0, 0),
                   Raw.SIGN_INSTRUCTIVE, WHITE)  # fmt: skip
    return b.mesh()


def direction_sign(chance: Chance, side: float, *, reach: float) -> Mesh:
    """A mast with a large blue or green direction sign over the road."""
    color: Color = (28, 86, 176) if chance.random() < 0.7 else (24, 120, 84)
    b = Builder()
    _pole(b, 0.0, 7.0, 0.14)
    x0, x1 = sorted((0.0, -side * reach))
    for y in (5.4, 6.4):
        b.box(Box(-0.07, 0.07, x0, x1, y, y + 0.12), Raw.POLE, METAL)
    middle, half = -side * (reach - 1.9), 1.8
    y0, y1 = 4.9, 6.9
    area = [(-0.12, middle - half, y0), (-0.12, middle + half, y0), (-0.12, middle + half, y1),
            (-0.12, middle - half, y1)]  # fmt: skip
    b.quad(area, (-1, 0, 0), Raw.SIGN_DIRECTING, color)
    b.quad(area, (1, 0, 0), Raw.SIGN_DIRECTING, METAL)
    for x, y, w, h in ((-1.3, 1.25, 0.95, 0.22), (0.35, 1.25, 0.95, 0.22), (-0.07, 0.3, 0.14, 1.4),
                       (-1.1, 0.45, 0.8, 0.18), (0.4, 0.45, 0.8, 0.18)):  # fmt: skip
        left, low = middle + x, y0 + y
        b.quad([(-0.13, left, low), (-0.13, left + w, low), (-0.13, left + w, low + h), (-0.13, left, low + h)],
               (-1, 0, 0), Raw.SIGN_DIRECTING, WHITE)  # fmt: skip
    return b.mesh()


def _pole(b: Builder, x: float, height: float, radius: float) -> None:
    b.box(Box(-radius, radius, x - radius, x + radius, 0.0, height), Raw.POLE, METAL)
    b.box(Box(-radius - 0.06, radius + 0.06, x - radius - 0.06, x + radius + 0.06, 0.0, 0.35), Raw.POLE,
          (112, 116, 118))  # fmt: skip


def _pitched_roof(b: Builder, box: Box, roof: Color) -> None:
    s0, s1, x0, x1, _, height = box
    eave0, eave1, middle = x0 - 0.7, x1 + 0.7, (x0 + x1) / 2
    low, ridge = height - 0.25, height + 0.24 * (x1 - x0)
    s0, s1 = s0 - 0.4, s1 + 0.4
    for eave, outward in ((eave0, -0.4), (eave1, 0.4)):
        b.quad([(s0, eave, low), (s1, eave, low), (s1, middle, ridge), (s0, middle, ridge)],
               (0, outward, 0.9), Raw.BUILDING, roof)  # fmt: skip
    for s, outward in ((s0 + 0.4, -1.0), (s1 - 0.4, 1.0)):
        b.quad([(s, x0, height), (s, x1, height), (s, middle, ridge - 0.2)], (outward, 0, 0), Raw.BUILDING,
               (224, 224, 218))  # fmt: skip
    for part in (eave0, eave1):
        b.quad([(s0, part, low - 0.16), (s0, part, low), (s0, middle, ridge), (s0, middle, ridge - 0.35)],
               (-1, 0, 0), Raw.BUILDING, _scaled(roof, 0.8))  # fmt: skip


def _windows(b: Builder, chance: Chance, box: Box, side: float, look: tuple[int, float, Color]) -> None:
    floors, storey, window = look
    front = 0.0
    columns = max(2, int((box.s1 - box.s0) / 3.1))
    step = (box.s1 - box.s0) / columns
    ribbon = floors >= 8 and bool(chance.random() < 0.5)
    for floor in range(min(floors, 18)):
        y0 = floor * storey + (0.35 if floor == 0 else 0.95)
        y1 = floor * storey + storey - (0.55 if floor == 0 else 0.65)
        shade = _scaled(window, float(chance.uniform(0.85, 1.2)))
        if ribbon:
            b.side([(0.4, y0), (box.s1 - 0.4, y0), (box.s1 - 0.4, y1), (0.4, y1)], front, -side, Raw.BUILDING, shade)
        else:
            for column in range(columns):
                s0 = box.s0 + column * step + 0.22 * step
                pane = _scaled(shade, float(chance.uniform(0.88, 1.15)))
                b.quad([(s0, front, y0), (s0 + 0.56 * step, front, y0), (s0 + 0.56 * step, front, y1),
                        (s0, front, y1)], (0, -side, 0), Raw.BUILDING, pane, reach=DETAIL)  # fmt: skip
        for x in np.linspace(box.x0 + 1.6, box.x1 - 1.6, 3):
            b.quad([(0.0, x - 0.7, y0), (0.0, x + 0.7, y0), (0.0, x + 0.7, y1), (0.0, x - 0.7, y1)],
                   (-1, 0, 0), Raw.BUILDING, shade, reach=DETAIL)  # fmt: skip


def _billboard(b: Builder, chance: Chance, place: tuple[float, float, float]) -> None:
    length, side, top = place
    color = ((196, 40, 40), (232, 196, 60), (40, 110, 170), (230, 230, 226))[int(chance.integers(4))]
    s0, s1 = 0.15 * length, 0.85 * length
    x = -side * 0.12
    b.side([(s0, top - 1.3), (s1, top - 1.3), (s1, top), (s0, top)], x, -side, Raw.BILLBOARD, color)
    s = s0 + 0.5
    while s < s1 - 0.9:
        b.side([(s, top - 1.0), (s + 0.6, top - 1.0), (s + 0.6, top - 0.35), (s, top - 0.35)], x, -side,
               Raw.BILLBOARD, (250, 248, 240) if color[0] < 230 else (150, 30, 34))  # fmt: skip
        s += 1.1


def _near(chance: Chance, color: Color, spread: float) -> Color:
    change = chance.normal(0.0, spread)
    return (color[0] + change, color[1] + change, color[2] + change)


def _scaled(color: Color, by: float) -> Color:
    return (color[0] * by, color[1] * by, color[2] * by)
