"""Two people in two browsers go round the loop: an engineer, and an annotator who sees the package given to them and nothing else.

Everything is clicked and typed; only what an annotator paints is put into the inbox by the test, as their program would.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from typer.testing import CliRunner

from chromium import Browser, resize, start
from live import LiveServer
from roadloop.cli.main import app
from roadloop.imaging.encode import encode_color, encode_jpeg, encode_label
from roadloop.labels.table import shipped
from roadloop.packages import manifest
from roadloop.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.slow, pytest.mark.timeout(900)]

PEOPLE = {"li": ("admin", "a sentence of the admin"), "王工": ("engineer", "a sentence of the engineer"),
          "anna": ("annotator", "eine Zeile der Annotatorin")}  # fmt: skip
ROAD = shipped().classes[0]
HEIGHT, WIDTH = 64, 96
VERSION = "路口"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with three people, ready data in its inbox, and a recorded drive."""
    home = tmp_path_factory.mktemp("site") / "home"
    settings = Settings(
        home=home, port=0, poll_seconds=0.05, min_free_mib=0, torch_threads=1, annotation_outbox="imports/outbox"
    )
    live = LiveServer(settings)
    live.start()
    for name, (role, password) in PEOPLE.items():
        said = ["user", "add", name, "--role", role, "--stdin", "--home", str(home)]
        assert CliRunner().invoke(app, said, input=f"{password}\n").exit_code == 0
    write_ready_data(home / "imports" / "剑桥")
    folder = home / "tracks" / "drive"
    folder.mkdir(parents=True)
    for n in range(4):
        (folder / f"drive_{n}.jpg").write_bytes(encode_jpeg(np.full((40, 60, 3), 60 + 40 * n, np.uint8)))
    yield live
    live.close()


def write_ready_data(folder: Path) -> None:
    """Labelled pictures of four drives in CamVid's layout: cars above, road below."""
    rng = np.random.default_rng(7)
    for kind in ("train", "trainannot"):
        (folder / kind).mkdir(parents=True)
    for n in range(8):
        image = rng.integers(80, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        label = np.full((HEIGHT, WIDTH), 3, np.uint8)
        image[: 20 + 3 * n], label[: 20 + 3 * n] = (200, 20, 20 + 10 * n), 8
        (folder / "train" / f"drive{n}_0.png").write_bytes(encode_color(image))
        (folder / "trainannot" / f"drive{n}_0.png").write_bytes(encode_label(label))


@pytest.fixture
def annotator(site: LiveServer, tmp_path: Path) -> Iterator[Browser]:
    """Another browser, with cookies of its own."""
    driver: webdriver.Chrome = start(tmp_path / "profile")
    resize(driver, 1440, 900)
    opened = Browser(driver, site.url)
    opened.open("/")
    opened.run("localStorage.setItem('roadloop.language', 'zh')")
    yield opened
    driver.quit()


def fill(browser: Browser, **values: str) -> None:
    """Type into fields by name, one after another as each can draw others anew."""
    for name, value in values.items():
        browser.find(f"[name={name}]")
        browser.run(
            "const e = document.querySelector(`[name=${arguments[0]}]`); e.value = arguments[1];"
            "e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }))",
            name,
            value,
        )


def press(browser: Browser, selector: str, text: str = "") -> None:
    browser.run("arguments[0].click()", browser.find(selector, text))


def log_in(browser: Browser, name: str) -> None:
    browser.open("/")
    fill(browser, name=name, password=PEOPLE[name][1])
    press(browser, "form button", "登录")
    browser.find(".who", name)


def asked(browser: Browser, path: str) -> Any:
    """What the server answers this browser: the status, and its data."""
    program = "return fetch(arguments[0]).then(async (r) => [r.status, (await r.json()).data])"
    return browser.run(program, path)


def train_a_model(browser: Browser) -> None:
    """Import, build, train: one epoch."""
    browser.open("/#/import/new?src=imports/剑桥")
    press(browser, "button.primary", "导入 8 张图片为 剑桥")
    browser.find(".head .chip", "完成")
    browser.open("/#/datasets/new")
    browser.find("input[name=sour_data][value=剑桥]")
    browser.run("const e = document.querySelector('[name=sour_data]'); if (!e.checked) e.click()")
    fill(browser, data_name="d1", train="0.5", val="0.5", test="0")
    press(browser, "button.primary", "生成数据 d1 (train 4")
    browser.find(".head .chip", "完成")
    browser.open("/#/training/new")
    fill(browser, train_name="第一次")
    press(browser, ".card", "Fast-SCNN")
    press(browser, "button.primary", "创建任务 第一次")
    fill(browser, num_epoch="1", batch_size="2")
    press(browser, ".form-end button.primary", "1 轮")
    browser.find(".head .chip", "完成")


def choose_and_cut(browser: Browser) -> None:
    """All of the drive, in two packages; the first is given to anna and handed over."""
    browser.open("/#/selection/new")
    browser.find(".choices .check", "drive 4 张")
    fill(browser, how="sam", ratio="4", version=VERSION)
    press(browser, "button.primary", "抽取 4")
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".samples figure")) == 4)
    browser.open(f"/#/annotation/new?version={VERSION}")
    fill(browser, step="2")
    press(browser, "button.primary", "切成约 2 个任务包")
    browser.find("select[aria-label='第 2 包分给']")
    browser.run(
        "const e = document.querySelector(\"[aria-label='第 1 包分给']\"); e.value = 'anna';"
        "e.dispatchEvent(new Event('change', { bubbles: true }))"
    )
    browser.until(lambda: asked(browser, "/v1/packages")[1][0]["person"] == "anna")
    press(browser, "button", "交付 2 个任务包")


def see_and_label(page: Browser, site: LiveServer) -> None:
    """The annotator's one package: its pictures, and nothing of the other or of the rest; then labels of it."""
    log_in(page, "anna")
    page.shows("我的任务包")
    page.find("td", "第 1 包")
    assert "第 2 包" not in page.text()
    press(page, "td a", "第 1 包")
    page.until(lambda: len(page.driver.find_elements(By.CSS_SELECTOR, ".samples img")) == 2)
    sizes = (
        "return Promise.all([...document.querySelectorAll('.samples img')].map((image) =>"
        " fetch(image.src).then((r) => r.blob()).then((b) => b.size)))"
    )
    taken: Any = page.run(sizes)
    assert min(taken) > 100
    for path in (
        "/v1/jobs",
        "/data",
        "/v1/overview",
        "/v1/accounts",
        "/v1/audit",
        f"/v1/packages/{VERSION}/2/pictures",
    ):
        assert asked(page, path)[0] == 403, path
    package = site.home / "packages" / VERSION / "1"
    inbox = site.home / "imports/annotations/1"
    inbox.mkdir(parents=True)
    for one in manifest.read(package).pictures:
        (inbox / one.label).write_bytes(encode_color(np.full((40, 60, 3), ROAD.color, np.uint8)))


def take_back_and_go_on(browser: Browser) -> None:
    """Takes the labels back, publishes them, and builds the next increment."""
    browser.open(f"/#/annotation/{VERSION}")
    press(browser, "button:not([disabled])", "取回已完成的标注")
    numbers = "return [...document.querySelectorAll('.stages .stage-number')].map((e) => e.textContent.trim())"
    browser.until(lambda: browser.run(numbers)[3] == "2", "taken back")  # type: ignore[index]
    press(browser, "[data-tab=publish]")
    press(browser, "button", "检查并发布取回的 2 张")
    press(browser, ".run a.button", "生成下一个增量")
    name = browser.find("[name=data_name]").get_attribute("value")
    # The annotators' classes are not those of the data that was there: a dataset of its own.
    fill(browser, data_type="all", train="1", val="0", test="0")
    press(browser, "button.primary", f"生成数据 {name} (")
    browser.find(".head .chip", "完成")


def test_two_people__go_round_the_loop_and_neither_sees_what_is_not_theirs(
    browser: Browser, annotator: Browser, site: LiveServer
) -> None:
    log_in(browser, "王工")
    train_a_model(browser)
    choose_and_cut(browser)
    see_and_label(annotator, site)
    take_back_and_go_on(browser)
    browser.open("/#/people")
    browser.shows("王工 · 工程师")
    assert "操作记录" not in browser.text()
    assert asked(browser, "/v1/audit")[0] == 403
    press(browser, "button", "退出登录")
    log_in(browser, "li")
    lines = asked(browser, "/v1/audit?page_size=200")[1]
    did = {(line["who"], line["what"]) for line in lines}
    assert {("王工", what) for what in ("off_import", "create_data", "create_train", "starttask", "sam_value", "task_divide",
                                       "give_package", "linedown", "process_label")} <= did  # fmt: skip
    assert {what for who, what in did if who == "anna"} == {"log_in"}
    assert [
        line for line in annotator.problems() if "403" not in line and "401" not in line and "[DOM]" not in line
    ] == []
