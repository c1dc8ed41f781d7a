"""The documents are true: what they name exists, and what exists is named."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from roadloop.cli.main import app
from roadloop.labels.table import SHIPPED
from roadloop.networks.folder import TEMPLATES, list_templates
from roadloop.parameters import names
from roadloop.settings import Settings
from roadloop.sources.exporters.layouts import EXPORTERS
from roadloop.sources.importers.found import Fate
from roadloop.sources.importers.recognise import LAYOUTS
from roadloop.sources.recipe import ImportRecipe
from roadloop.training.recipe import DataConfig, TrainConfig
from roadloop.training.reference import table

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


@pytest.mark.parametrize(("name", "kind"), [("train_con", TrainConfig), ("data_con", DataConfig)])
def test_training__every_key_is_documented_as_the_code_has_it(name: str, kind: type[TrainConfig | DataConfig]) -> None:
    chapter = (ROOT / "docs" / "training.md").read_text().split(f"## {name}\n\n")[1].split("\n\n")[0]
    assert chapter.strip() == table(kind).strip(), "put what `roadloop train settings` prints into docs/training.md"
    named = re.findall(r"^\| `(\w+)`", chapter, re.MULTILINE)
    assert sorted(named) == sorted(kind.model_fields)
    assert CliRunner().invoke(app, ["train", "settings"]).output.count(table(kind)) == 1


def test_training__the_table_says_defaults_limits_and_choices() -> None:
    rows = table(TrainConfig).splitlines()
    assert "| `batch_size` | 8 | integer ≥ 1, ≤ 4096 | Pictures per step, all devices together. |" in rows
    assert any(row.startswith("| `optimizer` | sgd | `sgd`, `adamw` |") for row in rows)
    assert any(row.startswith("| `ema_decay` | 0 | number ≥ 0, < 1 |") for row in rows)
    assert any(row.startswith("| `crop` |  | 2 integers ≥ 8, ≤ 8192 |") for row in table(DataConfig).splitlines())


@pytest.mark.parametrize("document", ["imports.md", "imports.zh.md"])
def test_imports__every_layout_outcome_and_parameter_has_its_place(document: str) -> None:
    text = (ROOT / "docs" / document).read_text()
    assert re.findall(r"^### `([a-z0-9-]+)`", text, re.MULTILINE) == list(LAYOUTS)
    assert [fate for fate in Fate if f"\n| `{fate.value}` | " not in text] == []
    parameters = re.findall(r"^\| (`[a-z]+`(?:[,、] ?`[a-z]+`)*) \|", text, re.MULTILINE)
    named = {name for cell in parameters for name in re.findall("`([a-z]+)`", cell)}
    assert names(ImportRecipe) <= named


def test_imports__the_description_of_the_interface_names_every_layout() -> None:
    assert ImportRecipe.model_json_schema()["properties"]["layout"]["enum"] == ["auto", *LAYOUTS]


@pytest.mark.parametrize("document", ["imports.md", "imports.zh.md"])
def test_imports__the_class_tables_are_the_shipped_ones(document: str) -> None:
    (row,) = re.findall(r"^\| `roadelement` \|([^|]+)\|", (ROOT / "docs" / document).read_text(), re.MULTILINE)
    assert sorted(re.findall("`([a-z0-9-]+)`", row)) == sorted(SHIPPED)


def test_exports__every_layout_has_its_row() -> None:
    text = (ROOT / "docs" / "exports.md").read_text()
    assert re.findall(r"^\| `([a-z][a-z-]+)` \|", text, re.MULTILINE) == list(EXPORTERS)


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


def rows_of_reproduction(page: str) -> list[list[str]]:
    """Cells of the table: template, file, where it is published, pictures, measured, published."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]


def test_reproduction__every_template_has_its_row_and_both_languages_say_the_same_figures() -> None:
    english, chinese = rows_of_reproduction("reproduction.md"), rows_of_reproduction("reproduction.zh.md")
    shipped = {name for name in list_templates() if (TEMPLATES / name).is_dir()}
    assert {row[0].strip("`") for row in english} == shipped
    assert all(len(row) == 6 for row in (*english, *chinese))
    figures = [[re.findall(r"\d+(?:\.\d+)?", " ".join(row)) for row in rows] for rows in (english, chinese)]
    assert figures[0] == figures[1]


def test_reproduction__what_is_measured_is_what_a_test_measures() -> None:
    measured = [row for row in rows_of_reproduction("reproduction.md") if row[4]]
    assert [row[0] for row in measured] == ["`enet`"]
    program = (ROOT / "tests" / "end_to_end" / "test_imported_weights.py").read_text()
    held = re.findall(r"approx\((\d+\.\d+), abs=0\.05\)", program)
    assert re.findall(r"\d+\.\d+", measured[0][4]) == held
    command = (ROOT / "docs" / "reproduction.md").read_text().split("$ roadloop ")[1].split("\n$")[0]
    named = re.findall(r"--[a-z]+ \S+", command.replace("roadloop-home", ""))
    assert all('", "'.join(option.split()) in program for option in named if not option.startswith("--home")), named


def test_architecture__names_tests_and_folders_that_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for path in re.findall(r"`(tests/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path
    for folder in re.findall(r"^\| `(\w+)/`", text, re.MULTILINE):
        assert (ROOT / "src" / "roadloop" / folder).is_dir(), folder


def test_training_path__every_file_and_name_exists() -> None:
    text = (ROOT / "docs" / "training-path.md").read_text()
    places = re.findall(r"`([\w/]+\.py)` `(\w+)`", text)
    assert len(places) > 30
    for file, name in places:
        source = (ROOT / "src" / "roadloop" / file).read_text()
        assert re.search(rf"^\s*(def|class) {name}\b", source, re.MULTILINE), (file, name)


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
