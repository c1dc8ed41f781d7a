"""`python -m benchmarks viewer --url ...`: how soon the next picture is there, and what an hour of a live page keeps.

A key goes into the page, and the clock runs until the worker has said that it has drawn the next picture; Chromium itself tells
of tasks of the main thread that take 50 ms or longer (Long Tasks, W3C). The hour is a minute: the page's clock and its timers
run sixty times as fast, and it hears each word of the server sixty times. What it keeps is its heap after a collection.
"""

import statistics
import time
from typing import Any, Final

from selenium import webdriver

from benchmarks.page import Measured, chromium, go

FAST: Final = 60
HOUR_S: Final = 3600
WARM_S: Final = 5.0  #: of the sped clock five minutes: what is loaded once is there

_LONG_TASKS: Final = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask" });
"""
_NEXT: Final = """
const done = arguments[arguments.length - 1];
const stage = document.querySelector(".stage");
const before = stage.dataset.drawn;
const began = performance.now();
const watch = new MutationObserver(() => {
  if (!stage.dataset.drawn || stage.dataset.drawn === before) return;
  watch.disconnect();
  requestAnimationFrame(() => done(performance.now() - began));
});
watch.observe(stage, { attributes: true, attributeFilter: ["data-drawn"] });
document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
"""
_SPED: Final = """
const FAST = 60, began = Date.now(), now = Date.now.bind(Date), later = window.setTimeout.bind(window);
Date.now = () => began + (now() - began) * FAST;
window.setTimeout = (call, ms, ...more) => later(call, (ms ?? 0) / FAST, ...more);
window.EventSource = class extends EventSource {
  addEventListener(kind, listener) {
    super.addEventListener(kind, (event) => {
      listener(event);
      if (kind !== "ready") for (let k = 1; k < FAST; k++) later(() => listener(event), (k * 2000) / FAST);
    });
  }
};
"""


def measure(url: str, evaluation: str, live: str, pictures: int, pause: float, hour: float = HOUR_S) -> list[Measured]:
    """Measure the viewer and a live page of a server.

    Args:
        url: The server.
        evaluation: A finished one, whose pictures are looked at; empty: none.
        live: The address of a page with something that runs, such as `#/training/<task>`; empty: none.
        pictures: How many are looked at, one after another.
        pause: Seconds at each of them, in which the next one is loaded.
        hour: Seconds of the sped clock.
    """
    found = []
    with chromium() as browser:
        if evaluation:
            found += _next_pictures(browser, f"{url}/#/evaluation/{evaluation}?tab=pictures&n=1", pictures, pause)
        if live:
            found += _live(browser, f"{url}/{live}", hour)
    return found


def _next_pictures(browser: webdriver.Chrome, address: str, pictures: int, pause: float) -> list[Measured]:
    go(browser, address)
    browser.set_script_timeout(60)
    time.sleep(3 + pause)
    browser.execute_script(_LONG_TASKS)
    took = []
    for _ in range(pictures):
        took.append(browser.execute_async_script(_NEXT))
        time.sleep(pause)
    longest = browser.execute_script("return window.longest")
    return [
        Measured("next picture, once loaded: median", statistics.median(took), "ms", 150),
        Measured("next picture, once loaded: slowest", max(took), "ms", 150),
        Measured("longest task of the main thread meanwhile (0: none of 50 ms)", longest, "ms", 50),
    ]


def _live(browser: webdriver.Chrome, address: str, hour: float) -> list[Measured]:
    script: dict[str, Any] = {"source": _SPED}
    name = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    go(browser, address)
    time.sleep(WARM_S)
    before = _kept(browser)
    time.sleep(hour / FAST)
    after = _kept(browser)
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", name)
    return [Measured(f"a live page after {hour / 60:g} minutes: heap grown by", (after - before) / 1e6, "MB", 5)]


def _kept(browser: webdriver.Chrome) -> float:
    browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    return float(browser.execute_cdp_cmd("Runtime.getHeapUsage", {})["usedSize"])
