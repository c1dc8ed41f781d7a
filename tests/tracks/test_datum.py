"""What a datum may be called, and which distances are refused. About 100 m apart; nothing is measured here."""

from collections.abc import Sequence

import pytest

from roadloop.errors import DatumError, InvalidValueError
from roadloop.settings import Datum
from roadloop.tracks.datum import DATUMS, check_distances, parse_datum
from roadloop.tracks.records import TrackPoint


def drive(track: str, *datums: Datum, latitude: float | None = 31.3) -> list[TrackPoint]:
    points = [TrackPoint(track, f"{track}_{n}") for n in range(len(datums))]
    return [p.at(120.6, latitude, datum) for p, datum in zip(points, datums, strict=True)]


def test_parse_datum__as_people_write_them() -> None:
    written = ("WGS-84", "wgs84", "GCJ02", "gcj-02", "BD_09", "bd 09", "Unknown")
    assert [parse_datum(text, "datum") for text in written] == [
        "wgs84", "wgs84", "gcj02", "gcj02", "bd09", "bd09", "unknown"
    ]  # fmt: skip
    assert DATUMS == ("wgs84", "gcj02", "bd09", "unknown")


@pytest.mark.parametrize("text", ["", "cgcs2000", "4326", "wgs 72", "火星坐标"])
def test_parse_datum__says_which_there_are(text: str) -> None:
    with pytest.raises(InvalidValueError, match="wgs84, gcj02, bd09, unknown"):
        parse_datum(text, "datum")


@pytest.mark.parametrize(
    "points",
    [
        drive("a", "wgs84", "wgs84"),
        [*drive("a", "wgs84", "wgs84"), *drive("b", "gcj02", "gcj02")],
        drive("a", "unknown"),
        drive("a", "unknown", "unknown", latitude=None),
        [],
    ],
    ids=["one datum", "no distance between tracks", "one point", "no positions", "nothing"],
)
def test_check_distances__good(points: Sequence[TrackPoint]) -> None:
    check_distances(points, "gap_metres")


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (drive("a", "unknown", "unknown"), "nobody has said in which datum the positions of track a are"),
        (drive("a", "wgs84", "unknown"), "nobody has said"),
        (drive("a", "wgs84", "gcj02"), r"track a are in unlike datums \(gcj02, wgs84\)"),
        ([*drive("a", "wgs84", "wgs84"), *drive("b", "bd09", "gcj02")], "track b"),
    ],
)
def test_check_distances__refused_with_the_cure(points: Sequence[TrackPoint], said: str) -> None:
    with pytest.raises(DatumError, match=said) as caught:
        check_distances(points, "gap_metres")
    assert caught.value.details["parameter"] == "gap_metres"
    assert "leave gap_metres out" in caught.value.text.en
