"""From a blank start with the page alone: a zip of labelled pictures is sent, looked at, and imported."""

from pathlib import Path
from typing import Any

import pytest

import import_folders as folders
from archives import zipped
from chromium import Browser
from live import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def drawn(browser: Browser, selector: str) -> list[int]:
    """The widths of pictures, once all of them are there."""
    program = f"return [...document.querySelectorAll('{selector}')].map((i) => i.complete && i.naturalWidth)"

    def widths() -> list[int]:
        found: Any = browser.run(program)
        return list(found)

    browser.until(lambda: all(widths()))
    return widths()


def write(root: Path) -> None:
    """Two good pairs, a picture without a label, a broken picture."""
    folders.camvid_ids(root)
    folders.put(root / "train" / "alone.png", folders.png())
    folders.put(root / "train" / "half.png", folders.png()[:90])
    folders.put(root / "trainannot" / "half.png", folders.png())


def test_journey__a_zip_is_sent_seen_and_imported(browser: Browser, site: LiveServer, tmp_path: Path) -> None:
    write(tmp_path / "剑桥")
    data = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in sorted(tmp_path.rglob("*")) if p.is_file()}
    (tmp_path / "剑桥.zip").write_bytes(zipped(data))
    browser.open("/")
    browser.click(".rail a", "导入")
    browser.find("h1", "导入")
    assert str(site.home / "imports") in browser.find(".empty code").text
    browser.driver.find_element("css selector", "input[name=archive]").send_keys(str(tmp_path / "剑桥.zip"))
    browser.find("h1", "导入之前")
    browser.find(".facts", "camvid")
    assert not (site.home / "sources" / "剑桥").exists()
    assert drawn(browser, ".pairs .halves img") == [960] * 6
    assert drawn(browser, ".left-out img")[0] == 20
    browser.shows("图片没有标注")
    browser.shows("缺少对应文件")
    browser.click("button.primary", "导入 2 张图片为 剑桥")
    browser.find("h1", "剑桥")
    browser.find(".head .chip", "完成")
    assert {p.name for p in (site.home / "sources" / "剑桥").iterdir()} >= {"train", "classes.csv"}
    browser.find(".left-out figcaption", "train/alone.png")
    browser.find("a[download]", "下载全部")
    browser.click(".segmented button", "EN")
    browser.shows("A picture without a label")
    browser.click(".rail a", "Import")
    browser.find("tbody tr", "剑桥")
    assert browser.problems() == []


def test_folder__is_packed_in_the_browser_and_its_layout_can_be_corrected(
    browser: Browser, site: LiveServer, tmp_path: Path
) -> None:
    source = tmp_path / "folder-two"
    folders.plain(source)
    folders.put(source / ("长" * 60) / "说明.txt", "x" * 1000)
    folders.put(source / ".DS_Store", "no")
    browser.open("/#/import")
    browser.find("h1", "导入")
    browser.driver.find_element("css selector", "input[name=folder]").send_keys(str(source))
    browser.find("h1", "导入之前")
    browser.find(".facts", "pairs")
    sent = site.home / "imports" / "folder-two"
    assert {p.relative_to(sent): p.read_bytes() for p in sent.rglob("*") if p.is_file()} == {
        p.relative_to(source): p.read_bytes() for p in source.rglob("*") if p.is_file() and p.name != ".DS_Store"
    }
    there = "return [...document.querySelector('select[name=layout]').options].some((one) => one.value === 'voc')"
    browser.until(lambda: browser.run(there))
    browser.run(
        "const layout = document.querySelector('select[name=layout]'); layout.value = 'voc';"
        "layout.dispatchEvent(new Event('change', { bubbles: true }))"
    )
    browser.find(".field", "JPEGImages/ 与 SegmentationClass/")
    browser.click("button.primary", "重新查看")
    browser.find(".chip", "失败")
    assert browser.problems() == []


def test_browser__shows_folders_of_the_server(browser: Browser, site: LiveServer) -> None:
    folders.plain(site.home / "imports" / "已有")
    browser.open("/#/import")
    browser.click(".folders .as-link", "已有")
    browser.find(".table-top .mono", "imports/已有")
    browser.click(".folders .as-link", "1")
    browser.find(".table-top", "4 张图片")
    browser.click(".table-top button", "上一级")
    browser.click(".table-top a", "查看这个目录")
    browser.find("h1", "导入之前")
    browser.find("button.primary", "导入 2 张图片为 已有")


def test_upload__that_is_refused_says_why_and_is_removed(browser: Browser, site: LiveServer, tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(zipped({"../up.jpg": b"x"}))
    browser.open("/#/import")
    browser.find("h1", "导入")
    browser.driver.find_element("css selector", "input[name=archive]").send_keys(str(tmp_path / "bad.zip"))
    browser.find(".sends .why", "压缩包被拒绝")
    browser.click(".sends button", "放弃")
    browser.click(".sends button", "删除已上传的部分？")
    browser.until(lambda: not list((site.home / "uploads").iterdir()))
    browser.until(lambda: not browser.run("return document.querySelector('.sends')"))
