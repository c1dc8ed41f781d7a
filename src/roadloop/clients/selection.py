"""The pages 随机抽图, 自动挑图, 检查项挑错 and 轨迹点下载: pictures of drives, at random, by a model, or as listed."""

from collections.abc import Mapping
from typing import Any, Final

from roadloop.clients.dialect import Ask, Path, Sent, read_by_hand, same
from roadloop.clients.shapes import done, plain, progress, started
from roadloop.errors import Text

_DRAWN: Final = same("output_dir", "ratio", "track_file", "task_file", "isshuffle")
_NAMED: Final = Text("名称 output_dir 为 images/<名称>", "a name in output_dir is images/<name>")


def in_images(name: str) -> str:
    """Where the pictures of a version stand; a path stays as it is."""
    return name if "/" in name or not name else f"images/{name}"


def _draw(_ask: Ask, _sent: Sent, values: dict[str, Any]) -> Mapping[str, Any]:
    return {**values, "output_dir": in_images(str(values.get("output_dir", "")))}


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
        "POST", "/track_down", "work", ("POST /v1/selections/points",), {"dir_name": "name", "trackpointids": "points"},
        shape=done, note=Text("图片在 images/<dir_name>，可以评估", "the pictures are in images/<dir_name>, which can be evaluated"),
    ),
)  # fmt: skip
