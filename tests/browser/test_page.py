"""The page in a real Chromium against a real server."""

import socket
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from chromium import Browser, resize
from live import LiveServer
from roadloop.errors import Text
from roadloop.jobs import nodes, queue
from roadloop.jobs.nodes import NodeRow
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PLACES = ("/", "/#/import", "/#/import/new", "/#/sources", "/#/datasets", "/#/datasets/new", "/#/networks", "/#/networks/new", "/#/training", "/#/training/new",
          "/#/evaluation", "/#/evaluation/new", "/#/release", "/#/release/new", "/#/gpus", "/#/jobs", "/#/settings")  # fmt: skip
EVIL = "<img src=x onerror=window.pwned=1><b>粗</b>"


def count_slowly(site: LiveServer, title: str) -> str:
    """Submit a job that counts for a minute."""
    platform = open_platform(site.settings)
    with platform.database.transaction() as db:
        payload = {"steps": 600, "pause": 0.1, "name": f"counted-{title[:3]}"}
        task_id = queue.submit(db, queue.Submission("rehearsal", payload, title))
    platform.database.close()
    return task_id


@pytest.mark.parametrize(("language", "theme"), [("zh", "light"), pytest.param("en", "dark", marks=pytest.mark.slow)])
def test_page__every_place_loads_without_complaints(browser: Browser, language: str, theme: str) -> None:
    browser.run(
        f"localStorage.setItem('roadloop.language', '{language}'); localStorage.setItem('roadloop.theme', '{theme}')"
    )
    resize(browser.driver, 1024, 700)
    for place in PLACES:
        browser.open(place)
        browser.until(
            lambda: browser.run("return document.querySelector('main h1') && !document.querySelector('[aria-busy]')")
        )
        assert browser.run("return document.documentElement.dataset.theme") == theme
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth"), place
        assert browser.problems() == [], place


def test_page__language_switches_and_is_remembered(browser: Browser) -> None:
    browser.open("/#/networks")
    browser.find("h1", "网络")
    browser.click(".segmented button", "EN")
    browser.find("h1", "Networks")
    browser.shows("No networks yet.")
    browser.open("/#/datasets")
    browser.find("h1", "Datasets")
    assert browser.run("return document.documentElement.lang") == "en"


def test_page__theme_switches(browser: Browser) -> None:
    browser.open("/")
    before = browser.run("return getComputedStyle(document.body).backgroundColor")
    browser.click("button.theme")
    assert browser.run("return getComputedStyle(document.body).backgroundColor") != before


def test_page__a_job_shows_progress_and_is_stopped(browser: Browser, site: LiveServer) -> None:
    count_slowly(site, "数到六百")
    browser.open("/#/jobs")
    row = browser.find("tbody tr", "数到六百")
    browser.until(
        lambda: browser.run(
            "return +document.querySelector('tbody [role=progressbar]')?.getAttribute('aria-valuenow') > 0"
        )
    )
    browser.find(".tray-button", "1 进行中")
    row.find_element("css selector", ".confirm button").click()
    browser.click("tbody .confirm button", "确定停止？")
    browser.find("tbody tr", "已停止")
    browser.find(".tray-button", "空闲")


def test_page__log_grows_while_it_is_followed(browser: Browser, site: LiveServer) -> None:
    task_id = count_slowly(site, "日志")
    browser.open(f"/#/jobs/{task_id}")
    browser.until(lambda: str(browser.run("return document.querySelector('.log pre')?.textContent")).count("\n") > 3)
    site.client().post(f"/v1/jobs/{task_id}/cancel")
    browser.find(".chip", "已停止")


def test_page__markup_in_names_is_text(browser: Browser, site: LiveServer) -> None:
    task_id = count_slowly(site, EVIL)
    client = site.client()
    network = client.post("/create_net", json={"network_name": "evil", "src_net": "enet", "net_describe": EVIL}).json()[
        "data"
    ]
    try:
        for place in ("/", "/#/jobs", f"/#/jobs/{task_id}", "/#/networks", f"/#/networks/{network}"):
            browser.open(place)
            browser.shows(EVIL)
            browser.click(".tray-button")
            browser.shows("全部任务")
            assert browser.run(
                "return [window.pwned === undefined, document.querySelectorAll('img[src=x]').length]"
            ) == [True, 0]
    finally:
        client.post(f"/v1/jobs/{task_id}/cancel")
        client.post(f"/v1/jobs/{network}/cancel")


def test_page__a_refusal_stands_at_its_field_with_the_cure(browser: Browser) -> None:
    browser.open("/#/networks/new")
    browser.find("input[name=network_name]").send_keys("../x")
    browser.click("button.primary", "../x")
    alert = browser.find(".field.wrong [role=alert]")
    assert "network_name" in alert.text or "名" in alert.text
    browser.find("input[name=network_name]").send_keys(Keys.BACKSPACE)


@pytest.mark.parametrize(
    ("place", "zh", "en"),
    [
        ("import", "没有这个导入", "There is no such import"),
        ("sources", "没有这份源数据", "There is no such source set"),
        ("datasets", "没有这个数据", "There is no such dataset"),
        ("networks", "没有这个网络", "There is no such network"),
        ("training", "没有这个训练任务", "There is no such training task"),
        ("evaluation", "没有这个评估", "There is no such evaluation"),
        ("jobs", "没有这个任务", "There is no such job"),
    ],
)
def test_page__an_unknown_id_is_no_failure_but_leads_to_the_list(
    browser: Browser, place: str, zh: str, en: str
) -> None:
    browser.open(f"/#/{place}/nobody-knows-this")
    browser.find("h1", zh)
    assert "nobody-knows-this" in browser.find("main [role=alert]").text
    assert "重试" not in browser.text()
    browser.click(".segmented button", "EN")
    browser.find("h1", en)
    browser.click("main a.link", "See all")
    browser.until(lambda: browser.run("return location.hash") == f"#/{place}")
    assert browser.problems(but="404") == []


def test_page__an_unknown_place_says_so(browser: Browser) -> None:
    browser.open("/#/nowhere/1")
    browser.find("h1", "没有这个页面")
    browser.click("main a.link", "回到总览")
    browser.shows("从标注图片到发布的模型")


def test_page__lists_what_is_there_to_do_first(browser: Browser, site: LiveServer) -> None:
    browser.open("/")
    browser.shows("从这里开始")
    browser.find("code", str(site.home))
    browser.open("/#/datasets/new")
    browser.shows("还没有源数据")


def test_page__says_when_the_server_is_gone_and_recovers(browser: Browser) -> None:
    browser.open("/#/jobs")
    browser.find("h1", "任务")
    browser.driver.execute_cdp_cmd("Network.enable", {})
    away = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", away)
    try:
        browser.find(".offline", "连不上服务")
    finally:
        browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {**away, "offline": False})
    browser.until(lambda: browser.run("return !document.querySelector('.offline')"))


def test_settings__say_their_value_where_it_comes_from_and_no_secret(browser: Browser, site: LiveServer) -> None:
    browser.open("/")
    browser.click(".rail a", "设置")
    home = browser.find("tbody tr", "ROADLOOP_HOME").text
    assert str(site.home) in home
    assert "环境变量" in home
    assert "没有设置" in browser.find("tbody tr", "ROADLOOP_LABEL_STUDIO_TOKEN").text
    browser.run(
        "const e = document.querySelector('.sought'); e.value = 'poll_SECONDS'; e.dispatchEvent(new Event('input'))"
    )
    browser.until(lambda: "ROADLOOP_LABEL_STUDIO_TOKEN" not in browser.text())
    browser.find("tbody tr", "ROADLOOP_POLL_SECONDS")
    browser.click(".segmented button", "EN")
    browser.find("tbody tr", "How often the supervisor looks for queued jobs.")
    assert browser.problems() == []


def test_docs__lists_endpoints_and_tries_one(browser: Browser) -> None:
    browser.open("/docs#starttask")
    entry = browser.find("details[open]", "/starttask")
    for word in ("num_epoch", "batch_size", "not_found"):
        assert word in entry.text
    browser.find("nav a", "/create_data")
    for word in ("检查一切", "学习率下降时的迭代数", "没有这个编号或名称的对象"):
        assert word in entry.text
    browser.find("nav h3", "源数据")
    browser.click(".segmented button", "EN")
    browser.find("nav h3", "source sets")
    assert "Iterations at which the rate falls." in browser.find("details[open]", "/starttask").text
    browser.open("/docs#health")
    browser.click("details[open] button.primary")
    browser.find(".try pre", '"disk_free_mib"')
    assert browser.problems() == []


def test_networks__a_folder_of_one_s_own_is_checked_by_a_button(browser: Browser, site: LiveServer) -> None:
    own = site.home / "networks" / "lane_net"
    own.mkdir()
    (own / "network.py").write_text("from torch import nn\n\n\ndef build(n):\n    return nn.Conv2d(3, n, 1)\n")
    browser.open("/#/networks")
    browser.find("section", "networks/ 中尚不能训练的文件夹")
    browser.find("td", "尚未检查")
    browser.click("button", "检查并登记")
    browser.find("a.button", "用它训练")
    assert "无：团队自己的网络" in browser.text()
    browser.open("/#/networks")
    browser.find("td", "lane_net")
    assert "networks/ 中尚不能训练的文件夹" not in browser.text()
    assert browser.problems() == []


def test_gpus__shows_the_nodes_of_a_cluster_and_what_runs_there(browser: Browser, site: LiveServer) -> None:
    task_id = count_slowly(site, "数到六百")
    browser.open(f"/#/jobs/{task_id}")
    browser.find("h1", "数到六百")
    host = browser.find(".facts a[href='#/gpus']", "").text
    assert host == socket.gethostname()
    assert task_id in str(browser.find(".facts a[href^='/output_log']", "").get_attribute("href"))
    away = Text("看不到工作区", "does not see the workspace")
    found = (
        NodeRow(host, "10.0.0.1", "0.1.0", None, 16, 64_000, ()),
        NodeRow("gpu2", "10.0.0.2", "", away, 8, 32_000, ()),
    )
    platform = open_platform(site.settings)
    try:
        with platform.database.transaction() as db:
            nodes.write(db, found, away)
        browser.click(".facts a[href='#/gpus']", "")
        browser.find("h1", "节点与 GPU")
        rows: Any = browser.run("return [...document.querySelectorAll('tbody tr')].map((row) => row.innerText)")
        assert {tuple(row.split("\t")[:2]) for row in rows} == {("gpu2", "10.0.0.2"), (host, "10.0.0.1")}
        assert "▲ 看不到工作区" in str(rows)
        browser.find("td a.link", "▶ 数到六百")
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.problems() == []
    finally:
        with platform.database.transaction() as db:
            nodes.forget(db)
        platform.database.close()
        site.client().post(f"/v1/jobs/{task_id}/cancel")


def test_hooks__hear_what_is_told_before_the_next_frame(browser: Browser) -> None:
    """A name, or who looks, that came between drawing and the next frame was missed for ever."""
    browser.open("/")
    found = browser.run("""
        return Promise.all([import("/static/js/lib.js"), import("/static/js/names.js")]).then(async ([lib, names]) => {
          const place = document.createElement("div");
          lib.render(lib.html`<${() => lib.html`<b>${names.useName("0123456789")}</b>`} />`, place);
          const before = place.textContent;
          names.learnName("0123456789", "苏州");
          await new Promise((done) => setTimeout(done, 300));
          return [before, place.textContent];
        })
    """)
    assert found == ["01234567", "苏州"]
