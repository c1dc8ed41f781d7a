"""Each benchmark runs, tiny, both sides."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.scale import simulate, table
from benchmarks.scripts import CHECKOUT
from roadloop.errors import InvalidValueError
from roadloop.models import backend

TINY = ["--pictures", "8", "--size", "96x64", "--rounds", "1", "--json"]


def bench(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_bench_loader__every_side_reads_all_samples() -> None:
    found = bench("loader", *TINY)
    assert [row["items"] for row in found["rows"]] == [8] * 5
    assert found["rows"][0]["name"] == "roadloop"
    assert found["title"].endswith("crop 96x64, magnified 0.75 to 1.5 times: 8 generated pictures of 96x64")
    assert all(row["wall_seconds"][0] > 0 for row in found["rows"])
    assert re.fullmatch(r"Finding .* checksum: \d+\.\d % of roadloop's CPU time\.", found["notes"][0])


@pytest.mark.slow
def test_bench_loader__without_magnifying() -> None:
    found = bench("loader", *TINY, "--no-magnify")
    assert [row["items"] for row in found["rows"]] == [8] * 5
    assert "not magnified" in found["title"]


@pytest.mark.slow
def test_bench_build__both_sides_pack_all_pictures() -> None:
    found = bench("build", *TINY, "--processes", "1")
    assert [row["items"] for row in found["rows"]] == [8, 8]


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--reference"]])
def test_bench_import__both_sides_bring_all_pictures(more: list[str]) -> None:
    found = bench("import", *TINY, *more)
    assert [row["items"] for row in found["rows"]] == [8, 8]
    assert [re.sub(r"\d+ MiB", "", note) for note in found["notes"]] == [
        f"Peak memory of a process that imports {number} pictures: " for number in (2, 8)
    ]


def test_bench_predict__both_sides_write_the_same_labels(monkeypatch: Any) -> None:
    monkeypatch.setattr(backend, "exported", lambda trial, *_: trial.network)  # an export takes seconds
    found = bench("predict", *TINY)
    assert [row["items"] for row in found["rows"]] == [8, 8, 8]
    shares = [note.rpartition(" ")[2] for note in found["notes"][1:]]
    assert len(shares) == 2
    assert all(float(share.rstrip("%")) >= 99.99 for share in shares)


@pytest.mark.slow
def test_bench_mining_scores__both_sides_say_the_same(monkeypatch: Any) -> None:
    monkeypatch.setattr(backend, "exported", lambda trial, *_: trial.network)  # an export takes seconds
    found = bench("mining-scores", *TINY, "--classes", "3")
    assert found["title"].startswith("Mining scores of 3 classes with fast-scnn")
    assert [row["items"] for row in found["rows"]] == [8, 8, 8]
    for note in found["notes"][1:]:
        differences = re.fullmatch(r"largest difference from the script .*: scores (\S+), embeddings (\S+)", note)
        assert differences is not None
        assert all(float(value) < 1e-4 for value in differences.groups())


def test_bench__a_size_that_is_none() -> None:
    with pytest.raises(InvalidValueError):
        CliRunner().invoke(app, ["loader", "--size", "big"], catch_exceptions=False)


def test_bench_train__the_same_losses_as_the_plain_loop() -> None:
    found = bench("train", *TINY, "--steps", "2", "--batch", "4")
    assert [row["items"] for row in found["rows"]] == [4, 4]  # the step after the first
    first = re.match(r"roadloop's losses differ by (\S+) in the first step", found["notes"][0])
    assert first is not None
    assert float(first[1]) < 1e-5
    assert found["notes"][1].startswith("roadloop waited ")
    assert found["notes"][2] == "roadloop computed in fp32 channels_last, the others in fp32"


def test_bench_train__a_single_batch_measures_nothing() -> None:
    with pytest.raises(InvalidValueError, match="not two batches"):
        CliRunner().invoke(app, ["train", *TINY, "--batch", "8"], catch_exceptions=False)


@pytest.mark.slow
def test_bench_train__several_precisions_and_loader_processes() -> None:
    found = bench("train", *TINY, "--steps", "2", "--batch", "4", "--precision", "bf16,fp32", "--loaders", "1")
    assert [row["name"] for row in found["rows"]] == ["roadloop", "roadloop, bf16", "plain loop"]
    assert found["notes"][1].endswith("(decoded ones kept, loader processes: 1)")
    assert found["notes"][5] == "roadloop, bf16 computed in bf16 contiguous, the others in fp32"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--precision", "fp32,fp8", "takes fp32, bf16, fp16, auto"), ("--gpu", "99", "Leave the option out")],
)
def test_bench_train__what_is_not_there(option: str, value: str, said: str) -> None:
    with pytest.raises(InvalidValueError, match=said):
        CliRunner().invoke(app, ["train", *TINY, option, value], catch_exceptions=False)


@pytest.mark.slow
def test_bench_api__both_sides_answer_every_question() -> None:
    arguments = ["api", "--rows", "1000", "--requests", "2", "--rounds", "1", "--json"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["title"].split()[0] for one in found] == ["Status", "A", "A", "A", "A"]
    for one in found:
        assert [(row["name"], row["items"]) for row in one["rows"]] == [
            ("roadloop, 1,000 rows", 2),
            ("FastAPI, 1,000 rows", 2),
        ]


def test_bench_api__lengths_that_are_none() -> None:
    with pytest.raises(InvalidValueError, match="--rows"):
        CliRunner().invoke(app, ["api", "--rows", "many"], catch_exceptions=False)


def test_bench_selection__both_sides_on_both_kinds_of_vectors() -> None:
    done = CliRunner().invoke(app, ["selection", "--vectors", "2000", "--dimensions", "16", "--picks", "20"])
    assert done.exit_code == 0
    assert "drives" in done.stdout
    assert "random" in done.stdout


@pytest.mark.slow
def test_bench_selection_parts__both_sides_cover_the_same_vectors(tmp_path: Path) -> None:
    numbers = ["--vectors", "4000", "--dimensions", "64", "--picks", "50", "--memory-mib", "1"]
    command = ["selection-parts", *numbers, "--weighted", "--folder", str(tmp_path)]
    done = CliRunner().invoke(app, [*command, "--json"], catch_exceptions=False)
    parts, whole = json.loads(done.stdout)
    assert (parts["parts"], whole["parts"]) == (2, 1)
    assert 0.8 < parts["radius"] / whole["radius"] < 1.3
    assert not list(tmp_path.iterdir())
    shown = CliRunner().invoke(app, command, catch_exceptions=False)
    assert f"{parts['radius']:.4f}" in shown.stdout
    assert "1.000" in shown.stdout


def test_command__says_what_is_wrong_in_one_sentence() -> None:
    command = [sys.executable, "-m", "benchmarks", "loader", "--size", "big"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("✗ --size looks like 480x360")


def test_scale__a_site_in_virtual_time() -> None:
    """What comes and goes is what was drawn: nobody runs on a GPU twice, and all that has ended was claimed."""
    one, same = (simulate(6, 24.0, seed) for seed in (1, 1))
    assert (one.submitted, one.running, one.waiting, one.events) == (
        same.submitted, same.running, same.waiting, same.events,
    )  # fmt: skip
    ended = one.submitted - one.running - one.waiting
    assert ended > 0
    assert one.events == one.submitted + len(one.times["claim"]) + len(one.times["end"])
    assert (len(one.times["submit"]), len(one.times["claim"])) == (one.submitted, ended + one.running)
    assert len(one.times["end"]) == ended
    assert table([one]).splitlines()[2].startswith(f"| 6 | 24 | {one.submitted} |")
