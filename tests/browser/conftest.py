"""A real server and a real Chromium. Tests are skipped where Chromium or its driver is absent."""

from collections.abc import Iterator

import pytest
from selenium import webdriver

from chromium import Browser, resize, start
from live import LiveServer
from roadloop.settings import Settings


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server for the tests of one module, which must not rely on what another left."""
    home = tmp_path_factory.mktemp("site") / "home"
    live = LiveServer(Settings(home=home, port=0, poll_seconds=0.05, min_free_mib=0, torch_threads=1))
    live.start()
    yield live
    live.close()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One Chromium for all tests; their group keeps them with one worker."""
    opened = start(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome, site: LiveServer) -> Iterator[Browser]:
    """The page in Chinese and light, 1440 x 900, nothing remembered."""
    resize(chromium, 1440, 900)
    opened = Browser(chromium, site.url)
    opened.open("/")
    opened.run(
        "localStorage.clear(); localStorage.setItem('roadloop.language', 'zh'); localStorage.setItem('roadloop.theme', 'light')"
    )
    opened.problems()
    yield opened
    chromium.get("about:blank")
