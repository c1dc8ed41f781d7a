"""Chapter 八, sections 1 and 2, over real HTTP: a folder comes in, is examined, and a dataset is built of part of it."""

from typing import Any

import pytest

import import_folders as folders
from live import LiveServer

pytestmark = [pytest.mark.xdist_group("imports")]

EXAMPLE = dict.fromkeys(
    ("roadelement", "source", "author", "annotype", "datakind", "city", "src", "dest", "imgoprange"), "sad"
)


@pytest.mark.slow
def test_offimport__from_a_folder_to_a_dataset(server: LiveServer) -> None:
    client = server.client()
    folders.camvid_ids(server.home / "imports" / "英国")
    folders.camvid_ids(server.home / "imports" / "more")
    refused = client.post("/offimport", data=EXAMPLE)
    assert (refused.status_code, refused.json()["details"]["parameter"]) == (422, "source")
    for src, city in (("英国", "剑桥"), ("more", "苏州")):
        body: dict[str, Any] = {"src": src, "dest": city, "city": city, "import": "reference", "author": "张三"}
        answer = client.post("/offimport", json=body, headers={"idempotency-key": f"key-{len(src)}"}).json()
        assert answer == {"errno": 1, "message": "success", "data": answer["data"]}
        assert client.post("/offimport", json=body, headers={"idempotency-key": f"key-{len(src)}"}).json() == answer
        row = server.wait("/off_status", answer["data"], client=client)
        assert (row["status"], row["layout"], row["counts"]) == ("completed!", "camvid", {"added": 4}), row
        assert client.get(row["report_url"]).text.count("added") == 8
        assert client.get("/output_log", params={"task_id": answer["data"]}).status_code == 200
    assert client.post("/off_status").json()["total"] == 2
    assert client.post("/off_status", json={"q": "剑桥"}).json()["total"] == 1

    task_id = client.post("/v1/sources/剑桥/health").json()["data"]
    assert server.wait("/v1/source_health", task_id, client=client)["totals"]["leaking_pictures"] == 2
    assert client.get("/v1/sources/剑桥/health").json()["data"]["leaks"][0]["second"] == "苏州/train/0001TP_1"

    data = {
        "data_name": "d",
        "sour_data": "剑桥,苏州",
        "filter": '{"city": ["苏州"]}',
        "train": "1",
        "val": 0,
        "test": 0,
    }
    task_id = client.post("/create_data", data=data).json()["data"]
    assert server.wait("/data_history", task_id, client=client)["counts"] == {"train": 2, "val": 0, "test": 0}
