"""The pages 随机抽图 and 自动挑图: pictures of drives, at random or by a model."""

from collections.abc import Mapping
from typing import Any, Final

from roadloop.clients.dialect import Ask, Path, Sent, read_by_hand, same
from roadloop.clients.shapes import plain, progress, started
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
)  # fmt: skip
