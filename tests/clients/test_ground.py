"""The ground rules of clients.md, which hold on every page: replies, errors, HTML, rights, the record, repeated calls."""

import itertools
import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2 as httpx
import pytest
from starlette.requests import Request

from old_client import JSON
from old_journey import Made, create
from roadloop.clients.api import PREFIX, let_go
from roadloop.clients.table import PATHS
from roadloop.devices import service as devices
from roadloop.errors import BusyError, Text
from roadloop.storage.platform import Platform
from signed_in import Team, audit, make_each, token_of

NAMES = [f"{one.method} {one.path}" for one in PATHS]
LISTS = ["/train_history", "/data_history", "/map_info", "/class_count"]
EVIL = "<img src=x onerror=alert(1)>&'\""


def send(made: Made, name: str, body: str = "{}") -> httpx.Response:
    method, path = name.split()
    if method == "GET":
        return made.client.http.get(path[1:])
    return made.client.http.post(path[1:], content=body, headers={"content-type": JSON})


@pytest.mark.parametrize("name", NAMES)
def test_replies__are_strict_json_with_status_200_whatever_is_sent(made: Made, name: str) -> None:
    answer = send(made, name)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["errno"] in {0, 1}
    if body["errno"] != 1:
        assert re.search("[\u4e00-\u9fff]", body["message"])


@pytest.mark.parametrize("body", ["[]", "{", '{"task_id": NaN}', '"text"'])
def test_replies__a_body_that_is_no_object_is_a_failure_with_a_sentence(made: Made, body: str) -> None:
    answer = send(made, "POST /train_history", body)
    assert (answer.status_code, answer.json()["errno"]) == (200, 0)
    assert answer.json()["message"]


@pytest.mark.parametrize("path", LISTS)
def test_lists__have_a_list_even_where_they_fail(made: Made, path: str) -> None:
    """The list pages never look at errno: without a list they stand at 载入中 for ever."""
    method = next(one.method for one in PATHS if one.path == path)
    ask = made.client.get if method == "GET" else made.client.post
    body = ask(path, task_id="sasa")
    assert body["errno"] != 1
    assert body["data"] == []


def test_html__what_people_wrote_is_text_where_that_client_shows_it(made: Made) -> None:
    task_id = create(made, "html", task_desc=EVIL)
    answer = made.client.http.post(
        "train_history", content=f'{{"task_id": "{task_id}"}}', headers={"content-type": JSON}
    )
    assert "<" not in answer.text
    assert answer.json()["data"][0]["task_desc"] == "&lt;img src=x onerror=alert(1)&gt;&amp;&#x27;&quot;"
    row = made.live.client().post("/train_history", json={"task_id": task_id}).json()["data"]
    assert row["task_desc"] == EVIL


@pytest.mark.parametrize("sent", ["a&b", "a&amp;b"])
def test_html__a_name_comes_back_as_it_was_read_from_the_page_or_from_the_answer(made: Made, sent: str) -> None:
    form = {"network": "c_network", "data": "20180801", "maps": "default"}
    if not made.ids.get("a&b"):
        made.ids["a&b"] = made.client.started("/create_train", train_name="a&b", **form)
    refused = made.client.post("/create_train", train_name=sent, **form)
    assert refused["error"] == "name_taken"
    assert refused["details"]["task_id"] == made.ids["a&b"]


def test_html__messages_and_log_lines_are_text(made: Made) -> None:
    refused = made.client.post("/train_history", task_id="<script>alert(1)</script>")
    assert "&lt;script&gt;" in refused["message"]
    assert "<" not in refused["message"]
    log = made.home / "tasks" / "suzhou" / "log" / "train.log"
    with log.open("a", encoding="utf-8") as stream:
        stream.write('  File "x.py", line 1, in <module>\n')
    assert made.client.get("/output_log", task_id=made.ids["train"])["data"][-1].endswith("in &lt;module&gt;\n")


def test_html__configurations_stay_json_and_come_back_as_they_were(made: Made) -> None:
    task_id = create(made, "q&a")
    text = made.client.get("/train_config", task_id=task_id)["data"]
    assert "tasks/q&amp;a" in text
    answer = made.client.post("/starttask", task_id=task_id, train_con=text, num_classes="999")
    assert "num_classes" in answer["message"]  # the only thing that is wrong


def test_messages__follow_accept_language(made: Made) -> None:
    answer = made.client.http.post(
        "train_history", content='{"task_id": "sasa"}', headers={"content-type": JSON, "accept-language": "en"}
    )
    assert re.fullmatch("[ -~]+", answer.json()["message"])


def test_log__says_what_let_a_client_go(made: Made) -> None:
    deadline = time.monotonic() + 30
    while not any("nobody-has-this-id" in line for line in made.live.output):  # lines of one kind come once a second
        made.client.post("/eva_rate", task_id="nobody-has-this-id")
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_api__what_it_does_not_have_is_404(made: Made) -> None:
    assert made.client.http.get("nothing").status_code == 404
    assert made.client.http.get("create_train").status_code == 405


def test_repeated__one_idempotency_key_is_one_task(made: Made) -> None:
    form = {"train_name": "twice", "network": "c_network", "data": "20180801"}
    answers = [made.client.http.post("create_train", json=form, headers={"idempotency-key": "k1"}).json() for _ in "ab"]
    assert answers[0] == answers[1]
    assert answers[0]["errno"] == 1
    other = made.client.http.post("create_train", json=form | {"train_name": "x"}, headers={"idempotency-key": "k1"})
    assert other.json()["error"] == "idempotency_mismatch"


# --- with accounts, in this process -----------------------------------------------------------------------------------


@pytest.fixture
def team(platform: Platform) -> Team:
    make_each(platform)
    return Team(platform)


def test_rights__nobody_is_refused_by_every_path_and_let_go(team: Team) -> None:
    client = team.browser()
    for one in PATHS:
        answer = client.request(one.method, f"{PREFIX}{one.path}", json={} if one.method == "POST" else None)
        assert (answer.status_code, answer.json()["error"]) == (200, "log_in_needed"), one.path


def test_rights__a_viewer_s_token_looks_and_makes_nothing(team: Team) -> None:
    client = team.program(token_of(team.platform, "viewer", "viewer"))
    for one in PATHS:
        answer = client.request(one.method, f"{PREFIX}{one.path}", json={} if one.method == "POST" else None).json()
        assert (answer.get("error") == "access_refused") is (one.right == "work"), one.path


def test_record__has_what_an_engineer_did_as_our_own_endpoint_says_it(team: Team) -> None:
    client = team.program(token_of(team.platform, "engineer", "engineer"))
    made: dict[str, Any] = client.post(
        "/api/create_net", json={"network_name": "n1", "src_net": "enet", "net_descr": "网"}
    ).json()
    who, what, facts = audit(team.platform, "who", "what", "facts")[-1]
    assert (who, what) == ("engineer", "create_net")
    assert facts["answer"] == made["data"]["task_id"]
    assert facts["net_describe"] == "网"


ODD = [
    [],
    {},
    [[]],
    [{"a": 1}],
    {"a": [[1]]},
    {"suzhou": 5},
    5,
    -1.5,
    True,
    "a/b",
    "..",
    "\x00",
    "é" * 300,
    "9" * 30,
    "NaN",
]


@pytest.mark.slow
def test_replies__odd_values_are_refused_and_break_nothing(platform: Platform) -> None:
    """Of every path each name that it knows, with values of every kind."""
    client = Team(platform).browser()
    others = {"dicts": {"suzhou": ["a.params"]}, "img": "images/a", "task_id": "a"}
    for one in PATHS:
        for name, value in itertools.product(one.sends, ODD):
            if one.method == "POST":
                answer = client.post(f"{PREFIX}{one.path}", json=others | {name: value})
            elif isinstance(value, str):
                answer = client.get(f"{PREFIX}{one.path}", params={"task_id": "a", name: value})
            else:
                continue
            assert answer.status_code == 200, (one.path, name, value, answer.text)
            assert answer.headers["content-type"] == "application/json"


def test_cookies__a_log_in_writes_from_a_configured_origin_of_the_same_host_alone(platform: Platform) -> None:
    make_each(platform)
    origins = ("http://127.0.0.1:8080", "http://front.example:8080")
    settings = platform.settings.model_copy(update={"client_origins": origins})
    client = Team(replace(platform, settings=settings)).browser("engineer")
    form = {"network_name": "n1", "src_net": "enet", "net_descr": ""}
    foreign = client.post("/api/create_net", json=form, headers={"origin": origins[1]})
    assert (foreign.status_code, foreign.json()["error"]) == (200, "access_refused")
    assert "access-control-allow-credentials" not in foreign.headers
    elsewhere = client.post("/create_net", json=form, headers={"origin": origins[0]})
    assert elsewhere.status_code == 403
    own = client.post("/api/create_net", json=form, headers={"origin": origins[0]})
    assert own.json()["errno"] == 1
    assert own.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize(("path", "status"), [("/eva_rate", 503), ("/output_log", 503), ("/release", 200)])
def test_busy__a_poll_is_told_to_ask_again_and_a_form_lets_go(path: str, status: int) -> None:
    """Polling goes on after an HTTP error, and stops at another errno."""
    route = SimpleNamespace(path=f"{PREFIX}{path}")
    scope = {
        "type": "http",
        "method": "POST",
        "path": route.path,
        "query_string": b"",
        "headers": [],
        "route": route,
        "state": {},
    }
    scope |= {"server": ("127.0.0.1", 8600), "scheme": "http"}
    answer = let_go(Request(scope), BusyError(Text("忙", "busy")))
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "2")
    assert b'"errno":0' in answer.body


def test_gups_info__has_the_cards_of_each_machine_with_what_the_page_shows(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = [
        {"index": n, "uuid": f"GPU-{n}", "name": "H100", "utilisation": 0.5, "total_mib": 81559, "free_mib": 80000}
        for n in range(2)
    ]
    probe = tmp_path / "probe.py"
    probe.write_text(f"print({json.dumps(json.dumps(cards))})")
    settings = platform.settings.model_copy(update={"gpu_probe": (sys.executable, str(probe))})
    monkeypatch.setattr(devices, "_cache", {})
    machines = Team(replace(platform, settings=settings)).browser().get("/api/gups_info").json()["data"]
    ((name, shown),) = machines.items()
    assert [card["id"] for card in shown] == [0, 1]
    keys = {"pc-name", "id", "totalMemory", "freeMemory", "memoryutil", "gpuUtil"}
    assert all(set(card) >= keys and card["pc-name"] == name for card in shown)
    assert all(0 <= card["memoryutil"] <= 1 for card in shown)
