"""Chromium for tests: one page, and what a person would do and see on it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

SECONDS = 60  # until something must have appeared; a busy machine takes 20 for a job that loads torch


def start(profile: Path) -> webdriver.Chrome:
    """A Chromium that knows nobody; the test is skipped where there is none.

    Args:
        profile: Folder of what it keeps.
    """
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("Chromium is not installed (apt-get install chromium chromium-driver)")
    options = Options()
    options.binary_location = binary
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


class Browser:
    """Chromium on the page of one server."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self, path: str) -> None:
        """Load a page anew."""
        self.driver.get("about:blank")
        self.driver.get(self.url + path)

    def until(self, condition: Callable[[], object], what: str = "") -> object:
        """Wait for a condition to be true; returns what it gave."""
        return WebDriverWait(self.driver, SECONDS, poll_frequency=0.05).until(lambda _: condition(), what)

    def find(self, selector: str, text: str = "") -> WebElement:
        """The first element with a size that a CSS selector finds and that contains a text; waits for it."""

        def found() -> WebElement | None:
            program = (
                "return [...document.querySelectorAll(arguments[0])]"
                ".find((e) => e.textContent.includes(arguments[1])"
                " && [...e.getClientRects()].some((box) => box.width && box.height))"
            )
            element: WebElement | None = self.driver.execute_script(program, selector, text)
            return element

        try:
            element = self.until(found)
        except TimeoutException:
            pytest.fail(f"no {selector} with {text!r} in: {self.text()[:1000]}")
        assert isinstance(element, WebElement)
        return element

    def click(self, selector: str, text: str = "", within: str = "") -> None:
        """Click what `find` finds, as people do: once it stands still, for lists are drawn anew and pictures come late.

        Args:
            selector: CSS.
            text: Which the element contains.
            within: CSS of an element in it that is clicked instead.
        """

        def clicked() -> bool:
            element = self.find(selector, text)
            try:
                (element.find_element(By.CSS_SELECTOR, within) if within else element).click()
            except (
                ElementClickInterceptedException,
                ElementNotInteractableException,
                NoSuchElementException,
                StaleElementReferenceException,
            ):
                return False
            return True

        self.until(clicked, f"{selector} {within} with {text!r} cannot be clicked")

    def text(self) -> str:
        """What the page says."""
        return str(self.driver.find_element(By.TAG_NAME, "body").text)

    def shows(self, text: str) -> None:
        """Wait until the page says something."""
        try:
            self.until(lambda: text in self.text())
        except TimeoutException:
            pytest.fail(f"{text!r} is not on the page: {self.text()[:1000]}")

    def run(self, program: str, *arguments: object) -> object:
        """Run a program in the page."""
        return self.driver.execute_script(program, *arguments)

    def problems(self, *, but: str = "nothing") -> list[str]:
        """What the console has complained about since the last time, except for complaints that contain `but`."""
        entries = self.driver.execute("getLog", {"type": "browser"})["value"]
        return [entry["message"] for entry in entries if entry["level"] != "INFO" and but not in entry["message"]]


def resize(driver: webdriver.Chrome, width: int, height: int) -> None:
    """Give the page a size in CSS pixels, whatever the window's frame takes."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
