"""A track service on loopback."""

from collections.abc import Iterator

import pytest

from track_server import JPEG, TrackServer


@pytest.fixture
def track_server() -> Iterator[TrackServer]:
    """A real HTTP server on loopback."""
    server = TrackServer()
    yield server
    server.close()


@pytest.fixture
def jpeg() -> bytes:
    """The picture that the server answers with."""
    return JPEG
