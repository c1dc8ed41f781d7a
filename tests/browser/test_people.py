"""Accounts on the page: none, the first one, people and rights, tokens, the record; two people see what is theirs.

The annotator sits at `localhost`, the others at `127.0.0.1`: for a browser, and its cookies, two places.
"""

import re
import time

import pytest
from selenium import webdriver

from chromium import Browser
from live import LiveServer
from package_data import write_images
from roadloop.accounts import service
from roadloop.storage.platform import open_platform

ADMIN, ENGINEER, ANNOTATOR = "a sentence of the admin", "a sentence of the engineer", "eine Zeile für Anna"


@pytest.fixture(scope="module", autouse=True)
def pictures(site: LiveServer) -> None:
    """Pictures of a version."""
    platform = open_platform(site.settings)
    write_images(platform, "v1", [f"t/{n:04d}.jpg" for n in range(4)])
    platform.database.close()


@pytest.fixture
def annotators(chromium: webdriver.Chrome, browser: Browser) -> Browser:
    """The page at another address of the same server."""
    return Browser(chromium, browser.url.replace("127.0.0.1", "localhost"))


def fill(browser: Browser, **values: str) -> None:
    """Type into fields by name."""
    there = 'return arguments[0].every((name) => document.querySelector(`form [name="${name}"]`))'
    browser.until(lambda: browser.run(there, list(values)))  # what was there before may still be going
    program = """
      for (const [name, value] of Object.entries(arguments[0])) {
        const field = document.querySelector(`[name="${name}"]`);
        field.value = value;
        field.dispatchEvent(new Event(field.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
      }"""
    browser.run(program, values)


def press(browser: Browser, text: str, selector: str = "button") -> None:
    browser.run("arguments[0].click()", browser.find(selector, text))


def log_in(browser: Browser, name: str, password: str) -> None:
    fill(browser, name=name, password=password)
    press(browser, "登录", "form button")


@pytest.mark.slow
def test_people__once_round(browser: Browser, annotators: Browser, site: LiveServer) -> None:
    browser.open("/")
    browser.shows("数据闭环")  # without an account as ever, no log-in
    browser.find(".rail a", "账号")
    begin(browser, site)
    people(browser)
    token = token_on_the_page(browser)
    program = site.client()
    program.headers["authorization"] = f"Bearer {token}"
    task = program.post("/task_divide", json={"version": "v1", "step": 2}).json()["data"]
    assert site.wait("/v1/jobs", task, client=program)["author"] == "王工"
    engineer(browser)
    annotator(annotators)
    browser.open("/#/people?tab=own")
    press(browser, "退出登录")
    log_in(browser, "li", ADMIN)
    record(browser)
    expected = ("401", "403", "409", "422", "[DOM]")
    assert [line for line in browser.problems() if not any(word in line for word in expected)] == []


def begin(browser: Browser, site: LiveServer) -> None:
    """The first account."""
    until = time.monotonic() + 20
    found = None
    while found is None and time.monotonic() < until:
        found = re.search(r"code 代码 ([0-9a-f-]{14})", "".join(list(site.output)))
        time.sleep(0.05)
    assert found
    browser.open("/#/people")
    browser.shows("现在没有账号")
    fill(browser, name="li", password="short", code=found[1])
    press(browser, "创建管理员账号")
    browser.shows("密码应有 10 到 200 个字符")
    fill(browser, name="li", password=ADMIN, code="wrong")
    press(browser, "创建管理员账号")
    browser.shows("代码不对")
    fill(browser, code=found[1])
    press(browser, "创建管理员账号")
    browser.shows("我的账号")
    browser.shows("li · 管理员")


def people(browser: Browser) -> None:
    """Two more people; then the engineer logs in, wrongly at first."""
    browser.open("/#/people?tab=people")
    for name, role, password in (("王工", "engineer", ENGINEER), ("anna", "annotator", ANNOTATOR)):
        browser.shows("添加账号")
        fill(browser, name=name, role=role, password=password)
        press(browser, "添加账号", "form button")
        browser.find("td", name)
    browser.run("arguments[0].click()", browser.find("tr:first-child button", "停用"))
    press(browser, "确定停用")
    browser.shows("是唯一的管理员")
    browser.open("/#/people?tab=own")
    press(browser, "退出登录")
    browser.shows("用管理员给你的账号")
    assert not browser.run("return document.querySelector('.rail')")
    log_in(browser, "王工", "not the sentence")
    browser.shows("账号或密码不对")
    log_in(browser, "王工", ENGINEER)
    browser.shows("数据闭环")
    browser.find(".who", "王工")


def token_on_the_page(browser: Browser) -> str:
    """A token, shown once."""
    browser.open("/#/people?tab=tokens")
    assert browser.find("select[name=scope]").text.split() == ["viewer", "annotator", "engineer"]
    fill(browser, name="夜间脚本", scope="engineer", days="30")
    press(browser, "生成令牌")
    token = browser.find(".token-made code").text
    assert token.startswith("roadloop_")
    browser.find("td", "夜间脚本")
    browser.open("/#/people?tab=tokens")
    browser.find("td", "夜间脚本")
    assert token not in browser.text()
    return token


def engineer(browser: Browser) -> None:
    """Gives the first package to the annotator; sees neither people nor the record."""
    browser.open("/#/people")
    browser.shows("王工 · 工程师")
    assert "人员与权限" not in browser.text()
    browser.open("/#/jobs")
    browser.find("th", "提交者")
    browser.open("/#/annotation/v1?tab=packages")
    chosen = browser.find("select[aria-label='第 1 包分给']")
    browser.run(
        "arguments[0].value = 'anna'; arguments[0].dispatchEvent(new Event('change', { bubbles: true }))", chosen
    )
    browser.until(
        lambda: (
            browser.run("return fetch('/v1/packages').then((r) => r.json()).then((r) => r.data[0].person)") == "anna"
        )
    )


def annotator(page: Browser) -> None:
    """Sees that package, and nothing else."""
    page.open("/")
    page.run("localStorage.setItem('roadloop.language', 'zh')")
    page.open("/")
    page.shows("用管理员给你的账号")
    log_in(page, "anna", ANNOTATOR)
    page.shows("我的任务包")
    page.find("td", "第 1 包")
    assert "第 2 包" not in page.text()
    assert page.run("return [...document.querySelectorAll('.rail nav a')].map((a) => a.textContent.trim())") == [
        "我的任务包",
        "账号",
        "接口文档",
    ]
    press(page, "第 1 包", "td a")
    page.find(".samples img")
    page.until(lambda: page.run("return document.querySelector('.samples img').naturalWidth"))
    page.open("/#/training")
    page.shows("没有这个页面")
    page.open("/#/mine?version=v1&n=2")
    page.shows("没有分给 anna")


def record(browser: Browser) -> None:
    """Who did what, verified."""
    browser.shows("li")
    browser.open("/#/people?tab=record")
    browser.find("td", "登录被拒绝")
    browser.find("td", "把任务包分给某个账号")
    press(browser, "校验")
    browser.shows("校验链完整")
    assert ADMIN not in browser.text()


def test_markup__in_names_of_people_and_programs_is_shown_and_never_run(browser: Browser, site: LiveServer) -> None:
    """S06 with accounts; the record's "who", its facts and what a refusal repeats among it."""
    evil = "<img src=x onerror=window.pwned=1>"
    platform = open_platform(site.settings)
    with platform.database.reading() as db:
        alone = not service.any_account(db)
    if alone:
        platform.database.write(lambda: service.add("li", "admin", ADMIN))
    platform.database.write(lambda: service.add(evil, "admin", ADMIN))
    with platform.database.transaction() as db:
        service.add_token(db, evil, evil, "viewer", 1)
    platform.database.close()
    browser.driver.delete_all_cookies()
    browser.open("/")
    log_in(browser, f"{evil}x", "wrong")
    browser.shows("账号或密码不对")
    log_in(browser, evil, ADMIN)
    browser.find(".who", evil)
    for tab in ("own", "people", "tokens", "record"):
        browser.open(f"/#/people?tab={tab}")
        browser.find("td, b", evil)
        assert browser.run("return document.querySelectorAll('main img[src=x]').length") == 0
    browser.open(f"/#/people?tab=record&who={evil}")
    browser.find("h1")
    browser.open("/?code=<script>window.pwned=1</script>&state=x")
    browser.find(".who", evil)
    assert browser.run("return window.pwned") is None
