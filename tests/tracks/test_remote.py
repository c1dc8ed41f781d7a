"""The HTTP track service, over real connections."""

from collections.abc import Iterator
from typing import Any

import pytest

from roadloop.errors import BrokenFileError, BusyError, JobError, NotFoundError
from roadloop.tracks.records import TrackPoint
from roadloop.tracks.remote import OUTAGE, HttpStore, ServiceOptions

POINT = TrackPoint("t1", "t1_000")


@pytest.fixture
def store(track_server: Any) -> Iterator[HttpStore]:
    query = {"type": "1", "seq": "0", "imageType": "jpg"}
    opened = HttpStore(ServiceOptions(track_server.url, timeout=0.15, retries=2, pause=0.01, image_query=query))
    yield opened
    opened.close()


def test_points__come_in_text_order_with_what_is_known(store: HttpStore) -> None:
    listing = store.points("t1")
    assert [p.point for p in listing.points] == ["t1_000", "t1_001", "t1_002"]
    assert listing.points[0] == TrackPoint("t1", "t1_000", time="x", longitude=120.5)
    assert listing.points[0].stem == "t1_000"


def test_points__have_the_datum_that_the_service_names_else_the_setting(track_server: Any) -> None:
    track_server.facts = {"longitude": 120.5, "latitude": 31.3}
    store = HttpStore(ServiceOptions(track_server.url, datum="gcj02"))
    assert {p.datum for p in store.points("t1").points} == {"gcj02"}
    track_server.facts["datum"] = "WGS_84"
    assert {p.datum for p in store.points("t1").points} == {"wgs84"}
    track_server.facts["datum"] = "mars"
    listing = store.points("t1")
    assert {p.datum for p in listing.points} == {"unknown"}
    assert [(p.name, "mars" in p.reason.en) for p in listing.problems] == [("track/get", True)]
    store.close()


def test_points__unknown_track_and_ids_that_are_no_names(store: HttpStore, track_server: Any) -> None:
    with pytest.raises(NotFoundError, match="nowhere") as caught:
        store.points("nowhere")
    assert "没有 nowhere" in caught.value.text.zh
    track_server.tracks["t3"] = ["../evil", "good", "good"]
    listing = store.points("t3")
    assert [p.point for p in listing.points] == ["good"]
    assert [p.name for p in listing.problems] == ["../evil"]


def test_tracks_of_task__known_and_unknown(store: HttpStore) -> None:
    assert store.tracks_of_task("77") == ["t1", "t2"]
    with pytest.raises(NotFoundError):
        store.tracks_of_task("78")


def test_picture__is_asked_for_as_the_contract_says(store: HttpStore, track_server: Any, jpeg: bytes) -> None:
    assert store.picture(POINT) == jpeg
    assert track_server.bodies == [{"trackPointId": "t1_000", "type": "1", "seq": "0", "imageType": "jpg"}]


@pytest.mark.parametrize("mood", ["500", "503", "429", "slow", "cut", "truncated", "html"])
def test_picture__what_may_pass_is_tried_again(store: HttpStore, track_server: Any, jpeg: bytes, mood: str) -> None:
    track_server.moods["t1_000"] = [mood, mood]
    assert store.picture(POINT) == jpeg
    assert track_server.asked["t1_000"] == 3


@pytest.mark.parametrize(
    ("mood", "error", "asked", "word"),
    [
        ("500", BusyError, 3, "HTTP 500"),
        ("slow", BusyError, 3, "ReadTimeout"),
        ("drip", BusyError, 3, "too slowly"),
        ("truncated", BrokenFileError, 3, "incomplete"),
        ("html", BrokenFileError, 3, "JPEG"),
        ("redirect", BrokenFileError, 1, "not followed"),
        ("huge", BrokenFileError, 1, "64 MiB"),
        ("403", NotFoundError, 1, "HTTP 403"),
    ],
)
def test_picture__what_does_not_pass_is_named(
    store: HttpStore, track_server: Any, mood: str, error: type[Exception], asked: int, word: str
) -> None:
    track_server.moods["t1_000"] = [mood] * 3
    with pytest.raises(error, match=word):
        store.picture(POINT)
    assert track_server.asked["t1_000"] == asked


def test_picture__a_service_that_is_down_ends_the_job_soon(track_server: Any) -> None:
    track_server.always = "500"
    store = HttpStore(ServiceOptions(track_server.url, timeout=0.4, retries=0, pause=0.01))
    for _ in range(OUTAGE - 1):
        with pytest.raises(BusyError):
            store.picture(POINT)
    with pytest.raises(JobError, match="track_service_url"):
        store.picture(POINT)
    store.close()


def test_picture__no_service_at_all(track_server: Any) -> None:
    track_server.close()
    store = HttpStore(ServiceOptions(track_server.url, timeout=0.4, retries=1, pause=0.01))
    with pytest.raises(BusyError, match="ConnectError"):
        store.picture(POINT)
    store.close()


def test_points__answers_that_are_no_json_are_named(store: HttpStore, track_server: Any) -> None:
    track_server.moods["t1"] = ["html"] * 3
    with pytest.raises(BrokenFileError, match="makes no sense"):
        store.points("t1")
