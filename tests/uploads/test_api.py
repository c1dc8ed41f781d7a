"""Uploads in this process: what is refused before a byte is kept, and the job that unpacks."""

import base64
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from archives import zipped
from roadloop.jobs import queue, run
from roadloop.jobs.queue import Job
from roadloop.storage.platform import Platform

TUS = {"tus-resumable": "1.0.0"}
BYTES = {**TUS, "content-type": "application/offset+octet-stream"}


def begin(client: TestClient, length: int, name: str) -> str:
    said = f"name {base64.b64encode(name.encode()).decode()}"
    answer = client.post("/v1/uploads", headers={**TUS, "upload-length": str(length), "upload-metadata": said})
    assert answer.status_code == 201
    return str(answer.headers["location"])


def unpacked(client: TestClient, platform: Platform, address: str) -> Job:
    task_id = client.post(f"{address}/unpack").json()["data"]
    with platform.database.transaction() as db:
        job = queue.claim(db, task_id, (), "test")
    run.run(platform, job)
    with platform.database.reading() as db:
        return queue.get(db, task_id)


def sent(client: TestClient, data: bytes, name: str) -> str:
    address = begin(client, len(data), name)
    half = len(data) // 2
    for offset, piece in ((0, data[:half]), (half, data[half:])):
        answer = client.patch(address, headers={**BYTES, "upload-offset": str(offset)}, content=piece)
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(offset + len(piece)))
    return address


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_unpack__puts_the_whole_folder_there(client: TestClient, platform: Platform) -> None:
    address = sent(client, zipped({"苏州/1/a.jpg": b"jpeg", "苏州/1/a.png": b"png"}), "苏州")
    row = client.get(address).json()["data"]
    assert (row["name"], row["offset"]) == ("苏州", row["length"])
    job = unpacked(client, platform, address)
    assert job.state == "succeeded", job.reason
    assert names(platform.workspace.imports / "苏州") == ["1/a.jpg", "1/a.png"]
    assert client.get(address).json()["error"] == "not_found"
    assert client.get("/v1/uploads").json()["data"] == []


def test_unpack__a_name_that_leads_out_is_refused_as_a_whole(client: TestClient, platform: Platform) -> None:
    address = sent(client, zipped({"in/a.jpg": b"jpeg", "../out.jpg": b"jpeg"}), "bad")
    job = unpacked(client, platform, address)
    assert job.state == "failed"
    assert job.reason is not None
    assert "../out.jpg" in job.reason.en
    assert list(platform.workspace.imports.iterdir()) == []
    assert client.get(address).json()["data"]["offset"] > 0  # it can be looked at, and removed
    assert client.delete(address, headers=TUS).status_code == 204
    assert client.get("/v1/uploads").json()["data"] == []


def test_upload__more_bytes_than_announced_or_at_another_place_are_refused(client: TestClient) -> None:
    address = begin(client, 4, "few")
    asked = {**BYTES, "upload-offset": "0"}
    assert client.patch(address, headers={**asked, "upload-offset": "1"}, content=b"ab").json()["error"] == "conflict"
    assert client.patch(address, headers=asked, content=b"abcde").json()["errno"] == 0
    assert client.patch(address, headers={**asked, "content-type": "text/plain"}, content=b"a").status_code == 400
    assert client.post(f"{address}/unpack").json()["error"] == "conflict"
    assert client.post("/v1/uploads", headers={"tus-resumable": "0.2"}).headers["tus-version"] == "1.0.0"


@pytest.mark.parametrize(
    ("header", "value"),
    [("upload-length", "-1"), ("upload-length", "٣"), ("upload-metadata", "name ~"), ("upload-metadata", "x" * 10**5)],
)
def test_begin__names_the_header_that_cannot_be_read(client: TestClient, header: str, value: str) -> None:
    headers = {**TUS, "upload-length": "1", "upload-metadata": "name YQ==", header: value}
    answer = client.post("/v1/uploads", headers=[(name.encode(), said.encode()) for name, said in headers.items()])
    assert answer.status_code == 400
    assert header in answer.json()["message"].lower()
