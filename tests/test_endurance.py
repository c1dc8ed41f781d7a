"""The long runs name tests that exist, go on where they were stopped, and write a table."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
NOW = {"programme": "R01", "commit": "abc", "count": 60, "date": "2026-11-26", "seconds": 1800}


@pytest.fixture
def endurance(tmp_path: Path) -> Any:
    """The command's module, with its files elsewhere."""
    spec = importlib.util.spec_from_file_location("endurance", TESTS / "endurance" / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.RUNS, module.DOCUMENT = tmp_path / "runs.jsonl", tmp_path / "endurance.md"
    return module


def test_programmes__name_tests_that_exist(endurance: Any) -> None:
    document = (TESTS.parent / "docs" / "reliability.md").read_text()
    for name, programme in endurance.PROGRAMMES.items():
        file, _, test = programme.tests.partition("::")
        assert f"def {test}" in (TESTS / file).read_text(), name
        assert file in document, name
        assert programme.first <= programme.long


def test_endurance__goes_on_where_it_was_and_writes_the_table(endurance: Any, monkeypatch: Any) -> None:
    asked = []

    def run(_programme: Any, seed: int) -> dict[str, Any]:
        asked.append(seed)
        return {"count": 60, "date": "2026-11-26", "seconds": 1800, "passed": True}

    monkeypatch.setattr(endurance, "_run", run)
    lines = [{**NOW, "seed": seed, "passed": True} for seed in range(1, 49)]
    endurance.RUNS.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"programme": "R01", "cut')
    with endurance.RUNS.open("a") as stream:
        stream.write("\n")
    assert endurance._complete(["R01", "R38 releases"], "abc", 1e12) == 0
    assert asked == [49, 1, 50, 2, 3, 4, 5]  # in turn
    row = "| R01 | 3000 | 3000 | none | 1 to 50 | 25.00 | abc | 2026-11-26 |"
    assert row in endurance.DOCUMENT.read_text()


def test_endurance__a_failed_run_is_kept_and_ends_the_programme(endurance: Any) -> None:
    line = {**NOW, "seed": 7, "passed": False}
    endurance.RUNS.write_text(json.dumps(line) + "\n")
    assert endurance._complete(["R01"], "abc", 1e12) == 1
    assert "| R01 | 0 | 3000 | 7 (abc) | 7 | 0.50 | abc | 2026-11-26 |" in endurance.document([line])


def test_endurance__runs_of_earlier_commits_count_and_one_that_failed_there_is_done_again(
    endurance: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(
        endurance, "_run", lambda *_: {"count": 60, "date": "2026-11-27", "seconds": 1800, "passed": True}
    )
    lines = [{**NOW, "commit": "old", "seed": seed, "passed": seed != 3} for seed in range(1, 51)]
    endurance.RUNS.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert endurance._complete(["R01"], "new", 1e12) == 0
    assert "| R01 | 3000 | 3000 | 3 (old) | 1 to 51 | 25.50 | old to new | 2026-11-26 to 2026-11-27 |" in (
        endurance.DOCUMENT.read_text()
    )
