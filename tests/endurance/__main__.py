"""The reliability programmes at their long figures: `make endurance`, which can be stopped and goes on where it was.

The programmes are run in turn at their first figures, each time with another seed, until the runs that passed reach their
long figures; runs of earlier commits count, and a failed one stays in the table with its commit. Each run adds a line to
`docs/endurance.jsonl`, which is committed; the table of docs/endurance.md is written from all lines of that file after
every run. What a failed run said is in `.endurance/`.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
RUNS: Final = ROOT / "docs" / "endurance.jsonl"
SAID: Final = ROOT / ".endurance"
DOCUMENT: Final = ROOT / "docs" / "endurance.md"


class Programme(NamedTuple):
    """A programme of docs/reliability.md.

    Attributes:
        tests: Path below `tests/`, with `::` and a test where the file holds several programmes.
        first: How often it is done to roadloop in one run: its first figure, or with `--long` rows or seconds.
        long: How often in all.
    """

    tests: str
    first: int
    long: int


PROGRAMMES: Final = {
    "R01": Programme("reliability/test_server_kills.py::test_r01", 60, 3_000),
    "R02": Programme("reliability/test_training_kills.py::test_r02", 20, 1_000),
    "R04": Programme("reliability/test_training_kills.py::test_r04", 10, 300),
    "R07": Programme("reliability/test_training_kills.py::test_r07", 10, 200),
    "R08": Programme("reliability/test_server_kills.py::test_r08", 100, 1_000),
    "R09": Programme("reliability/test_queue.py::test_r09", 40, 2_000),
    "R10": Programme("reliability/test_long_lists.py::test_", 1_000_000, 1_000_000),
    "R13": Programme("reliability/test_one_client.py::test_r13", 60, 60),
    "R17": Programme("reliability/test_odd_pictures.py::test_r17", 500, 5_000),
    "R18": Programme("reliability/test_odd_labels.py::test_r18", 200, 2_000),
    "R22": Programme("training/test_crew.py::test_r22", 10, 200),
    "R23": Programme("reliability/test_training_kills.py::test_r23", 9, 100),
    "R25": Programme("storage/test_postgresql.py::test_r25", 10, 100),
    "two servers": Programme("jobs/test_lead.py::test_servers", 10, 100),
    "bits of rows": Programme("reliability/test_damage.py::test_damage__a_flipped_bit_of_the_database", 100, 500),
    "R29 life": Programme("jobs/test_life.py::test_r29", 90, 9_000),
    "R29 requests": Programme("web/test_fuzz.py::test_r29", 20, 500),
    "R31": Programme("reliability/test_cancel.py::test_r31", 88, 880),
    "R38 releases": Programme("reliability/test_release_answers.py::test_r38", 30, 300),
    "R38": Programme("annotators/test_server.py::test_r38", 7, 70),
    "mixed kills": Programme("reliability/test_mixed_kills.py::test_", 10, 200),
}


def main() -> int:
    """Run what is missing; the number of programmes that failed."""
    parser = argparse.ArgumentParser(prog="make endurance", description=__doc__)
    parser.add_argument("--only", help="ids of programmes, comma-separated", default=",".join(PROGRAMMES))
    parser.add_argument("--hours", type=float, default=1e9, help="begin no run after so many hours")
    options = parser.parse_args()
    names = [name.strip() for name in options.only.split(",")]
    return _complete(names, _commit(), time.monotonic() + 3600 * options.hours)


def _complete(names: list[str], commit: str, until: float) -> int:
    """Run programmes until they reach their long figures; how many had a run that failed at `commit`, which ends theirs.

    Once round all of them, then again: what is stopped early has a figure of each.
    """
    left, failed = list(names), 0
    while left:
        for name in tuple(left):
            mine = [run for run in read_runs() if run["programme"] == name]
            done = sum(run["count"] for run in mine if run["passed"])
            lost = any(not run["passed"] for run in mine if run["commit"] == commit)
            print(f"{name}: {done} of {PROGRAMMES[name].long}", flush=True)
            if lost or done >= PROGRAMMES[name].long:
                left.remove(name)
                failed += lost
            elif time.monotonic() > until:
                return failed
            else:
                _add(name, commit, max((run["seed"] for run in mine), default=0) + 1)
    return failed


def _add(name: str, commit: str, seed: int) -> None:
    """Run a programme once more, and write down how it ended."""
    run = {"programme": name, "commit": commit, "seed": seed, **_run(PROGRAMMES[name], seed)}
    with RUNS.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(run, ensure_ascii=False) + "\n")
    DOCUMENT.write_text(document(read_runs()), encoding="utf-8")


def _run(programme: Programme, seed: int) -> dict[str, Any]:
    file, _, test = programme.tests.partition("::")
    command = [
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--full", "--long", "--seed", str(seed),
        f"tests/{file}", "-k", test or Path(file).stem,
    ]  # fmt: skip
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    date = time.strftime("%Y-%m-%d")
    seconds = round(time.monotonic() - began)
    if done.returncode == 0:
        return {"date": date, "count": programme.first, "passed": True, "seconds": seconds}
    SAID.mkdir(exist_ok=True)
    output = SAID / f"failed-{test or Path(file).stem}-{seed}.txt"
    output.write_text(done.stdout + done.stderr, encoding="utf-8")
    print(f"FAILED, see {output}", flush=True)
    return {"date": date, "count": programme.first, "passed": False, "seconds": seconds, "output": output.name}


def read_runs() -> list[dict[str, Any]]:
    """All runs so far, oldest first; a line that a kill cut off is passed over."""
    found = []
    for line in RUNS.read_text(encoding="utf-8").splitlines() if RUNS.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def document(runs: list[dict[str, Any]]) -> str:
    """docs/endurance.md: a row for each programme."""
    lines = [
        "# Endurance",
        "",
        "Written by `make endurance`, which runs the programmes of [reliability.md](reliability.md) at their long figures,",
        "each run with another seed, and goes on where it was stopped, at whatever commit that is.",
        "",
        "| programme | done | of | failed runs (seed, commit) | seeds | hours | commits | dates |",
        "|---|---:|---:|---|---|---:|---|---|",
    ]
    for name, programme in PROGRAMMES.items():
        mine = [run for run in runs if run["programme"] == name]
        if not mine:
            lines.append(f"| {name} | 0 | {programme.long} | none |  |  |  |  |")
            continue
        done = sum(run["count"] for run in mine if run["passed"])
        failed = ", ".join(f"{run['seed']} ({run['commit']})" for run in mine if not run["passed"]) or "none"
        hours = sum(run["seconds"] for run in mine) / 3600
        seeds, commits, dates = (_span(run[of] for run in mine) for of in ("seed", "commit", "date"))
        lines.append(f"| {name} | {done} | {programme.long} | {failed} | {seeds} | {hours:.2f} | {commits} | {dates} |")
    return "\n".join(lines) + "\n"


def _span(values: Iterable[Any]) -> str:
    """The first and the last of some values in their order, or the only one."""
    first, *_, last = [*(found := list(dict.fromkeys(values))), found[-1]]
    return str(first) if first == last else f"{first} to {last}"


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    changed = "+" if git("status", "--porcelain", "--untracked-files=no", "--", "src", "tests") else ""
    return git("rev-parse", "--short=10", "HEAD") + changed


if __name__ == "__main__":
    raise SystemExit(main())
