"""Pictures and tracks in an object store, over real HTTP and with jobs in processes of their own."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from import_folders import ids, jpeg, put
from live import LiveServer
from roadloop.imaging.encode import encode_label
from roadloop.settings import Settings
from s3_server import Bucket


@pytest.fixture
def server(settings: Settings, bucket: Bucket) -> Iterator[LiveServer]:
    """A server with a place in a bucket among its roots, and the bucket's keys in its environment."""
    live = LiveServer(settings.model_copy(update={"roots": (f"s3://{bucket.name}/team",)}))
    live.start()
    yield live
    live.close()


@pytest.mark.slow
def test_stores__a_dataset_is_the_same_and_tracks_are_fetched(server: LiveServer, bucket: Bucket) -> None:
    client = server.client()
    for number in range(6):
        put(server.home / "imports" / "in" / "1" / f"t{number}_1.jpg", jpeg(number))
        put(server.home / "imports" / "in" / "1" / f"t{number}_1.png", encode_label(ids(2, 0)))
        bucket.put(f"team/tracks/t{number}/1.jpg", jpeg(number))
    bucket.put_folder(server.home / "imports" / "in", "team/in")
    sums: list[list[str]] = []
    for src in ("in", f"s3://{bucket.name}/team/in"):
        body = {"src": src, "dest": "苏州", "import": "reference"}
        task_id = client.post("/offimport", json=body).json()["data"]
        row = server.wait("/off_status", task_id, client=client)
        assert (row["status"], row["counts"]) == ("completed!", {"added": 12}), row
        name = f"d{len(sums)}"
        data = {"data_name": name, "sour_data": "苏州", "train": "1", "val": "0", "test": "0"}
        task_id = client.post("/create_data", json=data).json()["data"]
        row = server.wait("/data_history", task_id, client=client)
        assert (row["state"], row["counts"]) == ("succeeded", {"train": 6, "val": 0, "test": 0}), {**row}
        shards = sorted((server.home / "datasets" / name).rglob("*.arrow"))
        sums.append([hashlib.sha256(shard.read_bytes()).hexdigest() for shard in shards])
        (server.home / "sources" / "苏州").rename(server.home / "sources" / f"苏州{len(sums)}")
    assert sums[0] == sums[1]
    assert sums[0]

    (server.home / "list.txt").write_text("t0\nt3\nt9\n")
    body = {"track_file": "list.txt", "output_dir": "out", "ratio": "100%", "isshuffle": "false"}
    task_id = client.post("/sam_value", json=body).json()["data"]
    assert server.wait("/auto_sam", task_id, client=client)["state"] == "succeeded"
    fetched = {path.name: path.read_bytes() for path in (server.home / "out").rglob("*.jpg")}
    assert fetched == {"t0_1.jpg": jpeg(0), "t3_1.jpg": jpeg(3)}

    refused = client.post("/offimport", json={"src": f"s3://{bucket.name}/secret", "dest": "x"})
    assert (refused.status_code, refused.json()["error"]) == (403, "path_outside")
    assert not any("planted-secret" in path.read_text() for path in Path(server.home / "logs").glob("*.log"))
