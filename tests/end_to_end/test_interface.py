"""The interface document's chapters 一 to 五 and 七 over real HTTP, with its own example values where they mean something.

One journey through a real server, on small pictures; parameters go out as form, as JSON and as query in turn.
"""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import httpx2 as httpx
import numpy as np
import pytest

from live import LiveServer
from roadloop.demo.write import Drives, write_source_set
from roadloop.settings import Settings
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.xdist_group("interface"), pytest.mark.timeout(420)]

SET = "lane-all-20180710"


@dataclass
class Journey:
    """A server with everything made once, and the ids it answered."""

    live: LiveServer
    client: httpx.Client
    ids: dict[str, str]
    model: str = ""


def settings_in(folder: Any) -> Settings:
    return Settings(
        home=folder / "home",
        port=0,
        lease_seconds=5,
        sweep_seconds=1,
        poll_seconds=0.05,
        min_free_mib=0,
        torch_threads=1,
    )


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    settings = settings_in(tmp_path_factory.mktemp("interface"))
    platform = open_platform(settings, upgrade=True)
    drives = [Drives("suzhou", range(6), 6, size=(96, 72)), Drives("beijing", range(4), 6, size=(96, 72))]
    write_source_set(platform.workspace, SET, drives, processes=1)
    platform.database.close()
    live = LiveServer(settings)
    live.start()
    made = Journey(live, live.client(language="zh"), {})
    make_everything(made)
    yield made
    live.close()


def make_everything(j: Journey) -> None:
    """Data, network, training, evaluation, release: each by another encoding."""
    data = {
        "data_name": "20180801", "data_type": "all", "sour_data": SET, "thread": "24", "train": "0.85", "val": "0.1",
        "test": "0.1", "data_desc": "苏州数据", "l_value": "1",
    }  # fmt: skip
    answer = j.client.post("/create_data", data=data)
    assert answer.json() == {"errno": 1, "message": "data已生成", "data": answer.json()["data"]}, answer.text
    j.ids["data"] = answer.json()["data"]
    net = {"network_name": "c_network", "src_net": "fast-scnn", "net_describe": "神经网络"}
    answer = j.client.post("/create_net", json=net)
    assert answer.json()["message"] == "创建成功", answer.text
    j.ids["net"] = answer.json()["data"]
    assert j.live.wait("/data_history", j.ids["data"])["state"] == "succeeded"
    assert j.live.wait("/network_history", j.ids["net"])["state"] == "succeeded"
    task = {"train_name": "suzhou", "network": "c_network", "data": "20180801", "task_desc": "苏州任务"}
    answer = j.client.post("/create_train", params=task)
    assert answer.json()["message"] == "Autosele start", answer.text
    j.ids["train"] = answer.json()["data"]
    start = {
        "task_id": j.ids["train"], "data_type": "all", "num_classes": "13", "num_epoch": "3", "batch_size": "24",
        "gpus": "cpu", "model": "kd_suzhou", "steps": "10000,20000,30000", "base_lr": "0.014",
        "start_date": "2018-07-31 12:22:30", "train_con": "{}", "data_con": "{}", "weights": "",
    }  # fmt: skip
    answer = j.client.post("/starttask", data=start)
    assert (answer.status_code, answer.json()["message"]) == (200, "任务开始"), answer.text
    assert "10000" in answer.json()["warnings"][-1]  # beyond the end
    row = j.live.wait("/train_history", j.ids["train"], seconds=200)
    assert row["state"] == "succeeded", row
    files = j.client.get("/model").json()["data"]["suzhou"]
    j.model = next(name for name in files if name.endswith(".params"))
    evaluation = {
        "dicts": json.dumps({"suzhou": [j.model]}), "type": "full", "sour_dir": f"sources/{SET}",
        "dest_dir": "label_dir", "gpus": "", "single_gpu": "2",
    }  # fmt: skip
    answer = j.client.post("/starteva", files={name: (None, value) for name, value in evaluation.items()})
    assert answer.json()["message"] == "模型预测完成", answer.text
    j.ids["evaluation"] = answer.json()["data"]
    row = j.live.wait("/eva_rate", j.ids["evaluation"], seconds=200)
    assert row["state"] == "succeeded", row


JOB_KEYS = {"id", "task_id", "status", "state", "progress", "eta_seconds", "reason", "warnings", "created_at"}
TRAIN_KEYS = JOB_KEYS | {
    "task_name", "network_path", "data_path", "category_num", "iter_num", "learning_rate", "steps", "batch_size",
    "gpus", "start_date", "end_date", "net_desc", "task_desc", "data_desc",
}  # fmt: skip
DATA_KEYS = JOB_KEYS | {"data_name", "data_describe", "data_type", "sour_data", "train", "val", "test"}


# --- 一、训练部分 ---------------------------------------------------------------------------------------------------


def test_train_history__list_and_one(journey: Journey) -> None:
    listed = journey.client.post("/train_history").json()
    assert (listed["errno"], listed["total"]) == (1, len(listed["data"]))
    one = journey.client.post("/train_history", data={"task_id": journey.ids["train"]}).json()["data"]
    assert set(one) >= TRAIN_KEYS
    assert one in listed["data"]
    assert (one["task_name"], one["category_num"], one["iter_num"], one["batch_size"]) == ("suzhou", 13, 3, 24)
    assert (one["steps"], one["learning_rate"], one["status"]) == ("10000,20000,30000", 0.014, "completed!")
    assert (one["task_desc"], one["data_desc"], one["net_desc"]) == ("苏州任务", "苏州数据", "神经网络")
    assert one["start_date"] == "2018-07-31 12:22:30"


@pytest.mark.parametrize("path", ["/train_history", "/data_history", "/network_history", "/eva_rate"])
def test_histories__unknown_id_paging_search_and_stream(journey: Journey, path: str) -> None:
    def ask(**sent: object) -> httpx.Response:
        method = "GET" if path == "/network_history" else "POST"
        return journey.client.request(method, path, params={k: str(v) for k, v in sent.items()})

    unknown = ask(task_id="sasa")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "not_found")
    everything = ask().json()
    assert everything["total"] >= 1
    ids = [row["id"] for row in everything["data"]]
    assert ids == sorted(ids, reverse=True)
    assert ask(page=1, page_size=1).json()["data"] == everything["data"][:1]
    assert ask(page=9999, page_size=5).json()["data"] == []
    assert ask(q="no such thing anywhere").json()["data"] == []
    assert ask(q="%").json()["data"] == []
    assert ask(all=1).json()["data"] == everything["data"]
    assert ask(page="x").status_code == 422


def test_configs__shown_filled_in_and_stable(journey: Journey) -> None:
    task = {"task_id": journey.ids["train"]}
    for path in ("/train_configs", "/data_configs", "/train_config", "/data_config"):
        body = journey.client.get(path, params=task).json()
        assert body["errno"] == 1
        assert isinstance(body["data"], dict)
        assert journey.client.get(path, params=task).json() == body
        assert journey.client.get(path, params={"task_id": "dsad"}).status_code == 404
    assert "resp" in journey.client.get("/data_configs", params=task).json()


def test_network_and_data_names(journey: Journey) -> None:
    assert "c_network" in journey.client.get("/network").json()["data"]
    assert journey.client.get("/sour_datas").json()["data"] == ["20180801"]
    assert journey.client.get("/data").json()["data"] == [SET]
    assert {"enet", "fast-scnn"} <= set(journey.client.get("/src_network").json()["data"])


def test_maps__ascending_and_saved_in_each_form(journey: Journey) -> None:
    answer = journey.client.post(
        "/create_train", json={"train_name": "地图", "network": "c_network", "data": "20180801", "task_desc": ""}
    )
    task_id = answer.json()["data"]
    shown = journey.client.post("/maps", json={"task_id": task_id}).json()["data"]
    assert [int(raw) for raw in shown] == sorted(int(raw) for raw in shown)
    assert shown["2"] == ["0", "lane", "车道标线-白色"]
    document = {"2": ["lane", "车道标线-白色", "7"], "18": ["road", "道路", "3"], "1": ["ignore", "Ignore", "255"]}
    saved = journey.client.post("/save_map", data={"task_id": task_id, "map_value": json.dumps(document)}).json()
    assert saved["message"] == "save success"
    assert {raw: entry[0] for raw, entry in saved["data"].items() if entry[0] != "255"} == {"2": "1", "18": "0"}
    again = journey.client.post("/save_map", json={"task_id": task_id, "map_value": saved["data"]}).json()
    assert again["data"] == saved["data"]
    assert journey.client.post("/maps", json={"task_id": task_id}).json()["data"] == saved["data"]
    for bad in (
        {"2": ["lane", "车道标线-白色", "0"]},
        {"999": ["x", "y", "0"]},
        {"a": ["x", "y", "1"]},
        {"2": ["x"]},
        "sad",
    ):
        refused = journey.client.post("/save_map", json={"task_id": task_id, "map_value": bad})
        assert refused.status_code in {400, 422}, bad
    assert journey.client.post("/maps", json={"task_id": "sadasd"}).status_code == 404


def test_weights__results_of_other_tasks_can_be_start_weights(journey: Journey) -> None:
    body = journey.client.get("/weights", params={"task_id": journey.ids["train"]}).json()
    assert body["message"] == "query success"
    assert isinstance(body["data"], list)
    assert journey.client.get("/weights", params={"task_id": "sadasd"}).status_code == 404


def test_calculate__about_ten_thousand_updates(journey: Journey) -> None:
    counts = journey.client.post("/data_history", json={"task_id": journey.ids["data"]}).json()["data"]["counts"]
    body = journey.client.get("/calculate", params={"batch_val": 24, "task_id": journey.ids["train"]}).json()
    assert body["data"] == max(300, 10000 // max(1, counts["train"] // 24))
    assert body["message"] == "success"
    for bad in ("0", "x", "-3", ""):
        assert (
            journey.client.get("/calculate", params={"batch_val": bad, "task_id": journey.ids["train"]}).status_code
            == 422
        )


def test_starttask__every_wrong_value_is_named_before_anything_starts(journey: Journey) -> None:
    answer = journey.client.post(
        "/create_train", json={"train_name": "wrong", "network": "c_network", "data": "20180801", "task_desc": ""}
    )
    good = {
        "task_id": answer.json()["data"], "data_type": "all", "num_classes": "13", "num_epoch": "1", "batch_size": "4",
        "gpus": "cpu", "model": "kd", "steps": "", "base_lr": "0.01",
    }  # fmt: skip
    wrong: list[tuple[dict[str, Any], set[int]]] = [
        ({"task_id": "asdasd"}, {404}),
        ({"num_classes": "12"}, {422}),
        ({"num_epoch": "0"}, {422}),
        ({"batch_size": "many"}, {422}),
        ({"gpus": "0,1,2"}, {422}),
        ({"model": "../kd"}, {422}),
        ({"steps": "a,b"}, {422}),
        ({"base_lr": "-1"}, {422}),
        ({"base_lr": "nan"}, {422}),
        ({"train_con": '{"ss": "sdas"}'}, {422}),
        ({"data_con": '{"ss": "sdas"}'}, {422}),
        ({"train_con": "{'ss':sdas}"}, {422}),
        ({"weights": "cityscapes_rna-a1_cls19_s8_ep-0001.params"}, {404, 422}),
    ]
    for change, statuses in wrong:
        refused = journey.client.post("/starttask", json=good | change)
        assert refused.status_code in statuses, (change, refused.text)
        assert refused.json()["message"]
    row = journey.client.post("/train_history", json={"task_id": good["task_id"]}).json()["data"]
    assert (row["state"], row["status"]) == ("created", "starting")
    assert journey.client.post("/starttask", json=good | {"task_id": journey.ids["train"]}).status_code == 409


def test_create_train__failures(journey: Journey) -> None:
    good = {"train_name": "x", "network": "c_network", "data": "20180801", "task_desc": "苏州任务"}
    taken = journey.client.post("/create_train", json=good | {"train_name": "suzhou"})
    assert (taken.status_code, taken.json()["error"]) == (409, "name_taken")
    assert taken.json()["details"]["task_id"] == journey.ids["train"]
    assert journey.client.post("/create_train", json=good | {"network": "nope"}).status_code == 404
    assert journey.client.post("/create_train", json=good | {"data": "20180727"}).status_code == 404
    assert journey.client.post("/create_train", json=good | {"train_name": "../x"}).status_code == 422
    assert journey.client.post("/create_train", json={"train_name": "x"}).status_code == 422


def test_endtask__ends_a_running_task_and_continue_task_goes_on(journey: Journey) -> None:
    answer = journey.client.post(
        "/create_train", json={"train_name": "停止", "network": "c_network", "data": "20180801", "task_desc": ""}
    )
    task_id = answer.json()["data"]
    start = {
        "task_id": task_id, "data_type": "all", "num_classes": 13, "num_epoch": 300, "batch_size": 8, "gpus": "",
        "model": "kd", "steps": "", "base_lr": 0.01,
    }  # fmt: skip
    assert journey.client.post("/continue_task", json={"task_id": task_id}).status_code == 409
    assert journey.client.post("/starttask", json=start).status_code == 200
    running = until(journey, task_id, lambda row: row["state"] == "running" and row["progress"] > 0)
    assert running["status"].endswith("%")
    end = {"task_id": task_id, "end_date": "2018-07-31 12:22:30"}
    assert journey.client.post("/endtask", data=end).json()["message"] == "任务结束"
    stopped = journey.live.wait("/train_history", task_id, seconds=15)
    assert (stopped["status"], stopped["end_date"]) == ("stopped", "2018-07-31 12:22:30")
    assert journey.client.post("/endtask", data=end).status_code == 409
    assert journey.client.post("/continue_task", json={"task_id": task_id}).json()["errno"] == 1
    again = until(
        journey, task_id, lambda row: row["state"] == "running" and row["progress"] >= stopped["progress"] > 0
    )
    assert again["task_id"] == task_id
    assert journey.client.post("/endtask", json={"task_id": task_id}).status_code == 200
    journey.live.wait("/train_history", task_id, seconds=15)
    assert journey.client.post("/endtask", json={"task_id": "asdasd"}).status_code == 404


def until(journey: Journey, task_id: str, reached: Any) -> Any:
    deadline = time.monotonic() + 90
    while True:
        row = journey.client.post("/train_history", json={"task_id": task_id}).json()["data"]
        if reached(row):
            return row
        assert row["state"] not in {"failed", "succeeded"}, row
        assert time.monotonic() < deadline, row
        time.sleep(0.1)


def test_network_history_and_create_net_failures(journey: Journey) -> None:
    rows = journey.client.get("/network_history").json()["data"]
    one = journey.client.get("/network_history", params={"task_id": journey.ids["net"]}).json()["data"]
    assert set(one) >= JOB_KEYS | {"net_name", "net_describe"}
    assert one in rows
    good = {"network_name": "n2", "src_net": "enet", "net_describe": ""}
    assert journey.client.post("/create_net", json=good | {"network_name": "c_network"}).status_code == 409
    documented = journey.client.post("/create_net", data=good | {"src_net": "kd-seg.template"}).json()["data"]
    assert journey.live.wait("/network_history", documented)["state"] == "succeeded"
    unknown = journey.client.post("/create_net", json=good | {"network_name": "n3", "src_net": "rna-a2"})
    assert unknown.status_code == 404
    assert "fast-scnn" in unknown.json()["message"]
    assert journey.client.post("/create_net", json=good | {"network_name": "a/b"}).status_code == 422


def test_data_history_and_create_data_failures(journey: Journey) -> None:
    one = journey.client.post("/data_history", json={"task_id": journey.ids["data"]}).json()["data"]
    assert set(one) >= DATA_KEYS
    assert (one["train"], one["val"], one["test"], one["sour_data"]) == (0.85, 0.1, 0.1, SET)
    assert sum(one["counts"].values()) == 60
    assert min(one["counts"].values()) >= 6
    good = {
        "data_name": "d2", "data_type": "all", "sour_data": SET, "thread": 1, "train": 0.8, "val": 0.2, "test": 0,
        "data_desc": "", "l_value": 1,
    }  # fmt: skip
    for change, status in (
        ({"data_name": "20180801"}, 409),
        ({"sour_data": "no-such-set"}, 404),
        ({"sour_data": "../sources"}, 422),
        ({"train": -0.1}, 422),
        ({"train": 0, "val": 0}, 422),
        ({"thread": 0}, 422),
        ({"data_type": "sad"}, 422),
        ({"l_value": "perhaps"}, 422),
        ({"l_value": 0}, 422),
    ):
        refused = journey.client.post("/create_data", json=good | change)
        assert refused.status_code == status, (change, refused.text)


# --- 二、三 模型与评估 ------------------------------------------------------------------------------------------------


def test_model__pairs_newest_first(journey: Journey) -> None:
    files = journey.client.get("/model").json()["data"]["suzhou"]
    assert files[0].startswith("kd_suzhou_ep-0003")
    assert {name.rpartition(".")[2] for name in files} == {"params", "json"}


def test_eva_rate__documented_keys_and_report(journey: Journey) -> None:
    row = journey.client.post("/eva_rate", json={"task_id": journey.ids["evaluation"]}).json()["data"]
    assert set(row) >= JOB_KEYS | {"type", "sour_dir", "gpus", "dest_dir", "single_gpu", "model"}
    assert (row["type"], row["dest_dir"], row["single_gpu"]) == ("full", "label_dir", 2)
    outputs = list((journey.live.home / "label_dir").rglob("*.png"))
    assert len(outputs) >= 120  # id and colour of sixty pictures


def test_show__pictures_and_out_of_range(journey: Journey) -> None:
    body = journey.client.post("/show", data={"cur_img": 1, "task_id": journey.ids["evaluation"]}).json()
    assert body["total_img"] == 60
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(body["or_data"]), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (72, 96, 3)
    assert [entry["name"] for entry in body["la_data"]] == [f"suzhou/{journey.model}"] or len(body["la_data"]) == 1
    drawn = cv2.imdecode(np.frombuffer(base64.b64decode(body["la_data"][0]["data"]), np.uint8), cv2.IMREAD_COLOR)
    assert drawn is not None
    assert drawn.shape == (72, 96, 3)
    assert journey.client.get(body["or_url"]).headers["content-type"].startswith("image/")
    for page in (0, 61, -1):
        refused = journey.client.post("/show", json={"cur_img": page, "task_id": journey.ids["evaluation"]})
        assert refused.status_code in {404, 422}
    assert journey.client.post("/show", json={"cur_img": 1, "task_id": "sadsa"}).status_code == 404


def test_starteva__failures(journey: Journey) -> None:
    good: dict[str, Any] = {
        "dicts": {"suzhou": [journey.model]}, "type": "remote", "sour_dir": f"sources/{SET}", "dest_dir": "out2",
        "gpus": "", "single_gpu": 2,
    }  # fmt: skip
    wrong: list[tuple[dict[str, Any], set[int]]] = [
        ({"dicts": {"suzhou": ["kd_suzhou_test02_ep_0205.params"]}}, {404, 422}),
        ({"dicts": {"nobody": [journey.model]}}, {404}),
        ({"dicts": {}}, {422}),
        ({"dicts": "sad"}, {422}),
        ({"sour_dir": "image_dir"}, {404, 422}),
        ({"sour_dir": "/etc"}, {403}),
        ({"dest_dir": "label_dir"}, {409}),
        ({"dest_dir": f"sources/{SET}/out"}, {409, 422}),
        ({"dest_dir": "sources"}, {409, 422}),
        ({"dest_dir": "/etc/x"}, {403}),
        ({"type": "sad"}, {422}),
        ({"gpus": "0,1,2"}, {422}),
        ({"single_gpu": 0}, {422}),
    ]
    for change, statuses in wrong:
        refused = journey.client.post("/starteva", json=good | change)
        assert refused.status_code in statuses, (change, refused.text)


# --- 四、发布部分 ----------------------------------------------------------------------------------------------------


def test_release__the_documents_example(journey: Journey) -> None:
    pair = [journey.model, journey.model.replace(".params", ".json")]
    sent = {
        "dicts": json.dumps({"suzhou": pair}), "page": "1", "version": "20180731", "env": "北京", "adcode": "1110000",
        "desc": "北京模型", "type": "车道线", "time": "2018-07-31 12:22:30", "parity": "0.01",
    }  # fmt: skip
    answer = journey.client.post("/release", data=sent, headers={"idempotency-key": "release-1"})
    assert answer.status_code == 200, answer.text
    record = answer.json()["data"]
    parity = record["metrics"]["parity"]  # measured on the val split of the task
    assert parity["source"].endswith("/val")
    assert parity["pictures"] == parity["labelled"] > 0
    assert parity["different"] <= 0.01 * parity["pixels"]
    bundle = journey.live.home / "models" / "车道线" / "20180731" / "北京-1110000"
    assert (bundle / "manifest.json").exists()
    assert len(list(bundle.glob("*.onnx"))) == 1
    again = journey.client.post("/release", data=sent, headers={"idempotency-key": "release-1"})
    assert again.json()["data"] == record
    assert journey.client.post("/release", data=sent).status_code == 409
    wrong: list[tuple[dict[str, Any], set[int]]] = [
        ({"dicts": json.dumps({"suzhou": [journey.model]})}, {422}),
        ({"dicts": json.dumps({"suzhou": ["kdss.params", "kdss.json"]})}, {404, 422}),
        ({"dicts": json.dumps({"20180427": pair})}, {404}),
        ({"type": "sad"}, {422}),
        ({"adcode": "12"}, {422}),
        ({"version": "../1"}, {422}),
        ({"env": "a/b"}, {422}),
        ({"parity": "2"}, {422}),
    ]
    for change, statuses in wrong:
        refused = journey.client.post("/release", data=sent | {"version": "2"} | change)
        assert refused.status_code in statuses, (change, refused.text)
    shown = journey.client.get("/release_tab", params={"page": 1}).json()
    assert (shown["name"], shown["total"]) == ("车道线", 3)
    assert "20180731" in shown["data"]
    assert journey.client.get("/release_tab", params={"page": 2}).json()["data"] == {}
    assert journey.client.get("/release_tab", params={"page": 4}).status_code in {404, 422}


# --- 五、七 日志与 GPU -----------------------------------------------------------------------------------------------


def test_output_log__last_lines_and_any_part(journey: Journey) -> None:
    body = journey.client.get("/output_log", params={"task_id": journey.ids["train"]}).json()
    text = "\n".join(body["data"])
    for part in ("epoch=", "step=", "loss=", "lr="):
        assert part in text
    part = journey.client.get("/output_log", params={"task_id": journey.ids["train"], "offset": 0, "limit": 300}).json()
    assert part["offset"] == 0
    assert part["next_offset"] <= 300
    for key in ("data", "net", "evaluation"):
        assert journey.client.get("/output_log", params={"task_id": journey.ids[key]}).json()["size"] > 0
    assert journey.client.get("/output_log", params={"task_id": "sadsa"}).status_code == 404
    assert journey.client.get("/output_log").status_code == 422


def test_gups_info__a_list(journey: Journey) -> None:
    for path in ("/gups_info", "/gpus_info"):
        body = journey.client.get(path).json()
        assert body["errno"] == 1
        assert isinstance(body["data"], list)


def test_paths__all_28_are_described(journey: Journey) -> None:
    documented = {
        "/train_history": "post", "/train_configs": "get", "/data_configs": "get", "/create_train": "post",
        "/network": "get", "/sour_datas": "get", "/maps": "post", "/save_map": "post", "/weights": "get",
        "/train_config": "get", "/data_config": "get", "/calculate": "get", "/starttask": "post", "/endtask": "post",
        "/network_history": "get", "/src_network": "get", "/create_net": "post", "/data_history": "post",
        "/data": "get", "/create_data": "post", "/model": "get", "/starteva": "post", "/eva_rate": "post",
        "/show": "post", "/release_tab": "get", "/release": "post", "/output_log": "get", "/gups_info": "get",
    }  # fmt: skip
    assert len(documented) == 28
    paths = journey.client.get("/openapi.json").json()["paths"]
    for path, method in documented.items():
        assert method in paths[path]
        other = "post" if method == "get" else "get"
        if path not in {"/train_config", "/data_config"}:
            assert journey.client.request(other.upper(), path).status_code == 405
