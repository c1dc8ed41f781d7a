"""The synthetic road world: deterministic, coherent, with exact masks of documented classes."""

import hashlib
import itertools

import cv2
import numpy as np
import pytest

from roadloop.demo.world.camera import camera_at
from roadloop.demo.world.cities import CITIES, Raw
from roadloop.demo.world.plan import GRID_EVERY, Way, plan_track
from roadloop.demo.world.world import Frame, World
from roadloop.errors import InvalidValueError
from roadloop.labels.table import shipped

SMALL = (240, 180)


def digest(frame: Frame) -> str:
    return hashlib.sha256(frame.image.tobytes() + frame.label.tobytes()).hexdigest()


def test_frame__same_arguments_same_bytes_in_any_order() -> None:
    first = World(3, "suzhou", SMALL)
    forwards = [digest(first.frame(track, index)) for track in (0, 1) for index in (0, 5, 90)]
    second = World(3, "suzhou", SMALL)
    backwards = [digest(second.frame(track, index)) for track in (1, 0) for index in (90, 5, 0)]
    assert forwards == backwards[::-1]
    assert len(set(forwards)) == 6


def test_frame__other_seed_or_city_is_another_place() -> None:
    seen = {digest(World(seed, city, SMALL).frame(0, 0)) for seed in (0, 1) for city in CITIES}
    assert len(seen) == 4


@pytest.mark.parametrize("size", [(64, 48), (97, 61), (480, 360), (2448, 2048)])
def test_frame__any_size(size: tuple[int, int]) -> None:
    frame = World(0, "beijing", size).frame(2, 4)
    assert frame.image.shape == (size[1], size[0], 3)
    assert frame.label.shape == (size[1], size[0])
    assert frame.image.dtype == frame.label.dtype == np.uint8


@pytest.mark.parametrize(("city", "size"), [("paris", SMALL), ("suzhou", (32, 32)), ("suzhou", (4000, 100))])
def test_world__unknown_city_or_size_is_refused(city: str, size: tuple[int, int]) -> None:
    with pytest.raises(InvalidValueError):
        World(0, city, size)


def test_frame__every_class_is_in_the_table_and_shows_up() -> None:
    known = set(shipped().raw_ids)
    seen: set[int] = set()
    for city in CITIES:
        world = World(0, city, SMALL)
        for track in range(8):
            for index in (0, 13, 26):
                ids, counts = np.unique(world.frame(track, index).label, return_counts=True)
                seen |= set(ids[counts >= 3].tolist())
    assert seen <= known
    assert seen == {int(raw) for raw in Raw}


@pytest.mark.slow
def test_frame__rare_class_only_on_its_tracks() -> None:
    world = World(0, "beijing", SMALL)
    found = {
        track
        for track in range(2 * GRID_EVERY)
        for index in range(0, 60, 6)
        if np.any(world.frame(track, index).label == Raw.STOP_GRID)
    }
    assert found == {3, 3 + GRID_EVERY}


def test_frame__mask_is_where_the_camera_says() -> None:
    """The pixel of a point on the kerbside edge line, projected by hand, is labelled so."""
    world = World(1, "suzhou", (960, 720))
    plan = plan_track(1, CITIES["suzhou"], 0)
    line = float(plan.lane_edges(Way.FORWARD)[-1]) + 0.2
    hits = 0
    for index in range(12):
        camera = camera_at(plan, index, (960, 720))
        ahead = 9.0
        aside = line - camera.x + float(camera.bend(ahead))
        column = camera.focal * aside / ahead + 960 / 2 - 0.5
        row = camera.horizon + camera.focal * camera.eye / ahead
        hits += int(world.frame(0, index).label[round(row), round(column)] == Raw.EDGE_RIGHT)
    assert hits >= 8  # junctions have no edge line, vehicles may hide it


def test_frame__picture_shows_what_the_mask_says() -> None:
    """Paint is brighter than the asphalt beside it, sky is bluer or brighter than the road."""
    frame = World(0, "suzhou", (480, 360)).frame(1, 10)
    grey = frame.image.mean(axis=2)
    road = cv2.erode((frame.label == Raw.ROAD).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    line = cv2.erode((frame.label == Raw.EDGE_RIGHT).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert line.sum() > 50
    assert grey[line].mean() > grey[road].mean() + 40
    assert grey[frame.label == Raw.SKY].mean() > grey[road].mean() + 40


def test_frame__neighbours_are_coherent_and_move_forward() -> None:
    world = World(0, "suzhou", SMALL)
    plan = plan_track(0, CITIES["suzhou"], 2)
    places = [plan.place(index)[0] for index in range(30)]
    assert all(2.0 < after - before < 5.5 for before, after in itertools.pairwise(places))
    labels = [world.frame(2, index).label for index in (10, 11, 40)]
    near, far = (float(np.mean(labels[0] == other)) for other in labels[1:])
    assert near > 0.80
    assert near > far


def test_frame__names_coordinates_and_time() -> None:
    frames = [World(0, "beijing", SMALL).frame(3, index) for index in (0, 50)]
    assert frames[1].track == "beijing-0003"
    assert frames[1].stem == "beijing-0003_000050"
    assert abs(frames[0].longitude - CITIES["beijing"].longitude) < 0.2
    assert abs(frames[0].latitude - CITIES["beijing"].latitude) < 0.2
    moved = np.hypot(frames[1].latitude - frames[0].latitude, frames[1].longitude - frames[0].longitude)
    assert 0.0005 < moved < 0.005
    assert (frames[0].time, frames[1].time) == ("2026-03-02 10:00:00", "2026-03-02 10:00:20")


@pytest.mark.slow
def test_world__cities_look_different() -> None:
    """Suzhou is white and low under the same sky, Beijing coloured and high."""
    share = {}
    for city in CITIES:
        world = World(0, city, SMALL)
        labels = [world.frame(track, 7).label for track in range(10)]
        share[city] = float(np.mean([np.mean(label == Raw.SKY) for label in labels]))
    assert share["suzhou"] > share["beijing"] + 0.02
