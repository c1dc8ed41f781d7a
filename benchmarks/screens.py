"""`python -m benchmarks screens --url ...`: every screen of a running server as a picture, in Chromium; and the way round them all.

The way is the page's own: from the first screen along every link and tab, one screen of each kind, so that a view that somebody
adds is seen without being named here.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from selenium import webdriver

from benchmarks.page import chromium

WIDTHS: Final = {390: 844, 1440: 900, 3840: 2160}  #: of a phone, a laptop, a wall: their heights
LANGUAGES: Final = ("zh", "en")
THEMES: Final = ("light", "dark")
SECONDS: Final = 30.0  #: until a screen must be there

_THERE: Final = """
return !!document.querySelector("main h1") && !document.querySelector('[aria-busy="true"]')
  && [...document.images].every((image) => image.complete || image.loading === "lazy");
"""
_WAYS: Final = """
const links = [...document.querySelectorAll('a[href^="#/"]')].map((a) => a.getAttribute("href"));
const [here, query] = location.hash.split("?");
const tabs = [...document.querySelectorAll("main [role=tab][data-tab]")].map((tab) => {
  const asked = new URLSearchParams(query);
  asked.set(tab.parentElement.dataset.of, tab.dataset.tab);
  return `${here}?${asked}`;
});
return [...tabs, ...links];
"""


def walk(driver: webdriver.Chrome, url: str) -> Iterator[str]:
    """Go round the page; at each screen, when it is there, its address on the page.

    Args:
        driver: A browser; the page's language and theme are what it remembers.
        url: The server.
    """
    driver.get("about:blank")
    driver.get(f"{url}/")
    seen = {_kind_of("#/")}
    waiting = ["#/"]
    while waiting:
        route = waiting.pop(0)
        visit(driver, route)
        for other in driver.execute_script(_WAYS):
            if (kind := _kind_of(other)) not in seen:
                seen.add(kind)
                waiting.append(other)
        yield route


def visit(driver: webdriver.Chrome, route: str) -> None:
    """Go to a screen of the page that is loaded, and wait until it is there.

    Raises:
        TimeoutError: It is not there after half a minute.
    """
    driver.execute_script("location.hash = arguments[0]", route)
    end = time.monotonic() + SECONDS
    time.sleep(0.1)
    while not driver.execute_script(_THERE):
        if time.monotonic() > end:
            raise TimeoutError(route)
        time.sleep(0.05)
    time.sleep(0.15)  # what is drawn after it, curves and pictures


def _kind_of(route: str) -> str:
    """What two screens have in common that show two things in the same way."""
    path, _, query = route.removeprefix("#/").partition("?")
    place, *rest = path.split("/")
    one = [part if part in {"new", "compare"} else "one" for part in rest[:1] if part]
    asked = parse_qs(query)
    return "/".join([place, *one, *asked.get("tab", []), *asked.get("as", [])])


def take(url: str, folder: Path, widths: list[int]) -> Iterator[Path]:
    """Write a PNG of every screen in each language, theme and width; gives each one's path.

    Args:
        url: The server; what it holds is what is seen.
        folder: Is made; `<width>-<language>-<theme>/<screen>.png`.
        widths: In CSS pixels.
    """
    with chromium() as driver:
        for language in LANGUAGES:
            for theme in THEMES:
                _prefer(driver, url, language, theme)
                for route in walk(driver, url):
                    for width in widths:
                        _resize(driver, width)
                        time.sleep(0.2)
                        path = (
                            folder
                            / f"{width}-{language}-{theme}"
                            / f"{_kind_of(route).replace('/', '-') or 'overview'}.png"
                        )
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(driver.get_screenshot_as_png())
                        yield path
                    _resize(driver, 1440)


def _prefer(driver: webdriver.Chrome, url: str, language: str, theme: str) -> None:
    driver.get(f"{url}/v1/health")
    for name, value in (("language", language), ("theme", theme)):
        driver.execute_script("localStorage.setItem(arguments[0], arguments[1])", f"roadloop.{name}", value)


def _resize(driver: webdriver.Chrome, width: int) -> None:
    size = {"width": width, "height": WIDTHS.get(width, 900), "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
