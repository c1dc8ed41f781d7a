"""The page 发布: what is published, publishing, and the names of models."""

from collections.abc import Mapping
from typing import Any, Final

from roadloop.clients.dialect import Ask, Path, Reply, Sent, read_by_hand, same, unused
from roadloop.clients.models import sources
from roadloop.clients.shapes import need_ticked
from roadloop.errors import Text

_PUBLISHED: Final = Text("发布成功", "published")


def _release(ask: Ask, sent: Sent, values: dict[str, Any]) -> Mapping[str, Any]:
    need_ticked(sent)
    return {**values, "type": _category(ask, sent), "dicts": sources(ask, sent["dicts"])}


def _category(ask: Ask, sent: Sent) -> str:
    """The category: `type` by name or number, else the number of the page."""
    said = str(sent.get("type") or sent.get("page") or "")
    categories = ask.platform.settings.release_categories
    if said.isascii() and said.isdigit() and 0 < int(said) <= len(categories):
        return categories[int(said) - 1]
    return said


def _published(ask: Ask, answer: Reply) -> Reply:
    return {"message": " ".join([ask.say(_PUBLISHED), *answer["warnings"]]), "data": answer["data"]}


def _tab(ask: Ask, sent: Sent) -> Reply:
    categories = ask.platform.settings.release_categories
    page = str(sent.get("page", "1"))
    if page.isascii() and page.isdigit() and int(page) > len(categories):
        return {"data": {}, "name": "", "total": len(categories)}
    return ask("GET /release_tab", {"page": page})


def _names(ask: Ask, _sent: Sent) -> Reply:
    return {"data": list(ask("GET /model")["data"])}


PATHS: Final = (
    Path(
        "GET", "/release_tab", "see", ("GET /release_tab",), read_by_hand("page"), "data{version: [file]}", answer=_tab,
        nothing={}, note=Text("没有的类别为空（设置 release_categories）", "nothing for categories that the setting lacks"),
    ),
    Path(
        "POST", "/release", "work", ("POST /release", "GET /model", "GET /v1/releases"),
        read_by_hand("dicts", "type", "page") | same("version", "env", "desc") | {"model_code": "adcode"} | unused("prod"),
        "errno, message, data",
        prepare=_release, shape=_published,
        nothing={},
        note=Text(
            "时间为服务器的时间；type 为类别的名称或序号，没有时由 page 决定", "the time is the server's; type is a category's name"
            " or number, else page says which",
        ),
    ),
    Path("GET", "/model_lists", "see", ("GET /model",), reads="data[]", answer=_names, nothing=[],
         note=Text("有模型文件的训练任务", "training tasks that have model files")),
)  # fmt: skip
