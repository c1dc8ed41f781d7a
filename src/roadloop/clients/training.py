"""The pages 训练任务 and Network: tasks, their label maps and settings, their start and end, networks."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from roadloop.clients.dialect import Ask, Path, Reply, Sent, read_by_hand, same, unused
from roadloop.clients.shapes import SEGMENTATION, as_text, check_type, done, listed, minutes, names_of, plain, started
from roadloop.datasets import service as datasets
from roadloop.errors import BrokenFileError, ConflictError, NotFoundError, Text
from roadloop.labels.table import IGNORE
from roadloop.training import service as training

#: The label map that comes with the data's own class table.
DEFAULT: Final = "default"
_TEMPLATES: Final = ("general", "hd-13")
_NEW: Final = Text("新类别", "new class")


def _task(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        **plain(row),
        "data_name": row["data"],
        "start_date": minutes(row["start_date"], row["started_at"]),
        "end_date": minutes(row["end_date"], row["finished_at"]),
    }


_TASKS: Final = listed("POST /train_history", _task)


def _train_history(ask: Ask, sent: Sent) -> Reply:
    return _TASKS(ask, {"task_id": sent.get("task_id") or sent.get("taskId")})


def _map_info(ask: Ask, sent: Sent) -> Reply:
    task = training.read_task(ask.platform, str(sent.get("task_id", "")))
    colors: dict[int, str] = {}
    with suppress(NotFoundError, ConflictError, BrokenFileError):
        table = datasets.require(ask.platform, task.row.data).table
        colors = {one.raw_id: ",".join(map(str, one.color)) for one in table.classes}
    rows = [
        {
            "id": raw_id,
            "categoryId": entry.train_id,
            "en_name": entry.name_en,
            "name": entry.name_zh,
            "color": colors.get(raw_id, "0,0,0"),
        }
        for raw_id, entry in task.label_map.entries.items()
    ]
    return {"data": rows}


def _seg_maps(ask: Ask, sent: Sent) -> Reply:
    """The classes of the task, then free numbers, so that each raw class can become one of its own, then ignore."""
    label_map = training.read_task(ask.platform, str(sent.get("task_id", ""))).label_map
    named = list(label_map.names(ask.call.language))
    raw = len(label_map.entries.keys() - {IGNORE})
    named += [f"{ask.say(_NEW)} {number}" for number in range(len(named), raw)]
    choices = [{"name": name, "value": str(number)} for number, name in enumerate(named)]
    return {"data": [*choices, {"name": "ignore", "value": str(IGNORE)}]}


def _maps(_ask: Ask, answer: Reply) -> Reply:
    return {"data": [{raw_id: entry} for raw_id, entry in answer["data"].items()]}


def _templates(_ask: Ask, _sent: Sent) -> Reply:
    return names_of([DEFAULT, *_TEMPLATES])


def _types(_ask: Ask, _sent: Sent) -> Reply:
    return names_of([SEGMENTATION])


def _create(ask: Ask, sent: Sent, values: dict[str, Any]) -> Mapping[str, Any]:
    check_type(sent)
    if values.get("maps") == DEFAULT:
        del values["maps"]
    if base := sent.get("task_id"):
        # A row that is ticked on the page Data stays ticked there, and comes along: it is no training task.
        with suppress(NotFoundError):
            values["base_task"] = training.read_task(ask.platform, str(base)).job.id
    return values


def _calculate(ask: Ask, sent: Sent) -> Reply:
    if "batch_val" not in sent:
        return {"message": "success", "data": 0}
    return ask("GET /calculate", sent)


def _log(ask: Ask, sent: Sent) -> Reply:
    lines = [f"{line}\n" for line in ask("GET /output_log", sent)["data"]]
    row = ask("GET /v1/jobs", {"task_id": sent.get("task_id")})["data"]
    if row["state"] == "failed" and row["reason"] and not any(row["reason"] in line for line in lines):
        lines.append(f"{row['reason']}\n")
    return {"data": lines}


_ROWS: Final = (
    "data[]{id, task_id, task_name, machine_id, category_num, iter_num, learning_rate, steps, batch_size, gpus, start_date,"
    " end_date, data_name, net_desc, data_desc, task_desc}"
)

PATHS: Final = (
    Path(
        "POST", "/train_history", "see", ("POST /train_history",), read_by_hand("task_id", "taskId"), _ROWS,
        answer=_train_history, nothing=[],
        note=Text("空的 taskId 为全部；一个任务也是一行的列表", "an empty taskId means all; one task is a list of one row"),
    ),
    Path(
        "GET", "/train_configs", "see", ("GET /train_configs",), same("task_id"), "data: JSON", shape=as_text, nothing="{}",
    ),
    Path(
        "GET", "/data_configs", "see", ("GET /data_configs",), same("task_id"), "data, resp: JSON", shape=as_text,
        nothing="{}",
    ),
    Path(
        "GET", "/map_info", "see", ("POST /maps",), read_by_hand("task_id"),
        'data[]{id, categoryId, en_name, name, color "r,g,b"}', answer=_map_info, nothing=[],
        note=Text("id 为原始编号，categoryId 为训练编号", "id is the raw id, categoryId the train id"),
    ),
    Path(
        "GET", "/output_log", "see", ("GET /output_log", "GET /v1/jobs"), same("task_id"), "data[]", answer=_log,
        nothing=[], polled=True,
        note=Text(
            "最后 100 行，各带换行；失败的原因在最后一行", "the last 100 lines, each with its line end; why it failed comes last"
        ),
    ),
    Path("POST", "/continue_task", "work", ("POST /continue_task",), same("task_id"), shape=done),
    Path("GET", "/network", "see", ("GET /network",), reads="data[]", nothing=[]),
    Path("GET", "/sour_datas", "see", ("GET /sour_datas",), reads="data[]", nothing=[]),
    Path("GET", "/task_type", "see", (), reads="data[]", answer=_types, nothing=[],
         note=Text("只有语义分割", "semantic segmentation only")),
    Path(
        "GET", "/map_template", "see", (), reads="data[]", answer=_templates, nothing=[],
        note=Text("default 为数据自带类别表的映射", "default is the map of the data's own class table"),
    ),
    Path(
        "POST", "/create_train", "work", ("POST /create_train",),
        same("train_name", "network", "data", "maps", "task_desc") | {"task_id": "?", "types": "?"}
        | unused("host", "image_type", "parallel_bool"),
        "data.task_id, message", prepare=_create, shape=started, nothing={},
        note=Text(
            "勾选的任务（task_id）成为 base_task，不是训练任务的编号不起作用；在哪台机器上训练由 gpus 决定",
            "a ticked task (task_id) becomes base_task, an id of anything else changes nothing; gpus say on which machine",
        ),
    ),
    Path("GET", "/seg_maps", "see", ("POST /maps",), read_by_hand("task_id"), "data[]{name, value}", answer=_seg_maps,
         nothing=[]),
    Path(
        "POST", "/maps", "see", ("POST /maps",), same("task_id") | unused("taskName"), 'data[]{"0": [train id, en, zh]}',
        shape=_maps, nothing=[],
    ),
    Path(
        "POST", "/save_map", "work", ("POST /save_map",), same("task_id", "map_value"), shape=done,
        note=Text("四项 [旧, en, zh, 新]", "four items [old, en, zh, new]"),
    ),
    Path("GET", "/train_config", "see", ("GET /train_config",), same("task_id"), "data: JSON", shape=as_text,
         nothing="{}"),
    Path("GET", "/data_config", "see", ("GET /data_config",), same("task_id"), "data: JSON", shape=as_text, nothing="{}"),
    Path(
        "GET", "/calculate", "see", ("GET /calculate",), same("batch_val", "task_id"), "data", answer=_calculate, nothing=0,
        note=Text("空的 batch_val 得 0", "0 for an empty batch_val"),
    ),
    Path("GET", "/weights", "see", ("GET /weights",), same("task_id"), "data[]", nothing=[]),
    Path(
        "POST", "/starttask", "work", ("POST /starttask",),
        same("task_id", "data_type", "num_classes", "gpus", "batch_size", "num_epoch", "steps", "base_lr", "model", "weights",
             "train_con", "data_con", "start_date"),
        shape=done,
    ),
    Path("POST", "/endtask", "work", ("POST /endtask",), same("task_id", "end_date"), shape=done),
    Path(
        "GET", "/network_history", "see", ("GET /network_history",), reads="data[]{id, net_name, net_describe}",
        answer=listed("GET /network_history", plain), nothing=[],
    ),
    Path("GET", "/src_network", "see", ("GET /src_network",), reads="data[]", nothing=[]),
    Path(
        "POST", "/create_net", "work", ("POST /create_net",),
        same("network_name", "src_net") | {"net_descr": "net_describe"}, "data.task_id, message", shape=started, nothing={},
    ),
)  # fmt: skip
