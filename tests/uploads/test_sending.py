"""Sending over real HTTP: tus as other clients speak it, cut off in every way, and what becomes of what came."""

import base64
import hashlib
import os
import socket
import time
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest

import import_folders as folders
from archives import declaring, tarred, zipped
from live import LiveServer
from roadloop.client import Client, JobError, RefusedError, _Sending
from roadloop.errors import DiskFullError
from roadloop.jobs.keeping import DAY, remove_old
from roadloop.storage.platform import Platform
from roadloop.uploads import files, service
from roadloop.uploads.files import Inlet

pytestmark = [pytest.mark.xdist_group("uploads")]

TUS = {"tus-resumable": "1.0.0"}
BYTES = {**TUS, "content-type": "application/offset+octet-stream"}


def begin(client: httpx.Client, length: int, **said: str) -> httpx.Response:
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items())
    return client.post("/v1/uploads", headers={**TUS, "upload-length": str(length), "upload-metadata": metadata})


def send(client: httpx.Client, address: str, offset: int, data: bytes) -> httpx.Response:
    return client.patch(address, headers={**BYTES, "upload-offset": str(offset)}, content=data)


def offset_of(client: httpx.Client, address: str) -> int:
    answer = client.head(address, headers=TUS)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    return int(answer.headers["upload-offset"])


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_upload__in_pieces_to_a_folder_that_can_be_imported(server: LiveServer) -> None:
    client = server.client()
    folders.camvid_ids(server.home / "aside")
    wanted = tree(server.home / "aside")
    data = zipped({f"英国/{name}": content for name, content in wanted.items()})
    begun = begin(client, len(data), filename="英国.zip", fingerprint="f1")
    address = begun.headers["location"]
    assert (begun.status_code, begun.headers["tus-resumable"]) == (201, "1.0.0")
    half = len(data) // 2
    assert send(client, address, 0, data[:half]).headers["upload-offset"] == str(half)
    assert send(client, address, 0, data[:half]).json()["details"] == {"offset": half}
    assert client.post(f"{address}/unpack").json()["error"] == "conflict"
    (row,) = client.get("/v1/uploads").json()["data"]
    assert row == {
        "id": address[12:], "name": "英国", "filename": "英国.zip", "fingerprint": "f1", "length": len(data),
        "offset": half, "task_id": None,
    }  # fmt: skip
    assert offset_of(client, address) == half
    assert send(client, address, half, data[half:]).status_code == 204
    assert not (server.home / "imports" / "英国").exists()
    task_id = client.post(f"{address}/unpack").json()["data"]
    assert server.wait("/v1/jobs", task_id, client=client)["state"] == "succeeded"
    assert tree(server.home / "imports" / "英国") == wanted
    assert client.get("/v1/uploads").json()["data"] == []
    assert client.head(address).status_code == 404
    preview = client.post("/v1/imports/preview", json={"src": "英国"}).json()["data"]
    assert server.wait("/v1/imports/preview", preview, client=client)["preview"]["layout"] == "camvid"
    assert begin(client, 1, name="英国").json()["error"] == "name_taken"


def test_upload__goes_on_after_a_broken_connection_and_a_killed_server(server: LiveServer) -> None:
    data = tarred(("s/a.bin", os.urandom(3 * 2**20)))
    client = server.client()
    address = begin(client, len(data), name="big").headers["location"]
    host, port = server.url.removeprefix("http://").split(":")
    head = "".join(
        f"{name}: {value}\r\n" for name, value in {**BYTES, "upload-offset": "0", "host": f"{host}:{port}"}.items()
    )
    with socket.create_connection((host, int(port))) as broken:
        broken.sendall(
            f"PATCH {address} HTTP/1.1\r\n{head}content-length: {len(data)}\r\n\r\n".encode() + data[: 2**20]
        )
    while (offset := offset_of(client, address)) < 2**20:
        time.sleep(0.01)
    assert offset == 2**20
    open_one = socket.create_connection((host, int(port)))
    head = head.replace("upload-offset: 0", f"upload-offset: {offset}")
    open_one.sendall(
        f"PATCH {address} HTTP/1.1\r\n{head}content-length: {2**20}\r\n\r\n".encode() + data[2**20 : 2**20 + 2**19]
    )
    while offset_of(client, address) < 2**20 + 2**18:
        time.sleep(0.01)
    assert send(client, address, 0, b"x").json()["error"] == "busy"  # the other one still writes
    server.kill()
    open_one.close()
    server.start()
    client = server.client()
    offset = offset_of(client, address)
    assert 2**20 < offset <= 2**20 + 2**19
    assert send(client, address, offset, data[offset:]).status_code == 204
    task_id = client.post(f"{address}/unpack").json()["data"]
    assert server.wait("/v1/jobs", task_id, client=client)["state"] == "succeeded"
    sent = (server.home / "imports" / "big" / "a.bin").read_bytes()
    assert hashlib.sha256(sent).digest() == hashlib.sha256(data[512 : 512 + len(sent)]).digest()


def test_client__sends_a_folder_and_goes_on_where_it_was(server: LiveServer, tmp_path: Path) -> None:
    source = tmp_path / "苏州"
    folders.camvid_ids(source)
    folders.put(source / ("长" * 80) / "a.txt", "x" * 513)
    folders.put(source / ".hidden", "no")
    wanted = {name: data for name, data in tree(source).items() if name != ".hidden"}
    with Client(server.url, "en") as client:
        seen: list[tuple[int, int]] = []

        def stop(sent: int, size: int) -> None:
            seen.append((sent, size))
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            client.upload(source, show=stop)
        (row,) = client.get("/v1/uploads")["data"]
        half = row["length"] // 3
        part = server.home / "uploads" / row["id"] / "bytes"
        assert part.stat().st_size == seen[0][0] == 0
        begun = server.client(check=False)
        send(begun, f"/v1/uploads/{row['id']}", 0, _Sending(source).read(0, half))
        seen.clear()
        assert client.upload(source, show=lambda *at: seen.append(at)) == "imports/苏州"
        assert seen == [(half, row["length"]), (row["length"], row["length"])]
        assert tree(server.home / "imports" / "苏州") == wanted
        with pytest.raises(RefusedError, match="already"):
            client.upload(source)
        assert client.upload(source, "again") == "imports/again"


def test_upload__a_bomb_is_refused_by_its_job_and_leaves_nothing(server: LiveServer, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    bomb.write_bytes(declaring(2**30))
    with Client(server.url, "en") as client:
        with pytest.raises(JobError, match="times its own size"):
            client.upload(bomb)
        (row,) = client.get("/v1/uploads")["data"]
        assert row["task_id"]
        lying = tmp_path / "lying.zip"
        lying.write_bytes(declaring(2000))  # more is declared than there is
        with pytest.raises(JobError, match="damaged"):
            client.upload(lying)
        short = tmp_path / "short.zip"
        short.write_bytes(declaring(1000))  # and less
        with pytest.raises(JobError, match="damaged"):
            client.upload(short)
    http = server.client()
    assert [http.delete(f"/v1/uploads/{one['id']}").status_code for one in http.get("/v1/uploads").json()["data"]] == [
        204
    ] * 3
    assert [p.name for p in (server.home / "imports").iterdir()] == []
    assert list((server.home / "uploads").iterdir()) == []


def test_refusals(server: LiveServer) -> None:
    client = server.client()
    assert begin(client, 2**60, name="huge").json()["error"] == "malformed_request"
    assert begin(client, 10**14, name="huge").json()["error"] == "disk_full"
    assert begin(client, 1, name="../up").json()["error"] == "invalid_name"
    assert begin(client, 1).json()["error"] == "invalid_name"
    assert client.post("/v1/uploads", headers={"upload-metadata": "name !"}).status_code == 400
    assert client.post("/v1/uploads", headers={"upload-length": "1", "upload-metadata": "name !"}).status_code == 400
    address = begin(client, 4, name="four").headers["location"]
    assert begin(client, 4, name="FOUR").json()["details"]["upload"] == address[12:]
    assert send(client, address, 0, b"12345").status_code == 413
    assert client.patch(address, headers={"upload-offset": "0"}, content=b"1").status_code == 400
    assert client.patch(address, headers=BYTES, content=b"1").status_code == 400
    assert send(client, "/v1/uploads/nowhere", 0, b"1").status_code == 404
    assert client.delete("/v1/uploads/..%2f..").status_code in {404, 422}
    other = server.client(check=False).post("/v1/uploads", headers={"tus-resumable": "0.2.2"})
    assert (other.status_code, other.headers["tus-version"]) == (412, "1.0.0")


@pytest.mark.slow
def test_upload__of_any_size_takes_no_memory_and_keeps_the_reserve(server: LiveServer) -> None:
    """300 MB in requests of 100 MB: the server grows by less than a tenth of one."""
    client, piece = server.client(), os.urandom(2**20)
    process, size = psutil.Process(server.process.pid), 300 * 2**20
    address = begin(client, size, name="big").headers["location"]
    before = process.memory_info().rss
    for offset in range(0, size, 100 * 2**20):
        content = (piece for _ in range(100))
        headers = {**BYTES, "upload-offset": str(offset), "content-length": str(100 * 2**20)}
        assert client.patch(address, headers=headers, content=content).status_code == 204
    assert process.memory_info().rss - before < 10 * 2**20


def test_inlet__stops_before_the_disk_is_full(platform: Platform) -> None:
    upload = service.begin(platform, {"name": "u"}, 10)
    with Inlet(platform.workspace, upload, 0, 0) as inlet:
        inlet.write(b"12345")
    with (
        Inlet(platform.workspace, upload, 5, 2**60) as inlet,
        pytest.raises(DiskFullError, match="Not enough room"),
    ):
        inlet.write(b"6")
    assert files.offset_of(platform.workspace, upload) == 5


def test_remove_old__takes_abandoned_uploads_other_than_those_that_jobs_need(platform: Platform) -> None:
    uploads = [service.begin(platform, {"name": name}, 0) for name in ("old", "new", "needed")]
    platform.database.write(lambda: service.unpack(platform, uploads[2].id))
    for upload in (uploads[0], uploads[2]):
        folder = platform.workspace.uploads / upload.id
        for path in (*folder.iterdir(), folder):
            os.utime(path, (time.time() - 8 * DAY,) * 2)
    assert remove_old(platform, dry_run=True).uploads == 1
    assert remove_old(platform).uploads == 1
    assert {one.name for one in files.all_uploads(platform.workspace)} == {"new", "needed"}
    forever = Platform(
        platform.settings.model_copy(update={"upload_keep_days": 0}), platform.database, platform.workspace
    )
    assert remove_old(forever).uploads == 0
