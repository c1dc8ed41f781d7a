"""The pages 模型, 评估, 发布 and GPU信息, row by row of clients.md."""

import base64
import json

import pytest

from old_client import LetGoError
from old_journey import SET, Made


def test_model__an_object_of_lists_and_nothing_for_other_types(made: Made) -> None:
    assert made.model in made.client.get("/model", page=1)["data"]["suzhou"]
    for page in (2, 3, 4):
        assert made.client.get("/model", page=page)["data"] == {}


def test_starteva__polls_to_completed_and_shows_what_was_found(made: Made) -> None:
    (row,) = made.client.post("/eva_rate", task_id=made.ids["evaluation"])["data"]
    assert row["status"] == "completed!"
    text = made.client.post("/show_info", task_id=made.ids["evaluation"])["data"]
    assert "mIoU" in text
    assert made.model.removesuffix(".params") in text
    assert "道路" in text


def test_starteva__of_a_split_by_type(made: Made) -> None:
    task_id = made.client.started(
        "/starteva",
        dicts={"suzhou": [made.model]},
        type="test",
        img="dataset:20180801/val",
        gpus="",
        output_confidence=True,
    )
    row = made.client.finished("/eva_rate", task_id)
    assert row["sour_dir"] == "dataset:20180801/test"


def test_eva_data__offers_what_models_are_judged_by_first(made: Made) -> None:
    places = made.client.get("/eva_data")["data"]
    first = next(place for place in places if place.startswith("dataset:20180801/"))
    assert first == "dataset:20180801/val"
    assert f"sources/{SET}" in places


@pytest.mark.parametrize("dicts", [{}, {"suzhou": []}])
def test_starteva__empty_as_the_arrow_of_the_menu_sends_it(made: Made, dicts: object) -> None:
    refused = made.client.post("/starteva", dicts=dicts, type="full", img="", gpus="", single_gpu="", host="")
    assert refused["errno"] != 1
    assert "勾选" in refused["message"]


def test_starteva__another_type_is_refused_with_a_sentence(made: Made) -> None:
    refused = made.client.post("/starteva", dicts={"suzhou": [made.model]}, type="ocr", img="dataset:20180801/val")
    assert refused["errno"] != 1
    assert "语义分割" in refused["message"]


def test_show__has_pictures_by_name(made: Made) -> None:
    shown = made.client.post("/show", task_id=made.ids["evaluation"], cur_img=1)
    assert shown["errno"] == 1
    assert base64.b64decode(shown["or_data"]).startswith(b"\xff\xd8")  # behind data:image/jpg;base64,
    assert [set(one) for one in shown["la_data"]] == [{"name", "data"}]
    assert base64.b64decode(shown["la_data"][0]["data"]).startswith(b"\x89PNG")
    assert shown["total_img"] == 8


def test_show__page_0_is_page_1(made: Made) -> None:
    task_id = made.ids["evaluation"]
    first = made.client.post("/show", task_id=task_id, cur_img=1)
    assert made.client.post("/show", task_id=task_id, cur_img=0) == first
    assert made.client.post("/show", task_id=task_id, cur_img="1") == first


def test_show__before_an_evaluation_of_this_page_load_the_newest_one_comes(made: Made) -> None:
    assert made.client.post("/show", task_id=None, cur_img=1)["errno"] == 1


def test_show__beyond_the_end_says_the_range(made: Made) -> None:
    refused = made.client.post("/show", task_id=made.ids["evaluation"], cur_img=99)
    assert refused["errno"] != 1
    assert "1 到 8" in refused["message"]


@pytest.mark.slow
def test_release__then_the_page_lists_it_and_evaluates_it(made: Made) -> None:
    pair = [made.model, made.model.replace(".params", ".json")]
    form = {
        "dicts": {"suzhou": pair}, "page": "", "version": "20180731", "env": "北京", "model_code": "110000", "type": "车道线",
        "desc": "北京模型", "prod": True,
    }  # fmt: skip
    answer = made.client.post("/release", **form)
    assert answer["errno"] == 1, answer
    assert answer["message"]
    assert answer["data"] is not None
    assert answer["data"]["adcode"] == "110000"
    tab = made.client.get("/release_tab", page=1)["data"]
    assert set(tab["20180731"]) == set(pair)
    # From its own page, a release is named by its version alone.
    task_id = made.client.started(
        "/starteva", dicts={"20180731": [made.model]}, type="full", img="dataset:20180801/val", gpus="", single_gpu="1", host="",
        output_confidence=False,
    )  # fmt: skip
    assert made.client.finished("/eva_rate", task_id)["model"] == {"车道线/20180731": [made.model]}
    again = made.client.post("/release", **form)
    assert again["errno"] != 1
    assert again["data"] is not None
    # A category by its number, or that of the page; a release as the source.
    for said in ({"type": "1"}, {"type": "", "page": "1"}, {"dicts": {"20180731": pair}}):
        assert made.client.post("/release", **form | said)["error"] == "name_taken", said


def test_release__without_a_tick(made: Made) -> None:
    refused = made.client.post(
        "/release", dicts={}, page="1", version="", env="", model_code="", type="", desc="", prod=False
    )
    assert refused["errno"] != 1
    assert refused["data"] is not None  # it reads data.task_id


@pytest.mark.parametrize("page", range(1, 8))
def test_release_tab__has_an_object_for_each_of_seven_categories(made: Made, page: int) -> None:
    assert isinstance(made.client.get("/release_tab", page=page)["data"], dict)


def test_gups_info__is_an_object_by_machine(made: Made) -> None:
    assert isinstance(made.client.get("/gups_info")["data"], dict)


def test_jobs__one_that_fails_lets_the_client_go_and_says_why_in_the_log(made: Made) -> None:
    """What breaks after the submit: a dataset whose pictures are gone when the job reads them."""
    folder = made.home / "imports" / "坏"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"no picture")
    (folder / "a.png").write_bytes(b"no label")
    task_id = made.client.started(
        "/offimport", roadelement="hd-road", source="1", author="张三", annotype="0", datakind="0", city="苏州", src="imports/坏",
        imgoprange="1",
    )  # fmt: skip
    with pytest.raises(LetGoError) as gone:
        made.client.finished("/off_status", task_id)
    log = "".join(made.client.get("/output_log", task_id=task_id)["data"])
    assert str(gone.value)
    assert json.dumps(log, ensure_ascii=False)
    assert str(gone.value) in log
