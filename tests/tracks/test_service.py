"""Opening the store that the settings describe."""

from typing import Any

import pytest

from roadloop.errors import InvalidValueError, NotFoundError
from roadloop.storage.platform import Platform
from roadloop.tracks.service import open_store


def with_service(platform: Platform, url: str) -> Platform:
    settings = platform.settings.model_copy(update={"track_service_url": url, "track_service_timeout": 1})
    return Platform(settings, platform.database, platform.workspace)


def test_open_store__folders_come_before_the_service(platform: Platform, track_server: Any, jpeg: bytes) -> None:
    folder = platform.workspace.home / "tracks" / "t1"
    folder.mkdir(parents=True)
    (folder / "mine.jpg").write_bytes(jpeg)
    store = open_store(with_service(platform, track_server.url))
    assert [p.point for p in store.points("t1").points] == ["mine"]
    points = store.points("t2").points
    assert [p.point for p in points] == ["t2_000", "t2_001", "t2_002"]
    assert store.picture(points[0]) == jpeg
    assert store.tracks_of_task("77") == ["t1", "t2"]
    assert track_server.asked["t1"] == 0
    store.close()


def test_open_store__without_a_service_only_folders(platform: Platform) -> None:
    store = open_store(platform)
    with pytest.raises(NotFoundError):
        store.points("t1")


def test_open_store__refuses_other_addresses(platform: Platform) -> None:
    with pytest.raises(InvalidValueError, match="track_service_url"):
        open_store(with_service(platform, "file:///etc"))
