"""The routes of evaluations over HTTP, with the document's example values."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from roadloop.errors import NotFoundError
from roadloop.evaluation import confidence
from roadloop.imaging import room
from roadloop.jobs import queue
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]


DICTS = json.dumps({"苏州": ["kd_suzhou_ep-0005.params"]})


def example(**changes: Any) -> dict[str, Any]:
    """The document's own example, with names that exist."""
    return {
        "dicts": {"苏州": ["kd_suzhou_ep-0005.params"]},
        "type": "full",
        "sour_dir": "图片",
        "dest_dir": "label_dir",
        "single_gpu": "2",
        **changes,
    }


def pixels(data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.fixture
def finished(client: TestClient, platform: Platform, run_job: RunJob, pictures: Path, model: Path) -> str:
    """The id of a finished evaluation of three pictures."""
    reply = client.post("/starteva", json=example()).json()
    assert reply["message"] == "模型预测完成"
    run_job(platform, reply["data"])
    return str(reply["data"])


@pytest.mark.usefixtures("pictures", "model")
@pytest.mark.parametrize("kind", ["form", "query"])
def test_starteva__takes_json_as_text(client: TestClient, kind: str) -> None:
    values = example(dicts=json.dumps({"苏州": ["kd_suzhou_ep-0005.params"]}))
    sent = client.post("/starteva", data=values) if kind == "form" else client.post("/starteva", params=values)
    reply = sent.json()
    assert reply["errno"] == 1
    row = client.post("/eva_rate", data={"task_id": reply["data"]}).json()["data"]
    assert (row["status"], row["single_gpu"], row["total_img"]) == ("starting", 2, None)
    assert row["model"] == {"苏州": ["kd_suzhou_ep-0005.params"]}


@pytest.mark.usefixtures("pictures", "model")
@pytest.mark.parametrize("scales", [[0.5, 1, 2], "[0.5, 1, 2]", "0.5，1、 2"])
def test_starteva__tiles_and_copies_stand_in_row_and_report(
    client: TestClient, platform: Platform, run_job: RunJob, scales: Any
) -> None:
    manner = {"tile": 16, "flip": True, "scales": [0.5, 1, 2]}
    task_id = client.post("/starteva", json=example(tile="16", flip="1", scales=scales)).json()["data"]
    run_job(platform, task_id)
    row = client.post("/eva_rate", data={"task_id": task_id}).json()["data"]
    assert {name: row[name] for name in manner} == manner
    report = client.get(f"/v1/evaluations/{task_id}/report").json()["data"]
    assert {name: report["prediction"][name] for name in manner} == manner
    # Stripes of 4 and 8 rows: copies of half the size blur a row or two, nothing else changes.
    assert report["models"][0]["pixel_accuracy"] > 0.55


@pytest.mark.usefixtures("pictures", "model")
@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"dicts": {"suzhou": ["kd_suzhou_test02_ep_0205.params"]}}, 404, "kd_suzhou_test02_ep_0205.params"),
        ({"dicts": "sad"}, 422, "dicts"),
        ({"type": "sad"}, 422, "type"),
        ({"sour_dir": "image_dir"}, 404, "image_dir"),
        ({"sour_dir": "../x"}, 403, "sour_dir"),
        ({"gpus": "0,1,2"}, 422, "gpus"),
        ({"single_gpu": "0"}, 422, "single_gpu"),
        ({"dest_dir": "图片/out"}, 409, "dest_dir"),
        ({"tile": 5}, 422, "tile"),
        ({"scales": "1,much"}, 422, "scales"),
        ({"scales": [0]}, 422, "scales"),
    ],
)
def test_starteva__filler_values_get_a_clear_answer(
    client: TestClient, changes: dict[str, Any], status: int, word: str
) -> None:
    for language in ("zh", "en"):
        reply = client.post("/starteva", json=example(**changes), headers={"accept-language": language})
        assert reply.status_code == status
        assert reply.json()["errno"] == 0
        assert word in reply.json()["message"]


@pytest.mark.usefixtures("model")
def test_starteva__another_meaning_is_refused_unless_it_is_mapped(client: TestClient, pictures: Path) -> None:
    rows = ("raw_id,name_en,name_zh,r,g,b,train_id", "10,red,红,255,0,0,0", "20,sky,天空,9,9,9,1")
    (pictures / "classes.csv").write_text("\n".join(rows), encoding="utf-8")
    reply = client.post("/starteva", json=example())
    assert (reply.status_code, reply.json()["error"]) == (422, "label_map")
    assert reply.json()["details"] == {
        "conflicts": [
            {
                "id": 20,
                "model": {"name_en": "green", "name_zh": "绿", "color": [0, 255, 0]},
                "data": {"name_en": "sky", "name_zh": "天空", "color": [9, 9, 9]},
            }
        ]
    }
    assert client.post("/starteva", json=example(mapping={"20": "99"})).status_code == 422
    task_id = client.post("/starteva", data={**example(mapping='{"20": "255"}'), "dicts": DICTS}).json()["data"]
    assert client.post("/eva_rate", data={"task_id": task_id}).json()["data"]["mapping"] == {"20": 255}


@pytest.mark.usefixtures("pictures", "model")
def test_starteva__same_key_is_answered_again_even_when_it_has_finished(
    client: TestClient, platform: Platform, run_job: RunJob
) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = client.post("/starteva", json=example(), headers=headers).json()
    run_job(platform, first["data"])
    assert client.post("/starteva", json=example(), headers=headers).json() == first
    assert client.post("/starteva", json=example()).status_code == 409


def test_eva_rate__finished_row_has_the_scores(client: TestClient, finished: str) -> None:
    row = client.post("/eva_rate", json={"task_id": finished}).json()["data"]
    assert (row["status"], row["total_img"], row["bad_lines"], row["unlabelled"]) == ("completed!", 3, 1, 1)
    (scores,) = row["report"]
    assert scores["miou"] == pytest.approx(0.566667)
    assert [c["name_zh"] for c in scores["classes"]] == ["红", "绿", "蓝"]
    assert client.post("/eva_rate").json()["data"][0]["task_id"] == finished
    assert client.post("/eva_rate", json={"task_id": "sadsa"}).status_code == 404


def test_show__picture_and_predictions(client: TestClient, finished: str) -> None:
    reply = client.post("/show", data={"task_id": finished, "cur_img": "1"}).json()
    assert (reply["total_img"], reply["name"], reply["track"]) == (3, "a/t1_001", "t1")
    assert base64.b64decode(reply["or_data"])[:2] == b"\xff\xd8"
    (shown,) = reply["la_data"]
    assert shown["name"] == "苏州/kd_suzhou_ep-0005"
    assert shown["image_miou"] == 1.0
    color = pixels(base64.b64decode(shown["data"]))
    assert color[:, 0].tolist() == [[255, 0, 0]] * 4 + [[0, 0, 255]] * 4
    assert np.array_equal(color, pixels(client.get(shown["url"]).content))
    assert np.array_equal(color, pixels(client.get(reply["truth_url"]).content))
    ids = np.asarray(Image.open(io.BytesIO(client.get(shown["id_url"]).content)))
    assert ids[:, 0].tolist() == [0] * 4 + [2] * 4
    for url, kind in ((reply["or_url"], "jpeg"), (shown["overlay_url"], "jpeg"), (shown["errors_url"], "jpeg")):
        answer = client.get(url)
        assert answer.headers["content-type"] == f"image/{kind}"
        assert pixels(answer.content).shape == (8, 8, 3)


def test_show__picture_without_label_has_no_truth(client: TestClient, finished: str) -> None:
    reply = client.post("/show", json={"task_id": finished, "cur_img": 3}).json()
    assert reply["name"] == "b/t2_001"
    assert reply["truth_url"] is None
    assert reply["la_data"][0]["image_miou"] is None
    assert client.get(f"/v1/evaluations/{finished}/pictures/3/truth").status_code == 404


def test_show__an_evaluation_from_before_labels_were_noted_finds_them(
    client: TestClient, platform: Platform, finished: str
) -> None:
    path = platform.workspace.home / "label_dir" / "pictures.csv"
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(",".join([*row[:6], *row[8:]]) + "\n" for row in rows), encoding="utf-8")
    shown = [client.post("/show", json={"task_id": finished, "cur_img": n}).json() for n in (1, 2, 3)]
    assert [bool(one["truth_url"]) for one in shown] == [True, True, False]
    assert shown[0]["la_data"][0]["image_miou"] == 1.0
    assert client.get(shown[1]["truth_url"]).status_code == 200


@pytest.mark.parametrize("number", [0, -1, 4, 10**12])
def test_show__out_of_range_says_the_range(client: TestClient, finished: str, number: int) -> None:
    reply = client.post("/show", json={"task_id": finished, "cur_img": number})
    assert reply.status_code == 404
    assert reply.json()["details"] == {"first": 1, "last": 3}


@pytest.mark.usefixtures("pictures", "model")
def test_show__unknown_unfinished_and_gone(client: TestClient, platform: Platform, run_job: RunJob) -> None:
    assert client.post("/show", json={"task_id": "sadsa", "cur_img": 1}).status_code == 404
    task_id = client.post("/starteva", json=example()).json()["data"]
    reply = client.post("/show", json={"task_id": task_id})
    assert (reply.status_code, reply.json()["details"]["state"]) == (409, "queued")
    run_job(platform, task_id)
    (platform.workspace.home / "label_dir").rename(platform.workspace.home / "elsewhere")
    assert client.post("/show", json={"task_id": task_id}).status_code == 404


def test_show__replaced_by_another_evaluation(
    client: TestClient, platform: Platform, run_job: RunJob, finished: str
) -> None:
    second = client.post("/starteva", json=example(overwrite="1")).json()["data"]
    run_job(platform, second)
    assert client.post("/show", json={"task_id": second}).json()["errno"] == 1
    reply = client.post("/show", json={"task_id": finished})
    assert reply.status_code == 404
    assert "label_dir" in reply.json()["message"]


def test_evaluation_picture__unknown_model_or_view(client: TestClient, finished: str) -> None:
    base = f"/v1/evaluations/{finished}/pictures/1"
    assert client.get(f"{base}/color?model=2").json()["details"] == {"first": 1, "last": 1}
    assert client.get(f"{base}/html").status_code == 422
    assert client.get(f"/v1/evaluations/{finished}/pictures/x/color").status_code == 422


def test_evaluation_report__is_the_published_one(client: TestClient, platform: Platform, finished: str) -> None:
    report = json.loads((platform.workspace.home / "label_dir" / "report.json").read_text())
    assert client.get(f"/v1/evaluations/{finished}/report").json()["data"] == report


def test_evaluation_model__confusion_tracks_and_worst_pictures(client: TestClient, finished: str) -> None:
    path = f"/v1/evaluations/{finished}/models/1"
    tables = client.get(path, params={"worst": 1}).json()["data"]
    assert tables["confusion"] == [[32, 0, 0], [128, 128, 0], [0, 0, 32]]
    assert (tables["void"], tables["missed"]) == ([0, 0, 0], [0, 0, 0])
    assert [(row["track"], row["pictures"]) for row in tables["tracks"]] == [("t1", 2)]
    (worst,) = tables["worst"]
    assert (worst["number"], worst["name"], worst["pixel_accuracy"]) == (2, "a/t1_002", 0.5)
    assert client.get(f"/v1/evaluations/{finished}/models/2").status_code == 404


def listed(client: TestClient, task_id: str, **values: Any) -> tuple[list[tuple[Any, ...]], int]:
    """(number, iou, pixels) of the pictures listed, and how many there are."""
    reply = client.get(f"/v1/evaluations/{task_id}/pictures", params=values).json()
    return [(row["number"], row["iou"], row["pixels"]) for row in reply["data"]], reply["total"]


def test_evaluation_pictures__in_their_order(client: TestClient, finished: str) -> None:
    reply = client.get(f"/v1/evaluations/{finished}/pictures").json()
    assert reply["total"] == 3
    assert reply["data"][1] == {
        "number": 2, "name": "a/t1_002", "track": "t1", "width": 16, "height": 16, "labelled": True, "mious": [0.25],
        "iou": None, "pixels": None,
    }  # fmt: skip
    assert [row["labelled"] for row in reply["data"]] == [True, True, False]
    assert listed(client, finished, track="t1") == ([(1, None, None), (2, None, None)], 2)
    assert listed(client, finished, around=3, limit=1) == ([(3, None, None)], 3)
    assert listed(client, finished, around=1, limit=2) == ([(1, None, None), (2, None, None)], 3)
    assert listed(client, finished, track="t9") == ([], 0)


def test_evaluation_pictures__the_worst_of_a_model_a_class_or_a_confusion_first(
    client: TestClient, finished: str
) -> None:
    # Picture 1 is right: red and blue. Of the 256 green pixels of picture 2 half are taken for red.
    assert listed(client, finished, order="worst") == ([(2, None, None), (1, None, None)], 2)
    assert listed(client, finished, order="worst", train_id=0) == ([(2, 0.0, None), (1, 1.0, None)], 2)
    assert listed(client, finished, order="worst", train_id=0, limit=1) == ([(2, 0.0, None)], 2)
    assert listed(client, finished, order="worst", train_id=2) == ([(1, 1.0, None)], 1)
    assert listed(client, finished, order="worst", train_id=1, predicted=0) == ([(2, 0.5, 128)], 1)
    assert listed(client, finished, order="worst", train_id=2, predicted=0) == ([], 0)
    assert listed(client, finished, train_id=1) == ([(1, None, None), (2, 0.5, None), (3, None, None)], 3)


def test_evaluation_pictures__what_cannot_be_listed(client: TestClient, platform: Platform, finished: str) -> None:
    path = f"/v1/evaluations/{finished}/pictures"
    assert client.get(path, params={"model": 2}).status_code == 404
    assert client.get(path, params={"order": "best"}).status_code == 422
    (platform.workspace.home / "label_dir/苏州/kd_suzhou_ep-0005/cells.npy").unlink()
    reply = client.get(path, params={"train_id": 1}, headers={"accept-language": "en"})
    assert (reply.status_code, reply.json()["error"]) == (404, "not_found")
    assert "Evaluate again" in reply.json()["message"]
    assert client.get(path, params={"order": "worst"}).status_code == 200


def test_evaluation_picture__ids_of_the_label_and_confidence(client: TestClient, finished: str) -> None:
    base = f"/v1/evaluations/{finished}/pictures"
    ids = np.asarray(Image.open(io.BytesIO(client.get(f"{base}/1/truth_id").content)))
    assert ids[:, 0].tolist() == [0] * 4 + [2] * 4
    assert client.get(f"{base}/3/truth_id").status_code == 404
    confidence = np.asarray(Image.open(io.BytesIO(client.get(f"{base}/1/confidence").content)))
    assert np.unique(confidence).tolist() == [56]


def test_picture__what_must_be_decoded_waits_for_room(
    client: TestClient, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WAIT_SECONDS", 0.05)
    base = f"/v1/evaluations/{finished}/pictures/1"
    views = ("image", "truth", "overlay", "errors")
    with room.room.take(10**9):
        assert [client.get(f"{base}/{view}").status_code for view in views] == [503] * 4
        assert client.get(f"{base}/color").status_code == 200  # a finished file
    assert [client.get(f"{base}/{view}").status_code for view in views] == [200] * 4


def test_confidence__by_class_and_picture_and_of_the_newest_evaluation(
    client: TestClient, platform: Platform, finished: str
) -> None:
    """Logits of 250, 10 and 10 255ths: 1 / (1 + 2 e^(-240/255)), but for what JPEG changes."""
    path = f"/v1/evaluations/{finished}/models/1/confidence"
    found = client.get(path).json()
    share = 1 / (1 + 2 * np.exp(-240 / 255))
    assert found["total"] == 3
    assert found["data"]["confidence"] == pytest.approx(share, abs=0.02)
    assert [(c["train_id"], c["name_en"]) for c in found["data"]["classes"]] == [(0, "red"), (1, "green"), (2, "blue")]
    assert [c["confidence"] for c in found["data"]["classes"]] == pytest.approx([share] * 3, abs=0.02)
    pictures = found["data"]["pictures"]
    assert [(p["number"], p["name"], list(p["classes"])) for p in pictures] == [
        (1, "a/t1_001", ["0", "2"]), (2, "a/t1_002", ["0", "1"]), (3, "b/t2_001", ["1"])
    ]  # fmt: skip
    lowest = client.get(path, params={"order": "lowest", "train_id": 2}).json()["data"]["pictures"]
    assert [p["number"] for p in lowest] == [1]  # the others have none of it
    values = [p["confidence"] for p in client.get(path, params={"order": "lowest"}).json()["data"]["pictures"]]
    assert values == sorted(values)
    assert client.get(path, params={"skip": 1, "limit": 1}).json()["data"]["pictures"][0]["number"] == 2
    assert client.get(path.replace("models/1", "models/2")).status_code == 404

    evaluated, place = confidence.newest(platform, "苏州", "kd_suzhou_ep-0005.params")
    assert (evaluated.report["task_id"], place) == (finished, 1)
    with pytest.raises(NotFoundError, match="evaluate it first"):
        confidence.newest(platform, "苏州", "kd_suzhou_ep-0006.params")
    (evaluated.folder / evaluated.models[0] / "confidence.csv").unlink()  # as in evaluations of older versions
    answer = client.get(path, headers={"accept-language": "en"})
    assert (answer.status_code, "evaluate again" in answer.json()["message"]) == (404, True)
