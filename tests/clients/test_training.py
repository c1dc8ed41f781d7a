"""The pages 训练任务, Network and Data, row by row of clients.md."""

import json
import time
from typing import Any

import pytest

from old_journey import MORE, SET, Made, create, start

TASK_COLUMNS = {
    "id", "task_id", "task_name", "machine_id", "category_num", "iter_num", "learning_rate", "steps", "batch_size", "gpus",
    "start_date", "end_date",
}  # fmt: skip
DATA_COLUMNS = {
    "id", "task_id", "data_name", "machine_id", "sour_data", "train", "val", "test", "data_describe",
}  # fmt: skip


def test_train_history__camel_case_and_empty_means_all_with_every_column(made: Made) -> None:
    rows = made.client.post("/train_history", taskId="")["data"]
    assert rows
    assert all(set(row) >= TASK_COLUMNS for row in rows)
    one = next(row for row in rows if row["task_id"] == made.ids["train"])
    assert (one["task_name"], one["category_num"], one["iter_num"], one["batch_size"]) == ("suzhou", 13, 1, 4)
    assert one["steps"] == "10000,20000"


def test_train_history__one_task_is_a_list_of_one_row(made: Made) -> None:
    (row,) = made.client.post("/train_history", task_id=made.ids["train"])["data"]
    assert set(row) >= TASK_COLUMNS | {"data_name", "data_desc", "net_desc", "task_desc"}
    said = (row["data_name"], row["data_desc"], row["net_desc"], row["task_desc"])
    assert said == ("20180801", "苏州数据", "神经网络", "苏州任务")
    assert row["start_date"] == "2018-07-31 12:22"  # without seconds, as it was sent
    assert len(row["end_date"]) == len("2018-07-31 12:22")  # nobody pressed 结束训练: the server's own clock


def test_train_history__a_task_that_never_ran_has_every_column_too(made: Made) -> None:
    task_id = create(made, "waits")
    (row,) = made.client.post("/train_history", task_id=task_id)["data"]
    assert set(row) >= TASK_COLUMNS
    assert (row["machine_id"], row["start_date"], row["end_date"]) == ("", "", "")


@pytest.mark.parametrize("path", ["/train_configs", "/data_configs", "/train_config", "/data_config"])
def test_configurations__are_text_that_holds_json(made: Made, path: str) -> None:
    answer = made.client.get(path, task_id=made.ids["train"])
    assert isinstance(json.loads(answer["data"]), dict)
    assert answer["resp"] == answer["data"]  # the document's key of /data_configs, beside the client's


def test_map_info__has_what_the_details_show(made: Made) -> None:
    rows = made.client.get("/map_info", task_id=made.ids["train"])["data"]
    lane = next(row for row in rows if row["id"] == 2)
    assert lane == {"id": 2, "categoryId": 0, "en_name": "lane", "name": "车道标线-白色", "color": "255,0,0"}


def test_output_log__is_a_list_of_lines_with_line_ends(made: Made) -> None:
    answer = made.client.get("/output_log", task_id=made.ids["train"])
    assert answer["errno"] == 1
    assert all(line.endswith("\n") for line in answer["data"])
    assert any("loss=" in line for line in answer["data"])


def test_output_log__of_a_task_that_waits_is_an_empty_list(made: Made) -> None:
    task_id = create(made, "no-log")
    assert made.client.get("/output_log", task_id=task_id)["data"] == []


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("/network", "c_network"), ("/sour_datas", "20180801"), ("/task_type", "semantic-segmentation"),
        ("/map_template", "hd-13"), ("/data", SET), ("/dtask_type", "semantic-segmentation"), ("/src_network", "enet"),
        ("/model_lists", "suzhou"), ("/eva_data", "dataset:20180801/val"), ("/class_info", "hd-road"),
    ],
)  # fmt: skip
def test_choices__are_lists_of_texts(made: Made, path: str, there: str) -> None:
    choices = made.client.get(path)["data"]
    assert there in choices
    assert all(isinstance(one, str) and one for one in choices)


def test_map_template__the_one_that_a_select_shows_first_fits_any_data(made: Made) -> None:
    first = made.client.get("/map_template")["data"][0]
    task_id = made.client.started("/create_train", train_name="first", network="c_network", data="20180801", maps=first)
    assert made.client.get("/seg_maps", task_id=task_id)["data"]


def test_create_train__another_type_is_refused_with_a_sentence(made: Made) -> None:
    form = {"train_name": "ocr", "network": "c_network", "data": "20180801"}
    refused = made.client.post("/create_train", **form, types="OCR")
    assert refused["errno"] != 1
    assert "语义分割" in refused["message"]


def test_create_train__a_ticked_task_is_where_it_begins(made: Made) -> None:
    task_id = create(made, "better", task_id=made.ids["train"])
    (row,) = made.client.post("/train_history", task_id=task_id)["data"]
    assert row["base_task"] == made.ids["train"]


def test_create_train__a_data_set_s_id_that_comes_along_does_no_harm(made: Made) -> None:
    task_id = create(made, "stuck-row", task_id=made.ids["data"])
    (row,) = made.client.post("/train_history", task_id=task_id)["data"]
    assert row["base_task"] == ""


def test_create_train__a_taken_name_lets_the_client_go_with_the_reason(made: Made) -> None:
    refused = made.client.post("/create_train", train_name="suzhou", network="c_network", data="20180801")
    assert refused["errno"] != 1
    assert "suzhou" in refused["message"]
    assert refused["data"] == {}  # it reads data.task_id


def test_seg_maps__are_the_choices_of_every_class(made: Made) -> None:
    choices = made.client.get("/seg_maps", task_id=made.ids["train"])["data"]
    assert all(set(one) == {"name", "value"} and isinstance(one["value"], str) for one in choices)
    values = [one["value"] for one in choices]
    assert len(set(values)) == len(values)
    assert {"0", "12", "255"} <= set(values)
    current = {
        entry[0] for one in made.client.post("/maps", task_id=made.ids["train"])["data"] for entry in one.values()
    }
    assert current <= set(values)


def test_maps__is_a_list_of_one_key_objects_with_a_query_and_a_body(made: Made) -> None:
    entries = made.client.post("/maps?taskName=suzhou", task_id=made.ids["train"])["data"]
    assert all(len(one) == 1 for one in entries)
    merged = {raw: entry for one in entries for raw, entry in one.items()}
    assert merged["2"] == ["0", "lane", "车道标线-白色"]


def test_save_map__takes_four_items_of_which_the_last_is_chosen(made: Made) -> None:
    task_id = create(made, "merged")
    entries = made.client.post("/maps?taskName=merged", task_id=task_id)["data"]
    chosen = {raw: [*entry, "255"] for one in entries for raw, entry in one.items()}
    chosen |= {"2": ["0", "lane", "车道标线-白色", "0"], "18": ["9", "road", "道路", "1"]}
    assert made.client.post("/save_map", map_value=chosen, task_id=task_id)["errno"] == 1
    rows = made.client.get("/map_info", task_id=task_id)["data"]
    assert {row["id"]: row["categoryId"] for row in rows if row["categoryId"] != 255} == {2: 0, 18: 1}
    # Two classes are left, and each raw class can still become one of its own.
    assert len(made.client.get("/seg_maps", task_id=task_id)["data"]) > 40


def test_save_map__empty_as_the_arrow_of_the_menu_sends_it(made: Made) -> None:
    refused = made.client.post("/save_map", map_value={}, task_id=made.ids["train"])
    assert refused["errno"] != 1
    assert refused["message"]


def test_calculate__knows_an_empty_batch(made: Made) -> None:
    task = {"task_id": made.ids["train"]}
    assert made.client.get("/calculate", batch_val="24", **task)["data"] >= 300
    empty = made.client.get("/calculate", batch_val="", **task)
    assert (empty["errno"], empty["data"]) == (1, 0)


def test_weights__are_names(made: Made) -> None:
    task_id = create(made, "weights")
    assert f"suzhou/{made.model}" in made.client.get("/weights", task_id=task_id)["data"]


def test_starttask__what_is_wrong_is_said(made: Made) -> None:
    task_id = create(made, "wrong")
    refused = made.client.post("/starttask", task_id=task_id, num_classes="12", num_epoch="", batch_size="many")
    assert refused["errno"] != 1
    assert "batch_size" in refused["message"]


def test_network_history__has_its_columns(made: Made) -> None:
    rows = made.client.get("/network_history")["data"]
    assert rows[0].items() >= {"net_name": "c_network", "net_describe": "神经网络"}.items()
    assert "id" in rows[0]


def test_data_history__empty_means_all_with_every_column(made: Made) -> None:
    rows = made.client.post("/data_history", task_id="")["data"]
    assert rows
    assert all(set(row) >= DATA_COLUMNS for row in rows)


def test_data_history__with_an_id_ends_in_completed(made: Made) -> None:
    (row,) = made.client.post("/data_history", task_id=made.ids["data"])["data"]
    assert row["status"] == "completed!"
    assert set(row) >= DATA_COLUMNS


def test_create_data__unticked_takes_lists_where_there_are_some_and_says_when_not(made: Made) -> None:
    form = {
        "data_type": "all",
        "sour_data": SET,
        "thread": "1",
        "train": "0.5",
        "val": "0.5",
        "test": "",
        "l_value": "",
    }
    answer = made.client.post("/create_data", data_name="unticked", **form)
    assert answer["errno"] == 1
    assert "重新划分" in answer["message"]
    made.client.finished("/data_history", answer["data"]["task_id"])


def test_create_data__another_type_is_refused_with_a_sentence(made: Made) -> None:
    refused = made.client.post("/create_data", data_name="x", sour_data=SET, types="target-detection", l_value=True)
    assert refused["errno"] != 1
    assert "语义分割" in refused["message"]


def test_create_data__a_chosen_row_is_the_base_of_an_increment(made: Made) -> None:
    form = {"sour_data": f"{SET},{MORE}", "thread": "1", "train": "1", "val": "0", "test": "0", "l_value": True}
    task_id = made.client.started("/create_data", data_name="more", data_type="aug", task_id=made.ids["data"], **form)
    made.client.finished("/data_history", task_id)
    client = made.live.client()
    assert client.get("/v1/datasets/more").json()["data"]["base_data"] == "20180801"


def test_class_count__three_lists_of_three_for_each_class(made: Made) -> None:
    rows = made.client.get("/class_count", task_id=made.ids["data"])["data"]
    road = next(row for row in rows if row["id"] == 18)
    assert road["name"] == "道路"
    for split in ("train", "val", "test"):
        share, pictures, total = road[split]
        assert share == pytest.approx(100 * pictures / total, abs=0.01)
    assert road["train"][2] == 12


def until(made: Made, task_id: str, states: set[str]) -> dict[str, Any]:
    deadline = time.monotonic() + 90
    while True:
        row: dict[str, Any] = made.client.post("/train_history", task_id=task_id)["data"][0]
        if row["state"] in states and (row["state"] != "running" or row["progress"] > 0):
            return row
        assert time.monotonic() < deadline, row
        time.sleep(0.1)


@pytest.mark.slow
def test_journey__start_log_stop_and_go_on(made: Made) -> None:
    task_id = create(made, "stopped")
    start(made, task_id, epochs=300)
    until(made, task_id, {"running"})
    assert made.client.get("/output_log", task_id=task_id)["errno"] == 1
    ended = made.client.post("/endtask", end_date="2018-07-31 13:00", task_id=task_id)
    assert (ended["errno"], bool(ended["message"])) == (1, True)
    assert until(made, task_id, {"cancelled"})["end_date"] == "2018-07-31 13:00"
    again = made.client.post("/continue_task", task_id=task_id)
    assert again["errno"] == 1
    until(made, task_id, {"running"})
    made.client.post("/endtask", end_date="2018-07-31 14:00", task_id=task_id)
    until(made, task_id, {"cancelled"})
    refused = made.client.post("/endtask", end_date="", task_id=task_id)
    assert refused["errno"] != 1
    assert refused["message"]
