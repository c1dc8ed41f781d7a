"""The pages of 数据, 随机抽图, 自动挑图 and 标注数据, row by row of clients.md."""

import pytest

from old_journey import SET, SIZE, Made
from roadloop.demo.write import paint_package

VERSION = "20180802"


@pytest.fixture(scope="module")
def cut(made: Made) -> Made:
    """Pictures that were picked at random and cut into packages, whose labels came back."""
    client = made.client
    picked = client.started(
        "/sam_value", output_dir=VERSION, ratio="6", track_file="tracks.txt", task_file="", isshuffle=1
    )
    client.finished("/auto_sam", picked)
    divided = client.started("/task_divide", version=VERSION, step="4", types="")
    client.finished("/divide_history", divided)
    for package in sorted((made.home / "packages" / VERSION).iterdir()):
        if package.is_dir():
            paint_package(package, made.home / "imports" / "annotations" / package.name, ["suzhou"], SIZE, 0)
    return made


def test_sam_value__a_name_is_a_version_that_can_be_divided(cut: Made) -> None:
    assert len(list((cut.home / "images" / VERSION).glob("*.jpg"))) == 6
    assert sorted(p.name for p in (cut.home / "packages" / VERSION).iterdir() if p.is_dir()) == ["1", "2"]


def test_sele_value__picks_with_a_training_task_s_model(made: Made) -> None:
    assert "suzhou" in made.client.get("/model_lists")["data"]
    task_id = made.client.started(
        "/sele_value", output_dir="mined", ratio="2", gpus="", weights_dir="suzhou", track_file="tracks.txt", task_file="",
        isshuffle=0,
    )  # fmt: skip
    made.client.finished("/auto_sele", task_id)
    assert (made.home / "images" / "mined" / "selection.csv").is_file()


def test_linedown_and_process_label__answer_with_an_id_and_end(cut: Made) -> None:
    client = cut.client
    down = client.started("/linedown", taskid_start="1", taskid_end="2", dest=VERSION)
    assert client.finished("/line_status", down)["finished"] == 6
    published = client.started("/process_label", version=VERSION, color_info="hd-road", types="union")
    row = client.finished("/label_history", published)
    assert row["published_pictures"] == 6
    assert row["name"] in client.get("/data")["data"]


def test_offimport__has_no_dest_and_is_called_as_its_folder(made: Made) -> None:
    source = made.home / "sources" / SET
    package = next(path for path in sorted(source.iterdir()) if path.is_dir() and any(path.glob("*.jpg")))
    folder = made.home / "imports" / "离线"
    folder.mkdir(parents=True)
    for path in package.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    form = {
        "roadelement": "hd-road", "source": "1", "author": "张三", "annotype": "0", "datakind": "0", "city": "苏州",
        "src": "imports/离线", "imgoprange": "1",
    }  # fmt: skip
    task_id = made.client.started("/offimport", **form)
    assert made.client.finished("/off_status", task_id)["dest"] == "离线"
    assert "离线" in made.client.get("/data")["data"]


def test_target_divide__cuts_as_full(cut: Made) -> None:
    picked = cut.client.started("/sam_value", output_dir="target", ratio="2", track_file="tracks.txt", isshuffle=1)
    cut.client.finished("/auto_sam", picked)
    task_id = cut.client.started("/target_divide", version="target", step="3")
    (row,) = cut.live.client().post("/divide_history").json()["data"][:1]
    assert (row["task_id"], row["types"]) == (task_id, "full")


def test_label_tasks__has_its_columns_for_each_package(cut: Made) -> None:
    rows = cut.client.get("/label_tasks")["data"]
    assert [row["id_code"] for row in rows[:2]] == [1, 2]
    assert all(set(row) == {"task_id", "picid", "id_code", "statue", "start_time", "end_time"} for row in rows)
    assert rows[0]["picid"] == VERSION
    told = cut.client.get("/label_status", task_id=rows[0]["task_id"])["data"]
    assert told["pictures"] == 4
    assert all(value is not None for value in told.values())


def test_label_status__of_no_package_says_so(made: Made) -> None:
    refused = made.client.get("/label_status", task_id="999")
    assert refused["errno"] != 1
    assert "999" in refused["message"]


@pytest.mark.parametrize(
    "path",
    [
        "/linedown",
        "/offimport",
        "/task_divide",
        "/target_divide",
        "/process_label",
        "/sam_value",
        "/sele_value",
        "/create_data",
    ],
)
def test_forms__that_are_empty_get_a_sentence(made: Made, path: str) -> None:
    refused = made.client.post(path, version="", step="", types="", src="", ratio="", output_dir="")
    assert refused["errno"] != 1
    assert refused["message"].endswith("。")


@pytest.mark.parametrize(
    "path",
    [
        "/data_history",
        "/eva_rate",
        "/auto_sam",
        "/auto_sele",
        "/line_status",
        "/off_status",
        "/divide_history",
        "/label_history",
    ],
)
def test_progress__of_an_unknown_job_lets_the_client_go(made: Made, path: str) -> None:
    refused = made.client.post(path, task_id="sadsa")
    assert refused["errno"] != 1
    assert isinstance(refused["data"], list)
