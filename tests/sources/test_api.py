"""Imports over HTTP, with the document's example values."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

import import_folders as folders
from roadloop.jobs.queue import Job
from roadloop.labels.table import SHIPPED
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], Job]
DOCUMENTED = ("roadelement", "source", "author", "annotype", "datakind", "city", "imgoprange", "src", "dest")
EXAMPLE = dict.fromkeys(DOCUMENTED, "sad")


def _off(client: TestClient, **changes: Any) -> dict[str, Any]:
    body = {"src": "imports/in", "dest": "苏州", "city": "苏州", "author": "张三", **changes}
    answer: dict[str, Any] = client.post("/offimport", json=body).json()
    return answer


def test_offimport__example_values_get_a_clear_answer(client: TestClient) -> None:
    answer = client.post("/offimport", json=EXAMPLE)
    assert answer.status_code == 422
    body = answer.json()
    assert (body["errno"], body["error"], body["details"]["parameter"]) == (0, "invalid_value", "source")
    assert "线下" in body["message"]
    valid = {**EXAMPLE, "source": "1", "annotype": "0", "datakind": "0", "imgoprange": "1"}
    for parameter, fixed in (("roadelement", "hd-road"), ("src", "imports")):
        answer = client.post("/offimport", data=valid, headers={"accept-language": "en"})
        assert (answer.status_code, answer.json()["details"]["parameter"]) == (404, parameter)
        valid[parameter] = fixed
    assert client.post("/offimport", json={"src": "imports"}).json()["details"]["parameter"] == "dest"


@pytest.mark.parametrize(
    ("datum", "said"), [(-1, "gcj02"), (True, "文本"), ([1], "文本"), ({"a": 1}, "文本"), ("x" * 21, "最多 20")]
)
def test_offimport__names_a_datum_that_is_none(
    client: TestClient, platform: Platform, datum: object, said: str
) -> None:
    folders.plain(platform.workspace.imports / "in")
    answer = _off(client, datum=datum)
    assert (answer["error"], answer["details"]["parameter"]) == ("invalid_value", "datum")
    assert said in answer["message"]


def test_offimport__progress_row_and_report(client: TestClient, platform: Platform, run_job: RunJob) -> None:
    folders.plain(platform.workspace.imports / "in")
    answer = _off(client, **{"import": "reference"})
    assert (answer["errno"], answer["message"]) == (1, "success")
    task_id = answer["data"]
    row = client.post("/off_status", data={"task_id": task_id}).json()["data"]
    assert row["status"] == "starting"
    assert {k: row[k] for k in ("source", "author", "annotype", "datakind", "city", "imgoprange", "datum")} == {
        "source": "1", "author": "张三", "annotype": "0", "datakind": "0", "city": "苏州", "imgoprange": "1",
        "datum": "unknown",
    }  # fmt: skip
    assert client.get(row["report_url"]).status_code == 404
    assert run_job(platform, task_id).state == "succeeded"
    row = client.post("/off_status", json={}).json()["data"][0]
    assert (row["status"], row["import"], row["layout"], row["table"]) == (
        "completed!",
        "reference",
        "pairs",
        "hd-road",
    )
    assert (row["pictures"], row["counts"]) == (2, {"added": 4})
    report = client.get(row["report_url"])
    assert report.headers["content-type"].startswith("text/csv")
    assert report.content.decode("utf-8-sig").splitlines()[1] == "1/label-t_2.png,added,已加入,added,,"
    assert client.get("/data").json()["data"] == ["苏州"]


def test_offimport__failures(client: TestClient) -> None:
    assert client.get("/offimport").status_code == 405
    assert client.post("/off_status", json={"task_id": "sasa"}).status_code == 404
    assert client.get("/v1/imports/sasa/report").status_code == 404
    assert _off(client, **{"import": "move"})["details"]["parameter"] == "import"


def test_offimport__a_new_set_has_no_comma_in_its_name(client: TestClient, platform: Platform, run_job: RunJob) -> None:
    folders.plain(platform.workspace.imports / "in")
    refused = client.post("/offimport", json={"src": "imports/in", "dest": "suzhou,2024"})
    assert (refused.status_code, refused.json()["error"]) == (422, "invalid_name")
    run_job(platform, _off(client)["data"])
    (platform.workspace.sources / "苏州").rename(platform.workspace.sources / "苏州，旧")
    assert _off(client, dest="苏州，旧")["errno"] == 1  # one that is there takes more


def test_class_tables__shipped_and_added(client: TestClient, platform: Platform) -> None:
    folders.put(platform.workspace.home / "class-tables" / "本队.txt", folders.LEGEND)
    folders.put(platform.workspace.home / "class-tables" / "坏.csv", "nonsense")
    tables = {t["name"]: t for t in client.get("/v1/class-tables").json()["data"]}
    assert sorted(tables) == sorted([*SHIPPED, "坏", "本队"])
    assert len(tables["camvid-32"]["classes"]) == 32
    assert tables["本队"]["classes"][1]["name_en"] == "Car"
    assert "坏" in tables["坏"]["problem"]
