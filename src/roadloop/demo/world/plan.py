"""The plan of one drive: cross-section, bends, junctions, light and speed, all drawn from the seed."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadloop.demo.world.cities import LIGHTS, City, Light

FRAME_SECONDS = 0.4
"""Time between two pictures of a track."""
KERB_WIDTH, KERB_HEIGHT = 0.30, 0.15
GRID_EVERY = 7
"""One track in so many has the yellow grid (`stop_gird`) in its junctions: the rare class on purpose."""


class Way(IntEnum):
    """A direction of traffic; its value is the sign of the side of the road that it uses."""

    FORWARD = 1
    BACK = -1


def chance_of(*key: int) -> np.random.Generator:
    """The random stream that belongs to a key of whole numbers."""
    return np.random.Generator(np.random.PCG64([part % 2**63 for part in key]))


@dataclass(frozen=True, slots=True)
class Bend:
    """The centre line as a sum of two sines, metres to the right of a straight line."""

    amplitudes: tuple[float, float]
    lengths: tuple[float, float]
    phases: tuple[float, float]

    def offset(self, s: Any) -> Any:
        """Metres to the right at `s`, for a number or an array."""
        return sum(
            a * np.sin(2 * np.pi * s / length + phase)
            for a, length, phase in zip(self.amplitudes, self.lengths, self.phases, strict=True)
        )

    def slope(self, s: float) -> float:
        """Heading at `s`, radians to the right."""
        return float(
            sum(
                a * 2 * np.pi / length * np.cos(2 * np.pi * s / length + phase)
                for a, length, phase in zip(self.amplitudes, self.lengths, self.phases, strict=True)
            )
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """One street and how it is driven. Lengths in metres, speeds in metres a second.

    Attributes:
        key: What every random stream of this track begins with.
        city: Where it is.
        light: The light of the drive.
        bend: The centre line.
        lanes: Lanes forward, lanes back.
        lane_width: Of one lane.
        median: Width of the strip between the directions, 0 for none.
        hedged: Whether that strip is a hedge (else a fence).
        pavement: Width of the pavement.
        setback: From the pavement to the houses.
        spacing: Between junctions.
        grid: Whether junctions have the yellow grid.
        start: Where the drive begins.
        speed: Of the survey vehicle.
        lane: The lane it drives in, 0 beside the centre line.
        eye: Height of its camera.
        heading: Compass direction of the street in radians, for the coordinates.
    """

    key: tuple[int, ...]
    city: City
    light: Light
    bend: Bend
    lanes: tuple[int, int]
    lane_width: float
    median: float
    hedged: bool
    pavement: float
    setback: float
    spacing: float
    grid: bool
    start: float
    speed: float
    lane: int
    eye: float
    heading: float

    def lane_edges(self, way: Way) -> NDArray[np.float64]:
        """Distances of the lane borders from the centre line, innermost first."""
        first = self.median / 2 + 0.55 if self.median else 0.12
        count = self.lanes[0 if way is Way.FORWARD else 1]
        return first + self.lane_width * np.arange(count + 1, dtype=np.float64)

    def kerb(self, way: Way) -> float:
        """Distance of the kerb's road side from the centre line."""
        return float(self.lane_edges(way)[-1]) + 0.75

    def front(self, way: Way) -> float:
        """Distance of the house fronts from the centre line."""
        return self.kerb(way) + KERB_WIDTH + self.pavement + self.setback

    def junction(self, index: int) -> tuple[float, float]:
        """Begin and end of a junction along the road."""
        chance = chance_of(*self.key, 11, index + 10_000)
        middle = (index + chance.uniform(-0.15, 0.15)) * self.spacing
        half = chance.uniform(5.0, 7.5)
        return middle - half, middle + half

    def block_at(self, s: float) -> int:
        """The block (a junction and the street up to the next) that holds `s`."""
        guess = int(np.floor(s / self.spacing)) + 1
        while self.junction(guess)[0] > s:
            guess -= 1
        return guess

    def place(self, frame: int) -> tuple[float, float]:
        """Where the camera is in a picture: s and x."""
        time = frame * FRAME_SECONDS
        s = self.start + self.speed * time + 1.5 * np.sin(time / 7.0)
        x = float(self.lane_edges(Way.FORWARD)[self.lane]) + self.lane_width / 2 + 0.18 * np.sin(time / 3.1)
        return float(s), float(x)


def plan_track(seed: int, city: City, track: int) -> Plan:
    """Draw the plan of a track; the same arguments give the same plan."""
    key = (seed, city.code, track)
    chance = chance_of(*key, 1)
    forward = int(chance.integers(city.lanes[0], city.lanes[1] + 1))
    lanes = (forward, max(1, forward - int(chance.random() < 0.3)))
    lengths = (float(chance.uniform(320, 520)), float(chance.uniform(180, 260)))
    radii = (float(chance.uniform(350, 900)), float(chance.uniform(900, 2500)))
    first, second = (length**2 / (4 * np.pi**2 * radius) for length, radius in zip(lengths, radii, strict=True))
    bend = Bend((first, second), lengths, (float(chance.uniform(0, 6.28)), float(chance.uniform(0, 6.28))))
    divided = bool(chance.random() < city.median)
    hedged = bool(chance.random() < 0.5)
    return Plan(
        key=key,
        city=city,
        light=LIGHTS[int(chance.integers(len(LIGHTS)))],
        bend=bend,
        lanes=lanes,
        lane_width=float(chance.uniform(*city.lane_width)),
        median=(1.8 if hedged else 0.5) if divided else 0.0,
        hedged=hedged,
        pavement=float(chance.uniform(2.6, 4.2)),
        setback=float(chance.uniform(0.6, 4.0)),
        spacing=float(chance.uniform(95, 150)),
        grid=track % GRID_EVERY == 3,
        start=float(chance.uniform(0, 5000)),
        speed=float(chance.uniform(6.5, 10.5)),
        lane=int(chance.integers(forward)),
        eye=float(chance.uniform(1.45, 1.75)),
        heading=float(chance.uniform(0, 2 * np.pi)),
    )
