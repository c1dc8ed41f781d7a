"""The page's pure modules, tested by Node's own runner."""

import hashlib
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest

from roadloop.jobs.registry import TASKS

TESTS = sorted((Path(__file__).parents[1] / "web" / "page").glob("*.test.mjs"))
STATIC = Path(__file__).parents[2] / "src" / "roadloop" / "web" / "static"


def test_modules__node_tests_pass() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed (apt-get install nodejs)")
    done = subprocess.run([node, "--test", *map(str, TESTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules__are_short() -> None:
    assert {p.name for p in (STATIC / "js").rglob("*.js") if len(p.read_text().splitlines()) > 400} == set()


def test_modules__no_line_is_wider_than_120_columns() -> None:
    """The formatter leaves templates, comments and strings as they are. A Chinese character is two columns wide."""

    def width(line: str) -> int:
        return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)

    files = [*(STATIC / "js").rglob("*.js"), *(STATIC / "css").glob("*.css"), *TESTS]
    lines = [(p.name, k, line) for p in files for k, line in enumerate(p.read_text().splitlines(), 1)]
    assert len(files) > 50
    assert [f"{name}:{k}" for name, k, line in lines if width(line) > 120] == []


def test_styles__a_class_has_one_rule_of_its_own() -> None:
    """Two views that take the same name would change each other; in lists of selectors, and below others, it may stand again."""
    text = "\n".join(p.read_text() for p in sorted((STATIC / "css").glob("*.css")) if p.name != "docs.css")
    own = re.findall(r"(?<!,)\n(\.[\w-]+) \{", text)
    assert len(own) > 100
    assert [name for name in set(own) if own.count(name) > 1] == []


def test_kinds__every_kind_of_job_has_a_name() -> None:
    named = set(re.findall(r"^  (\w+): \[", (STATIC / "js" / "components" / "kinds.js").read_text(), re.MULTILINE))
    assert named == set(TASKS)


def test_vendor__files_are_the_ones_that_were_checked_in() -> None:
    vendor = STATIC / "vendor"
    listed = dict(re.findall(r"^\| `(\S+)` .*`([0-9a-f]{64})` \|$", (vendor / "VENDOR.md").read_text(), re.MULTILINE))
    found = {p.name for p in vendor.iterdir() if p.suffix in {".js", ".css"}}
    assert found == set(listed)
    assert {name: hashlib.sha256((vendor / name).read_bytes()).hexdigest() for name in listed} == listed


def test_html__has_nothing_inline_and_nothing_from_elsewhere() -> None:
    for page in STATIC.glob("*.html"):
        text = page.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?://", text), page
