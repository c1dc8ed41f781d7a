"""The page without a mouse, in a reader's own colours, without motion, on a small screen and on a wall."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from chromium import Browser, resize

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

FOCUSED = "const e = document.activeElement; return (e.className || e.tagName) + ' in ' + (e.closest('main, dialog, aside, header')?.tagName ?? '-')"


def press(browser: Browser, *keys: str) -> None:
    ActionChains(browser.driver).send_keys(*keys).perform()


@pytest.fixture
def media(browser: Browser) -> Iterator[Browser]:
    """A page whose reader's wishes can be set."""
    yield browser
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def wish(browser: Browser, name: str, value: str) -> None:
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": name, "value": value}]})


def test_keyboard__the_first_stop_skips_to_the_content(browser: Browser) -> None:
    browser.open("/#/settings")
    browser.find("main input[type=search]")
    press(browser, Keys.TAB)
    assert browser.run(FOCUSED) == "skip in -"
    assert browser.find(".skip").rect["y"] >= 0
    press(browser, Keys.ENTER)
    assert str(browser.run(FOCUSED)).endswith(" in MAIN")
    assert browser.run("return location.hash") == "#/settings"
    press(browser, Keys.TAB)
    assert browser.run("return document.activeElement.closest('main') !== null")


def test_keyboard__stops_follow_what_is_seen_and_each_is_seen(browser: Browser) -> None:
    """From rail to bar to content; every stop has a name and a ring."""
    browser.open("/#/networks/new")
    browser.find("h1", "创建网络")
    browser.until(lambda: browser.run("return document.querySelectorAll('main button, main input').length > 5"))
    regions: list[str] = []
    stops = 0
    for _ in range(60):
        press(browser, Keys.TAB)
        found = browser.run(
            "const e = document.activeElement; const style = getComputedStyle(e);"
            "return [e.closest('main, aside, header')?.tagName ?? 'BODY', "
            "e.ariaLabel || e.textContent.trim() || e.title || e.labels?.[0]?.textContent || '', "
            "style.boxShadow !== 'none' || style.outlineStyle !== 'none']"
        )
        assert isinstance(found, list)
        region, name, ring = found
        if region == "BODY" and stops > 3:
            break
        stops += 1
        assert name, browser.run("return document.activeElement.outerHTML")
        assert ring, browser.run("return document.activeElement.outerHTML")
        if regions[-1:] != [region]:
            regions.append(region)
    assert regions == ["BODY", "ASIDE", "HEADER", "MAIN"]
    assert stops > 20


def test_keyboard__a_box_that_scrolls_is_a_stop_while_nothing_in_it_is_one(browser: Browser) -> None:
    """Also when its only button is disabled for a moment, as one is that was just pressed."""
    browser.open("/#/settings")
    browser.find("main input[type=search]")
    browser.run(
        "document.querySelector('main').insertAdjacentHTML('beforeend',"
        ' \'<div class="table-box" id="box"><div><button>x</button></div></div>\');'
        "Object.assign(document.querySelector('#box').style, { height: '50px', overflow: 'auto' });"
        "document.querySelector('#box div').style.height = '500px'"
    )
    for disabled, stop in (("true", "0"), ("false", None), ("true", "0")):
        browser.run(f"document.querySelector('#box button').disabled = {disabled}")
        browser.until(
            lambda stop=stop: browser.run("return document.querySelector('#box').getAttribute('tabindex')") == stop  # type: ignore[misc]
        )


def test_keyboard__a_place_that_is_opened_has_the_keyboard(browser: Browser) -> None:
    browser.open("/")
    browser.find("h1", "数据闭环")
    browser.run("document.querySelector('.rail a[href=\"#/gpus\"]').focus()")
    press(browser, Keys.ENTER)
    browser.find("h1", "GPU")
    browser.until(lambda: browser.run("return document.activeElement.id") == "content")


@pytest.mark.parametrize("how", ["escape", "button"])
def test_dialogs__keep_the_keyboard_and_give_it_back(browser: Browser, how: str) -> None:
    browser.open("/#/gpus")
    browser.find("h1", "GPU")
    browser.run("document.querySelector('.calls-button').focus()")
    press(browser, Keys.ENTER)
    browser.find("dialog h2")
    for _ in range(12):
        press(browser, Keys.TAB)
        inside = browser.run(
            "const e = document.activeElement; return e === document.body || e.closest('dialog') !== null"
        )
        assert inside, browser.run(FOCUSED)
    if how == "escape":
        press(browser, Keys.ESCAPE)
    else:
        browser.run("document.querySelector('dialog .dialog-head button').focus()")
        press(browser, Keys.ENTER)
    browser.until(lambda: browser.run("return document.querySelector('dialog') === null"))
    assert "calls-button" in str(browser.run(FOCUSED))


def test_small__the_rail_is_a_drawer_with_names(browser: Browser) -> None:
    resize(browser.driver, 390, 844)
    browser.open("/")
    browser.find("h1", "数据闭环")
    assert browser.run("return document.querySelector('.rail').getClientRects().length") == 0
    browser.click(".menu")
    names = browser.find(".rail nav").text.split("\n")
    assert [name for name in names if name in {"导入", "数据", "网络", "训练", "评估", "发布", "挑图", "标注"}] == [
        "导入", "数据", "网络", "训练", "评估", "发布", "挑图", "标注",
    ]  # fmt: skip
    press(browser, Keys.ESCAPE)
    browser.until(lambda: browser.run("return document.querySelector('.rail').getClientRects().length") == 0)
    assert "menu" in str(browser.run(FOCUSED))
    browser.click(".menu")
    browser.click(".rail .switches button", "EN")
    browser.click(".rail a", "Training")
    browser.find("h1", "Training")
    browser.until(lambda: browser.run("return document.querySelector('.rail').getClientRects().length") == 0)


def test_wall__words_are_larger(browser: Browser) -> None:
    sizes = []
    for width in (1440, 2560, 3840):
        resize(browser.driver, width, 2160)
        browser.open("/#/gpus")
        browser.find("main .empty")
        sizes.append(browser.run("return getComputedStyle(document.querySelector('main p, main .empty')).fontSize"))
    assert sizes == ["14px", "16px", "20px"]


def test_forced_colours__focus_choice_and_progress_are_seen(media: Browser) -> None:
    wish(media, "forced-colors", "active")
    media.open("/#/gpus")
    media.find("h1", "GPU")
    press(media, Keys.TAB, Keys.TAB)
    outline = "const s = getComputedStyle(arguments[0]); return [s.outlineStyle, s.outlineColor, s.outlineWidth]"
    for element in (
        media.driver.switch_to.active_element,
        media.find("[aria-pressed=true]"),
        media.find(".rail [aria-current]"),
    ):
        found = media.run(outline, element)
        assert isinstance(found, list)
        style, color, width = found
        assert (style, width) == ("solid", "2px")
        assert color != "rgba(0, 0, 0, 0)"


def test_motion__none_where_the_reader_wants_none(media: Browser) -> None:
    moved = "return [...document.querySelectorAll('*')].filter((e) => ['', '::before', '::after'].some((part) => parseFloat(getComputedStyle(e, part).transitionDuration) > 0)).length"
    media.open("/#/gpus")
    media.find("h1", "GPU")
    media.run(
        "const bar = document.createElement('span'); bar.className = 'bar'; bar.append(document.createElement('span'));"
        "document.querySelector('main').append(bar)"
    )
    assert media.run(moved) != 0
    wish(media, "prefers-reduced-motion", "reduce")
    assert media.run(moved) == 0
