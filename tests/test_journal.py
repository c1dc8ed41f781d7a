"""The server's log as JSON and in files, and the id of a request in it."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from fastapi.testclient import TestClient

from live import LiveServer
from receiver import until
from roadloop import journal
from roadloop.jobs.metrics import Metrics
from roadloop.journal import REQUEST, start_log
from roadloop.server import create_app
from roadloop.settings import Settings
from roadloop.storage.platform import Platform


@contextmanager
def begun(form: Literal["text", "json"], path: Path) -> Iterator[None]:
    logger = logging.getLogger()
    kept, level = logger.handlers[:], logger.level
    logger.handlers[:] = []
    start_log(form, path)
    try:
        yield
    finally:
        for handler in logger.handlers:
            handler.close()
        logger.handlers[:] = kept
        logger.setLevel(level)


def test_json__each_line_is_one_object_with_its_request(tmp_path: Path) -> None:
    log = logging.getLogger("roadloop.test")
    with begun("json", tmp_path / "log"):
        log.info("苏州 %s", "a\nb \x1b[31m")
        token = REQUEST.set("abc-1")
        try:
            raise ValueError("broken" * 10_000)
        except ValueError:
            log.exception("failed")
        finally:
            REQUEST.reset(token)
    first, second = lines(tmp_path / "log")
    assert (first["level"], first["logger"], first["message"]) == ("INFO", "roadloop.test", "苏州 a\nb \\x1b[31m")
    assert "request" not in first
    assert second["request"] == "abc-1"
    assert second["trace"].startswith("Traceback")
    assert len(second["trace"]) < journal.TRACE_CHARACTERS + 100


def test_file__is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FILE_BYTES", 1000)
    with begun("text", tmp_path / "log"):
        for n in range(500):
            logging.getLogger("roadloop.test").info("line %d", n)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["log", *(f"log.{n}" for n in range(1, journal.FILES + 1))]
    assert all(file.stat().st_size <= 1000 for file in files)
    assert "line 499" in (tmp_path / "log").read_text()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_server__writes_requests_with_their_ids(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "server.log"
    more = {"log_format": "json", "log_file": str(file), "log_requests": True}
    live = LiveServer(settings.model_copy(update=more))
    live.start()
    try:
        client = live.client()
        given = client.get("/data", headers={"x-request-id": "from-the-proxy.1"})
        assert given.headers["x-request-id"] == "from-the-proxy.1"
        other = client.get("/nothing", headers={"x-request-id": "two words\x7f"})
        assert len(other.headers["x-request-id"]) == 12
        refused = client.get("/data", headers={"host": "elsewhere", "x-request-id": "r"})
        assert (refused.status_code, refused.headers["x-request-id"]) == (403, "r")
        ready = client.get("/v1/ready")
        assert ready.json()["data"]["supervisor_silent_seconds"] < 30
        asked = {given.headers["x-request-id"], other.headers["x-request-id"], ready.headers["x-request-id"]}
        until(lambda: asked <= {line.get("request") for line in lines(file)})  # a line is written after its answer
        said = {line.get("request"): line["message"] for line in lines(file)}
        assert said["from-the-proxy.1"].startswith("GET /data 2xx ")
        assert said[other.headers["x-request-id"]].startswith("other none 4xx ")
        assert said[ready.headers["x-request-id"]].startswith("GET /v1/ready 2xx ")
    finally:
        live.close()


def test_ready__is_not_while_the_supervisor_stands_still(platform: Platform) -> None:
    metrics = Metrics(platform)
    with TestClient(create_app(platform, 80, metrics), base_url="http://127.0.0.1") as client:
        assert client.get("/v1/ready").status_code == 200
        metrics.watch(lambda: 0, 8, lambda: 31.0)
        refused = client.get("/v1/ready", headers={"accept-language": "en"})
        assert (refused.status_code, refused.json()["error"]) == (503, "busy")
        assert "31 s" in refused.json()["message"]
        assert refused.headers["retry-after"] == "2"
        assert client.get("/v1/health").status_code == 200  # who looks for what is wrong is answered


def test_internal_error__has_the_requests_id(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(platform, 80)

    def broken() -> None:
        raise ZeroDivisionError

    app.add_api_route("/broken", broken)
    app.router.routes.insert(0, app.router.routes.pop())
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        answer = client.get("/broken", headers={"x-request-id": "it-was-me"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "it-was-me")
    assert answer.json()["details"] == {"id": "it-was-me"}
    assert "internal error it-was-me at GET /broken" in caplog.text
