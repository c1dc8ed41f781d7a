"""Every path that only looks, and every form that is refused late, called in this process: the served answer, word for word."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from old_journey import SET, Made
from roadloop.server import create_app
from roadloop.storage.platform import open_platform

PORT = 8600
#: Words in capitals stand for what was made.
LOOKS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/train_history", {"taskId": ""}),
    ("POST", "/train_history", {"task_id": "TRAIN"}),
    ("GET", "/train_configs", {"task_id": "TRAIN"}),
    ("GET", "/data_config", {"task_id": "TRAIN"}),
    ("GET", "/map_info", {"task_id": "TRAIN"}),
    ("GET", "/seg_maps", {"task_id": "TRAIN"}),
    ("POST", "/maps", {"task_id": "TRAIN"}),
    ("GET", "/output_log", {"task_id": "TRAIN"}),
    ("GET", "/calculate", {"task_id": "TRAIN", "batch_val": "24"}),
    ("GET", "/weights", {"task_id": "TRAIN"}),
    ("GET", "/network_history", {}),
    ("POST", "/data_history", {"task_id": "DATA"}),
    ("GET", "/class_count", {"task_id": "DATA"}),
    ("GET", "/model", {"page": "1"}),
    ("GET", "/eva_data", {}),
    ("POST", "/eva_rate", {"task_id": "EVALUATION"}),
    ("POST", "/show_info", {"task_id": "EVALUATION"}),
    ("POST", "/show", {"task_id": "EVALUATION", "cur_img": 0}),
    ("POST", "/show", {"task_id": None, "cur_img": 1}),
    ("GET", "/release_tab", {"page": "9"}),
    ("GET", "/model_lists", {}),
    ("GET", "/t_model", {"page": "1"}),
    ("POST", "/con_info", {"task_name": "suzhou", "model": "MODEL"}),
    ("POST", "/con_info", {"task_name": "suzhou", "model": "none"}),
    ("GET", "/label_infos", {}),
    ("POST", "/query_data", {"imgrange": "1", "tag_info": ["18"], "label_info": "hd-road", "city": "x", "pag_id": 2}),
    ("POST", "/query_data", {"imgrange": 0, "tag_info": "", "label_info": "道路", "city": "", "pag_id": 1}),
    ("GET", "/label_tasks", {}),
    ("GET", "/label_status", {"task_id": "1"}),
    ("GET", "/gups_info", {}),
]
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("/create_train", {"train_name": "suzhou", "network": "c_network", "data": "20180801", "maps": "default", "task_id": "DATA"}),
    ("/create_data", {"data_name": "20180801", "sour_data": SET, "l_value": ""}),
    ("/create_data", {"data_name": "20180801", "sour_data": SET, "data_type": "aug", "task_id": "DATA", "l_value": True}),
    ("/add_data", {"task_id": "DATA", "class_id": "999"}),
    ("/starteva", {"dicts": {"suzhou": ["MODEL"]}, "type": "half", "img": "images/none"}),
    ("/starteva", {"dicts": {"none": ["a.params"]}, "type": "val", "img": "20180801"}),
    ("/starteva", {"dicts": {"suzhou": ["MODEL"]}, "type": "val", "img": "dataset:none"}),
    ("/starteva", {"dicts": {"suzhou": ["MODEL"]}, "type": "test", "img": "images/none"}),
    ("/starteva", {"dicts": {"suzhou": ["MODEL"]}, "type": "full", "img": ""}),
    ("/tensor_eva", {"dicts": {"suzhou": ["a_fp16.onnx"]}, "type": "full", "img": "images/none", "gpus": "0"}),
    ("/tensor_w", {"dicts": {"suzhou": ["MODEL"]}, "shape": "1,3,1,1", "int8": True, "imagelstInt8": "none", "batchSizeInt8": "8",
                   "maxBatchesInt8": "4"}),
    ("/release", {"dicts": {"suzhou": ["MODEL"]}, "type": "", "page": "1", "version": "v", "env": "e"}),
    ("/sam_value", {"output_dir": "x", "ratio": "1", "track_file": "none.txt"}),
    ("/check_sele", {"task_name": "x", "weights_dir": "suzhou", "trackpointids": ""}),
    ("/track_down", {"dir_name": "../x", "trackpointids": "a"}),
    ("/offimport", {"src": "imports/none", "roadelement": "hd-road"}),
    ("/task_divide", {"version": "none", "step": "4", "types": ""}),
    ("/target_divide", {"version": "none", "step": "4"}),
    ("/process_label", {"version": "none", "types": "full"}),
    ("/off_status", {"task_id": "none"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def inside(made: Made) -> Iterator[TestClient]:
    """The application in this process, on the same home, when no labels are being read any more."""
    deadline = time.monotonic() + 120
    while made.client.post("/query_data", pag_id=1)["errno"] != 1 or reading(made):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    platform = open_platform(made.live.settings)
    yield TestClient(create_app(platform, PORT), base_url=f"http://127.0.0.1:{PORT}", headers={"accept-language": "zh"})
    platform.database.close()


def reading(made: Made) -> bool:
    jobs = made.live.client(check=False).get("/v1/jobs", params={"active": 1}).json()["data"]
    return any(job["kind"] == "index" for job in jobs)


def meant(made: Made, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: meant(made, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [meant(made, inner) for inner in value]
    named = {"MODEL": made.model} | {name.upper(): task_id for name, task_id in made.ids.items()}
    return named.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize(("method", "path", "said"), LOOKS)
def test_looks__are_answered_alike(
    made: Made, inside: TestClient, method: str, path: str, said: dict[str, Any]
) -> None:
    sent = meant(made, said)
    if method == "GET":
        assert inside.get(f"/api{path}", params=sent).json() == made.client.get(path, **sent)
    else:
        assert inside.post(f"/api{path}", json=sent).json() == made.client.post(path, **sent)


@pytest.mark.parametrize(("path", "said"), REFUSED)
def test_forms__are_refused_alike(made: Made, inside: TestClient, path: str, said: dict[str, Any]) -> None:
    sent = meant(made, said)
    answer = inside.post(f"/api{path}", json=sent).json()
    assert answer["errno"] == 0
    assert answer == made.client.post(path, **sent)


def test_started__jobs_have_their_id_in_an_object(made: Made, inside: TestClient) -> None:
    form = {
        "train_name": "inside",
        "network": "c_network",
        "data": "20180801",
        "maps": "default",
        "task_id": made.ids["train"],
    }
    answer = inside.post("/api/create_train", json=form).json()
    assert answer["errno"] == 1
    task_id = answer["data"]["task_id"]
    saved = inside.post(
        "/api/save_map", json={"task_id": task_id, "map_value": {"2": ["0", "", "", "0"], "18": ["9", "", "", "1"]}}
    )
    assert saved.json()["errno"] == 1
    assert "个类别没有提到" in saved.json()["message"]  # the warnings stand in the message
    anew = inside.post(
        "/api/create_data", json={"data_name": "inside", "sour_data": SET, "train": "1", "val": "0", "test": "0"}
    ).json()
    made.client.finished("/data_history", anew["data"]["task_id"])


@pytest.mark.parametrize("img", ["dataset:none", "dataset:none/train", "none"])
def test_starteva__a_split_is_one_of_the_dataset_however_it_is_named(inside: TestClient, made: Made, img: str) -> None:
    form = {"dicts": {"suzhou": [made.model]}, "type": "val", "img": img}
    refused = inside.post("/api/starteva", json=form, headers={"accept-language": "en"}).json()
    assert refused["message"].startswith("No dataset is named none;")
