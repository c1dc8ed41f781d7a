"""The page 数据查询: labelled pictures by class, city and range."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from roadloop.clients.dialect import Ask, Path, Reply, Sent, read_by_hand
from roadloop.clients.shapes import minutes
from roadloop.errors import ConflictError, RoadloopError, Text
from roadloop.labels.library import find_table, list_tables
from roadloop.labels.table import ClassTable
from roadloop.lists import write_names
from roadloop.sources import service as source_sets

_SIZE: Final = 15  #: rows of that client's page
_RANGES: Final = {"0", "1"}
_READ: Final = "POST /v1/sources/{name}/index"


def _classes(ask: Ask, _sent: Sent) -> Reply:
    """Each class of the source sets, in the client's language, and its raw id; where there are none, those of hd-road."""
    tables = [table for _, table in _sets(ask)] or [find_table(ask.platform.workspace, "hd-road")]
    found: dict[str, str] = {}
    for one in (one for table in tables for one in table.classes):
        found.setdefault(one.name_zh if ask.call.language == "zh" else one.name_en, str(one.raw_id))
    return {"data": found}


def _sets(ask: Ask) -> Iterator[tuple[str, ClassTable]]:
    workspace = ask.platform.workspace
    for name in source_sets.list_sets(workspace):
        try:
            yield name, source_sets.open_set(workspace, name).table
        except RoadloopError:  # the page of the set says what is wrong with it
            continue


def _find(ask: Ask, sent: Sent) -> Reply:
    asked: dict[str, Any] = {"page_size": _SIZE, "page": sent.get("pag_id") or 1, "package": sent.get("pacid", "")}
    asked["city"] = sent.get("city", "")
    span = sent.get("imgrange")  # the number 0 as long as nobody has chosen one, then the text 0 or 1
    if isinstance(span, str) and span in _RANGES:
        asked["imgoprange"] = span
    tags = sent.get("tag_info") or []
    classes = [str(one) for one in (tags if isinstance(tags, list) else [tags])]
    palette, its = str(sent.get("label_info", "")), list[str]()
    if palette in list_tables(ask.platform.workspace):
        wanted = find_table(ask.platform.workspace, palette).classes
        its = [name for name, table in _sets(ask) if table.classes == wanted]
        if not its:
            return {"data": [], "count": 0}
        asked["sources"] = write_names(its)
    elif palette in source_sets.list_sets(ask.platform.workspace):  # as the column of that name shows it
        asked["sources"], its = write_names([palette]), [palette]
    elif palette:
        classes.append(palette)
    found = ask("GET /v1/labelled-pictures", {**asked, "classes": write_names(classes)})
    begun = _read(ask, [*found["unread"], *found["old"]])
    if found["unread"] and set(found["unread"]) >= set(its or source_sets.list_sets(ask.platform.workspace)):
        raise _not_read(found["unread"], begun=begun)
    name = "name_zh" if ask.call.language == "zh" else "name_en"
    rows = [
        {
            "imgrange": one["imgoprange"],
            "pacid": one["package"],
            "city": one["city"],
            "label_info": one["source"],
            "time_info": minutes(one["time"]),
            "trackpointid": one["point"] or one["name"],
            "tag_info": ", ".join(shown[name] for shown in one["classes"]),
        }
        for one in found["data"]
    ]
    missing = [*found["unread"], *found["old"]]
    more = {"message": _incomplete(missing, begun=begun).pick(ask.call.language)} if missing else {}
    return {"data": rows, "count": found["total"], **more}


def _read(ask: Ask, names: list[str]) -> bool:
    """Have the labels of source sets read, where who calls may do that; whether any are being read."""
    begun = False
    for name in names if ask.may(_READ) else ():
        with suppress(RoadloopError):  # the page of the set says what is wrong with it
            ask(_READ, {"name": name})
            begun = True
    return begun


def _incomplete(names: list[str], *, begun: bool) -> Text:
    some = ", ".join(names[:10])
    if begun:
        return Text(
            f"结果还不完整：正在读取这些源数据的标注（{some}），请稍后再查询。",
            f"Not everything is found yet: the labels of these source sets are being read ({some}). Ask again in a moment.",
        )
    return Text(
        f"结果不完整：这些源数据的标注没有读取（{some}）。",
        f"Not everything is found: the labels of these source sets were not read ({some}).",
    )


def _not_read(names: list[str], *, begun: bool) -> ConflictError:
    some = ", ".join(names[:10])
    cure = (
        Text("现在开始读取，稍后再查询即可。", "They are being read now; ask again in a moment.")
        if begun
        else Text("请有权限的人先查询一次，或在 roadloop 网页的源数据页读取标注。", "Somebody with the right to work has to ask once, or"
                  " have them read on roadloop's page.")
    )  # fmt: skip
    return ConflictError(
        Text(
            f"这些源数据的标注还没有读取，查不到图片：{some}。{cure.zh}",
            f"The labels of these source sets were not read yet, so nothing of them is found: {some}. {cure.en}",
        ),
        unread=names[:100],
    )


PATHS: Final = (
    Path("GET", "/label_infos", "see", ("GET /data",), reads="data{name: value}", answer=_classes, nothing={},
         note=Text("源数据中各类别的名称与原始编号", "names and raw ids of the source sets' classes")),
    Path(
        "POST", "/query_data", "see", ("GET /v1/labelled-pictures",),
        read_by_hand("imgrange", "label_info", "pacid", "tag_info", "city", "pag_id"),
        "data[]{imgrange, pacid, city, label_info, time_info, trackpointid, tag_info}, count", answer=_find, nothing=[],
        note=Text(
            "每页 15 行；tag_info 为类别，label_info 为类别表或类别；数字 0 的 imgrange 为不限；尚未读取的标注先读取",
            "15 rows a page; tag_info are classes, label_info is a class table or a class; the number 0 in imgrange means any;"
            " labels that were not read yet are read first",
        ),
        also=(_READ,),
    ),
)  # fmt: skip
