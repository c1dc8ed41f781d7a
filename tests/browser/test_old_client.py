"""A page on another origin that does what the deployed front-end does: parser by content type, polls, tables, HTML."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium import webdriver

from chromium import Browser
from live import LiveServer
from roadloop.demo.write import Drives, write_source_set
from roadloop.settings import Settings
from roadloop.storage.paths import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SET = "lane-all-20180710"
TASKS = [
    "id", "task_id", "task_name", "machine_id", "category_num", "iter_num", "learning_rate", "steps", "batch_size", "gpus",
    "start_date", "end_date",
]  # fmt: skip
DATA = ["id", "task_id", "data_name", "machine_id", "sour_data", "train", "val", "test", "data_describe"]
EVIL = "<img src=x onerror='window.hacked=1'>"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def front() -> Iterator[int]:
    """The port of the page's own server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(Path(__file__).parent)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, front: int) -> Iterator[LiveServer]:
    """A server that pages of `localhost` may call, and those of 127.0.0.1 may not."""
    settings = Settings(
        home=tmp_path_factory.mktemp("old") / "home", port=0, poll_seconds=0.05, min_free_mib=0, torch_threads=1,
        client_origins=(f"http://localhost:{front}",),
    )  # fmt: skip
    started = LiveServer(settings)
    started.start()
    try:
        write_source_set(Workspace(settings.home), SET, [Drives("suzhou", range(3), 2, size=(96, 72))], processes=1)
        yield started
    finally:
        started.close()


@pytest.fixture
def page(chromium: webdriver.Chrome, live: LiveServer, front: int) -> Browser:
    opened = Browser(chromium, f"http://localhost:{front}")
    opened.open(f"/old_page.html?api={quote(live.url + '/api', safe='')}")
    opened.problems()
    return opened


def waiting(page: Browser) -> bool:
    return page.run("return document.querySelector('#progressing').style.display") == "block"


def test_page__submits_polls_until_completed_and_lists_with_every_column(page: Browser) -> None:
    form = {
        "data_name": "d1", "data_type": "all", "images_type": "full", "sour_data": SET, "types": "semantic-segmentation",
        "thread": "1", "train": "0.5", "val": "0.5", "test": "", "l_value": True, "data_desc": EVIL,
    }  # fmt: skip
    page.run("submit('/create_data', arguments[0], '/data_history')", form)
    page.until(lambda: waiting(page), "the overlay did not come")
    page.until(lambda: not waiting(page), "it waits for ever")
    assert page.run("return window.polls.at(-1)") == "completed!"
    page.run("list('/data_history', arguments[0])", DATA)
    page.shows("d1")
    page.shows(EVIL)  # as text
    page.run("list('/train_history', arguments[0])", TASKS)
    page.until(lambda: page.run("return document.querySelectorAll('#list tr').length === 0"))
    assert page.run("return window.hacked === undefined")
    assert page.problems() == []  # no alert was left open, no TypeError


def test_page__a_job_that_fails_lets_the_user_go_and_the_log_says_why(page: Browser, live: LiveServer) -> None:
    folder = live.home / "imports" / "broken"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(b"no picture")
    (folder / "a.png").write_bytes(b"no label")
    form = {
        "roadelement": "hd-road", "source": "1", "author": "", "annotype": "0", "datakind": "0", "city": "", "src": "imports/broken",
        "imgoprange": "1",
    }  # fmt: skip
    page.run("submit('/offimport', arguments[0], '/off_status')", form)
    page.until(lambda: waiting(page), "the overlay did not come")
    page.until(lambda: not waiting(page), "it waits for ever")
    row = live.client().post("/off_status").json()["data"][0]
    assert row["state"] == "failed"
    page.run("log(arguments[0])", row["task_id"])
    page.until(lambda: page.run("return document.querySelectorAll('#log span').length > 0"))
    assert len(page.find("#log").text.splitlines()) >= 1


def test_page__a_refused_form_says_the_reason_as_text(page: Browser) -> None:
    page.run("submit('/create_train', arguments[0], '')", {"train_name": EVIL, "network": "none", "data": "none"})
    page.shows("提示信息")
    assert page.run("return window.hacked === undefined")
    assert not waiting(page)


def test_page__of_an_origin_that_is_not_configured_gets_nothing(page: Browser, live: LiveServer, front: int) -> None:
    page.driver.get(f"http://127.0.0.1:{front}/old_page.html?api={quote(live.url + '/api', safe='')}")
    page.run("submit('/create_data', arguments[0], '/data_history')", {"data_name": "d2", "sour_data": SET})
    page.shows("系统异常")
    assert all("CORS" in problem or "Failed to load" in problem for problem in page.problems())
    assert "d2" not in [row["data_name"] for row in live.client().post("/data_history").json()["data"]]
