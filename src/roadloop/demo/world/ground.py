"""What lies on the ground of one block: road, kerbs, pavement, markings, covers, as polygons in metres."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from roadloop.demo.world.cities import Color, Raw
from roadloop.demo.world.plan import KERB_HEIGHT, KERB_WIDTH, Plan, Way, chance_of

STEP = 4.0
"""Metres between the corners of long polygons, so that they follow the bend."""
LINE = 0.22
"""Width of a line."""
STOP_BACK, ZEBRA = 5.4, (3.9, 0.9)
"""Stop line and zebra: metres before the junction."""
CORNER = 4.0
"""Radius of kerbs at junctions."""
SOLID = 28.0
"""Before the stop line, lane lines are solid for so long."""


class Layer(IntEnum):
    """Order in which ground polygons are drawn."""

    ROAD = 0
    FACE = 1
    TOP = 2
    PAINT = 3
    SYMBOL = 4


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Ground polygons.

    Attributes:
        points: float32 [N, 3], corners (s, x, y) of all polygons one after another.
        sizes: int64 [K], corners of each polygon.
        paint: float32 [K, 4], red, green, blue, raw id.
        layer: int64 [K].
    """

    points: NDArray[np.float32]
    sizes: NDArray[np.int64]
    paint: NDArray[np.float32]
    layer: NDArray[np.int64]


class _Painter:
    def __init__(self) -> None:
        self.polygons: list[NDArray[np.float64]] = []
        self.paint: list[tuple[float, ...]] = []
        self.layer: list[int] = []

    def add(self, layer: Layer, corners: NDArray[np.float64], raw: Raw, color: Color) -> None:
        """Add a polygon from [n, 2] (s, x) or [n, 3] (s, x, y) corners."""
        if corners.shape[1] == 2:
            corners = np.column_stack([corners, np.zeros(len(corners))])
        self.polygons.append(corners)
        self.paint.append((*color, float(raw)))
        self.layer.append(int(layer))

    def rectangle(self, layer: Layer, s: tuple[float, float], x: tuple[float, float], raw: Raw, color: Color) -> None:
        """Add a rectangle, following the bend when it is long."""
        along = _stations(*s)
        near = np.column_stack([along, np.full(len(along), x[0])])
        far = np.column_stack([along[::-1], np.full(len(along), x[1])])
        self.add(layer, np.concatenate([near, far]), raw, color)

    def ground(self) -> Ground:
        return Ground(
            np.concatenate(self.polygons).astype(np.float32),
            np.array([len(polygon) for polygon in self.polygons]),
            np.array(self.paint, np.float32),
            np.array(self.layer),
        )


def block_ground(plan: Plan, index: int) -> Ground:
    """The ground of junction `index` and of the street from there to the next junction."""
    begin, end = plan.junction(index)
    stop = plan.junction(index + 1)[0]
    painter = _Painter()
    city = plan.city
    left, right = -plan.kerb(Way.BACK), plan.kerb(Way.FORWARD)
    painter.rectangle(Layer.ROAD, (begin, stop), (left, right), Raw.ROAD, city.asphalt)
    painter.rectangle(Layer.ROAD, (begin, end), (-90.0, 90.0), Raw.ROAD, city.asphalt)
    corner = (left - CORNER, right + CORNER)
    painter.rectangle(Layer.ROAD, (begin - CORNER, end + CORNER), corner, Raw.ROAD, city.asphalt)
    for way in Way:
        _pavement(painter, plan, index, way)
        _lines(painter, plan, (end, stop), way)
        _junction_paint(painter, plan, (end, stop), way)
    _centre(painter, plan, (end, stop))
    _arrows(painter, plan, (end, stop))
    _covers(painter, plan, index, (end, stop))
    if plan.grid:
        _grid(painter, plan, (begin, end))
    return painter.ground()


def _pavement(painter: _Painter, plan: Plan, index: int, way: Way) -> None:
    sign = float(way)
    begin, end = plan.junction(index)[1], plan.junction(index + 1)[0]
    kerb = plan.kerb(way)
    outer = _kerb_line(begin, end, kerb, 0.0)
    inner = _kerb_line(begin, end, kerb, KERB_WIDTH)
    city = plan.city
    paving = city.paving[plan.key[-1] % len(city.paving)]
    for line in (outer, inner):
        line[:, 1] *= sign
    low, high = _lifted(outer, 0.0), _lifted(outer, KERB_HEIGHT)
    dark = (city.kerb[0] * 0.72, city.kerb[1] * 0.72, city.kerb[2] * 0.72)
    for i in range(len(outer) - 1):
        face = np.stack([low[i], low[i + 1], high[i + 1], high[i]])
        painter.add(Layer.FACE, face, Raw.CURB, dark)
    raised = _lifted(inner, KERB_HEIGHT)
    painter.add(Layer.TOP, np.concatenate([high, raised[::-1]]), Raw.CURB, city.kerb)
    walk = kerb + KERB_WIDTH + plan.pavement
    along = _stations(begin + KERB_WIDTH, end - KERB_WIDTH)[::-1]
    back = np.column_stack([along, np.full(len(along), sign * walk), np.full(len(along), KERB_HEIGHT)])
    painter.add(Layer.TOP, np.concatenate([raised, back]), Raw.PAVEMENT, paving)
    strip = kerb + KERB_WIDTH + 0.55 * plan.pavement
    guide = np.column_stack([along, np.full(len(along), sign * strip), np.full(len(along), KERB_HEIGHT)])
    guide_far = guide[::-1] + np.array((0.0, sign * 0.35, 0.0))
    painter.add(Layer.PAINT, np.concatenate([guide, guide_far]), Raw.PAVEMENT, (196, 170, 96))
    if plan.city.pitched < 0.5:
        yard = np.column_stack([along, np.full(len(along), sign * (walk + 30.0)), back[:, 2]])
        painter.add(Layer.FACE, np.concatenate([back[::-1], yard]), Raw.PAVEMENT,
                    (paving[0] * 0.93, paving[1] * 0.95, paving[2] * 0.97))  # fmt: skip


def _kerb_line(begin: float, end: float, kerb: float, inset: float) -> NDArray[np.float64]:
    angles = np.linspace(0.0, np.pi / 2, 5)
    corner = CORNER * np.column_stack([1 - np.cos(angles), 1 - np.sin(angles)])
    first = corner + np.array((begin, kerb))
    last = corner[::-1] * np.array((-1.0, 1.0)) + np.array((end, kerb))
    reach = kerb + 40.0
    middle = _stations(begin + CORNER, end - CORNER)
    straight = np.column_stack([middle, np.full(len(middle), kerb)])
    line = np.concatenate([[(begin, reach)], first, straight, last, [(end, reach)]])
    if inset:
        line[:, 0] = begin + inset + (line[:, 0] - begin) * (1 - 2 * inset / (end - begin))
        line[:, 1] = np.maximum(line[:, 1] + inset, kerb + inset)
    return line


def _lines(painter: _Painter, plan: Plan, span: tuple[float, float], way: Way) -> None:
    sign = float(way)
    begin, end = span
    stop = end - STOP_BACK if way is Way.FORWARD else begin + STOP_BACK
    first, last = (begin + 5.0, stop) if way is Way.FORWARD else (stop, end - 5.0)
    edges = plan.lane_edges(way)
    solid = (stop - SOLID, stop) if way is Way.FORWARD else (stop, stop + SOLID)
    white = plan.city.paint_white
    for x in sign * edges[1:-1]:
        across = (x - LINE / 2, x + LINE / 2)
        painter.rectangle(Layer.PAINT, solid, across, Raw.LANE_WHITE, white)
        free = (first, solid[0]) if way is Way.FORWARD else (solid[1], last)
        for s in np.arange(np.ceil(free[0] / 9.0) * 9.0, free[1] - 4.0, 9.0):
            painter.rectangle(Layer.PAINT, (s, s + 4.0), across, Raw.LANE_WHITE, white)
    outer = sign * (edges[-1] + 0.2)
    painter.rectangle(Layer.PAINT, (first, last), (outer - LINE / 2, outer + LINE / 2),
                      Raw.EDGE_RIGHT if way is Way.FORWARD else Raw.EDGE_LEFT, white)  # fmt: skip


def _centre(painter: _Painter, plan: Plan, span: tuple[float, float]) -> None:
    begin, end = span[0] + 5.0, span[1] - 5.0
    yellow = plan.city.paint_yellow
    if plan.median:
        for sign in (-1.0, 1.0):
            x = sign * (plan.median / 2 + 0.3)
            painter.rectangle(Layer.PAINT, (begin, end), (x - LINE / 2, x + LINE / 2), Raw.LANE_YELLOW, yellow)
    elif plan.city.double_centre:
        for x in (-0.16, 0.16):
            painter.rectangle(Layer.PAINT, (begin, end), (x - LINE / 2, x + LINE / 2), Raw.LANE_YELLOW, yellow)
    else:
        for s in np.arange(np.ceil(begin / 8.0) * 8.0, end - 4.0, 8.0):
            painter.rectangle(Layer.PAINT, (s, s + 4.5), (-LINE / 2, LINE / 2), Raw.LANE_YELLOW, yellow)


def _junction_paint(painter: _Painter, plan: Plan, span: tuple[float, float], way: Way) -> None:
    begin, end = span
    white = plan.city.paint_white
    edges = plan.lane_edges(way)
    if way is Way.FORWARD:
        painter.rectangle(Layer.PAINT, (end - STOP_BACK - 0.4, end - STOP_BACK), (edges[0], edges[-1]),
                          Raw.STOP_LINE, white)  # fmt: skip
    else:
        painter.rectangle(Layer.PAINT, (begin + STOP_BACK, begin + STOP_BACK + 0.4), (-edges[-1], -edges[0]),
                          Raw.STOP_LINE, white)  # fmt: skip
    along = (end - ZEBRA[0], end - ZEBRA[1]) if way is Way.FORWARD else (begin + ZEBRA[1], begin + ZEBRA[0])
    for x in np.arange(-plan.kerb(Way.BACK) + 0.5, plan.kerb(Way.FORWARD) - 0.7, 1.0):
        painter.rectangle(Layer.PAINT, along, (x, x + 0.5), Raw.CROSSWALK, white)


def _arrows(painter: _Painter, plan: Plan, span: tuple[float, float]) -> None:
    edges = plan.lane_edges(Way.FORWARD)
    stop = span[1] - STOP_BACK
    for lane, x in enumerate((edges[:-1] + edges[1:]) / 2):
        for s in (stop - 11.0, stop - 30.0):
            left = lane == 0 and plan.lanes[0] > 1
            painter.rectangle(Layer.SYMBOL, (s, s + 3.6), (x - 0.13, x + 0.13), Raw.SYMBOL, plan.city.paint_white)
            head = [(s + 5.6, x), (s + 3.4, x - 0.48), (s + 3.4, x + 0.48)]
            if left:
                head = [(s + 3.3, x - 1.15), (s + 2.2, x - 0.45), (s + 4.4, x - 0.45)]
                painter.rectangle(Layer.SYMBOL, (s + 3.0, s + 3.6), (x - 0.5, x + 0.13), Raw.SYMBOL,
                                  plan.city.paint_white)  # fmt: skip
            painter.add(Layer.SYMBOL, np.array(head), Raw.SYMBOL, plan.city.paint_white)


def _covers(painter: _Painter, plan: Plan, index: int, span: tuple[float, float]) -> None:
    chance = chance_of(*plan.key, 12, index + 10_000)
    angles = np.arange(12) * (np.pi / 6)
    circle = 0.38 * np.column_stack([np.cos(angles), np.sin(angles)])
    edges = plan.lane_edges(Way.FORWARD)
    for _ in range(4):
        place = (chance.uniform(span[0] + 8, span[1] - 8), chance.uniform(edges[0] + 0.6, edges[-1] - 0.6))
        painter.add(Layer.SYMBOL, circle * 1.12 + place, Raw.MANHOLE, (52, 50, 50))
        painter.add(Layer.SYMBOL, circle + place, Raw.MANHOLE, (92, 84, 76))


def _grid(painter: _Painter, plan: Plan, span: tuple[float, float]) -> None:
    s0, s1 = span[0] + 1.0, span[1] - 1.0
    x0, x1 = -plan.kerb(Way.BACK) + 0.5, plan.kerb(Way.FORWARD) - 0.5
    yellow = plan.city.paint_yellow
    for s in (s0, s1 - 0.3):
        painter.rectangle(Layer.PAINT, (s, s + 0.3), (x0, x1), Raw.STOP_GRID, yellow)
    for x in (x0, x1 - 0.25):
        painter.rectangle(Layer.PAINT, (s0, s1), (x, x + 0.25), Raw.STOP_GRID, yellow)
    height = s1 - s0
    for start in np.arange(x0 - height, x1, 2.2):
        for slope in (1.0, -1.0):
            low, high = _clipped(float(start), height, (x0, x1))
            if high <= low:
                continue
            bar = [(low, start + low), (high, start + high), (high, start + high + 0.3), (low, start + low + 0.3)]
            corners = np.array(bar)
            corners[:, 0] = s0 + corners[:, 0] if slope > 0 else s1 - corners[:, 0]
            painter.add(Layer.PAINT, corners, Raw.STOP_GRID, yellow)


def _clipped(start: float, height: float, x: tuple[float, float]) -> tuple[float, float]:
    return max(0.0, x[0] - start), min(height, x[1] - 0.3 - start)


def _stations(begin: float, end: float) -> NDArray[np.float64]:
    return np.linspace(begin, end, max(2, int(np.ceil((end - begin) / STEP)) + 1))


def _lifted(line: NDArray[np.float64], y: float) -> NDArray[np.float64]:
    return np.column_stack([line, np.full(len(line), y)])
