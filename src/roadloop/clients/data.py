"""The page Data: datasets, what they hold, how one is built."""

from collections.abc import Mapping
from typing import Any, Final

from roadloop.clients.dialect import Ask, Path, Reply, Sent, read_by_hand, same, unused
from roadloop.clients.shapes import SEGMENTATION, check_type, names_of, one_row, plain, progress, started
from roadloop.datasets import service as datasets
from roadloop.datasets.info import SPLITS
from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.lists import read_names
from roadloop.sources import service as source_sets
from roadloop.web.share import Waiting

_FORM: Final = ("data_name", "data_type", "sour_data", "thread", "train", "val", "test", "data_desc")
_SPLIT_ANEW: Final = Text(
    "源数据没有自带的划分表，已重新划分。", "The source sets bring no lists of their own: split anew."
)


def _create(ask: Ask, sent: Sent) -> Reply | Waiting[Reply]:
    check_type(sent)
    values = {name: sent[name] for name in _FORM if name in sent}
    anew = str(sent.get("l_value", "")).lower() not in {"", "0", "false"}
    values["l_value"] = anew or not _has_lists(ask, str(sent.get("sour_data", "")))
    if values.get("data_type") == "aug" and "task_id" in sent:
        values["base_data"] = _dataset(ask, sent)

    def shape(answer: Reply) -> Reply:
        found = started(ask, answer)
        return (
            found
            if anew or not values["l_value"]
            else {**found, "message": f"{found['message']} {ask.say(_SPLIT_ANEW)}"}
        )

    return ask.then("POST /create_data", values, shape)


def _has_lists(ask: Ask, sets: str) -> bool:
    """Whether all source sets bring lists of what belongs to which split."""
    try:
        found = [source_sets.open_set(ask.platform.workspace, name) for name in read_names(sets)]
    except (NotFoundError, InvalidValueError):
        return False  # our own endpoint says what is wrong with it
    return bool(found) and all(one.has_splits() for one in found)


def _dataset(ask: Ask, sent: Sent) -> str:
    """The name of the dataset that a task id means."""
    return str(one_row(ask, "POST /data_history", sent)["data_name"])


def _class_count(ask: Ask, sent: Sent) -> Reply:
    info = datasets.require(ask.platform, _dataset(ask, sent))

    def counted(raw_id: int, split: str) -> list[float]:
        total = info.counts.get(split, 0)
        there = info.statistics.get(split, {}).get(raw_id)
        pictures = there.pictures if there else 0
        return [round(100 * pictures / total, 2) if total else 0.0, pictures, total]

    rows = [
        {
            "id": one.raw_id,
            "name": one.name_zh if ask.call.language == "zh" else one.name_en,
            **{split: counted(one.raw_id, split) for split in SPLITS},
        }
        for one in info.table.classes
    ]
    return {"data": rows}


def _types(_ask: Ask, _sent: Sent) -> Reply:
    return names_of([SEGMENTATION])


def _again(ask: Ask, sent: Sent, values: dict[str, Any]) -> Mapping[str, Any]:
    return {**values, "name": _dataset(ask, sent)}


PATHS: Final = (
    Path(
        "POST", "/data_history", "see", ("POST /data_history",), read_by_hand("task_id"),
        "data[]{id, task_id, data_name, machine_id, sour_data, train, val, test, data_describe, status}",
        answer=progress("POST /data_history", plain), nothing=[], polled=True,
        note=Text("列表与进度；空的 task_id 为全部", "list and progress; an empty task_id means all"),
    ),
    Path("GET", "/data", "see", ("GET /data",), reads="data[]", nothing=[]),
    Path("GET", "/dtask_type", "see", (), reads="data[]", answer=_types, nothing=[],
         note=Text("只有语义分割", "semantic segmentation only")),
    Path(
        "POST", "/create_data", "work", ("POST /create_data", "POST /data_history"),
        same(*_FORM) | read_by_hand("l_value", "types", "task_id") | unused("images_type"),
        "data.task_id, message", answer=_create, nothing={},
        note=Text(
            "l_value 勾选为重新划分，不勾选用源数据自带的划分表（没有则重新划分）；选中的一行（task_id）是 aug 的基础",
            "l_value ticked makes a new split, else the sets' own lists are taken where they have some; a chosen row (task_id) is the base of aug",
        ),
    ),
    Path(
        "GET", "/class_count", "see", ("POST /data_history", "GET /v1/datasets/{name}"), read_by_hand("task_id"),
        "data[]{id, name, train, val, test}", answer=_class_count, nothing=[],
        note=Text("每个划分为 [百分比, 图片数, 总数]", "each split is [per cent, pictures, all pictures]"),
    ),
    Path(
        "POST", "/add_data", "work", ("POST /v1/datasets/{name}/again", "POST /data_history"),
        {"class_id": "raw_ids", "task_id": "?"}, "errno, message", prepare=_again, shape=started, nothing={},
        note=Text(
            "生成一个增量 data，其中训练部分含该类别的图片各多一份",
            "builds an increment in which every training picture of the class stands once more",
        ),
    ),
)  # fmt: skip
