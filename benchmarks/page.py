"""`python -m benchmarks page --url ...`: what the page weighs and asks for, in a real Chromium, on a server that runs already.

Requests and bytes are the browser's own records (Resource Timing, W3C), headers among them; what the stream of changes brings
is counted on a socket. The first useful paint is the frame after the heading of the view is there; a bare page is the same
server's answer to /v1/health.
"""

import asyncio
import http.client
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx2 as httpx
import psutil
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from roadloop.errors import ConflictError, Text

_WATCH: Final = """
performance.setResourceTimingBufferSize(100000);
new MutationObserver((_, watch) => {
  if (!document.querySelector("main h1")) return;
  watch.disconnect();
  requestAnimationFrame(() => { window.useful = performance.now(); });
}).observe(document, { childList: true, subtree: true });
"""
_RECORDS: Final = """
const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
return entries.filter((e) => e.startTime >= arguments[0]).map((e) => [e.name, e.transferSize]);
"""
_ASKED_EVERY: Final = 10.0  # seconds, by each of many pages


class Measured(NamedTuple):
    """One figure.

    Attributes:
        what: Its name.
        value: The figure.
        unit: Of the figure.
        goal: What it should be at most.
    """

    what: str
    value: float
    unit: str
    goal: float


def measure(url: str, task: str, seconds: float, pages: int, rounds: int) -> list[Measured]:
    """Measure the page of a server.

    Args:
        url: The server.
        task: A running training, whose page is looked at, too; empty: none.
        seconds: How long a page is looked at.
        pages: How many look at once, with `task`.
        rounds: Times that the page is opened.
    """
    with chromium() as browser:
        found = [*_opened(browser, url, rounds), *_looked_at(browser, f"{url}/#/", seconds, "idle page")]
        if task:
            found += _looked_at(browser, f"{url}/#/training/{task}", seconds, "running training")
    return [*found, *asyncio.run(_crowd(url, task, pages, seconds))] if task else found


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Debian's Chromium with an empty profile.

    Raises:
        ConflictError: It is not installed.
    """
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        text = "请安装 chromium 与 chromium-driver。", "Install chromium and chromium-driver."
        raise ConflictError(Text(*text))
    with TemporaryDirectory() as profile:
        options = Options()
        options.binary_location = binary
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options=options, service=Service(driver))
        try:
            browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH})
            yield browser
        finally:
            browser.quit()


def _records(browser: webdriver.Chrome, since: float = 0) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = browser.execute_script(_RECORDS, since)
    return found


def _opened(browser: webdriver.Chrome, url: str, rounds: int) -> list[Measured]:
    useful, bare, cold = [], [], []
    for _ in range(rounds):
        browser.execute_cdp_cmd("Network.clearBrowserCache", {})
        go(browser, f"{url}/v1/health")
        bare.append(browser.execute_script("return performance.getEntriesByType('paint')[0].startTime"))
        browser.execute_cdp_cmd("Network.clearBrowserCache", {})
        go(browser, f"{url}/#/")
        cold = _records(browser)
        useful.append(browser.execute_script("return window.useful"))
    go(browser, f"{url}/#/")
    again = [size for _, size in _records(browser) if size > 0]
    files = [size for name, size in cold if "/v1/" not in name]
    return [
        Measured("first screen: requests", len(cold), "", 20),
        Measured("first screen: compressed", sum(size for _, size in cold) / 1000, "kB", 150),
        Measured("first screen: of these files", sum(files) / 1000, "kB", 150),
        Measured("reload: requests over the network", len(again), "", 5),
        Measured("useful paint / bare page", statistics.median(useful) / statistics.median(bare), "x", 3),
    ]


def go(browser: webdriver.Chrome, address: str) -> None:
    """Load a page anew, and give it two seconds."""
    browser.get("about:blank")
    browser.get(address)
    time.sleep(2)


def _looked_at(browser: webdriver.Chrome, address: str, seconds: float, what: str) -> list[Measured]:
    go(browser, address)
    time.sleep(3)
    began = browser.execute_script("return performance.now()")
    stream = _stream_bytes(address, seconds)
    asked = _records(browser, began)
    minutes = seconds / 60
    sent = sum(size for _, size in asked)
    return [
        Measured(f"{what}: requests a minute", len(asked) / minutes, "", 6 if "idle" in what else 60),
        Measured(f"{what}: kB a minute", (sent + stream) / 1000 / minutes, "kB", 20),
    ]


def _stream_bytes(address: str, seconds: float) -> int:
    """What the stream of changes brings meanwhile, to one that listens as the page does."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    connection.request("GET", "/v1/events?language=zh")
    answer = connection.getresponse()
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        count += len(answer.readline())
    connection.close()
    return count


async def _crowd(url: str, task: str, pages: int, seconds: float) -> list[Measured]:
    """Many pages on one training: each listens, and asks three questions when it is told so."""
    server = _process(urlsplit(url).port)
    waits: list[float] = []
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=pages)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        tasks = [asyncio.create_task(_page(client, task, waits, number / pages)) for number in range(pages)]
        await asyncio.sleep(_ASKED_EVERY)  # all of them have come
        waits.clear()
        before, began = server.cpu_times(), time.monotonic()
        await asyncio.sleep(seconds)
        after, took = server.cpu_times(), time.monotonic() - began
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    used = (after.user + after.system - before.user - before.system) / took * 100
    return [
        Measured(f"{pages} pages on one training: server", used, "% of a core", 30),
        Measured(f"{pages} pages on one training: p99 of a request", statistics.quantiles(waits, n=100)[98], "ms", 250),
    ]


async def _page(client: httpx.AsyncClient, task: str, waits: list[float], late: float) -> None:
    async def listen() -> None:
        async with client.stream("GET", "/v1/events") as answer:
            async for _ in answer.aiter_bytes():
                pass

    async def ask(method: str, path: str, **given: Any) -> dict[str, Any]:
        began = time.monotonic()
        answer = await client.request(method, path, **given)
        waits.append((time.monotonic() - began) * 1000)
        found: dict[str, Any] = answer.json()
        return found

    await asyncio.sleep(late * _ASKED_EVERY)
    listening = asyncio.create_task(listen())
    since, offset = "", 0
    try:
        while True:
            await ask("POST", "/train_history", json={"task_id": task})
            since = (await ask("GET", f"/v1/tasks/{task}/metrics", params={"since": since}))["data"]["next"]
            offset = (await ask("GET", "/output_log", params={"task_id": task, "offset": offset}))["next_offset"]
            await asyncio.sleep(_ASKED_EVERY)
    finally:
        listening.cancel()


def _process(port: int | None) -> psutil.Process:
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and tuple(connection.laddr)[1:] == (port,) and connection.pid:
            return psutil.Process(connection.pid)
    text = f"端口 {port} 上没有服务。", f"Nobody serves on port {port}."
    raise ConflictError(Text(*text))
