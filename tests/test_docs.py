"""The documents are true: what they name exists, and what exists is named."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from roadloop.cli.main import app
from roadloop.settings import Settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMAND = typer.main.get_command(app)
COMMANDS = sorted(COMMAND.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_settings__each_is_documented(name: str) -> None:
    assert f"`ROADLOOP_{name.upper()}`" in (ROOT / "docs" / "settings.md").read_text()
    assert Settings.model_fields[name].description


def test_settings__no_others_are_documented() -> None:
    named = set(re.findall(r"^\| `ROADLOOP_([A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    assert named == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("name", COMMANDS)
def test_commands__each_is_in_both_readmes_and_has_help(name: str) -> None:
    for readme in ("README.md", "README.zh-CN.md"):
        assert f"roadloop {name}" in (ROOT / readme).read_text(), readme
    assert COMMAND.commands[name].help  # type: ignore[attr-defined]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links__lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_readme__commands_exist(readme: str) -> None:
    text = (ROOT / readme).read_text()
    for target in re.findall(r"^\$ make (\S+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE), target
    for name in re.findall(r"^\$ \.venv/bin/roadloop (\S+)", text, re.MULTILINE):
        assert name in COMMANDS


def test_architecture__names_tests_and_folders_that_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in re.findall(r"`(tests/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path
    for folder in re.findall(r"^\| `(\w+)/`", text, re.MULTILINE):
        assert (ROOT / "src" / "roadloop" / folder).is_dir(), folder


def test_help__of_the_whole_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "roadloop", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    for name in COMMANDS:
        assert name in done.stdout


def test_glossary__words_to_avoid_are_not_used_in_names() -> None:
    """The unambiguous ones of the glossary's last column."""
    for path in (ROOT / "src" / "roadloop").rglob("*.py"):
        text = path.read_text().lower()
        for word in ("ontology", "class_map", "raw_data"):
            assert word not in text, (path, word)
