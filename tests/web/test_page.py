"""The page as a browser gets it: composed from its modules, packed, and kept for ever by its name."""

import gzip
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from roadloop.server import STATIC, create_app
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
    files = [name for name in names(document.text) if name.startswith("/page/")]
    assert [name.rpartition("/")[2].rpartition(".")[2] for name in files] == ["css", "js", "js"]
    weight = len(document.content)
    for name in files:
        answer = client.get(name)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, FOR_EVER)
        assert answer.headers["vary"] == "accept-encoding"
        weight += int(answer.headers["content-length"])
    assert weight < 150_000
    plain = client.get(files[0], headers={"accept-encoding": "identity"})
    packed = client.get(files[0])
    assert (plain.headers.get("content-encoding"), packed.headers["content-encoding"]) == (None, "gzip")
    assert plain.content == packed.content  # which the client has unpacked
    assert client.get(files[0].replace(".css", ".none")).status_code == 404


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
    assert compose(texts, ENTRY, "/page/1/") == (
        'import lib from "/page/1/vendor/lib.js";\nconst $ = {};\n'
        "// js/one.js\n$['js/one.js'] = (() => {\n\nconst a = lib;\nasync function b() {}\nreturn { a, b };\n})();\n"
        "// js/views/two.js\n$['js/views/two.js'] = (() => {\n\n"
        'const d = async () => await import("/page/1/vendor/late.js");\n\n'
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
    assert said in compose({ENTRY: text}, ENTRY, "/")


@pytest.mark.parametrize(
    "text",
    ['import * as all from "./one.js";', 'import "./one.js";', "export default 1;", 'export * from "./one.js";',
     "export let count = 0;", "export { a as b };\nconst a = 1;"],
)  # fmt: skip
def test_compose__names_what_it_cannot_do(text: str) -> None:
    with pytest.raises(ValueError, match=r"js/app\.js: a form that cannot be composed: (import|export)"):
        compose({ENTRY: text + "\n", "js/one.js": ""}, ENTRY, "/")


def test_compose__a_worker_has_an_address_of_its_own() -> None:
    texts = {ENTRY: 'const w = new Worker(new URL("./parts/draw.js", import.meta.url), { type: "module" });\n'}
    said = 'const w = new Worker(new URL("/page/1/draw.js", location.origin), { type: "module" });\n'
    assert said in compose(texts, ENTRY, "/page/1/")


def test_compose__names_modules_that_need_each_other() -> None:
    texts = {ENTRY: 'import { b } from "./b.js";\n', "js/b.js": 'import { c } from "./app.js";\n'}
    with pytest.raises(ValueError, match=r"need each other: js/app\.js -> js/b\.js -> js/app\.js"):
        compose(texts, ENTRY, "/")
