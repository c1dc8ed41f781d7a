"""What can be right in a release. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from roadloop.errors import InvalidValueError, Text
from roadloop.releases import adcodes
from roadloop.releases.recipe import Release
from roadloop.storage.paths import check_name

EVERYWHERE: Final = "0"
DOCUMENT_ADCODE: Final = "1110000"  #: the interface document's example; a real code has six digits
_TIMES: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


def check_request(request: Release, categories: tuple[str, ...]) -> Release:
    """Check a release; its names come back as they are written to the disk.

    Raises:
        InvalidValueError: A value that cannot be right; the text says what would be.
        InvalidNameError: version or env cannot be a folder's name.
    """
    if request.category not in categories:
        names = "、".join(categories)
        raise InvalidValueError(
            Text(
                f"没有模型类型 {request.category!r}；可选：{names}。",
                f"There is no model type {request.category!r}; choose: {names}.",
            ),
            parameter="type",
            available=list(categories),
        )
    choose_pair(request.dicts)
    warnings_of(request.adcode)
    checked = {"version": check_name(request.version, "version"), "env": check_name(request.env, "env")}
    check_time(request.time)
    return request.model_copy(update=checked)


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


def warnings_of(adcode: str) -> tuple[Text, ...]:
    """What is odd but accepted: the document's example, and a county that the list does not have in a city that it has.

    Counties come and go every year; provinces and cities hardly do.

    Raises:
        InvalidValueError: Neither 0 nor six digits that begin with a city's.
    """
    if adcode == DOCUMENT_ADCODE:
        warning = Text(
            f"adcode {adcode} 有七位；行政区划代码是六位（北京市是 110000）。已按原样接受。",
            f"adcode {adcode} has seven digits; a real one has six (Beijing is 110000). It was accepted as it is.",
        )
        return (warning,)
    if adcode != EVERYWHERE and not re.fullmatch(r"[1-9][0-9]{5}", adcode):
        raise InvalidValueError(
            Text(
                f"adcode {adcode!r} 无效：应为六位行政区划代码（如 110000），或 0 表示全国。",
                f"adcode {adcode!r} is not valid: a six-digit administrative code (110000), or 0 for everywhere.",
            ),
            parameter="adcode",
        )
    if adcode == EVERYWHERE or adcode in adcodes.table():
        return ()
    if adcodes.city_is_known(adcode):
        inside = adcodes.full_name(adcode[: adcodes.CITY].ljust(6, "0")) or adcodes.full_name(f"{adcode[:2]}0000")
        warning = Text(
            f"adcode {adcode} 不在 {adcodes.AS_OF} 的行政区划代码表中（属于{inside}）；请核对。已按原样接受。",
            f"adcode {adcode} is not in the list of {adcodes.AS_OF} (it lies in {inside}): please check it. It was accepted.",
        )
        return (warning,)
    raise InvalidValueError(
        Text(
            f"没有行政区划代码 {adcode}：代码表（{adcodes.AS_OF}）中没有这个省或市。可用 /v1/adcodes?q=苏州 查询。",
            f"There is no administrative code {adcode}: the list of {adcodes.AS_OF} has no such province or city."
            " /v1/adcodes?q=苏州 finds codes by name.",
        ),
        parameter="adcode",
    )


def check_time(time: str) -> None:
    """Refuse a time that cannot be read; "" means now.

    Raises:
        InvalidValueError: Not `YYYY-MM-DD HH:MM:SS` (the time of day may be absent).
    """
    if not time:
        return
    for form in _TIMES:
        try:
            datetime.strptime(time, form)  # noqa: DTZ007 - the client's own clock; stored as given
        except ValueError:
            continue
        return
    raise InvalidValueError(
        Text(f"time {time[:40]!r} 无效：应为 YYYY-MM-DD HH:MM:SS。", f"time {time[:40]!r} is not YYYY-MM-DD HH:MM:SS."),
        parameter="time",
    )
