"""The pages 随机抽图, 自动挑图, 检查项挑错 and 轨迹点下载: pictures of drives, at random, by a model, or as listed."""

from collections.abc import Mapping
from typing import Any, Final

from roadloop.clients.dialect import Ask, Path, Reply, Sent, read_by_hand, same
from roadloop.clients.shapes import STOPPED, plain, progress, started
from roadloop.errors import BusyError, InvalidValueError, JobError, Text
from roadloop.web.share import Waiting

_DRAWN: Final = same("output_dir", "ratio", "track_file", "task_file", "isshuffle")
_FETCH_SECONDS: Final = 25
_NAMED: Final = Text("名称 output_dir 为 images/<名称>", "a name in output_dir is images/<name>")


def in_images(name: str) -> str:
    """Where the pictures of a version stand; a path stays as it is."""
    return name if "/" in name or not name else f"images/{name}"


def _draw(_ask: Ask, _sent: Sent, values: dict[str, Any]) -> Mapping[str, Any]:
    name = str(values.get("output_dir", ""))
    if not name:
        raise InvalidValueError(
            Text("没有填写任务名；没有开始任何任务。", "No name was given for the task, and nothing was started."),
            parameter="output_dir",
        )
    return {**values, "output_dir": in_images(name)}


def _fetch(ask: Ask, sent: Sent) -> Waiting[Reply]:
    """Fetched when this answers: that client has no other way to hear what became of it."""
    names = {"name": "dir_name", "points": "trackpointids"}
    begun = ask("POST /v1/selections/points", {ours: sent[theirs] for ours, theirs in names.items() if theirs in sent})
    task_id = begun["data"]

    def look() -> Reply | None:
        row = ask("POST /auto_sam", {"task_id": task_id})["data"]
        if row["state"] in {"queued", "running"}:
            return None
        if row["state"] != "succeeded":
            reason = row["reason"] or ask.say(STOPPED)
            raise JobError(Text(reason, reason), task_id=task_id)
        return {"message": " ".join([begun["message"], *row["warnings"]])}

    def late() -> BusyError:
        where = f"images/{sent.get('dir_name', '')}"[:200]
        return BusyError(
            Text(f"还在下载；完成后图片在 {where}。", f"Still at work; the pictures will be in {where}."),
            task_id=task_id,
        )

    return Waiting(look, _FETCH_SECONDS, late)


PATHS: Final = (
    Path("POST", "/sam_value", "work", ("POST /sam_value",), _DRAWN, "data.task_id, message", prepare=_draw, shape=started,
         nothing={}, note=_NAMED),
    Path("POST", "/auto_sam", "see", ("POST /auto_sam",), read_by_hand("task_id"), "data[0].status",
         answer=progress("POST /auto_sam", plain), nothing=[], polled=True),
    Path("POST", "/sele_value", "work", ("POST /sele_value",), _DRAWN | same("gpus", "weights_dir"), "data.task_id, message",
         prepare=_draw, shape=started, nothing={}, note=_NAMED),
    Path("POST", "/auto_sele", "see", ("POST /auto_sele",), read_by_hand("task_id"), "data[0].status",
         answer=progress("POST /auto_sele", plain), nothing=[], polled=True),
    Path(
        "POST", "/check_sele", "work", ("POST /v1/selections/neighbours",),
        {"task_name": "output_dir", "trackpointids": "points"} | same("weights_dir", "gpus"), "data.task_id, message",
        prepare=_draw, shape=started, nothing={},
        note=Text(
            "每个轨迹点两侧各 20 个邻近点；图片与记录在 images/<task_name>", "20 neighbours on either side of each point; pictures and"
            " records in images/<task_name>",
        ),
    ),
    Path("POST", "/check_data", "see", ("POST /auto_sele",), read_by_hand("task_id"), "data[0].status",
         answer=progress("POST /auto_sele", plain), nothing=[], polled=True),
    Path(
        "POST", "/track_down", "work", ("POST /v1/selections/points", "POST /auto_sam"),
        read_by_hand("dir_name", "trackpointids"), answer=_fetch,
        note=Text("图片在 images/<dir_name>，可以评估", "the pictures are in images/<dir_name>, which can be evaluated"),
    ),
)  # fmt: skip
