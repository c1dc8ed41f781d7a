"""Everything that stands or moves in one drive: blocks of street made once, traffic for each instant."""

from collections import OrderedDict
from enum import IntEnum

import numpy as np

from roadloop.demo.world import street, traffic
from roadloop.demo.world.cities import Raw
from roadloop.demo.world.ground import Ground, block_ground
from roadloop.demo.world.mesh import Box, Builder, Mesh, joined
from roadloop.demo.world.plan import FRAME_SECONDS, KERB_HEIGHT, KERB_WIDTH, Plan, Way, chance_of

VIEW = 210.0
"""Metres that can be seen."""


class Depth(IntEnum):
    """Order in which groups of things are drawn: what stands further from the lane first."""

    BACK = 0
    HOUSES = 1
    SIDE = 2
    ONCOMING = 3
    MEDIAN = 4
    FORWARD = 5


class Scene:
    """One drive: what is around the vehicle in each of its pictures.

    Args:
        plan: The street and the drive.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._blocks: OrderedDict[int, tuple[Ground, Mesh]] = OrderedDict()
        self._fleet = _fleet(plan)
        self._slots: dict[tuple[int, int], tuple[Mesh, float, float]] = {}

    def around(self, frame: int) -> tuple[list[Ground], Mesh]:
        """The ground and the things that the picture `frame` may show."""
        s = self.plan.place(frame)[0]
        first, last = self.plan.block_at(s - 4.0), self.plan.block_at(s + VIEW)
        blocks = [self._block(index) for index in range(first, last + 1)]
        return [ground for ground, _ in blocks], joined([mesh for _, mesh in blocks] + self._movers(frame))

    def _block(self, index: int) -> tuple[Ground, Mesh]:
        if index not in self._blocks:
            self._blocks[index] = (block_ground(self.plan, index), _block_things(self.plan, index))
            if len(self._blocks) > 8:
                self._blocks.popitem(last=False)
        return self._blocks[index]

    def _movers(self, frame: int) -> list[Mesh]:
        plan, time = self.plan, frame * FRAME_SECONDS
        s, _ = plan.place(frame)
        meshes = list(self._ahead(s, time))
        for way in Way:
            edges = plan.lane_edges(way)
            sign, layer = int(way), Depth.FORWARD if way is Way.FORWARD else Depth.ONCOMING
            for lane in range(len(edges) - 1):
                if way is Way.FORWARD and lane == plan.lane:
                    continue
                x = sign * float(edges[lane] + edges[lane + 1]) / 2
                road = lane + (0 if way is Way.FORWARD else 10)
                meshes += self._row(road, s, time, (x, sign * plan.speed, 28.0, layer))
            walk = sign * (plan.kerb(way) + KERB_WIDTH + 0.35 * plan.pavement)
            meshes += self._row(20 + sign, s, time, (walk, 1.1, 13.0, Depth.SIDE))
        ride = plan.kerb(Way.FORWARD) - 0.55
        if plan.lane != plan.lanes[0] - 1:
            meshes += self._row(30, s, time, (ride, 4.5, 24.0, Depth.FORWARD))
        return meshes

    def _row(self, road: int, s: float, time: float, line: tuple[float, float, float, Depth]) -> list[Mesh]:
        """The things of one row: lane, pavement or kerbside; a slot every so many metres, some empty."""
        x, speed, gap, layer = line
        pace = speed * (1.0 if road >= 20 else 0.85 + 0.3 * chance_of(*self.plan.key, 13, road).random())
        shift = pace * time
        meshes = []
        for slot in range(int(np.floor((s - 12 - shift) / gap)), int(np.ceil((s + VIEW - 30 - shift) / gap))):
            key = (road, slot)
            if key not in self._slots:
                self._slots[key] = self._draw(road, slot)
            mesh, ahead, aside = self._slots[key]
            if len(mesh.quads):
                turned = speed < 0 or (road >= 20 and road < 30 and slot % 2 == 0)
                place = slot * gap + ahead * gap + shift
                meshes.append(mesh.placed(place, x + aside, layer=layer, turned=turned))
        return meshes

    def _draw(self, road: int, slot: int) -> tuple[Mesh, float, float]:
        chance = chance_of(*self.plan.key, 14, road, slot + 100_000)
        ahead = float(chance.uniform(0.0, 0.45))
        if road < 20:
            kind, share, aside = "motor", 0.7, float(chance.uniform(-0.25, 0.25))
        elif road < 30:
            kind, share, aside = "foot", 0.55, float(chance.uniform(-0.8, 0.8))
        else:
            kind, share, aside = "scooter", 0.5, float(chance.uniform(-0.2, 0.2))
        pool = self._fleet[kind]
        empty = bool(chance.random() > share)
        mesh = pool[int(chance.integers(len(pool)))]
        return (Builder().mesh() if empty else mesh), ahead, aside

    def _ahead(self, s: float, time: float) -> list[Mesh]:
        plan = self.plan
        chance = chance_of(*plan.key, 15)
        edges = plan.lane_edges(Way.FORWARD)
        x = float(edges[plan.lane] + edges[plan.lane + 1]) / 2
        meshes = []
        gap = float(chance.uniform(13.0, 34.0))
        for place in range(5):
            sway = 3.0 * np.sin(time / (6.0 + place) + place)
            mesh = self._fleet["motor"][int(chance.integers(len(self._fleet["motor"])))]
            meshes.append(mesh.placed(s + gap + sway, x + 0.2 * np.sin(place + time / 5), layer=Depth.FORWARD))
            gap += float(chance.uniform(16.0, 48.0))
        return meshes


def _fleet(plan: Plan) -> dict[str, list[Mesh]]:
    chance = chance_of(*plan.key, 2)
    sun, city = plan.light.sun, plan.city
    taxi = (236, 186, 40) if city.double_centre else (52, 140, 148)
    motor = [traffic.car(chance, sun) for _ in range(12)] + [traffic.car(chance, sun, taxi=taxi)]
    motor += [traffic.bus(chance, city, sun) for _ in range(2)] + [traffic.truck(chance, sun) for _ in range(2)]
    return {
        "motor": motor,
        "foot": [traffic.pedestrian(chance, sun) for _ in range(8)],
        "scooter": [traffic.scooter(chance, sun) for _ in range(6)],
    }


def _block_things(plan: Plan, index: int) -> Mesh:
    chance = chance_of(*plan.key, 3, index + 10_000)
    begin, end = plan.junction(index)[1], plan.junction(index + 1)[0]
    meshes: list[Mesh] = []
    for way in Way:
        meshes += _houses(plan, chance, (begin, end), way)
        meshes += _roadside(plan, chance, (begin, end), way)
    meshes += _median(plan, chance, (begin, end))
    meshes += _overhead(plan, chance, index, (begin, end))
    return joined(meshes)


def _houses(plan: Plan, chance: np.random.Generator, span: tuple[float, float], way: Way) -> list[Mesh]:
    sign = float(way)
    front = plan.front(way)
    meshes = []
    s = span[0] + float(chance.uniform(2.0, 6.0))
    while s < span[1] - 9.0:
        length = min(float(chance.uniform(9.0, 22.0)), span[1] - 2.0 - s)
        if chance.random() < 0.86:
            x = sign * (front + float(chance.uniform(0.0, 1.5)))
            house = street.house(chance, plan.city, plan.light.sun, length=length, side=sign)
            meshes.append(house.placed(s, x, layer=Depth.HOUSES))
        if chance.random() < 0.3:
            back = street.house(chance, plan.city, plan.light.sun, length=length, side=sign,
                                raised=int(chance.integers(3, 9)))  # fmt: skip
            meshes.append(back.placed(s, sign * (front + 26.0), layer=Depth.BACK))
        s += length + float(chance.uniform(0.4, 5.0))
    return meshes


def _roadside(plan: Plan, chance: np.random.Generator, span: tuple[float, float], way: Way) -> list[Mesh]:
    sign = float(way)
    kerb = plan.kerb(way) + KERB_WIDTH
    meshes = []
    gap = float(chance.uniform(8.0, 12.0))
    for number, s in enumerate(np.arange(span[0] + 9.0, span[1] - 8.0, gap)):
        if number % 4 == 2:
            meshes.append(street.lamp_post(sign).placed(float(s), sign * (kerb + 0.4), layer=Depth.SIDE))
        elif chance.random() < 0.8:
            meshes.append(
                street.tree(chance, plan.city, plan.light.sun).placed(float(s), sign * (kerb + 1.0), layer=Depth.SIDE)
            )
    if plan.setback > 1.6 and plan.city.pitched > 0.5:
        meshes += _hedges(plan, chance, span, way)
    if way is Way.FORWARD:
        for s in (span[0] + 16.0, span[1] - 24.0):
            meshes += [street.sign_post(chance).placed(s, kerb + 0.35, layer=Depth.SIDE)]
    return meshes


def _hedges(plan: Plan, chance: np.random.Generator, span: tuple[float, float], way: Way) -> list[Mesh]:
    width = plan.setback - 0.6
    x = float(way) * (plan.kerb(way) + KERB_WIDTH + plan.pavement + 0.4 + width / 2)
    meshes = []
    for s in np.arange(span[0] + 6.0, span[1] - 10.0, 9.0):
        if chance.random() < 0.55:
            height = float(chance.uniform(0.6, 1.1))
            hedge = street.hedge(chance, plan.city, length=8.0, width=width, height=height)
            meshes.append(hedge.placed(float(s), x, layer=Depth.SIDE))
    return meshes


def _median(plan: Plan, chance: np.random.Generator, span: tuple[float, float]) -> list[Mesh]:
    if not plan.median:
        return []
    meshes = []
    for s in np.arange(span[0] + 7.0, span[1] - 7.0, 9.0):
        length = min(9.0, span[1] - 7.0 - float(s))
        if plan.hedged:
            bed = Builder()
            bed.box(Box(0.0, length, -plan.median / 2, plan.median / 2, 0.0, KERB_HEIGHT + 0.05), Raw.CURB,
                    plan.city.kerb)  # fmt: skip
            hedge = street.hedge(chance, plan.city, length=length, width=plan.median - 0.5,
                                 height=float(chance.uniform(0.7, 0.95)))  # fmt: skip
            meshes += [part.placed(float(s), 0.0, layer=Depth.MEDIAN) for part in (bed.mesh(), hedge)]
        else:
            meshes.append(street.fence(length=length, height=1.05).placed(float(s), 0.0, layer=Depth.MEDIAN))
    return meshes


def _overhead(plan: Plan, chance: np.random.Generator, index: int, span: tuple[float, float]) -> list[Mesh]:
    kerb = plan.kerb(Way.FORWARD) + KERB_WIDTH + 0.4
    reach = kerb - float(plan.lane_edges(Way.FORWARD)[0]) - 0.3
    light = street.traffic_light(1.0, reach=reach, state=int(chance.integers(3)))
    meshes = [light.placed(plan.junction(index + 1)[1] + 1.0, kerb, layer=Depth.FORWARD)]
    if index % 2 == 0:
        sign = street.direction_sign(chance, 1.0, reach=min(reach, 6.0))
        meshes.append(sign.placed((span[0] + span[1]) / 2, kerb, layer=Depth.FORWARD))
    return meshes
