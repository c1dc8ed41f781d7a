"""Writing the world as a source set that the rest of roadloop can read."""

import csv
from pathlib import Path

import numpy as np
import pytest

from roadloop.demo.world.world import World
from roadloop.demo.write import Drives, write_source_set
from roadloop.errors import InvalidValueError, NameTakenError
from roadloop.imaging.decode import decode_image, decode_label
from roadloop.sources import service
from roadloop.storage import reading
from roadloop.storage.platform import Platform

SIZE = (96, 72)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_write_source_set__round_trip(platform: Platform) -> None:
    seen: list[tuple[int, int]] = []
    drives = [Drives("suzhou", (0, 4), 3, every=2, size=SIZE, seed=5), Drives("beijing", (1,), 2, size=SIZE, seed=5)]
    count = write_source_set(
        platform.workspace, "合成-1", drives, processes=1, progress=lambda done, total: seen.append((done, total))
    )
    assert count == 8
    assert seen == [(3, 8), (6, 8), (8, 8)]
    scan = service.scan(service.open_set(platform.workspace, "合成-1"))
    assert not scan.problems
    assert {(s.package, s.track, s.city) for s in scan.samples} == {
        ("suzhou-0000", "suzhou-0000", "苏州"),
        ("suzhou-0004", "suzhou-0004", "苏州"),
        ("beijing-0001", "beijing-0001", "北京"),
    }
    frame = World(5, "suzhou", SIZE).frame(4, 2)
    sample = next(s for s in scan.samples if s.stem == frame.stem)
    assert np.array_equal(decode_label(reading.read_bytes(sample.label)), frame.label)
    picture = decode_image(reading.read_bytes(sample.image)).astype(float)
    assert abs(picture - frame.image).mean() < 6
    with (platform.workspace.sources / "合成-1" / "manifest.csv").open(encoding="utf-8") as stream:
        row = next(row for row in csv.DictReader(stream) if row["stem"] == frame.stem)
    assert row["point"] == frame.stem
    assert row["time"] == frame.time
    assert float(row["longitude"]) == pytest.approx(frame.longitude, abs=1e-7)
    assert float(row["latitude"]) == pytest.approx(frame.latitude, abs=1e-7)


def test_write_source_set__processes_write_the_same_bytes(platform: Platform) -> None:
    drives = [Drives(city, (0, 1), 2, size=SIZE) for city in ("suzhou", "beijing")]
    for name, processes in (("one", 1), ("two", 2)):
        write_source_set(platform.workspace, name, drives, processes=processes)
    sources = platform.workspace.sources
    assert files(sources / "one") == files(sources / "two")


def test_write_source_set__nothing_is_left_of_a_failure(platform: Platform) -> None:
    with pytest.raises(InvalidValueError):
        write_source_set(platform.workspace, "x", [Drives("atlantis", (0,), 1, size=SIZE)], processes=1)
    assert list(platform.workspace.sources.iterdir()) == []


def test_write_source_set__taken_name_is_untouched(platform: Platform) -> None:
    drives = [Drives("suzhou", (0,), 1, size=SIZE)]
    write_source_set(platform.workspace, "x", drives, processes=1)
    before = files(platform.workspace.sources / "x")
    with pytest.raises(NameTakenError):
        write_source_set(platform.workspace, "x", [Drives("beijing", (0,), 1, size=SIZE)], processes=1)
    assert files(platform.workspace.sources / "x") == before
