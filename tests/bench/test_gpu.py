"""`make gpu` goes through on a CPU in small; what it says of a GPU, only a GPU can say."""

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import gpu, gpu_report
from benchmarks.scripts import CHECKOUT
from roadloop.errors import InvalidValueError

MINUTES = 20.0  #: on a slow machine beside other work


@pytest.mark.slow
def test_run__measures_and_compares(tmp_path: Path) -> None:
    report = gpu.run(gpu.TINY, None, MINUTES, ["peak", "steps", "kernels", "forward", "curve", "compiled"])
    parts = report["parts"]
    assert [name for name, part in parts.items() if "problem" in part] == []
    assert parts["peak"]["figures"]["bfloat16"]["tflops"] > 0
    speeds = parts["steps"]["figures"]["enet"]["pictures_per_second"]
    assert list(speeds) == ["roadloop", "roadloop, bf16", "plain loop"]
    assert min(speeds.values()) > 0
    kernels = parts["kernels"]["figures"]["enet"]
    assert kernels["auto"] in kernels["milliseconds"]
    assert set(parts["forward"]["figures"]) == {"fast-scnn fp32 1 x 64x128", "fast-scnn bf16 1 x 64x128"}
    assert parts["curve"]["figures"]["enet"]["most_apart"] == 0
    path = gpu_report.write(report, tmp_path / "out")
    assert json.loads(path.read_text()) == report
    console = Console(width=200, record=True)
    gpu_report.show(report, console)
    table = console.export_text()
    assert all(name in table for name in ("peak", "plain loop", "channels_last"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_run__kills_resumes_and_asks_the_tests() -> None:
    parts = gpu.run(gpu.TINY, None, MINUTES, ["resume", "ranks", "tests"])["parts"]
    assert [name for name, part in parts.items() if "problem" in part] == []
    assert parts["resume"]["figures"]["fast-scnn"]["same_bytes"]
    assert parts["ranks"]["figures"]["fast-scnn"]["same_bytes"]
    assert parts["tests"]["figures"]["pytest"]["passed"]


def test_run__a_part_that_fails_or_comes_too_late_costs_no_other() -> None:
    broken = replace(gpu.TINY, networks=("elsewhere",), forward=("nowhere",))
    parts = gpu.run(broken, None, MINUTES, ["kernels", "forward", "peak"])["parts"]
    assert "elsewhere" in parts["kernels"]["figures"]["elsewhere"]["problem"]
    assert "nowhere" in parts["forward"]["problem"]
    assert "problem" not in parts["peak"]
    late = gpu.run(gpu.TINY, None, 0.0, ["peak"])["parts"]["peak"]
    assert (late["problem"], late["figures"]) == ("no time was left", {})
    with pytest.raises(InvalidValueError, match="there are: peak, steps"):
        gpu.run(gpu.TINY, None, MINUTES, ["nothing"])


def test_wheels__are_what_the_package_needs() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *extras["torch"], *extras["transformers"]]
    names = {re.match(r"[\w-]+(\[[\w,]+\])?", line)[0] for line in needed} - {"torch"}  # type: ignore[index]
    lines = (CHECKOUT / "benchmarks" / "gpu-wheels.txt").read_text().splitlines()
    assert {line for line in lines if line[0] != "#"} == names | {"jsonschema", "pytest", "pytest-timeout"}


def test_gpu_tests__are_found_where_they_stand() -> None:
    assert {"tests/training/test_gpu.py", "tests/end_to_end/test_imported_weights.py"} <= set(gpu.gpu_tests())
    assert "tests/bench/test_contest.py" not in gpu.gpu_tests()
