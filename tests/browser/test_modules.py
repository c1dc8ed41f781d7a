"""The page's pure modules, tested by Node's own runner."""

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = sorted((Path(__file__).parents[1] / "web" / "page").glob("*.test.mjs"))


def test_modules__node_tests_pass() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed (apt-get install nodejs)")
    done = subprocess.run([node, "--test", *map(str, TESTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules__are_short() -> None:
    scripts = Path(__file__).parents[2] / "src" / "roadloop" / "web" / "static" / "js"
    assert {p.name for p in scripts.rglob("*.js") if len(p.read_text().splitlines()) >= 250} == set()
