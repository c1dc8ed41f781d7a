"""The page as a browser gets it: composed from its modules, packed, and kept for ever by its name."""

import gzip
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from roadloop.server import STATIC, create_app
from roadloop.storage.folders import FOLDERS
from roadloop.storage.platform import Platform
from roadloop.web.page import ASK_AGAIN, FOR_EVER, Page, compose

ENTRY = "js/app.js"


def names(document: str) -> list[str]:
    return re.findall(r'(?:href|src)="([^"]+)"', document)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_page__is_a_few_small_files_that_browsers_keep(platform: Platform, path: str) -> None:
    client = TestClient(create_app(platform, 80), base_url="http://127.0.0.1")
    document = client.get(path)
    assert document.headers["cache-control"] == ASK_AGAIN
    files = [name for name in names(document.text) if name.startswith("page/")]
    kinds = [name.rpartition("/")[2].rpartition(".")[2] for name in files]
    assert kinds == ["svg", "css", "js", "js", "js", "js", "js"]
    assert len([name for name in files if "/vendor/" in name]) == 3  # asked for at once, not when the first is read
    weight = len(document.content)
    for name in files:
        answer = client.get(f"/{name}")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, FOR_EVER)
        assert b"/static/" not in answer.content
        assert answer.headers["vary"] == "accept-encoding"
        weight += int(answer.headers["content-length"])
    assert weight < 150_000
    assert files[0].endswith("/icon.svg")
    plain = client.get(f"/{files[1]}", headers={"accept-encoding": "identity"})
    packed = client.get(f"/{files[1]}")
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    assert plain.content == packed.content  # which the client has unpacked
    assert client.get("/" + files[1].replace(".css", ".none")).status_code == 404


def test_page__has_another_name_when_a_file_has_changed(tmp_path: Path) -> None:
    for path in STATIC.rglob("*.*"):
        (tmp_path / path.relative_to(STATIC)).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path.relative_to(STATIC)).write_bytes(path.read_bytes())
    page = Page(tmp_path)
    before = dict(page._up_to_date())
    assert page._up_to_date() == before
    (tmp_path / "css" / "base.css").write_text("b { color: red }")
    after = page._up_to_date()
    assert not before.keys() & after.keys() - {"index.html", "docs.html"}
    sheet = next(file for name, file in after.items() if name.endswith("/app.css"))
    assert b"color: red" in sheet.plain
    assert sheet.packed is not None
    assert gzip.decompress(sheet.packed) == sheet.plain


def test_compose__runs_each_module_once_in_the_order_of_need() -> None:
    texts = {
        ENTRY: 'import { a, b as c } from "./one.js";\nimport { d } from "./views/two.js";\nrun(a, c, d);\n',
        "js/one.js": 'import lib from "../vendor/lib.js";\nexport const a = lib;\nexport async function b() {}\n',
        "js/views/two.js": 'export { a } from "../one.js";\nconst d = async () => await import("../../vendor/late.js");\n'
        "export {\n  d,\n};\n",
    }
    assert compose(texts, ENTRY, "/icon")["app.js"] == (
        'import lib from "./vendor/lib.js";\nconst $ = {};\n'
        "// js/one.js\n$['js/one.js'] = (() => {\n\nconst a = lib;\nasync function b() {}\nreturn { a, b };\n})();\n"
        "// js/views/two.js\n$['js/views/two.js'] = (() => {\n\n"
        'const d = async () => await import("./vendor/late.js");\n\n'
        "return { d, a: $['js/one.js'].a };\n})();\n"
        "// js/app.js\n$['js/app.js'] = (() => {\nconst { a, b: c } = $['js/one.js'];\n"
        "const { d } = $['js/views/two.js'];\nrun(a, c, d);\nreturn {  };\n})();\n"
    )


def test_compose__leaves_comments_behind_and_nothing_else() -> None:
    text = (
        "/** What it is.\n * In lines. */\n// and here\nexport const a = /** @type {any} */ (f(1)); // 1\n"
        "  /** @type {number} */ (g).x = `a // b /** c */`;\n  /** Another. */\nconst d = 2;\n"
    )
    said = "const a = (f(1)); // 1\n  (g).x = `a // b /** c */`;\nconst d = 2;\nreturn { a };\n"
    assert said in compose({ENTRY: text}, ENTRY, "/icon")["app.js"]


@pytest.mark.parametrize(
    "text",
    ['import * as all from "./one.js";', 'import "./one.js";', "export default 1;", 'export * from "./one.js";',
     "export let count = 0;", "export { a as b };\nconst a = 1;"],
)  # fmt: skip
def test_compose__names_what_it_cannot_do(text: str) -> None:
    with pytest.raises(ValueError, match=r"js/app\.js: a form that cannot be composed: (import|export)"):
        compose({ENTRY: text + "\n", "js/one.js": ""}, ENTRY, "/icon")


def test_compose__a_worker_has_an_address_of_its_own() -> None:
    texts = {ENTRY: 'const w = new Worker(new URL("./parts/draw.js", import.meta.url), { type: "module" });\n'}
    said = 'const w = new Worker(new URL("./draw.js", import.meta.url), { type: "module" });\n'
    assert said in compose(texts, ENTRY, "/icon")["app.js"]


def test_compose__what_is_asked_for_late_is_a_file_of_its_own_and_no_module_runs_twice() -> None:
    texts = {
        ENTRY: 'import { base } from "./base.js";\nconst a = async () => await import("./views/a.js");\n'
        'const b = async () => (await import("./views/b.js")).B;\nrun(a, b, base);\n',
        "js/base.js": "export const base = 1;\n",
        "js/both.js": 'import { base } from "./base.js";\nexport const both = base;\n',
        "js/views/a.js": 'import { both } from "../both.js";\nexport const A = both;\n',
        "js/views/b.js": 'import { both } from "../both.js";\nimport { more } from "./more.js";\nexport const B = both + more;\n'
        'const c = async () => await import("./c.js");\n',
        "js/views/more.js": "export const more = 2;\n",
        "js/views/c.js": "export const C = 3;\nexport const D = 4;\n",
    }
    files = compose(texts, ENTRY, "/icon")
    assert sorted(files) == ["app.js", "app.shared.js", "views/a.js", "views/b.js", "views/c.js"]
    assert 'await import("./views/a.js")' in files["app.js"]
    assert files["app.js"].endswith("export { $ };\n")
    ran = [path for text in files.values() for path in re.findall(r"^// (\S+)$", text, re.MULTILINE)]
    assert sorted(ran) == sorted(texts)
    assert 'await import("../views/c.js")' in files["views/b.js"]
    assert files["app.shared.js"].startswith('import { $ } from "./app.js";\n// js/both.js\n')
    link = 'import { $ } from "../app.js";\n'
    assert files["views/b.js"].startswith(f'{link}import "../app.shared.js";\n// js/views/more.js\n')
    assert files["views/b.js"].endswith("export const { B } = $['js/views/b.js'];\n")
    assert files["views/c.js"].startswith(f"{link}// js/views/c.js\n")
    assert files["views/c.js"].endswith("export const { C, D } = $['js/views/c.js'];\n")


def test_page__views_come_late_and_the_first_screen_without_them(platform: Platform) -> None:
    """The table of places holds no stage itself: a view that somebody adds must come late, too."""
    files = {name.partition("/")[2]: file for name, file in Page(STATIC)._up_to_date().items()}
    views = {
        f"views/{name}.js"
        for name in re.findall(r'import\("\./views/([\w-]+)\.js"\)', (STATIC / "js/places.js").read_text())
    }
    assert len(views) > 15
    assert views <= set(files)
    at_once = re.findall(r"^// js/views/(\S+)$", files["app.js"].plain.decode(), re.MULTILINE)
    parts = {"overview.js", "overview-service.js", "overview-waiting.js", "begin.js", "jobs.js"}
    assert set(at_once) == parts | {"log-in.js", "nowhere.js"}
    first = [
        file
        for name, file in files.items()
        if name in {"app.js", "app.css", "boot.js"} or name.startswith("vendor/preact")
    ]
    assert sum(len(file.packed or file.plain) for file in first) < 75_000


def test_compose__names_modules_that_need_each_other() -> None:
    texts = {ENTRY: 'import { b } from "./b.js";\n', "js/b.js": 'import { c } from "./app.js";\n'}
    with pytest.raises(ValueError, match=r"need each other: js/app\.js -> js/b\.js -> js/app\.js"):
        compose(texts, ENTRY, "/icon")


def test_disk__every_folder_of_a_home_has_a_name_in_both_languages() -> None:
    """`tasks` is counted by what stands in it."""
    names = (STATIC / "js" / "views" / "disk.js").read_text(encoding="utf-8").partition("const RULES")[0]
    named = set(re.findall(r'^  "?([a-z-]+)"?: \(\) => t\(', names, re.MULTILINE))
    assert {folder.name for folder in FOLDERS} - named == {"tasks"}
