"""The pages that the document lacks: TensorRT, 置信度, 检查项挑错, 轨迹点下载, 数据查询; row by row of clients.md."""

import time

import pytest

from old_journey import SET, SIZE, Made
from roadloop.demo.write import Drives, write_source_set
from roadloop.storage.platform import Platform
from roadloop.web.rights import Role
from signed_in import Team, audit, make_each, token_of

ROW = {"imgrange", "pacid", "city", "label_info", "time_info", "trackpointid", "tag_info"}


def points(made: Made, count: int) -> list[str]:
    """Ids of track points in the middle of the first drive."""
    names = sorted(path.stem for path in (made.home / "tracks" / made.tracks[0]).glob("*.jpg"))
    return names[10 : 10 + count]


def test_t_model__an_object_of_lists_as_model(made: Made) -> None:
    assert made.model in made.client.get("/t_model", page=1)["data"]["suzhou"]
    assert made.client.get("/t_model", page=3)["data"] == {}


@pytest.mark.parametrize("dicts", [{}, {"suzhou": []}])
@pytest.mark.parametrize("path", ["/tensor_w", "/tensor_eva"])
def test_tensor__without_a_tick_starts_nothing(made: Made, path: str, dicts: object) -> None:
    refused = made.client.post(path, dicts=dicts, page="", shape="", fp16=True)
    assert refused["errno"] != 1
    assert "勾选" in refused["message"]


def test_tensor_w__converts_one_model_at_a_time(made: Made) -> None:
    refused = made.client.post("/tensor_w", dicts={"suzhou": [made.model, made.model]}, shape="96x72", fp16=True)
    assert refused["errno"] != 1
    assert "一个" in refused["message"]


def test_tensor_w__both_precisions_are_not_one(made: Made) -> None:
    refused = made.client.post("/tensor_w", dicts={"suzhou": [made.model]}, shape="96x72", fp16=True, int8=True)
    assert refused["errno"] != 1
    assert "int8" in refused["message"]


@pytest.mark.parametrize("path", ["/sam_value", "/sele_value", "/check_sele"])
def test_selection__without_a_name_starts_nothing(made: Made, path: str) -> None:
    refused = made.client.post(path, output_dir="", task_name="", ratio="3", trackpointids="a", weights_dir="suzhou")
    assert refused["errno"] != 1
    assert "任务名" in refused["message"]


@pytest.mark.slow
def test_journey__convert_then_evaluate_what_was_converted(made: Made) -> None:
    form = {
        "dicts": {"suzhou": [made.model]}, "page": "", "shape": "1,3,72,96", "gpu": "0", "maxBatchSize": "1", "iname": "data",
        "oname": "softmax", "OIndex": "0", "server": "", "multiple4": False, "topk": False, "fp16": True, "int8": False,
        "imagelstInt8": "", "batchSizeInt8": "", "maxBatchesInt8": "", "reuseCacheInt8": False,
    }  # fmt: skip
    task_id = made.client.started("/tensor_w", **form)
    row = made.live.wait("/v1/engines", task_id, seconds=200)
    assert (row["state"], row["precision"], row["width"], row["height"]) == ("succeeded", "fp16", 96, 72), row
    assert row["file"] in made.client.get("/t_model", page=1)["data"]["suzhou"]
    evaluation = made.client.started(
        "/tensor_eva", dicts={"suzhou": [row["file"]]}, type="full", gpus="0", img="dataset:20180801/val", single_gpu="1",
        effective_c="", argmax=True, l_value=True,
    )  # fmt: skip
    made.client.finished("/eva_rate", evaluation)
    assert "mIoU" in made.client.post("/show_info", task_id=evaluation)["data"]


def test_con_info__by_class_and_by_picture(made: Made) -> None:
    found = made.client.post("/con_info", task_name="suzhou", model=made.model)
    by_class = found["total_data"]["total_cls_con"]
    assert by_class
    assert all(0 <= value <= 1 for value in by_class.values())
    assert found["con_data"][0]["trackpointid"].startswith("suzhou-")
    assert all(
        set(row) >= {"origin_cls_con", "origin_whole_con", "trackpointid", "whole_con"} for row in found["con_data"]
    )


def test_con_info__of_a_model_without_an_evaluation_says_so(made: Made) -> None:
    refused = made.client.post("/con_info", task_name="suzhou", model="other_ep-0001.params")
    assert "total_data" not in refused
    assert "评估" in refused["message"]


def test_add_data__shows_a_class_more_often(made: Made) -> None:
    answer = made.client.post("/add_data", task_id=made.ids["data"], class_id="18")
    assert (answer["errno"], bool(answer["message"])) == (1, True)
    row = made.client.finished("/data_history", answer["data"]["task_id"])
    assert row["counts"]["train"] == 24  # each of the 12 shows the road
    refused = made.client.post("/add_data", task_id=made.ids["data"], class_id="")
    assert refused["errno"] != 1


def test_check_sele__scores_the_neighbours_of_listed_points(made: Made) -> None:
    task_id = made.client.started(
        "/check_sele", task_name="faults", weights_dir="suzhou", gpus="", trackpointids=",".join(points(made, 2))
    )
    made.client.finished("/check_data", task_id)
    taken = list((made.home / "images" / "faults").glob("*.jpg"))
    assert len(taken) == 30  # the whole drive: fewer than 20 on either side


def test_track_down__fetches_listed_points_into_a_folder_that_can_be_evaluated(made: Made) -> None:
    answer = made.client.post("/track_down", dir_name="listed", trackpointids="\n".join(points(made, 3)) + "\n")
    assert (answer["errno"], bool(answer["message"])) == (1, True)
    assert len(list((made.home / "images" / "listed").glob("*.jpg"))) == 3  # that client asks no more
    assert "images/listed" in made.client.get("/eva_data")["data"]


def test_track_down__points_that_are_nowhere_are_told_in_the_answer(made: Made) -> None:
    refused = made.client.post("/track_down", dir_name="nowhere", trackpointids="no-such-point\n")
    assert refused["errno"] != 1
    assert "no-such-point" in refused["message"]
    assert not (made.home / "images" / "nowhere").exists()
    some = made.client.post("/track_down", dir_name="some", trackpointids=f"{points(made, 1)[0]}\nno-such-point\n")
    assert some["errno"] == 1
    assert "no-such-point" in some["message"]


def test_query_data__reads_what_was_not_read_then_finds_page_by_page(made: Made) -> None:
    form = {"imgrange": 0, "label_info": "", "tag_info": "", "city": "", "pag_id": 1}
    first = made.client.post("/query_data", **form)
    if first["errno"] != 1:  # no set's labels were read yet: that has begun
        assert SET in first["message"]
        assert first["data"] == []
    deadline = time.monotonic() + 120
    while (first := made.client.post("/query_data", **form))["errno"] != 1 or first["count"] < 26:
        assert time.monotonic() < deadline, first
        time.sleep(0.2)
    assert len(first["data"]) == 15
    assert all(set(row) == ROW for row in first["data"])
    second = made.client.post("/query_data", **form | {"pag_id": 2})["data"]
    assert len(second) == min(15, first["count"] - 15)
    assert second[0] not in first["data"]
    classes = made.client.get("/label_infos")["data"]
    assert classes["道路"] == "18"
    by_class = made.client.post("/query_data", **form | {"tag_info": [classes["道路"]], "label_info": "hd-road"})
    assert by_class["count"] >= 26
    assert all("道路" in row["tag_info"] for row in by_class["data"])
    assert made.client.post("/query_data", **form | {"city": "没有这个城市"})["count"] == 0
    assert made.client.post("/query_data", **form | {"label_info": "camvid"})["count"] == 0
    its = made.client.post("/query_data", **form | {"label_info": SET})
    assert {row["label_info"] for row in its["data"]} == {SET}
    assert its["count"] >= 24
    assert all(len(row["time_info"]) in {0, 16} for row in first["data"])  # no seconds
    refused = made.client.post("/query_data", **form | {"tag_info": ["没有这个类别"]})
    assert refused["errno"] != 1
    assert refused["data"] == []


def test_query_data__has_nothing_read_for_who_only_looks(platform: Platform) -> None:
    make_each(platform)
    write_source_set(platform.workspace, "a", [Drives("suzhou", range(1), 1, size=SIZE)], processes=1)
    team = Team(platform)
    asking: list[tuple[Role, int]] = [("viewer", 0), ("engineer", 1), ("engineer", 1)]
    for who, jobs in asking:
        client = team.program(token_of(platform, who, who))
        answer = client.post("/api/query_data", json={"imgrange": 0, "pag_id": 1}).json()
        assert (answer["errno"], answer["details"]["unread"]) == (0, ["a"])
        assert len(team.program(token_of(platform, "viewer", "viewer")).get("/v1/jobs").json()["data"]) == jobs
    assert ("engineer", "source_index") in audit(platform, "who", "what")
