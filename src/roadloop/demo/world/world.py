"""The synthetic road world: drives through two cities with exact masks, the same for the same arguments."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from roadloop.demo.world.camera import camera_at
from roadloop.demo.world.cities import City, city_named
from roadloop.demo.world.plan import FRAME_SECONDS, Plan, plan_track
from roadloop.demo.world.render import Raster, compose, draw_ground, draw_things, sky_and_land
from roadloop.demo.world.scene import Scene
from roadloop.demo.world.texture import Textures
from roadloop.errors import InvalidValueError, Text

LARGEST = (2448, 2048)
FIRST_DAY = datetime(2026, 3, 2, 7, 0)  # noqa: DTZ001 - a synthetic place has no time zone
METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a drive.

    Attributes:
        track: Track id, e.g. `suzhou-0003`.
        index: Its place in the track.
        image: uint8 [H, W, 3], RGB.
        label: uint8 [H, W], raw ids of the HD-road class table.
        longitude: Degrees east.
        latitude: Degrees north.
        time: `YYYY-MM-DD HH:MM:SS`.
    """

    track: str
    index: int
    image: NDArray[np.uint8]
    label: NDArray[np.uint8]
    longitude: float
    latitude: float
    time: str

    @property
    def stem(self) -> str:
        """File stem, `<track>_<frame:06d>`; it is also the track point id."""
        return f"{self.track}_{self.index:06d}"


class World:
    """A city of drives.

    Args:
        seed: Any whole number; another seed is another city plan.
        city: `suzhou` or `beijing`.
        size: Width and height in pixels, 64x48 to 2448x2048.

    Raises:
        InvalidValueError: For an unknown city or a size out of range.
    """

    def __init__(self, seed: int, city: str, size: tuple[int, int] = (480, 360)) -> None:
        if not (64 <= size[0] <= LARGEST[0] and 48 <= size[1] <= LARGEST[1]):
            raise InvalidValueError(
                Text(
                    f"图片尺寸 {size[0]}x{size[1]} 不在 64x48 到 2448x2048 之间",
                    f"The picture size {size[0]}x{size[1]} is not between 64x48 and 2448x2048",
                ),
                size=list(size),
            )
        self.seed = seed
        self.city: City = city_named(city)
        self.size = size
        self._textures = Textures(seed, size)
        self._scenes: OrderedDict[int, Scene] = OrderedDict()

    def track_id(self, track: int) -> str:
        """The id of a track, e.g. `suzhou-0003`."""
        return f"{self.city.key}-{track:04d}"

    def frame(self, track: int, index: int) -> Frame:
        """Picture `index` of track `track`; the same arguments give the same bytes."""
        scene = self._scene(track)
        plan = scene.plan
        camera = camera_at(plan, index, self.size)
        blocks, things = scene.around(index)
        raster = Raster(self.size)
        sky_and_land(raster, camera)
        draw_ground(raster, camera, blocks)
        draw_things(raster, camera, things, plan.light)
        image, label = compose(raster, camera, things, self._textures, index)
        longitude, latitude = _position(plan, camera.s - plan.start)
        return Frame(self.track_id(track), index, image, label, longitude, latitude, _time(track, index))

    def _scene(self, track: int) -> Scene:
        if track not in self._scenes:
            self._scenes[track] = Scene(plan_track(self.seed, self.city, track))
            if len(self._scenes) > 4:
                self._scenes.popitem(last=False)
        self._scenes.move_to_end(track)
        return self._scenes[track]


def _position(plan: Plan, driven: float) -> tuple[float, float]:
    """Longitude and latitude after so many metres; tracks start some km from the city's centre."""
    city = plan.city
    spread = np.array([np.cos(plan.heading * 3), np.sin(plan.heading * 5)]) * 4000.0
    east = spread[0] + driven * np.sin(plan.heading)
    north = spread[1] + driven * np.cos(plan.heading)
    latitude = city.latitude + north / METRES_PER_DEGREE
    longitude = city.longitude + east / (METRES_PER_DEGREE * np.cos(np.radians(city.latitude)))
    return round(float(longitude), 7), round(float(latitude), 7)


def _time(track: int, index: int) -> str:
    start = FIRST_DAY + timedelta(days=track // 12, hours=track % 12)
    return f"{start + timedelta(seconds=int(index * FRAME_SECONDS)):%Y-%m-%d %H:%M:%S}"
