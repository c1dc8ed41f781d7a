"""What a release is asked with, and what can be right. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from roadloop.errors import InvalidValueError, Text
from roadloop.storage.paths import check_name

EVERYWHERE: Final = "0"
DOCUMENT_ADCODE: Final = "1110000"  #: the interface document's example; a real code has six digits
_TIMES: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


@dataclass(frozen=True)
class ReleaseRequest:
    """What `/release` was asked, every value checked.

    Attributes:
        category: One of the configured categories (车道线 ...).
        version: Version of the model, one path component.
        env: Environment, one path component.
        adcode: Administrative code, six digits, or 0 = everywhere.
        desc: Free text.
        time: Time of the release as the client gives it, `YYYY-MM-DD HH:MM:SS`; "" = the server's, when it is queued.
        source: Training task, or an earlier release `<category>/<version>`.
        file: The `.params` of the pair.
        parity: Largest share of pixels in which the exported file may differ on the task's val split; None = not asked.
        evaluation: Task id of the evaluation whose scores the release quotes; "" = the model's own validation.
        warnings: What is odd but accepted.
    """

    category: str
    version: str
    env: str
    adcode: str
    desc: str
    time: str
    source: str
    file: str
    parity: float | None = None
    evaluation: str = ""
    warnings: tuple[Text, ...] = ()

    @property
    def folder(self) -> str:
        """Where the bundle stands below `models/`."""
        return f"{self.category}/{self.version}/{self.env}-{self.adcode}"


def check_request(values: Mapping[str, Any], categories: tuple[str, ...]) -> ReleaseRequest:
    """Check the parameters of a release.

    Args:
        values: dicts, type, version, env, adcode, desc, time, parity, evaluation.
        categories: The configured categories.

    Raises:
        InvalidValueError: A value that cannot be right; the text says what would be.
        InvalidNameError: version or env cannot be a folder's name.
    """
    category = values["type"]
    if category not in categories:
        names = "、".join(categories)
        raise InvalidValueError(
            Text(
                f"没有模型类型 {category!r}；可选：{names}。", f"There is no model type {category!r}; choose: {names}."
            ),
            parameter="type",
            available=list(categories),
        )
    source, file = choose_pair(values["dicts"])
    warning = check_adcode(values["adcode"])
    return ReleaseRequest(
        category,
        check_name(values["version"], "version"),
        check_name(values["env"], "env"),
        values["adcode"],
        values["desc"],
        check_time(values["time"]),
        source,
        file,
        values.get("parity"),
        values.get("evaluation", ""),
        () if warning is None else (warning,),
    )


def choose_pair(dicts: Mapping[str, Any]) -> tuple[str, str]:
    """The source and the `.params` of the one pair that `dicts` holds.

    Raises:
        InvalidValueError: Anything but one source with one `.params` and the `.json` of the same name.
    """
    source, files = next(iter(dicts.items()), ("", []))
    names = sorted(files, reverse=True) if isinstance(files, list) and all(isinstance(f, str) for f in files) else []
    if len(dicts) == 1 and len(names) == 2 and names[0].endswith(".params"):
        stem = names[0].removesuffix(".params")
        if stem and names[1] == f"{stem}.json":
            return source, names[0]
    raise InvalidValueError(
        Text(
            "dicts 应恰好是一个任务（或 类别/版本）和同名的一对文件：{任务名: [x.params, x.json]}。",
            "dicts must hold exactly one source with one pair of the same name: {task: [x.params, x.json]}.",
        ),
        parameter="dicts",
    )


def check_adcode(adcode: str) -> Text | None:
    """Accept six digits, 0, and with a warning the document's example.

    Returns:
        The warning, if there is one.

    Raises:
        InvalidValueError: Anything else.
    """
    if adcode == DOCUMENT_ADCODE:
        return Text(
            f"adcode {adcode} 有七位；行政区划代码是六位（北京市是 110000）。已按原样接受。",
            f"adcode {adcode} has seven digits; a real one has six (Beijing is 110000). It was accepted as it is.",
        )
    if adcode != EVERYWHERE and not re.fullmatch(r"[1-9][0-9]{5}", adcode):
        raise InvalidValueError(
            Text(
                f"adcode {adcode!r} 无效：应为六位行政区划代码（如 110000），或 0 表示全国。",
                f"adcode {adcode!r} is not valid: a six-digit administrative code (110000), or 0 for everywhere.",
            ),
            parameter="adcode",
        )
    return None


def check_time(time: str) -> str:
    """A time as the client gave it, once it can be read; "" stays.

    Raises:
        InvalidValueError: Not `YYYY-MM-DD HH:MM:SS` (the time of day may be absent).
    """
    if not time:
        return time
    for form in _TIMES:
        try:
            datetime.strptime(time, form)  # noqa: DTZ007 - the client's own clock; stored as given
        except ValueError:
            continue
        return time
    raise InvalidValueError(
        Text(f"time {time[:40]!r} 无效：应为 YYYY-MM-DD HH:MM:SS。", f"time {time[:40]!r} is not YYYY-MM-DD HH:MM:SS."),
        parameter="time",
    )
