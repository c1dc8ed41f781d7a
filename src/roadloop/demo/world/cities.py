"""What the world is painted with: raw ids of the HD-road class table, two cities, kinds of light."""

from dataclasses import dataclass
from enum import IntEnum

from roadloop.errors import InvalidValueError, Text

Color = tuple[float, float, float]
"""Red, green, blue, 0..255 each."""


class Raw(IntEnum):
    """The raw ids of `labels/tables/hd_road_classes.csv` that this world paints."""

    LANE_WHITE = 2
    EDGE_LEFT = 3
    EDGE_RIGHT = 4
    STOP_LINE = 7
    CROSSWALK = 10
    SYMBOL = 14
    STOP_GRID = 16
    ROAD = 18
    VEHICLE = 19
    LANE_YELLOW = 26
    SIGN_WARNING = 28
    SIGN_PROHIBITION = 29
    SIGN_INSTRUCTIVE = 30
    SIGN_DIRECTING = 32
    POLE = 37
    SKY = 38
    CURB = 39
    FENCE = 41
    LAMP = 42
    MANHOLE = 43
    TRAFFIC_LIGHT = 60
    TRAFFIC_LIGHT_HEAD = 61
    BUS = 62
    TRUCK = 63
    SCOOTER = 66
    PEDESTRIAN = 68
    PAVEMENT = 69
    BILLBOARD = 71
    BUILDING = 72
    VEGETATION = 73


@dataclass(frozen=True, slots=True)
class City:
    """How one city looks.

    Attributes:
        key: ASCII name, the first part of track ids.
        name_zh: Chinese name.
        code: Mixed into every random seed, so that cities never share a street.
        longitude: Degrees east of the centre that tracks start around.
        latitude: Degrees north of the same place.
        lanes: Least and most lanes each way.
        lane_width: Least and most width of a lane in metres.
        floors: Least and most storeys of a building.
        pitched: Share of houses with a pitched roof.
        walls: Wall colours.
        roofs: Roof colours.
        windows: Window colours.
        leaves: Base colours of tree crowns.
        asphalt: Road surface.
        paving: Pavement surfaces.
        kerb: Kerb stone.
        paint_white: White road paint, worn as it is.
        paint_yellow: Yellow road paint.
        double_centre: Whether the centre line is double and solid.
        median: Share of streets whose directions a fence or a hedge divides.
        buses: Colours of buses.
        tint: Colour cast of the camera and the air there.
    """

    key: str
    name_zh: str
    code: int
    longitude: float
    latitude: float
    lanes: tuple[int, int]
    lane_width: tuple[float, float]
    floors: tuple[int, int]
    pitched: float
    walls: tuple[Color, ...]
    roofs: tuple[Color, ...]
    windows: tuple[Color, ...]
    leaves: tuple[Color, ...]
    asphalt: Color
    paving: tuple[Color, ...]
    kerb: Color
    paint_white: Color
    paint_yellow: Color
    double_centre: bool
    median: float
    buses: tuple[Color, ...]
    tint: Color


SUZHOU = City(
    key="suzhou",
    name_zh="苏州",
    code=320500,
    longitude=120.5853,
    latitude=31.2990,
    lanes=(1, 2),
    lane_width=(3.2, 3.5),
    floors=(1, 4),
    pitched=0.85,
    walls=((224, 214, 194), (216, 206, 186), (230, 222, 204), (204, 192, 170)),
    roofs=((58, 62, 68), (70, 72, 76), (50, 54, 60)),
    windows=((78, 56, 44), (92, 64, 46), (60, 66, 72)),
    leaves=((62, 104, 44), (76, 118, 52), (52, 92, 48), (92, 126, 58)),
    asphalt=(84, 88, 94),
    paving=((166, 158, 150), (150, 146, 142)),
    kerb=(192, 192, 186),
    paint_white=(226, 228, 226),
    paint_yellow=(222, 178, 66),
    double_centre=False,
    median=0.35,
    buses=((60, 130, 190), (70, 160, 120)),
    tint=(0.985, 1.0, 1.01),
)

BEIJING = City(
    key="beijing",
    name_zh="北京",
    code=110000,
    longitude=116.3974,
    latitude=39.9093,
    lanes=(2, 3),
    lane_width=(3.4, 3.75),
    floors=(5, 18),
    pitched=0.06,
    walls=((168, 150, 132), (150, 152, 156), (186, 172, 150), (134, 104, 86), (112, 130, 150)),
    roofs=((120, 112, 104), (96, 98, 102)),
    windows=((70, 88, 108), (60, 72, 84), (96, 116, 134)),
    leaves=((96, 112, 52), (110, 120, 60), (84, 104, 56), (126, 122, 62)),
    asphalt=(98, 95, 92),
    paving=((186, 168, 146), (176, 156, 138), (160, 152, 142)),
    kerb=(206, 200, 190),
    paint_white=(236, 232, 222),
    paint_yellow=(238, 170, 34),
    double_centre=True,
    median=0.6,
    buses=((176, 44, 40), (226, 214, 60)),
    tint=(1.02, 1.0, 0.965),
)

CITIES: dict[str, City] = {city.key: city for city in (SUZHOU, BEIJING)}


@dataclass(frozen=True, slots=True)
class Light:
    """The light of one drive.

    Attributes:
        name: For people.
        sun: Unit vector towards the sun: forward, right, up.
        ambient: Brightness of a face in the shade.
        diffuse: What the sun adds to a face turned to it.
        color: Colour cast.
        sky_top: Sky at the zenith.
        sky_low: Sky above the horizon; far things take this colour.
        haze: Metres after which 63 % of a thing's contrast is gone.
        shadow: How much light a shadow takes, 0..1.
        clouds: How much white the clouds add, 0..1.
    """

    name: str
    sun: tuple[float, float, float]
    ambient: float
    diffuse: float
    color: Color
    sky_top: Color
    sky_low: Color
    haze: float
    shadow: float
    clouds: float


LIGHTS: tuple[Light, ...] = (
    Light(
        "morning", (-0.55, 0.60, 0.58), 0.62, 0.50, (1.06, 1.0, 0.92),
        (104, 158, 214), (216, 220, 216), 260.0, 0.40, 0.35,
    ),
    Light(
        "noon", (-0.25, -0.35, 0.90), 0.66, 0.46, (1.0, 1.0, 1.0),
        (76, 138, 214), (190, 212, 230), 320.0, 0.44, 0.50,
    ),
    Light(
        "overcast", (-0.10, 0.10, 0.99), 0.84, 0.14, (0.96, 0.98, 1.02),
        (202, 210, 220), (228, 232, 236), 190.0, 0.14, 0.15,
    ),
    Light(
        "evening", (0.50, -0.68, 0.54), 0.60, 0.48, (1.07, 0.95, 0.86),
        (112, 130, 176), (240, 196, 150), 230.0, 0.38, 0.40,
    ),
)  # fmt: skip


def city_named(key: str) -> City:
    """The city of that name.

    Raises:
        InvalidValueError: When there is no such city; the message lists them.
    """
    if key not in CITIES:
        known = ", ".join(CITIES)
        raise InvalidValueError(
            Text(f"没有名为 {key} 的合成城市；可用：{known}", f"There is no synthetic city {key}; use {known}"),
            city=key,
        )
    return CITIES[key]
