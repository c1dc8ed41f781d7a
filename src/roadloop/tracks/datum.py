"""The datum of a position: which ellipsoid, and whether shifted. Declared, never guessed, and nothing is converted.

In China maps carry positions in GCJ-02, some 400 m from WGS-84, and Baidu's in BD-09, further yet; a pair of numbers does
not show which it is. A distance between two positions means something only where both have one known datum.
"""

from collections.abc import Iterable
from typing import Final, get_args

from roadloop.errors import DatumError, InvalidValueError, Text
from roadloop.settings import Datum
from roadloop.tracks.records import UNKNOWN, Problem, TrackPoint

DATUMS: Final[tuple[Datum, ...]] = get_args(Datum)


def parse_datum(text: str, parameter: str) -> Datum:
    """A datum as people write it: `WGS-84`, `gcj02`, `BD 09`.

    Args:
        text: What was written.
        parameter: Where it was written, for the message.

    Raises:
        InvalidValueError: It is none that is known here.
    """
    plain = "".join(c for c in text.casefold() if c not in "-_ ")
    if plain not in DATUMS:
        known = ", ".join(DATUMS)
        raise InvalidValueError(
            Text(
                f"{parameter} 的值“{text[:40]}”不是已知的坐标系；应为：{known}。",
                f"{parameter}: '{text[:40]}' is no datum that is known here; it is one of {known}.",
            ),
            parameter=parameter,
        )
    return plain


def declared(text: str, otherwise: Datum, place: str, problems: list[Problem]) -> Datum:
    """The datum that a table or an answer names for a point.

    Args:
        text: What it says; may be empty.
        otherwise: What counts where it says nothing.
        place: Where it says so, for the message.
        problems: Learns once for each text that it is no datum; such a point's datum is unknown.
    """
    if not text.strip():
        return otherwise
    try:
        return parse_datum(text, "datum")
    except InvalidValueError as error:
        problem = Problem(place, error.text)
        if problem not in problems:
            problems.append(problem)
        return UNKNOWN


def check_distances(points: Iterable[TrackPoint], parameter: str) -> None:
    """Refuse to measure between the positions of a track where one has no known datum, or two differ in it.

    Args:
        points: Of any number of tracks; only points with a position count, and only tracks with two of them.
        parameter: What asks for distances, for the message.

    Raises:
        DatumError: With the track, and how its datum is declared.
    """
    tracks: dict[str, list[Datum]] = {}
    for point in points:
        if point.longitude is not None and point.latitude is not None:
            tracks.setdefault(point.track, []).append(point.datum)
    for track, datums in tracks.items():
        if len(datums) > 1 and UNKNOWN in datums:
            raise _undeclared(track, parameter)
        if len(set(datums)) > 1:
            mixed = ", ".join(sorted(set(datums)))
            raise DatumError(
                Text(
                    f"{parameter}：轨迹 {track[:100]} 的位置坐标系不一（{mixed}），相差可达数百米，不能计算距离，也不会自动换算；"
                    f"请把它们统一为一种坐标系，或不用 {parameter}。",
                    f"{parameter}: the positions of track {track[:100]} are in unlike datums ({mixed}), which lie hundreds"
                    " of metres apart, so there is no distance between them; nothing is converted here. Give them in one"
                    f" datum, or leave {parameter} out.",
                ),
                parameter=parameter,
                track=track[:100],
            )


def _undeclared(track: str, parameter: str) -> DatumError:
    return DatumError(
        Text(
            f"{parameter}：轨迹 {track[:100]} 的位置没有声明坐标系（WGS-84 与 GCJ-02 在国内相差数百米），不能计算距离。"
            "请在 track.csv 中加一列 datum（wgs84、gcj02 或 bd09），或用设置 ROADLOOP_TRACK_DATUM（tracks/ 目录）、"
            f"ROADLOOP_TRACK_SERVICE_DATUM（轨迹服务）声明；也可不用 {parameter}，改用 gap_frames 或 gap_seconds。",
            f"{parameter}: nobody has said in which datum the positions of track {track[:100]} are (WGS-84 and GCJ-02 lie"
            " hundreds of metres apart in China), so there is no distance between them. Declare it by a column datum"
            " (wgs84, gcj02 or bd09) of track.csv, or by the setting ROADLOOP_TRACK_DATUM for tracks/ folders or"
            f" ROADLOOP_TRACK_SERVICE_DATUM for the track service; or leave {parameter} out and take gap_frames or"
            " gap_seconds.",
        ),
        parameter=parameter,
        track=track[:100],
    )
