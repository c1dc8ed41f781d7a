"""A training task on the page, in a real Chromium: settings, label map, copy, start, compare."""

import json
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from chromium import Browser
from live import LiveServer
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.jobs import queue, run
from roadloop.jobs.states import JobState
from roadloop.jobs.store import Submission, job_events, jobs
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.networks.folder import TEMPLATES
from roadloop.networks.store import networks
from roadloop.settings import Settings
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.platform import open_platform

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

TABLE = ClassTable(
    "colours",
    (
        LabelClass(10, "red", "红", (255, 0, 0), 0),
        LabelClass(20, "green", "绿", (0, 255, 0), 1),
        LabelClass(30, "blue", "蓝", (0, 0, 255), 2),
        LabelClass(40, "grey", "灰", (90, 90, 90), 3),
    ),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that starts no job, as its disk never has enough room for it."""
    settings = Settings(home=tmp_path_factory.mktemp("site") / "home", port=0, min_free_mib=2**40, torch_threads=1)
    live = LiveServer(settings)
    live.start()
    yield live
    live.close()


@pytest.fixture(scope="module")
def task(site: LiveServer) -> str:
    """A task of four training pictures: half is red, a quarter green, and blue and grey share the rest."""
    platform = open_platform(site.settings)
    with writing_set(platform.workspace, "灰", TABLE) as writer:
        for n in range(8):
            label = np.full((64, 64), 20, np.uint8)
            label[:32] = 10
            label[32:, :16], label[32:, 16:32] = 30, 40
            image = np.full((64, 64, 3), 40 + 20 * n, np.uint8)
            writer.add(NewSample("1", f"{'abcdefgh'[n]}_{n}", encode_color(image), encode_label(label)))
    shutil.copytree(TEMPLATES / "fast-scnn", platform.workspace.networks / "c_network")
    with platform.database.transaction() as db:
        network = queue.submit(db, Submission("create_net", {}, "c_network", state=JobState.SUCCEEDED))
        cost = {"parameters": 1_000_000, "multiply_adds": 500_000_000}
        db.execute(jobs.update().where(jobs.c.id == network).values(result=cost))
        row = {"task_id": network, "name": "c_network", "template": "fast-scnn", "description": "", "live": True}
        db.execute(networks.insert().values(**row))
    values = {"data_name": "d", "sour_data": "灰", "train": 0.5, "val": 0.5, "test": 0, "l_value": 1, "thread": 1}
    data = str(site.client().post("/create_data", json=values).json()["data"])
    with platform.database.transaction() as db:
        job = queue.claim(db, data, (), "test")
    run.run(platform, job)
    platform.database.close()
    return create(site, "苏州")


def create(site: LiveServer, name: str, **values: str) -> str:
    body = {"train_name": name, "network": "c_network", "data": "d", **values}
    return str(site.client().post("/create_train", json=body).json()["data"])


def type_in(browser: Browser, selector: str, text: str) -> None:
    """Put a text into a field at once: what is live draws it anew between two keys."""
    browser.find(selector)
    browser.run(
        "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event(e.tagName === 'SELECT' ? 'change' : 'input', {bubbles: true}))",
        selector,
        text,
    )


def tab(browser: Browser, name: str) -> None:
    browser.click(f".tabs button[data-tab={name}]")


def value(browser: Browser, selector: str) -> object:
    return browser.find(selector).get_property("value")


def test_training__form_and_json_are_one_state_and_nothing_typed_is_lost(
    browser: Browser, site: LiveServer, task: str
) -> None:
    browser.open(f"/#/training/{task}")
    pictures = browser.find(".setting[data-key=batch_size] .leads", "4 张训练图片 → 每轮 1 步")
    assert "内存" in pictures.text
    assert "网络 c_network 的默认值" in browser.find(".setting[data-key=batch_size]").text
    type_in(browser, "input[name=batch_size]", "2")
    browser.find(".setting[data-key=batch_size] .leads", "每轮 2 步")
    browser.find(".setting[data-key=num_epoch]", "由 4 张训练图片与批大小 2 得出")
    tab(browser, "config")
    type_in(browser, "input[name=momentum]", "1.5")
    browser.find(".setting[data-key=momentum] [role=alert]", "momentum 的值 1.5 无效（应小于 1）")
    type_in(browser, "input[name=momentum]", "0.8")
    browser.until(lambda: not browser.driver.find_elements(By.CSS_SELECTOR, ".setting [role=alert]"))
    tab(browser, "map")
    browser.find(".map")
    tab(browser, "config")
    assert value(browser, "input[name=momentum]") == "0.8"
    tab(browser, "json")
    text = str(value(browser, "textarea[name=train_con]"))
    assert (json.loads(text)["momentum"], json.loads(text)["batch_size"]) == (0.8, 2)
    type_in(browser, "textarea[name=train_con]", text.replace('"momentum": 0.8', '"momentum": 0.7')[:-1])
    browser.find(".failure", "还不是有效的 JSON")
    browser.run("location.reload()")
    assert str(value(browser, "textarea[name=train_con]")).rstrip().endswith("10")  # without the }
    type_in(browser, "textarea[name=train_con]", text.replace('"momentum": 0.8', '"momentum": 0.7, "sped": 1'))
    browser.find(".failure", "没有名为 'sped' 的配置项")
    type_in(browser, "textarea[name=train_con]", text.replace('"momentum": 0.8', '"momentum": 0.7'))
    tab(browser, "form")
    assert value(browser, "input[name=momentum]") == "0.7"
    browser.click("button[data-act=save]", "保存 2 项修改")
    browser.find("[role=status]", "已保存")
    stored = site.client().get("/train_configs", params={"task_id": task}).json()["data"]
    assert (stored["momentum"], stored["batch_size"]) == (0.7, 2)
    assert browser.problems() == []


def test_label_map__is_dragged_keyed_and_undone(browser: Browser, task: str) -> None:
    browser.open(f"/#/training/{task}?tab=map")
    blue, green = browser.find(".map-box tr", "蓝"), browser.find("[data-train='1']", "绿")
    actions = ActionChains(browser.driver)
    actions.click_and_hold(blue.find_element(By.CSS_SELECTOR, ".class-name")).move_to_element(green).perform()
    browser.find("[data-train='1'].over", "37.5 %")  # a quarter and an eighth, before it is dropped
    browser.find("[data-train='2']", "空")
    actions.release().perform()
    browser.find("[data-train='1'] .raw-chip", "蓝")
    browser.find("button[data-act=save]", "保存 1 处修改")
    browser.click(".map-box tr", "灰", within=".class-name")
    browser.run("document.querySelector('.map-box').focus()")
    ActionChains(browser.driver).send_keys("2").perform()
    browser.find("[data-train='2'] .raw-chip", "灰")
    ActionChains(browser.driver).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    browser.find("[data-train='3'] .raw-chip", "灰")
    browser.click("button[data-act=redo]")
    browser.find("[data-train='2'] .raw-chip", "灰")
    type_in(browser, ".aside .sought", "red")
    browser.until(lambda: len(browser.driver.find_elements(By.CSS_SELECTOR, ".map-box tbody tr")) == 1)
    tab(browser, "config")
    browser.find(".settings")
    tab(browser, "map")
    browser.find("[data-train='2'] .raw-chip", "灰")  # kept, and not saved
    browser.find(".tabs button[data-tab=map] .dot", "2")
    assert browser.problems() == []


@pytest.mark.usefixtures("task")
def test_start__asks_what_becomes_of_unsaved_edits(browser: Browser, site: LiveServer) -> None:
    task = create(site, "北京")
    browser.open(f"/#/training/{task}?tab=map")
    browser.find(".map-box tr", "蓝")
    type_in(browser, "input[aria-label='train id: 蓝']", "1")
    type_in(browser, "input[aria-label='train id: 灰']", "2")
    tab(browser, "config")
    type_in(browser, "select[name=optimizer]", "adamw")
    tab(browser, "start")
    type_in(browser, "input[name=num_epoch]", "3")
    browser.click(".form-end button", "3 轮")
    asked = browser.find(".ask").text
    assert "标签映射：2 个类别" in asked
    assert "optimizer" in asked
    browser.click("[data-act=back]")
    browser.until(lambda: not browser.driver.find_elements(By.CSS_SELECTOR, ".ask"))
    browser.click(".form-end button", "3 轮")
    browser.click("[data-act=back]")
    type_in(browser, "input[name=model]", "a/b")
    browser.click(".form-end button", "3 轮")
    browser.click("[data-act=with]")
    browser.find(".setting[data-key=model] [role=alert]", "a/b")
    type_in(browser, "input[name=model]", "ab")
    browser.find(".tabs button[data-tab=map]", "3 类")  # the label map is saved by now
    browser.click(".form-end button", "3 轮")
    assert "个类别" not in browser.find(".ask", "optimizer").text
    browser.click("[data-act=with]")
    browser.find(".tabs button[data-tab=progress]")
    client = site.client()
    client.post("/endtask", json={"task_id": task})
    stored = client.get("/train_configs", params={"task_id": task}).json()["data"]
    assert (stored["num_epoch"], stored["optimizer"], stored["num_classes"]) == (3, "adamw", 3)
    assert stored["model"] == "ab"
    maps = client.post("/maps", json={"task_id": task}).json()["data"]
    assert {raw: entry[0] for raw, entry in maps.items()} == {"10": "0", "20": "1", "30": "1", "40": "2"}
    assert browser.problems(but="/starttask") == []  # that it refused the name


@pytest.mark.usefixtures("task")
def test_copy__takes_label_map_and_settings_along(browser: Browser, site: LiveServer) -> None:
    task, client = create(site, "上海"), site.client()
    client.post("/train_config", json={"task_id": task, "train_con": {"num_epoch": 3}})
    names = {10: ("red", "红", "0"), 20: ("green", "绿", "1"), 30: ("blue", "蓝", "1"), 40: ("grey", "灰", "2")}
    client.post("/save_map", json={"task_id": task, "map_value": names})
    browser.open(f"/#/training/{task}")
    browser.click("[data-act=copy]")
    browser.find("input[name=train_name]")
    assert value(browser, "input[name=train_name]") == "上海-2"
    browser.find(".static-value", "复制自 上海")
    card = browser.find(".card.chosen", "c_network").text
    assert "1.00 M" in card
    assert "Fast-SCNN: Fast Semantic Segmentation Network" in card
    assert "5.26 G" in browser.find(".card", "PIDNet-S").text
    browser.run("document.querySelector('.card input[value=\"template:enet\"]').click()")
    browser.find(".form-end button", "先由模板 enet 创建网络")
    browser.run("document.querySelector('.card input[value=c_network]').click()")
    browser.click(".form-end button", "创建任务 上海-2")
    browser.find("h1", "上海-2")
    browser.find(".tabs button[data-tab=map]", "3 类")
    assert value(browser, "input[name=num_epoch]") == "3"
    assert browser.problems() == []


def trained(site: LiveServer, name: str, rate: float, scores: list[float]) -> str:
    """A finished training of as many epochs as scores, the last one the best; a step each."""
    task_id = create(site, name)
    site.client().post("/train_config", json={"task_id": task_id, "train_con": {"base_lr": rate}})
    platform = open_platform(site.settings)
    memo = {"epoch": len(scores), "best": {"epoch": len(scores), "miou": scores[-1], "file": "kd.params"}}
    with platform.database.transaction() as db:
        db.execute(jobs.update().where(jobs.c.id == task_id).values(state="succeeded", memo=memo))
    log = platform.workspace.tasks / name / "log"
    log.mkdir(parents=True)
    lines: list[dict[str, object]] = []
    for i, miou in enumerate(scores, 1):
        lines += [
            {"kind": "step", "step": i, "epoch": i, "loss": 1 - miou, "lr": rate},
            {"kind": "epoch", "epoch": i, "step": i, "loss": 1 - miou, "miou": miou, "iou": [miou, 0.5, None, 0.5]},
        ]
    (log / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    platform.database.close()
    return task_id


@pytest.mark.usefixtures("task")
def test_compare__curves_scores_and_differences_of_ticked_tasks(browser: Browser, site: LiveServer) -> None:
    trained(site, "甲", 0.01, [0.25, 0.5])
    trained(site, "乙", 0.02, [0.5, 0.625, 0.75])
    browser.open("/#/training")
    browser.find("input[aria-label='比较 甲']")
    right = "return document.querySelector('.tick input').getBoundingClientRect().right"
    assert float(str(browser.run(right))) < 1000  # in sight, however long the names
    for name in ("甲", "乙"):
        browser.click(f"input[aria-label='比较 {name}']")
    browser.click("[data-act=compare]", "比较 2 个任务")
    browser.find(".u-legend", "甲")
    assert browser.find("tr", "base_lr").text.split() == ["base_lr", "0.01", "0.02"]
    assert "momentum" not in browser.text()
    best = [e.text for e in browser.driver.find_elements(By.CSS_SELECTOR, ".best")]
    assert best == ["0.750 ▲", "0.750 ▲"]  # of all classes, and of red
    type_in(browser, "input[name=smooth]", "0")
    over = browser.driver.find_elements(By.CSS_SELECTOR, ".u-over")[1]
    half = over.size["width"] // 2
    ActionChains(browser.driver).move_to_element_with_offset(over, half - 2, 0).perform()
    browser.find(".u-legend", "0.7500")
    assert "0.5000" in browser.driver.find_elements(By.CSS_SELECTOR, ".u-legend")[1].text  # 甲 had ended by then
    assert browser.problems() == []


@pytest.mark.usefixtures("task")
def test_progress__attempts_and_stopping_are_seen(browser: Browser, site: LiveServer) -> None:
    task_id = trained(site, "丙", 0.01, [0.5])
    platform = open_platform(site.settings)
    lost = ["进程不见了，从检查点继续。", "The process is gone; it goes on from its checkpoint."]
    course = [
        ("queued", 0, None),
        ("running", 1, None),
        ("queued", 1, lost),
        ("running", 2, None),
        ("succeeded", 2, None),
    ]
    with platform.database.transaction() as db:
        for at, (state, token, text) in enumerate(course):
            db.execute(job_events.insert().values(job_id=task_id, state=state, token=token, text=text, at=1.8e9 + at))
    platform.database.close()
    browser.open(f"/#/training/{task_id}")
    assert "第 2 次尝试，中断后自动继续 1 次" in browser.find(".facts > div", "尝试").text
    browser.find(".events li", "进程不见了")
    browser.find(".events li", "尝试 2")
    browser.run(
        "const real = fetch; window.fetch = async (...call) => { const reply = await real(...call);"
        "if (call[0] !== '/train_history') return reply; const body = await reply.json();"
        "for (const row of [body.data].flat()) Object.assign(row, {state: 'running', stopping: true});"
        "return new Response(JSON.stringify(body)); }"
    )
    browser.run("location.hash = '#/training'")
    browser.find(".chip", "正在停止")
    browser.run("location.hash = `#/training/${arguments[0]}`", task_id)
    browser.find(".job-state .chip", "正在停止")
    assert browser.driver.find_elements(By.CSS_SELECTOR, ".confirm") == []
    assert browser.problems() == []
