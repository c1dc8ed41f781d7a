"""The pages of 数据 and 标注数据: imports, downloads, packages, and what is labelled."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from roadloop.clients.dialect import Ask, Path, Reply, Sent, read_by_hand, same, unused
from roadloop.clients.shapes import minutes, names_of, plain, progress, started
from roadloop.errors import NotFoundError, Text


def _import(_ask: Ask, _sent: Sent, values: dict[str, Any]) -> Mapping[str, Any]:
    return {**values, "dest": PurePosixPath(str(values.get("src", ""))).name}


def _divide(_ask: Ask, _sent: Sent, values: dict[str, Any]) -> Mapping[str, Any]:
    return {"types": "full", **values}


def _divide_whole(_ask: Ask, _sent: Sent, values: dict[str, Any]) -> Mapping[str, Any]:
    return {**values, "types": "full"}


def _process(_ask: Ask, _sent: Sent, values: dict[str, Any]) -> Mapping[str, Any]:
    return {**values, "types": "union"} if values.get("types", "full") == "full" else values


def _tables(ask: Ask, _sent: Sent) -> Reply:
    return names_of(one["name"] for one in ask("GET /v1/class-tables")["data"] if one["classes"])


def _packages(ask: Ask, _sent: Sent) -> Reply:
    rows = [
        {
            "task_id": str(one["number"]),
            "picid": one["version"],
            "id_code": one["number"],
            "statue": f"{one['state']} {one['returned']}/{one['pictures']}",
            "start_time": minutes(one["cut_at"]),
            "end_time": minutes(one["returned_at"]),
        }
        for one in ask("GET /v1/packages")["data"]
    ]
    return {"data": rows}


def _package(ask: Ask, sent: Sent) -> Reply:
    wanted = str(sent.get("task_id", ""))
    for one in ask("GET /v1/packages")["data"]:
        if str(one["number"]) == wanted:
            return {"data": {name: "" if value is None else value for name, value in one.items()}}
    raise NotFoundError(Text(f"没有任务包 {wanted[:80]}。", f"There is no package {wanted[:80]}."), task_id=wanted[:80])


def _job(progress_path: str) -> Path:
    name = f"POST {progress_path}"
    return Path(
        "POST", progress_path, "see", (name,), read_by_hand("task_id"), "data[0].status", answer=progress(name, plain),
        nothing=[], polled=True,
    )  # fmt: skip


PATHS: Final = (
    Path(
        "POST", "/linedown", "work", ("POST /linedown",), same("taskid_start", "taskid_end", "dest"),
        "data.task_id, message", shape=started, nothing={},
    ),
    _job("/line_status"),
    Path(
        "POST", "/offimport", "work", ("POST /offimport",),
        same("roadelement", "source", "author", "annotype", "datakind", "city", "src", "imgoprange"),
        "data.task_id, message", prepare=_import, shape=started, nothing={},
        note=Text(
            "源数据以 src 的最后一级命名；roadelement 为类别表（/class_info）", "the set is called as the last folder of src;"
            " roadelement is a class table (/class_info)",
        ),
    ),
    _job("/off_status"),
    Path(
        "POST", "/task_divide", "work", ("POST /task_divide",), same("version", "step", "types"),
        "data.task_id, message", prepare=_divide, shape=started, nothing={},
        note=Text("空的 types 为 full", "full where types is empty"),
    ),
    _job("/divide_history"),
    Path(
        "POST", "/target_divide", "work", ("POST /task_divide",), same("version", "step"),
        "data.task_id, message", prepare=_divide_whole, shape=started, nothing={}, note=Text("按 full 切分", "cuts as full"),
    ),
    Path(
        "POST", "/process_label", "work", ("POST /process_label",), same("version", "types") | unused("color_info"),
        "data.task_id, message", prepare=_process, shape=started, nothing={},
        note=Text("full 与空的 types 视为 union；颜色由任务包的类别表决定", "full and an empty types are union; the packages' class table says the colours"),
    ),
    _job("/label_history"),
    Path("GET", "/class_info", "see", ("GET /v1/class-tables",), reads="data[]", answer=_tables, nothing=[],
         note=Text("类别表的名称", "names of class tables")),
    Path(
        "GET", "/label_tasks", "package", ("GET /v1/packages",),
        reads="data[]{task_id, picid, id_code, statue, start_time, end_time}", answer=_packages, nothing=[],
        note=Text(
            "task_id、id_code 为任务包编号，picid 为版本，statue 为状态与已返回的标注数",
            "task_id and id_code are the package's number, picid its version, statue its state and the labels that came back",
        ),
    ),
    Path("GET", "/label_status", "package", ("GET /v1/packages",), read_by_hand("task_id"), "data{key: value}",
         answer=_package, nothing={}),
)  # fmt: skip
