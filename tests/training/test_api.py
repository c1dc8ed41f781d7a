"""The fourteen sections of chapter 一 that are about training tasks, over HTTP, with the document's own values."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from roadloop.devices import service as devices
from roadloop.jobs import queue
from roadloop.models.load import load_model
from roadloop.networks import trust
from roadloop.networks.folder import digest
from roadloop.storage.database import Write
from roadloop.storage.platform import Platform
from roadloop.training import checkpoint, service

RunJob = Callable[[Platform, str], queue.Job]
TINY = {
    "num_epoch": 2,
    "batch_size": 3,
    "base_lr": 0.05,
    "model": "kd_suzhou",
    "train_con": {"log_every": 1},
    "data_con": {"crop": [24, 32]},
}


def test_a_task_whose_code_was_revoked_does_not_go_on(site: Any, run_job: RunJob) -> None:
    task_id = site.create()
    site.call("/starttask", task_id=task_id, **TINY)
    file = site.platform.workspace.networks / "c_network" / "network.py"
    found = digest(file.read_text())
    with site.platform.database.transaction() as db:
        trust.revoke(db, found)
    file.write_text(file.read_text() + "# it stood there when the task was started\n")
    job = run_job(site.platform, task_id)
    assert job.state == "failed"
    assert job.reason is not None
    assert f"sha256 {found}" in job.reason.en


def test_a_task_from_creation_to_its_model_files(site: Any, run_job: RunJob) -> None:
    reply = site.call("/create_train", train_name="苏州", network="c_network", data="20180727", task_desc="苏州任务")
    task_id = reply["data"]
    assert reply == {"errno": 1, "message": "Autosele start", "data": task_id}
    assert site.row(task_id)["status"] == "starting"
    start = {"data_type": "all", "num_classes": "2", "start_date": "2018-07-31 12:22:30", **TINY}
    reply = site.call("/starttask", task_id=task_id, **start)
    assert (reply["message"], reply["warnings"]) == ("任务开始", [])
    job = run_job(site.platform, task_id)
    assert (job.state, job.reason, job.warnings) == ("succeeded", None, ())
    row = site.row(task_id)
    expected = {
        "task_name": "苏州", "network_path": "networks/c_network", "data_path": "datasets/20180727",
        "category_num": 2, "iter_num": 2, "learning_rate": 0.05, "steps": "", "batch_size": 3, "gpus": "",
        "start_date": "2018-07-31 12:22:30", "end_date": "", "task_desc": "苏州任务", "net_desc": "神经网络",
        "data_desc": "苏州数据", "status": "completed!", "epoch": 2,
    }  # fmt: skip
    assert {key: row[key] for key in expected} == expected
    folder = site.folder("苏州")
    names = sorted(path.name for path in (folder / "output" / "models").iterdir())
    assert names == [f"kd_suzhou_ep-000{e}.{kind}" for e in (1, 2) for kind in ("json", "params")]
    path = folder / "output" / "models" / "kd_suzhou_ep-0002.params"
    edited = site.platform.workspace.networks / "c_network" / "network.py"
    edited.write_text(edited.read_text() + "# another network from now on\n")
    network, record = load_model(path, trust.trust_of(site.platform))  # it was trained here
    assert [c.name_zh for c in record.classes] == ["道路", "天空"]
    assert record.training["miou"] is not None
    assert not network.training
    kept = checkpoint.listed(folder / "checkpoints")
    assert kept[-1].name == "epoch-000002-step-000000004"
    assert {p.name for p in (folder / "conf").iterdir()} == {
        "recipe.json", "train.json", "data.json", "label_map.json", "network.py",
    }  # fmt: skip
    assert not list(folder.rglob("*.partial"))
    log = (site.platform.workspace.home / job.log).parent / "metrics.jsonl"
    assert [json.loads(line)["kind"] for line in log.read_text().splitlines()] == ["step", "step", "epoch"] * 2
    found = site.get(f"/v1/tasks/{task_id}/metrics")["data"]
    assert [s["step"] for s in found["steps"]] == [1, 2, 3, 4]
    assert [e["epoch"] for e in found["epochs"]] == [1, 2]
    assert found["classes"][0]["name_en"] == "road"
    assert len(found["classes"][0]["color"]) == 3


@pytest.mark.parametrize("how", ["json", "form", "query"])
def test_create_train__parameters_in_any_form(site: Any, how: str) -> None:
    values = {"train_name": "suzhou", "network": "c_network", "data": "20180727", "task_desc": "苏州任务"}
    key = {"json": "json", "form": "data", "query": "params"}[how]
    reply = site.client.post("/create_train", **{key: values}).json()
    assert (reply["errno"], reply["message"]) == (1, "Autosele start")


def test_create_train__failures(site: Any) -> None:
    task_id = site.create()
    good = {"train_name": "b", "network": "c_network", "data": "20180727"}
    taken = site.call("/create_train", 409, **{**good, "train_name": "suzhou"})
    assert (taken["error"], taken["details"]["task_id"]) == ("name_taken", task_id)
    assert site.call("/create_train", 404, **{**good, "network": "x"})["error"] == "not_found"
    assert site.call("/create_train", 404, **{**good, "data": "x"})["error"] == "not_found"
    assert site.call("/create_train", 404, **{**good, "base_task": "sasa"})["error"] == "not_found"
    assert site.call("/create_train", 422, **{**good, "train_name": "../x"})["error"] == "invalid_name"
    assert site.call("/create_train", 422, **{**good, "maps": "hd-99"})["error"] == "label_map"
    assert site.call("/create_train", 422, network="c_network", data="20180727")["details"] == {
        "parameter": "train_name"
    }


def test_create_train__the_same_key_creates_one_task(site: Any) -> None:
    values = {"train_name": "suzhou", "network": "c_network", "data": "20180727"}
    replies = [
        site.client.post("/create_train", json=values, headers={"Idempotency-Key": "k"}).json() for _ in range(3)
    ]
    assert replies[0] == replies[1] == replies[2]
    assert site.call("/train_history")["total"] == 1


def test_unknown_ids_get_404_everywhere(site: Any) -> None:
    for path in ("/train_configs", "/data_configs", "/train_config", "/data_config", "/weights"):
        assert site.get(path, 404, task_id="dsad")["error"] == "not_found"
    assert site.get("/calculate", 404, task_id="sadasd", batch_val=24)["error"] == "not_found"
    assert site.get("/v1/tasks/x/metrics", 404)["error"] == "not_found"
    for path in ("/maps", "/starttask", "/endtask", "/continue_task", "/train_history"):
        assert site.call(path, 404, task_id="asdasd")["error"] == "not_found"
    assert site.call("/save_map", 404, task_id="x", map_value={"0": ["a", "b", 1]})["error"] == "not_found"
    site.call("/maps", 422)


def test_configurations__are_filled_once_and_saved(site: Any) -> None:
    task_id = site.create()
    assert site.get("/train_configs", task_id=task_id)["data"]["num_classes"] is None
    stored = site.get("/data_configs", task_id=task_id)
    assert stored["resp"] == stored["data"]
    assert stored["data"]["mean"] == [0.4, 0.4, 0.4]
    filled = site.get("/train_config", task_id=task_id)
    assert filled["message"] == "query success"
    train = filled["data"]
    assert (train["num_classes"], train["num_epoch"], train["model"]) == (2, 10_000, "suzhou")
    assert train["output_path"] == "tasks/suzhou/output/models"
    assert train["class_weights"] == [1.0, 1.0]
    assert site.get("/data_config", task_id=task_id)["data"]["crop"] == [32, 32]
    saved = site.call("/train_config", task_id=task_id, train_con=json.dumps({**train, "batch_size": 4}))
    assert saved["message"] == "save success"
    again = site.get("/train_config", task_id=task_id)["data"]
    assert again == {**train, "batch_size": 4} == site.get("/train_configs", task_id=task_id)["data"]
    assert (
        site.call("/train_config", task_id=task_id, train_con={"class_weights": None})["data"]["class_weights"] is None
    )
    assert site.call("/data_config", task_id=task_id, data_con={"flip": 0})["data"]["flip"] == 0


def test_save_configs__two_at_a_time_lose_nothing_of_each_other(site: Any) -> None:
    task_id = site.create()

    def while_the_other_saves() -> Write[Any]:
        prepared = service.save_configs(site.platform, task_id, train_con={"seed": 7})
        if not others:
            others.append(site.call("/train_config", task_id=task_id, train_con={"batch_size": 3}))
        return prepared

    others: list[Any] = []
    train, _data = site.platform.database.write(while_the_other_saves)
    assert (train["seed"], train["batch_size"]) == (7, 3)
    assert site.get("/train_configs", task_id=task_id)["data"] == train


def test_train_config__another_weighting_gives_other_weights(site: Any) -> None:
    task_id = site.create()
    whole = site.get("/train_config", task_id=task_id)["data"]
    site.call("/train_config", task_id=task_id, train_con={**whole, "class_weighting": "inverse_log"})
    weights = site.get("/train_config", task_id=task_id)["data"]["class_weights"]
    assert all(1.4 < w < 3 for w in weights)
    site.call("/train_config", task_id=task_id, train_con={"class_weighting": "none", "class_weights": [2, 3]})
    assert site.get("/train_config", task_id=task_id)["data"]["class_weights"] == [2, 3]


@pytest.mark.parametrize(
    ("path", "values", "named"),
    [
        ("train_config", {"train_con": {"ss": "sdas"}}, "ss"),
        ("train_config", {"train_con": {"base_lr": -1}}, "base_lr"),
        ("train_config", {"train_con": {"num_classes": 19}}, "num_classes"),
        ("train_config", {"train_con": {"network_path": "/data/"}}, "network_path"),
        ("train_config", {"train_con": {"class_weights": [1, 2, 3]}}, "class_weights"),
        ("train_config", {"train_con": {"class_weights": [0, 0]}}, "class_weights"),
        ("train_config", {"train_con": {"steps": "300,200"}}, "steps"),
        ("data_config", {"data_con": {"ss": "sdas"}}, "ss"),
        ("data_config", {"data_con": {"std": [0, 1, 1]}}, "std"),
        ("data_config", {"data_con": {"scale": [2, 1]}}, "scale"),
        ("data_config", {"data_con": {"flip_pairs": [[0, 9]]}}, "flip_pairs"),
        ("data_config", {"data_con": {"data_type": "aug"}}, "data_type"),
    ],
)
def test_saving_a_configuration__names_what_is_wrong(site: Any, path: str, values: dict[str, Any], named: str) -> None:
    task_id = site.create()
    before = site.get("/train_configs", task_id=task_id), site.get("/data_configs", task_id=task_id)
    reply = site.call(f"/{path}", 422, task_id=task_id, **values)
    assert named in reply["message"]
    assert before == (site.get("/train_configs", task_id=task_id), site.get("/data_configs", task_id=task_id))


def test_maps__in_ascending_order_and_saved_in_every_form(site: Any) -> None:
    task_id = site.create()
    maps = site.call("/maps", task_id=task_id)["data"]
    assert list(maps) == ["0", "7", "23", "24", "25"]
    assert maps["7"] == ["0", "road", "道路"]
    assert maps["0"] == ["255", "void", "未知"]
    saved = site.call("/save_map", task_id=task_id, map_value={"7": ["road", "道路", "12"], "23": ["3", "sky", "天空"]})
    assert saved["message"] == "save success"
    assert (saved["data"]["23"][0], saved["data"]["7"][0]) == ("0", "1")
    assert saved["warnings"] == [
        "train id 已改为从 0 开始连续：3 → 0, 12 → 1。",
        "3 个类别没有提到，它们的像素在训练中被忽略：0 未知、24 左侧边缘、25 右侧边缘。",
    ]
    assert site.call("/save_map", task_id=task_id, map_value=saved["data"])["warnings"] == []
    assert site.call("/maps", task_id=task_id)["data"] == saved["data"]
    text = json.dumps({"7": ["0", "road", "道路", "5"], "23": ["1", "sky", "天空", "4"], "24": ["e", "边", "9"]})
    saved = site.client.post("/save_map", data={"task_id": task_id, "map_value": text}).json()
    assert [saved["data"][raw][0] for raw in ("23", "7", "24")] == ["0", "1", "2"]
    assert "2" in saved["warnings"][0]  # class 2 has no training pixels
    assert site.row(task_id)["category_num"] == 3
    assert site.get("/train_config", task_id=task_id)["data"]["class_weights"] == [1.0, 1.0, 0.0]
    assert site.call("/save_map", 422, task_id=task_id, map_value={"7": ["a", "b", 1]})["error"] == "label_map"
    assert site.call("/save_map", 422, task_id=task_id, map_value={"77": ["a", "b", 1]})["error"] == "label_map"
    assert site.call("/save_map", 422, task_id=task_id, map_value="{7:")["error"] == "invalid_value"


def test_save_map__empties_what_followed_from_the_old_map(site: Any) -> None:
    task_id = site.create()
    site.get("/train_config", task_id=task_id)
    site.call("/save_map", task_id=task_id, map_value={"7": [0, "r", "r"], "23": [1, "s", "s"], "24": [2, "l", "左边缘"], "25": [3, "r", "右边缘"]})  # fmt: skip
    assert site.get("/train_config", task_id=task_id)["data"]["num_classes"] == 4
    assert site.get("/data_config", task_id=task_id)["data"]["flip_pairs"] == [[2, 3]]


def test_calculate__about_ten_thousand_updates(site: Any) -> None:
    task_id = site.create()
    reply = site.get("/calculate", task_id=task_id, batch_val="24")
    assert reply == {"errno": 1, "message": "success", "data": 10_000}
    assert site.get("/calculate", task_id=task_id, batch_val=1)["data"] == 1250
    assert site.get("/calculate", 422, task_id=task_id, batch_val="sad")["details"]["parameter"] == "batch_val"
    assert site.get("/calculate", 422, task_id=task_id, batch_val=0)["details"]["parameter"] == "batch_val"


@pytest.mark.parametrize(
    ("values", "status", "named"),
    [
        ({"gpus": "0,1,2"}, 422, "gpus"),
        ({"gpus": "sad"}, 422, "gpus"),
        ({"gpus": "n1:cpu;n2:cpu", "train_con": {"cpu_processes": 2}}, 422, "n1"),
        ({"weights": "cityscapes_rna-a1_cls19_s8_ep-0001.params"}, 404, "cityscapes"),
        ({"weights": "../x"}, 422, "weights"),
        ({"train_con": {"ss": "sdas"}}, 422, "ss"),
        ({"data_con": {"ss": "sdas"}}, 422, "ss"),
        ({"num_classes": 13}, 422, "num_classes"),
        ({"num_epoch": 0}, 422, "num_epoch"),
        ({"batch_size": "many"}, 422, "batch_size"),
        ({"base_lr": "nan"}, 422, "base_lr"),
        ({"steps": "a,b"}, 422, "steps"),
        ({"data_type": "sad"}, 422, "data_type"),
        ({"model": "a/b"}, 422, "model"),
        ({"batch_size": 1, "train_con": {"cpu_processes": 2}}, 422, "batch_size"),
        ({"train_con": {"network_settings": {"checkpoint": "/etc"}}}, 403, "network_settings.checkpoint"),
        ({"train_con": {"network_settings": {"checkpoint": "weights/none"}}}, 404, "weights/none"),
    ],
)
def test_starttask__refuses_and_starts_nothing(site: Any, values: dict[str, Any], status: int, named: str) -> None:
    task_id = site.create()
    reply = site.call("/starttask", status, task_id=task_id, **values)
    assert named in reply["message"]
    assert site.row(task_id)["state"] == "created"
    assert site.get("/train_configs", task_id=task_id)["data"]["num_classes"] is None


def test_starttask__flat_wins_over_sent_wins_over_stored(site: Any) -> None:
    task_id = site.create()
    site.call("/train_config", task_id=task_id, train_con={"momentum": 0.5, "weight_decay": 0.5, "batch_size": 2})
    sent = {"weight_decay": 0.25, "batch_size": 4, "base_lr": 0.5}
    reply = site.call(
        "/starttask", task_id=task_id, num_epoch="3", base_lr="0.014", steps="1,2,10000", gpus="cpu", train_con=sent
    )
    assert "10000" in reply["warnings"][0]
    train = site.get("/train_configs", task_id=task_id)["data"]
    picked = [train[key] for key in ("momentum", "weight_decay", "batch_size", "base_lr", "steps", "num_epoch")]
    assert picked == [0.5, 0.25, 4, 0.014, [1, 2, 10000], 3]
    row = site.row(task_id)
    assert (row["steps"], row["gpus"], row["learning_rate"], row["state"]) == ("1,2,10000", "", 0.014, "queued")


def test_starttask__a_module_that_the_network_has_not_ends_the_job_with_the_nearest(site: Any, run_job: RunJob) -> None:
    task_id = site.create()
    site.call("/starttask", task_id=task_id, **TINY | {"train_con": {"lr_factors": {"7.wieght": 2}}})
    job = run_job(site.platform, task_id)
    assert (job.state, job.error) == ("failed", "invalid_value")
    assert job.reason is not None
    assert "7.weight" in job.reason.en
    assert site.get("/train_configs", task_id=task_id)["data"]["lr_factors"] == {"7.wieght": 2.0}


def test_starttask__once(site: Any) -> None:
    task_id = site.create()
    headers = {"Idempotency-Key": "start"}
    first = site.client.post("/starttask", json={"task_id": task_id, **TINY}, headers=headers)
    again = site.client.post("/starttask", json={"task_id": task_id, **TINY}, headers=headers)
    assert first.json() == again.json()
    assert site.call("/starttask", 409, task_id=task_id, **TINY)["error"] == "conflict"
    assert site.call("/save_map", 409, task_id=task_id, map_value={"7": [0, "a", "b"], "23": [1, "a", "b"]})
    assert site.call("/train_config", 409, task_id=task_id, train_con={})["error"] == "conflict"
    assert site.call("/continue_task", 409, task_id=task_id)["error"] == "conflict"
    assert site.get("/train_config", task_id=task_id)["data"]["num_epoch"] == 2


def test_endtask_and_continue_task(site: Any, run_job: RunJob) -> None:
    task_id = site.create()
    assert site.call("/endtask", 409, task_id=task_id)["error"] == "conflict"
    assert site.call("/continue_task", 409, task_id=task_id)["error"] == "conflict"
    site.call("/starttask", task_id=task_id, **TINY)
    reply = site.call("/endtask", task_id=task_id, end_date="2018-07-31 12:22:30")
    assert (reply["errno"], reply["message"]) == (1, "任务结束")
    row = site.row(task_id)
    assert (row["status"], row["end_date"]) == ("stopped", "2018-07-31 12:22:30")
    assert site.call("/endtask", 409, task_id=task_id)["error"] == "conflict"
    assert site.call("/continue_task", task_id=task_id)["data"] == task_id
    assert run_job(site.platform, task_id).state == "succeeded"
    for path in ("/endtask", "/continue_task", "/starttask"):
        assert site.call(path, 409, task_id=task_id)["error"] == "conflict"


def test_continue_task__on_other_devices(site: Any, run_job: RunJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPUs that a task began with are gone: it goes on where it is told to."""
    one, two = (devices.Gpu(index, f"GPU-{index}", "A", 0.0, 40960, 40960, "host") for index in (0, 1))
    monkeypatch.setattr(devices, "inventory", lambda _: (one, two))
    task_id = site.create()
    site.call("/starttask", task_id=task_id, gpus="0,1", **TINY)
    site.call("/endtask", task_id=task_id)
    site.call("/continue_task", task_id=task_id)
    assert site.row(task_id)["gpus"] == "0,1"
    site.call("/endtask", task_id=task_id)
    monkeypatch.setattr(devices, "inventory", lambda _: (one,))
    refused = site.call("/continue_task", 422, task_id=task_id)
    assert (refused["error"], refused["details"]["parameter"]) == ("invalid_value", "gpus")
    site.call("/continue_task", task_id=task_id, gpus="0")
    assert site.row(task_id)["gpus"] == "0"
    site.call("/endtask", task_id=task_id)
    site.call("/continue_task", task_id=task_id, gpus="cpu")
    assert site.row(task_id)["gpus"] == ""
    assert run_job(site.platform, task_id).state == "succeeded"


def test_weights_and_base_task__begin_from_another_task_s_best_model(site: Any, run_job: RunJob) -> None:
    first = site.create("first")
    second = site.create("second", base_task=first)
    assert site.get("/weights", task_id=second) == {"errno": 1, "message": "query success", "data": []}
    assert site.call("/starttask", 409, task_id=second, **TINY)["details"]["task_id"] == first
    frozen = TINY | {"train_con": {"log_every": 1, "frozen": "0", "lr_factors": {"7": 2}}}
    assert "没有初始权重，frozen" in site.call("/starttask", task_id=first, **frozen)["warnings"][0]
    run_job(site.platform, first)
    best = site.row(first)["best"]["file"]
    listed = site.get("/weights", task_id=second)["data"]
    assert f"first/{best}" in listed
    assert site.call("/starttask", task_id=second, **frozen)["warnings"] == []
    assert site.row(second)["weights"] == f"first/{best}"
    job = run_job(site.platform, second)
    assert job.state == "succeeded"
    assert (site.folder("second") / "models" / f"first_{best}").is_file()
    chosen = site.create("third")
    site.call("/save_map", task_id=chosen, map_value={"23": [0, "sky", "天空"], "7": [1, "road", "道路"]})
    (said,) = [
        w for w in site.call("/starttask", task_id=chosen, weights=listed[0], **TINY)["warnings"] if "weights" in w
    ]
    assert "0 道路 → 天空；1 天空 → 道路" in said
    changed = site.folder("first") / "output" / "models" / listed[0].partition("/")[2]
    changed.write_bytes(changed.read_bytes()[:-1] + b"\x01")
    job = run_job(site.platform, chosen)
    assert (job.state, job.error) == ("failed", "broken_file")


def test_weights__a_torch_file_that_was_dropped_in(
    site: Any, run_job: RunJob, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is taken by the names that the network knows, or refused; in part only where that is asked for, and said."""
    folder = site.platform.workspace.weights
    modules = {"0": "stem", "1": "norm", "4": "body", "5": "last_norm", "7": "classifier"}
    table = [{"name": "Theirs", "source": "x", "beside": ["loss.weight"], "modules": modules}]
    network = site.platform.workspace.networks / site.row(site.create("any"))["network"]
    (network / "names.json").write_text(json.dumps(table))
    norm = {"weight": torch.full((8, 1, 1), 0.5), "bias": torch.zeros(8), "running_mean": torch.zeros(8)}
    norm |= {"running_var": torch.ones(8)}
    state = {
        "loss.weight": torch.ones(1000),
        **{f"module.last_norm.{leaf}": value for leaf, value in norm.items()},
        "module.classifier.weight": torch.zeros(1000, 8),
        "module.classifier.bias": torch.zeros(1000),
        "module.stem.weight": torch.full((8, 3, 3, 3), 0.25),
        "module.stem.bias": torch.zeros(8),
        **{f"module.norm.{leaf}": value for leaf, value in norm.items()},
        "module.body.weight": torch.zeros(8, 8, 3, 3),
        "module.body.bias": torch.zeros(8),
    }
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": state}, folder / "foreign.pth")
    torch.save({**state, "module.more.bias": torch.zeros(4)}, folder / "more.pth")
    task_id = site.create("begun")
    assert site.get("/weights", task_id=task_id)["data"] == ["foreign.pth", "more.pth"]
    site.call("/starttask", task_id=task_id, weights="foreign.pth", **TINY)
    job = run_job(site.platform, task_id)
    assert job.state == "succeeded", job.reason
    (warning,) = job.warnings
    assert warning.en.startswith(
        "Weights: 12 tensors taken, 2 of another shape, which begin anew (7.weight [1000, 8]/[2, 8, 1, 1],"
    )
    assert "0 unused (none), 1 for training only; 12 have other names in the file, 2 were reshaped" in warning.en
    assert "The names are those of Theirs." in warning.en
    log = capsys.readouterr().out
    assert "reshaped 1.weight [8, 1, 1] -> [8]" in log
    assert "renamed module.stem.weight -> 0.weight" in log
    for name, pairing, state_, says in (
        ("refused", "names", "failed", "1 of the file have no place in the network: module.more.bias [4]"),
        ("part", "part", "succeeded", "1 unused (module.more.bias)"),
    ):
        task_id = site.create(name)
        site.call("/starttask", task_id=task_id, weights="more.pth", weights_pairing=pairing, **TINY)
        job = run_job(site.platform, task_id)
        assert job.state == state_
        assert says in (job.reason or job.warnings[0]).en
    assert (site.folder("part") / "conf" / "names.json").is_file()


def test_train_history__lists_newest_first(site: Any) -> None:
    for name in ("a", "b", "c"):
        site.create(name, task_desc=f"任务{name}")
    reply = site.call("/train_history")
    assert [row["task_name"] for row in reply["data"]] == ["c", "b", "a"]
    assert site.call("/train_history", q="任务b")["total"] == 1
    assert site.call("/train_history", page=2, page_size=2)["data"][0]["task_name"] == "a"
    assert isinstance(reply["data"][0]["gpus"], str)


def test_messages_come_in_both_languages(site: Any) -> None:
    chinese = site.client.post("/maps", json={"task_id": "x"}).json()["message"]
    english = site.client.post("/maps", json={"task_id": "x"}, headers={"Accept-Language": "en"}).json()["message"]
    assert "没有" in chinese
    assert english.startswith("No training task")


def test_train_config__median_frequency_needs_a_dataset_that_counted_pictures(site: Any) -> None:
    task = site.create()
    site.call("/train_config", task_id=task, train_con={"class_weighting": "median_frequency"})
    refused = site.get("/train_config", 404, task_id=task)
    assert refused["details"]["parameter"] == "class_weighting"
    assert "请重新生成，或改用别的 class_weighting" in refused["message"]
    shown = site.platform.workspace.datasets / "20180727" / "shown.csv"
    shown.write_text("split,raw_ids,pixels\ntrain,0 7 23,12288\nval,7,5\n")
    weights = site.get("/train_config", task_id=task)["data"]["class_weights"]
    assert sum(1 / weight for weight in weights) == pytest.approx(2, abs=1e-5)  # both in the same pictures: m/f0 + m/f1
    shown.write_text("split\ntrain\n")
    assert site.get("/train_configs", task_id=task)["data"]["class_weights"] == weights


def test_a_copy_begins_with_label_map_and_settings(site: Any) -> None:
    task = site.create()
    site.call("/train_config", task_id=task, train_con={"base_lr": 0.3, "num_epoch": 7, "model": "suzhou"})
    site.call("/data_config", task_id=task, data_con={"flip": 0.1})
    site.call("/save_map", task_id=task, map_value={"0": ["0", "void", "未知"], "7": ["1", "road", "道路"]})
    copy = site.create("copy", copy_of=task)
    train, data = (site.get(path, task_id=copy)["data"] for path in ("/train_configs", "/data_configs"))
    assert (train["base_lr"], train["num_epoch"], train["model"], data["flip"]) == (0.3, 7, None, 0.1)
    assert (train["network_path"], data["data_path"]) == (None, None)
    assert site.call("/maps", task_id=copy)["data"] == site.call("/maps", task_id=task)["data"]
    assert site.row(copy)["category_num"] == 2
    assert site.call("/create_train", 404, train_name="no", network="c_network", data="20180727", copy_of="x")["error"]
    assert site.get("/train_config", task_id=copy)["data"]["output_path"] == "tasks/copy/output/models"
