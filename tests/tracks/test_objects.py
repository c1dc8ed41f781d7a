"""Tracks in object stores, found as in folders."""

import pytest

from roadloop.errors import BrokenFileError, NotFoundError
from roadloop.storage.objects import ObjectPath
from roadloop.storage.platform import Platform
from roadloop.tracks.objects import BucketStore
from roadloop.tracks.service import open_store
from s3_server import Bucket


@pytest.fixture
def store(bucket: Bucket, jpeg: bytes) -> BucketStore:
    """A place with the track 苏州-1 of three points, and one with a track of that name that does not count."""
    for name in ("p2.jpg", "p1.JPG", "p3.jpeg", "note.txt", ".hidden.jpg", "p4.png", "p3.jpg", "deeper/p9.jpg"):
        bucket.put(f"a/tracks/苏州-1/{name}", jpeg)
    bucket.put("a/tracks/tasks.csv", b"task,track\n77,t1\n78,t3\n")
    bucket.put("b/tracks/苏州-1/p8.jpg", jpeg)
    bucket.put("b/tracks/t2/p1.jpg", jpeg[:-20])
    bucket.put("b/tracks/tasks.csv", b"task,track\n77,t2\n77,t1\n")
    return BucketStore([ObjectPath(bucket.name, f"{place}/tracks") for place in "ab"], 10**6)


def test_points__as_in_a_folder(bucket: Bucket, store: BucketStore, jpeg: bytes) -> None:
    text = "point,time,longitude,latitude,datum\np1,2026-03-02 07:00:00,120.6,31.3,GCJ-02\n"
    bucket.put("a/tracks/苏州-1/track.csv", text.encode("gbk"))
    points, problems = store.points("苏州-1")
    assert [point.point for point in points] == ["p1", "p2", "p3"]
    one = points[0]
    assert (one.time, one.longitude, one.datum) == ("2026-03-02 07:00:00", 120.6, "gcj02")
    assert one.file == f"s3://{bucket.name}/a/tracks/苏州-1/p1.JPG"
    assert [problem.name for problem in problems] == ["p4.png", "p3.jpg"]
    assert store.picture(one) == jpeg
    assert [point.file for point in store.points("t2").points] == [f"s3://{bucket.name}/b/tracks/t2/p1.jpg"]
    for name in ("nowhere", "..", "苏州-1/deeper", "苏州"):
        with pytest.raises(NotFoundError, match="no track"):
            store.points(name)


def test_picture__gone_broken_or_elsewhere(bucket: Bucket, store: BucketStore) -> None:
    (broken,) = store.points("t2").points
    with pytest.raises(BrokenFileError):
        store.picture(broken)
    bucket.remove("b/tracks/t2/p1.jpg")
    with pytest.raises(NotFoundError, match="No such file"):
        store.picture(broken)
    bucket.put("secret/p1.jpg", b"x")
    with pytest.raises(NotFoundError, match="no track"):
        store.picture(broken._replace(file=f"s3://{bucket.name}/secret/p1.jpg"))


def test_tracks_of_task__of_all_places(store: BucketStore) -> None:
    assert store.tracks_of_task("77") == ["t1", "t2"]
    with pytest.raises(NotFoundError, match="no survey task"):
        store.tracks_of_task("79")


def test_open_store__folders_come_before_object_stores(platform: Platform, bucket: Bucket, jpeg: bytes) -> None:
    bucket.put("team/tracks/t1/stored.jpg", jpeg)
    bucket.put("team/tracks/t2/stored.jpg", jpeg)
    folder = platform.workspace.home / "tracks" / "t1"
    folder.mkdir(parents=True)
    (folder / "mine.jpg").write_bytes(jpeg)
    settings = platform.settings.model_copy(update={"roots": (f"s3://{bucket.name}/team:ro",)})
    workspace = type(platform.workspace)(settings.home, settings.roots)
    store = open_store(Platform(settings, platform.database, workspace))
    assert [point.point for point in store.points("t1").points] == ["mine"]
    (point,) = store.points("t2").points
    assert (point.point, store.picture(point)) == ("stored", jpeg)
