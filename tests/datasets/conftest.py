"""A small source set with hand-countable labels."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roadloop.datasets.recipe import CreateData
from roadloop.datasets.service import create
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.platform import Platform

TABLE = ClassTable(
    "town",
    (
        LabelClass(0, "road", "道路", (128, 64, 128), 0),
        LabelClass(3, "car", "车", (0, 0, 142), 1),
        LabelClass(9, "void", "空", (0, 0, 0), 255),
    ),
)

MakeSet = Callable[..., Path]


def picture(number: int, width: int = 24, height: int = 16) -> bytes:
    """A JPEG that differs from all others."""
    rng = np.random.default_rng(number)
    return encode_jpeg(np.full((height, width, 3), rng.integers(0, 255, 3), dtype=np.uint8))


def label(number: int, width: int = 24, height: int = 16) -> bytes:
    """Road, and in every second picture a car of four pixels."""
    ids = np.zeros((height, width), dtype=np.uint8)
    if number % 2:
        ids[:2, :2] = 3
    return encode_label(ids)


@pytest.fixture
def make_set() -> MakeSet:
    """Write a source set: `tracks` maps a track to its number of pictures; `first` keeps pictures different."""

    def write(
        platform: Platform,
        name: str = "镇",
        tracks: Mapping[str, int] | None = None,
        *,
        first: int = 0,
        package: str = "1",
        table: ClassTable = TABLE,
    ) -> Path:
        number = first
        with writing_set(platform.workspace, name, table) as writer:
            for track, count in (tracks or {"a": 8, "b": 4, "c": 4, "d": 4}).items():
                for point in range(count):
                    stem = f"{track}_{point:04d}"
                    writer.add(NewSample(package, stem, picture(number), label(number), city="苏州"))
                    number += 1
        return platform.workspace.sources / name

    return write


def request(**changes: Any) -> CreateData:
    """A call of /create_data."""
    shares = changes.pop("shares", {"train": 0.6, "val": 0.2, "test": 0.2})
    return CreateData(**({"data_name": "20180801", "sour_data": "镇", "thread": 2} | shares | changes))


@pytest.fixture
def make_request() -> Callable[..., CreateData]:
    """Calls of /create_data with some parameters changed."""
    return request


Submit = Callable[..., str]


@pytest.fixture
def submit(platform: Platform) -> Submit:
    """Call the service in a transaction; returns the task id."""

    def call(**changes: Any) -> str:
        return platform.database.write(lambda: create(platform, request(**changes)))

    return call
