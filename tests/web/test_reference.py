"""The API description says everything in both languages, and its Chinese has nothing left over."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roadloop.errors import RoadloopError
from roadloop.server import create_app
from roadloop.storage.platform import Platform
from roadloop.web import reference
from roadloop.web.errors import status_of

INTERFACE = Path(__file__).parents[2] / "docs" / "interface.md"
HOME = "src/roadloop/web/reference.zh.json"
PLAIN = ("0..1", "MiB")  # the same in both languages


@pytest.fixture
def api(platform: Platform) -> dict[str, Any]:
    return create_app(platform, 8600).openapi()


def operations(api: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{method} {path}", one) for path, item in api["paths"].items() for method, one in item.items()]


def test_description__every_text_is_in_the_chinese_table_and_nothing_else_is(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = set[str]()

    def look_up(english: str) -> str:
        said.add(english)
        return english

    monkeypatch.setattr(reference, "in_chinese", look_up)
    create_app(platform, 8600).openapi()
    said.discard("")
    assert said - set(reference.chinese()) == set(), f"add their Chinese to {HOME}"
    assert set(reference.chinese()) - said == set(), f"nobody says these any more: take them out of {HOME}"


def test_description__every_route_has_summary_parameters_and_failures_in_both_languages(api: dict[str, Any]) -> None:
    bare = []
    for name, one in operations(api):
        body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        parts = [*one.get("parameters", ()), *body.get("properties", {}).values(), *one["responses"].values()]
        bare += [name for key in ("summary", "description") if not (one[key] and one[f"x-{key}-zh"])]
        bare += [f"{name}: {p}" for p in parts if not (p.get("description") and p.get("x-description-zh"))]
    assert bare == []
    assert all(tag["x-name-zh"] != tag["name"] for tag in api["tags"])


def test_chinese__is_chinese_and_keeps_code_paths_and_names(api: dict[str, Any]) -> None:
    for english, chinese in reference.chinese().items():
        assert re.search("[\u3001\u3002\u4e00-\u9fff]", chinese) or english in PLAIN, english
        names = re.findall(r"`[^`]+`|/[a-z_]{3,}|\b[a-z]+_[a-z]+\b", english)
        documented = [
            part for names in re.findall(r"\(([^()]*[\u4e00-\u9fff][^()]*)\)", english) for part in names.split(", ")
        ]
        assert [word for word in names + documented if word not in chinese] == [], english


def test_chinese__paragraphs_and_failures_are_put_together(api: dict[str, Any]) -> None:
    start = api["paths"]["/starttask"]["post"]
    assert start["x-description-zh"].split("\n\n")[0] == start["x-summary-zh"] == "开始训练任务。"
    refused = api["paths"]["/offimport"]["post"]["responses"]["403"]
    assert refused["x-description-zh"] == (
        "`access_refused`：不允许这个调用方、主机或来源这样做。`path_outside`：路径超出工作区与配置的根目录，或根目录只读。"
    )
    assert api["info"]["description"] == reference.DESCRIPTION


def test_interface__its_tables_are_the_endpoints_of_the_description(api: dict[str, Any]) -> None:
    said = {
        (tag, f"| `{path}` | {method.upper()} | {one['summary']} |")
        for path, item in api["paths"].items()
        for method, one in item.items()
        for tag in one["tags"]
    }
    chapters = INTERFACE.read_text(encoding="utf-8").split("\n## Endpoints\n")[1].split("\n### ")[1:]
    written = {(part.partition("\n")[0], row) for part in chapters for row in part.splitlines() if row[:3] == "| `"}
    assert said - written == set(), f"add these rows to {INTERFACE.name}"
    assert written - said == set(), f"no endpoint says these rows of {INTERFACE.name} any more"


def kinds(parent: type[RoadloopError] = RoadloopError) -> Iterator[type[RoadloopError]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_interface__names_every_error_with_its_status_and_meaning() -> None:
    chapter = INTERFACE.read_text(encoding="utf-8").split("\n## Errors\n")[1].split("\n## ")[0]
    written = {tuple(row) for row in re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", chapter, re.MULTILINE)}
    drawn = [kind for kind in kinds() if kind.__module__ == RoadloopError.__module__ and "code" in vars(kind)]
    known = {(kind.code, str(status_of(kind).value), str(kind.__doc__).partition("\n")[0]) for kind in drawn}
    assert known - written == set()
    assert {code for code, _status, _when in written - known} == {"method_not_allowed", "internal_error"}
