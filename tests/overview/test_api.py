"""The first screen's answer: lengths of the lists as they stand, the newest jobs, and what serves and is weak."""

from typing import Any

from fastapi.testclient import TestClient

from released import released
from roadloop.evaluation.store import evaluation_models, evaluations
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.jobs.store import jobs
from roadloop.overview.service import PLACES
from roadloop.storage.platform import Platform

SHA = "0" * 64


def test_overview__counts_each_stage_and_has_the_newest_jobs(client: TestClient, platform: Platform) -> None:
    empty = client.get("/v1/overview").json()["data"]
    disk = empty.pop("disk")
    assert disk["total_mib"] >= disk["free_mib"] > 0
    assert empty.pop("serving") == [{"name": n, "places": [], "more": False} for n in ("车道线", "路牌", "灯杆")]
    assert empty == {"stages": dict.fromkeys(empty["stages"], 0), "jobs": [], "waiting": [], "weak": []}
    assert list(empty["stages"]) == ["sources", "datasets", "networks", "training", "evaluation", "release"]
    (platform.workspace.sources / "苏州").mkdir(parents=True)
    with platform.database.transaction() as db:
        tasks = [queue.submit(db, queue.Submission("rehearsal", {}, f"{number}")) for number in range(21)]
        queue.submit(db, queue.Submission("train", {}, "draft", state=JobState.CREATED))
    found = client.get("/v1/overview").json()["data"]
    assert found["stages"]["sources"] == 1
    assert [job["task_id"] for job in found["jobs"]][1:] == tasks[:1:-1]  # the newest twenty
    assert [job["title"] for job in found["jobs"][:3]] == ["draft", "20", "19"]
    ones = [{"name": "draft", "task_id": found["jobs"][0]["task_id"]}]
    assert found["waiting"] == [{"what": "draft", "kind": "train", "number": 1, "ones": ones}]


def evaluated(platform: Platform, ious: dict[str, float | None]) -> str:
    """A finished evaluation whose second model has these IoUs; its task id."""
    classes = [
        {
            "train_id": n,
            "name_zh": f"类{name}",
            "name_en": name,
            "iou": iou,
            "truth_pixels": 0 if name == "ghost" else 9,
        }
        for n, (name, iou) in enumerate(ious.items())
    ]
    models: list[dict[str, Any]] = [{}, {"classes": classes, "labelled_pictures": 9}]
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("evaluate", {}, "e"))
        done = {"state": JobState.SUCCEEDED.value, "result": {"models": models}}
        db.execute(jobs.update().where(jobs.c.id == task_id).values(**done))
        names = dict.fromkeys(("type", "sour_dir", "dest_dir", "dest_path", "gpus"), "x")
        db.execute(evaluations.insert().values(task_id=task_id, single_gpu=1, dicts={}, **names))
        row = {"task_id": task_id, "place": 1, "source": "suzhou", "file": "kd.params", "folder": "x"}
        db.execute(evaluation_models.insert().values(params_sha256=SHA, **row))
    return task_id


def test_overview__says_what_serves_and_the_worst_classes_of_the_quoted_evaluation(
    client: TestClient, platform: Platform
) -> None:
    task_id = evaluated(platform, {"road": 0.9, "pole": 0.1, "void": None, "ghost": 0.0, "sign": 0.2, "lane": 0.3})
    quoting = {
        "training": {"miou": 0.7, "mapping": {"a": "b"}},
        "quoted": "evaluation",
        "evaluation_task_id": task_id,
        "evaluation_miou": 0.5,
    }
    released(platform, "1", metrics={"training": {"miou": 0.4}})
    now = released(platform, "2", metrics=quoting)
    released(platform, "2", "上海", "310000", metrics=quoting)  # the same model: told once
    released(platform, "3", category="路牌", metrics={"training": {}, "evaluation_task_id": "gone"})
    found = client.get("/v1/overview").json()["data"]
    lanes, signs, poles = found["serving"]
    served = [
        (one["now"]["env"], one["now"]["version"], one["before"] and one["before"]["version"])
        for one in lanes["places"]
    ]
    assert sorted(served) == [("上海", "2", None), ("北京", "2", "1")]
    assert (len(signs["places"]), poles["places"]) == (1, [])
    newest = next(one["now"] for one in lanes["places"] if one["before"])
    assert newest["task_id"] == now
    assert newest["metrics"]["evaluation_miou"] == 0.5
    assert newest["metrics"]["training"] == {"miou": 0.7}
    lane, sign = found["weak"]
    assert (lane["evaluation"], lane["model"]) == (task_id, 2)
    assert [(one["name_en"], one["iou"]) for one in lane["classes"]] == [("pole", 0.1), ("sign", 0.2), ("lane", 0.3)]
    assert (sign["evaluation"], sign["model"], sign["classes"]) == (None, 0, [])


def test_overview__names_some_places_and_says_that_there_are_more(client: TestClient, platform: Platform) -> None:
    for number in range(PLACES + 1):
        released(platform, "1", f"env-{number}")
    lanes = client.get("/v1/overview").json()["data"]["serving"][0]
    assert (len(lanes["places"]), lanes["more"]) == (PLACES, True)
