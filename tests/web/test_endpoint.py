"""The kit over real HTTP: encodings, envelope, errors, languages, idempotency, access."""

import json
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import httpx2 as httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from roadloop.accounts.gate import Gate
from roadloop.errors import NameTakenError, NotFoundError, RoadloopError, Text
from roadloop.jobs import queue
from roadloop.parameters import JsonObject, Parameters
from roadloop.storage.database import Write
from roadloop.storage.platform import Platform
from roadloop.web import errors
from roadloop.web.access import Access
from roadloop.web.call import Call
from roadloop.web.endpoint import Endpoints


class Everything(Parameters):
    name: str = Field("", description="A name.")
    thread: int = Field(1, ge=1, le=64, description="How many.")
    share: float = 0.5
    flag: bool = False
    dicts: JsonObject = Field({})


class Needs(Parameters):
    task_id: str


def build(platform: Platform) -> FastAPI:
    router = Endpoints(platform, tag="test")

    @router.post("/echo", Everything, "work", reply={"data": {}})
    def echo(_: Call, p: Everything) -> Mapping[str, Any]:
        """Say it again."""
        return {"data": p.model_dump()}

    @router.get("/echo_get", Everything, "work", reply={"data": {}})
    def echo_get(_: Call, p: Everything) -> Mapping[str, Any]:
        """Say it again."""
        return {"data": p.model_dump()}

    @router.post("/need", Needs, "work", reply={"data": "x"}, errors=(NotFoundError,))
    def need(_: Call, p: Needs) -> Mapping[str, Any]:
        """Never finds it."""
        raise NotFoundError(Text(f"没有 {p.task_id}。", f"No {p.task_id}."), task_id=p.task_id)

    @router.post("/open", Needs, "work", reply={})
    def open_it(_: Call, p: Needs) -> Mapping[str, Any]:
        """Look for a file of that name, without the resolver."""
        return {"there": (platform.workspace.home / p.task_id).stat().st_size}

    @router.post("/bug", Needs, "work", reply={})
    def bug(_: Call, p: Needs) -> Mapping[str, Any]:
        """Break."""
        raise RuntimeError(p.task_id)

    @router.post("/submit", Everything, "work", reply={"data": "id"})
    def submit(call: Call, p: Everything) -> Mapping[str, Any]:
        """Add a job."""
        job = queue.Submission("rehearsal", {}, p.name)
        return call.write(lambda: partial(queue.submit, submission=job), lambda task_id: {"data": task_id})

    def deliberate(request: Request, error: Exception) -> Response:
        assert isinstance(error, RoadloopError)
        return errors.answer(request, error)

    app = FastAPI()
    app.state.gate = Gate(platform)
    app.include_router(router.api)
    app.add_exception_handler(RoadloopError, deliberate)
    app.add_exception_handler(Exception, errors.internal)
    return app


@pytest.fixture
def client(platform: Platform) -> Iterator[httpx.Client]:
    app = build(platform)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    listener = server.config.bind_socket()
    listener.listen()  # connections wait in the kernel until the thread serves
    port = listener.getsockname()[1]
    app.add_middleware(Access, hosts=frozenset({f"127.0.0.1:{port}"}))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as one:
        yield one
    server.should_exit = True
    thread.join()
    listener.close()


SENT = {"name": "苏州任务", "thread": "24", "share": "0.85", "flag": "1", "dicts": '{"suzhou": ["x.params"]}'}
READ = {"name": "苏州任务", "thread": 24, "share": 0.85, "flag": True, "dicts": {"suzhou": ["x.params"]}}


def test_endpoint__every_encoding_gives_the_same(client: httpx.Client) -> None:
    answers = [
        client.post("/echo", data=SENT),
        client.post("/echo", json=SENT),
        client.post("/echo", json=READ),
        client.post("/echo", params=SENT),
        client.post("/echo", files={name: (None, value) for name, value in SENT.items()}),
        client.get("/echo_get", params=SENT),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"errno": 1, "data": READ}


def test_endpoint__text_that_is_not_percent_encoded_is_utf_8(client: httpx.Client) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    for said in ("name=苏州+任务&thread=24", "name=%E8%8B%8F%E5%B7%9E+任务&thread=24"):
        answer = client.post("/echo", content=said.encode(), headers=form)
        assert answer.json()["data"]["name"] == "苏州 任务", answer.text
    for sent in ("name=苏州".encode("gbk"), b"name=%CB%D5"):
        answer = client.post("/echo", content=sent, headers=form)
        assert (answer.status_code, answer.json()["error"]) == (400, "malformed_request")
        assert "UTF-8" in answer.json()["message"]
    assert client.post("/echo?name=%CB%D5").status_code == 400
    many = "&".join(f"a{n}=1" for n in range(1001))
    assert client.post("/echo", content=many, headers=form).status_code == 400


def test_endpoint__the_body_wins_over_the_query(client: httpx.Client) -> None:
    answer = client.post("/echo", params={"name": "query", "thread": "3"}, json={"name": "body"})
    assert answer.json()["data"]["name"] == "body"
    assert answer.json()["data"]["thread"] == 3


def test_endpoint__empty_body_and_empty_text_mean_absent(client: httpx.Client) -> None:
    assert client.post("/echo").json()["data"]["thread"] == 1
    assert client.post("/echo", data={"thread": "", "name": ""}).json()["data"] == {
        "name": "", "thread": 1, "share": 0.5, "flag": False, "dicts": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b'{"name": "\\ud800"}', "application/json"),
        (b'{"share": NaN}', "application/json"),
        (b"[" * 100000, "application/json"),
        (b'{"dicts": ' + b"[" * 40 + b"]" * 40 + b"}", "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"x", "multipart/form-data; boundary=y"),
        (b"x", "multipart/form-data"),
    ],
)
def test_endpoint__unreadable_bodies_are_400(client: httpx.Client, body: bytes, kind: str) -> None:
    answer = client.post("/echo", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["error"], answer.json()["errno"]) == (400, "malformed_request", 0)


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        ({"thread": "many"}, ("thread", "整数", "integer")),
        ({"thread": 0}, ("thread", "1", "1")),
        ({"share": "x"}, ("share", "数字", "number")),
        ({"flag": "perhaps"}, ("flag", "1 或 0", "boolean")),
        ({"dicts": "{x"}, ("dicts", "JSON", "JSON")),
        ({"dicts": [1]}, ("dicts", "JSON", "dictionary")),
    ],
)
def test_endpoint__wrong_values_are_422_and_name_the_parameter(
    client: httpx.Client, sent: dict[str, Any], names: tuple[str, str, str]
) -> None:
    name, zh, en = names
    chinese = client.post("/echo", json=sent)
    english = client.post("/echo", json=sent, headers={"accept-language": "en-GB,en;q=0.9,zh;q=0.1"})
    for answer, word in ((chinese, zh), (english, en)):
        body = answer.json()
        assert (answer.status_code, body["error"], body["details"]["parameter"]) == (422, "invalid_value", name)
        assert name in body["message"]
        assert word in body["message"]


def test_endpoint__missing_parameter(client: httpx.Client) -> None:
    body = client.post("/need", json={}).json()
    assert body["message"] == "缺少参数 task_id。"


def test_endpoint__deliberate_errors_carry_code_and_details(client: httpx.Client) -> None:
    answer = client.post("/need", json={"task_id": "sad"})
    assert answer.status_code == 404
    assert answer.json() == {
        "errno": 0, "message": "没有 sad。", "error": "not_found", "details": {"task_id": "sad"},
    }  # fmt: skip


@pytest.mark.parametrize("text", ["x" * 100_000, "道" * 5000, "\n'\x1b[31m" * 2000, "\U0001f600" * 3000])
def test_endpoint__a_message_repeats_the_beginning_of_a_value(client: httpx.Client, text: str) -> None:
    for sent in (client.post("/need", json={"task_id": text}), client.post("/echo", json={"thread": text})):
        answer = sent.json()
        assert 400 <= sent.status_code < 500
        assert len(answer["message"]) < 1500
        assert len(sent.content) < 16_000
    answer = client.post("/need", json={"task_id": text}).json()
    assert answer["message"] == f"没有 {text[:200]}…。"
    assert answer["details"] == {"task_id": f"{text[:200]}…"}


@pytest.mark.parametrize("name", ["x" * 256, "道" * 86])
def test_endpoint__a_name_longer_than_files_have_is_422(client: httpx.Client, name: str) -> None:
    answer = client.post("/open", json={"task_id": name})
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_value")


def test_failure__is_text_whatever_the_disk_says() -> None:
    error = NotFoundError(
        Text("没有 \udcff。" + "x" * 5000, "No \ud800."), files=["\udcff" * 3000, {"a": "\udcff"}], n=3
    )
    body = errors.failure(error, "zh")
    assert json.dumps(body, ensure_ascii=False).encode()
    assert body["message"].startswith("没有 \\udcff。xxx")
    assert len(body["message"]) < 2100
    assert body["details"]["files"][1] == {"a": "\\udcff"}
    assert body["details"]["n"] == 3


def test_endpoint__our_bugs_say_a_number_and_nothing_else(client: httpx.Client) -> None:
    answer = client.post("/bug", json={"task_id": "secret-value"})
    assert answer.status_code == 500
    assert answer.json()["error"] == "internal_error"
    assert "secret-value" not in answer.text


def test_endpoint__too_large(client: httpx.Client) -> None:
    answer = client.post("/echo", content=b" " * (33 * 2**20), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_write__a_key_replays_the_first_reply(client: httpx.Client, platform: Platform) -> None:
    headers = {"idempotency-key": "k1"}
    first = client.post("/submit", json={"name": "a"}, headers=headers)
    again = client.post("/submit", json={"name": "a"}, headers=headers)
    other = client.post("/submit", json={"name": "b"}, headers=headers)
    assert first.json() == again.json()
    assert (other.status_code, other.json()["error"]) == (422, "idempotency_mismatch")
    with platform.database.reading() as db:
        assert len(queue.queued(db)) == 1


def test_write__fifty_parallel_requests_with_one_key_are_one_job(client: httpx.Client, platform: Platform) -> None:
    answers: list[str] = []

    def send() -> None:
        answers.append(client.post("/submit", json={"name": "a"}, headers={"idempotency-key": "k"}).text)

    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert json.loads(answers[0])["errno"] == 1
    with platform.database.reading() as db:
        assert len(queue.queued(db)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1"},
        {"host": "127.0.0.1.evil.example:{port}"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1"},
    ],
)
def test_access__foreign_hosts_and_origins(client: httpx.Client, headers: dict[str, str]) -> None:
    headers = {name: value.format(port=client.base_url.port) for name, value in headers.items()}
    answer = client.post("/echo", json={}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "access_refused")


def test_access__own_origin_and_safe_headers(client: httpx.Client) -> None:
    answer = client.post("/echo", json={}, headers={"origin": f"http://127.0.0.1:{client.base_url.port}"})
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_openapi__describes_parameters_replies_and_errors(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    post = paths["/echo"]["post"]
    content = post["requestBody"]["content"]
    assert set(content) == {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}
    thread = content["application/json"]["schema"]["properties"]["thread"]
    assert (thread["type"], thread["minimum"], thread["maximum"], thread["default"]) == ("integer", 1, 64, 1)
    assert {parameter["name"] for parameter in paths["/echo_get"]["get"]["parameters"]} == set(READ)
    assert {"200", "400", "403", "404", "422", "503"} <= set(paths["/need"]["post"]["responses"])


def test_write__a_key_s_second_request_prepares_nothing(platform: Platform) -> None:
    prepared: list[str] = []

    def prepare() -> Write[str]:
        prepared.append("x")
        return partial(queue.submit, submission=queue.Submission("rehearsal", {}, "x"))

    call = Call(platform, "en", "k", "digest")
    answers = [call.write(prepare, lambda task_id: {"data": task_id}) for _ in range(2)]
    assert answers[0] == answers[1]
    assert prepared == ["x"]


def test_write__a_request_in_whose_way_is_its_twin_gets_the_twin_s_reply(platform: Platform) -> None:
    call = Call(platform, "en", "k", "digest")

    def refused() -> Write[str]:
        submit = partial(queue.submit, submission=queue.Submission("rehearsal", {}, "x"))
        done.append(call.write(lambda: submit, lambda task_id: {"data": task_id}))
        raise NameTakenError(Text("有了", "There is one."))

    done: list[Mapping[str, Any]] = []
    assert call.write(refused, lambda task_id: {"data": task_id}) == done[0]
