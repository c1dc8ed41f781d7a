"""Drives with known pictures: solid and striped colours for the network that sees the brightest channel."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from roadloop.imaging.encode import encode_jpeg
from roadloop.jobs import queue
from roadloop.storage.platform import Platform
from track_server import TrackServer

RunJob = Callable[[Platform, str], queue.Job]
WriteTrack = Callable[..., Path]


def noise(seed: int, size: int = 32) -> NDArray[np.uint8]:
    """uint8 [size, size, 3]: a picture unlike any other; coarse blocks survive JPEG."""
    blocks = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    return np.kron(blocks, np.ones((size // 8, size // 8, 1), np.uint8))


@pytest.fixture
def write_track(platform: Platform) -> WriteTrack:
    """Write a track of so many different pictures into the workspace."""

    def write(name: str, pictures: int | list[NDArray[np.uint8]], facts: str = "") -> Path:
        folder = platform.workspace.tracks / name
        folder.mkdir(parents=True)
        first = sum(name.encode()) * 1000
        images = [noise(first + i) for i in range(pictures)] if isinstance(pictures, int) else pictures
        for i, image in enumerate(images):
            (folder / f"{name}_{i:03d}.jpg").write_bytes(encode_jpeg(image, 95))
        if facts:
            (folder / "track.csv").write_text(facts, encoding="utf-8")
        return folder

    return write


@pytest.fixture
def track_server() -> Iterator[TrackServer]:
    """A real HTTP server on loopback."""
    server = TrackServer()
    yield server
    server.close()


@pytest.fixture
def post(client: TestClient) -> Callable[..., dict[str, Any]]:
    """POST and expect success; returns the answer."""

    def send(path: str, **values: Any) -> dict[str, Any]:
        answer = client.post(path, json=values)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    return send
