"""The building's rules that import-linter cannot say."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "roadloop"
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
FLOORS = ARCHITECTURE.split("The floors, from the top.")[1].split("```\n")[1].splitlines()
_ABOVE_JOBS = FLOORS[FLOORS.index("sweeps | releases | annotators | engines") : FLOORS.index("jobs")]
FEATURES = {name for floor in _ABOVE_JOBS for name in floor.split(" | ")}
# A feature's own business; others talk to its service and its pure modules.
INNER = set(re.findall(r"`(\w+)`", ARCHITECTURE.split("| a feature never uses another's ")[1].partition("|")[0]))
HTTP = {"fastapi", "starlette", "uvicorn"}
GRAPH = grimp.build_graph("roadloop", include_external_packages=True)


def modules() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if "templates" not in path.parts)


def test_features__leave_each_others_business_alone() -> None:
    assert {"store", "api", "tasks", "cli"} == INNER
    trespasses = []
    for module in GRAPH.modules:
        feature = module.split(".")[1] if module.count(".") > 1 else ""
        if feature not in FEATURES:
            continue
        for imported in GRAPH.find_modules_directly_imported_by(module):
            parts = imported.split(".")
            if len(parts) > 2 and parts[1] in FEATURES - {feature} and parts[2] in INNER:
                trespasses.append(f"{module} -> {imported}")
    assert trespasses == []


def test_floors__are_those_of_the_drawing() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    assert contract["layers"] == FLOORS
    assert contract["exhaustive"]


def test_reading_list__names_every_folder_and_files_that_exist() -> None:
    rows = re.findall(r"^\| (`.+?`) \| .+ \| (.+) \|$", ARCHITECTURE.split("Invariants")[0], re.MULTILINE)
    begin = {name: named for names, named in rows for name in re.findall("`(.+?)`", names)}
    there = {path.name + "/" * path.is_dir() for path in SOURCE.iterdir() if not path.name.startswith("_")}
    assert begin.keys() == there - {"py.typed"} | {"web/static/"}
    for folder in (name for name in begin if name.endswith("/")):
        files = re.findall("`(.+?)`", begin[folder])
        assert files, folder
        assert [file for file in files if not (SOURCE / folder / file).exists()] == [], folder


def test_http__is_known_at_the_edges_only() -> None:
    strangers = []
    for module in GRAPH.modules:
        if not module.startswith("roadloop.") or module.startswith("roadloop.web") or module.endswith(".api"):
            continue
        if module in {"roadloop.server", "roadloop.cli.operate"}:
            continue
        known = HTTP & GRAPH.find_modules_directly_imported_by(module)
        strangers += [f"{module} -> {name}" for name in known]
    assert strangers == []


def test_server__starts_without_torch() -> None:
    program = (
        "import sys, roadloop.server, roadloop.cli.main;"
        " sys.exit(len({'torch', 'onnx', 'onnxruntime', 'pyarrow', 'ray'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_text__becomes_code_in_one_place_that_asks_whether_it_may() -> None:
    code = re.compile(r"(?<![.\w])(exec|eval|compile|__import__)\(|spec_from_file_location|runpy")
    found = [p.relative_to(SOURCE).as_posix() for p in modules() if code.search(p.read_text())]
    assert found == ["networks/load.py"]
    trusting = [p.relative_to(SOURCE).as_posix() for p in modules() if re.search(r"\bTrust\.of\(", p.read_text())]
    assert trusting == ["models/importing.py", "networks/load.py", "training/work.py"]  # of networks/, and of rows


def test_processes__import_nothing_from_the_folder_that_they_start_in() -> None:
    # Without -P, a torch.py beside the pictures where somebody starts the server would run as torch.
    started = [(p, m) for p in modules() for m in re.findall(r'sys\.executable, ("-\w+")(?!, "import)', p.read_text())]
    assert {m for _, m in started} == {'"-P"'}


def test_commit__stands_in_the_database_module_alone() -> None:
    found = [p.relative_to(SOURCE).as_posix() for p in modules() if re.search(r"\.commit\(|COMMIT", p.read_text())]
    assert found == ["storage/database.py", "storage/postgresql.py"]  # which makes its table of turns


def test_terminals__are_spoken_to_in_one_module_that_writes_out_control_characters() -> None:
    told = re.compile(r"typer\.(echo|secho)|\bConsole\(|Progress\((?!.*(console|disable)=)|Live\((?!.*console=)")
    found = [p.relative_to(SOURCE).as_posix() for p in modules() if told.search(p.read_text())]
    assert found == ["console.py"]


def test_modules__are_short_and_have_real_names() -> None:
    for path in modules():
        assert len(path.read_text().splitlines()) <= 400, path
        assert path.stem not in {"utils", "helpers", "common", "manager", "misc"}, path


def test_files_of_people__are_opened_in_one_module_that_never_waits_for_a_pipe() -> None:
    # Left: what roadloop alone writes (logs, checkpoints), the kernel's files, and packaged tables.
    own = {"demo", "training", "cli", "web", "labels/table.py", "releases/adcodes.py", "settings.py"}
    own |= {"client.py", "uploads"}  # what `is_file` has said; what was sent, and entries of an archive that is open
    own |= {"releases/bundle.py"}  # opens entries to write them
    own |= {"storage/shelves.py"}  # the tar files of its own backups
    own |= {f"jobs/{name}.py" for name in ("confine", "identity", "logs", "processes")}
    opening = re.compile(
        r"""(?<!reading)\.read_(bytes|text)\(|(?<!\bos)(?<!\bImage)\.open\((?!["'][wax])|(?<![.\w])open\("""
    )
    found = []
    for path in modules():
        place = path.relative_to(SOURCE).as_posix()
        if place.partition("/")[0] not in own and place not in own | {"storage/reading.py"}:
            found += [f"{place}: {line.strip()}" for line in path.read_text().splitlines() if opening.search(line)]
    assert found == []


def test_lists__are_taken_apart_in_one_module_that_knows_chinese_commas() -> None:
    """Not what people send: a header, the arguments of a job's process, what other programs write."""
    others = {"web/errors.py", "jobs/run.py", "sources/importers/shapes.py", "uploads/api.py"}
    splitting = re.compile(r"""split\(["'],|replace\(["'],?，""")
    found = {path.relative_to(SOURCE).as_posix() for path in modules() if splitting.search(path.read_text())}
    assert found == others


def test_tables_of_people__are_written_by_one_module_that_lets_no_cell_be_a_formula() -> None:
    programs = {
        "datasets/assemble.py", "demo/write.py", "labels/table.py", "packages/compose.py", "selection/output.py",
        "sources/manifest.py",
    }  # fmt: skip
    found = {
        p.relative_to(SOURCE).as_posix() for p in modules() if re.search(r"csv\.(writer|DictWriter)", p.read_text())
    }
    assert found == programs | {"storage/sheets.py"}


def test_text_in_pictures__is_drawn_by_one_module() -> None:
    found = {p.relative_to(SOURCE).as_posix() for p in modules() if "putText" in p.read_text()}
    assert found == {"imaging/drawing.py"}


def test_registry__every_task_exists_and_its_process_loads_no_web_framework() -> None:
    program = (
        "import pkgutil, sys\n"
        "from roadloop.jobs import registry, run\n"
        "for target in registry.TASKS.values():\n"
        "    assert callable(pkgutil.resolve_name(target)), target\n"
        f"    assert not {HTTP!r} & set(sys.modules), target\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_tests__stand_where_the_code_stands() -> None:
    tests = Path(__file__).parent
    apart = {"bench", "end_to_end", "browser", "reliability", "services"}
    for path in tests.rglob("test_*.py"):
        folder = path.relative_to(tests).parts[0]
        assert folder in apart or (SOURCE / folder).exists() or path.parent == tests, path


@pytest.mark.xdist_group("grouped")
def test_groups_of_tests__reach_the_one_who_shares_them_out(request: pytest.FixtureRequest) -> None:
    """pytest 9.2 ignored what pytest-xdist 3.8 notes, so that every worker made every shared server and browser anew."""
    workers = request.config.getoption("loadgroup", default=False)
    assert request.node.nodeid.endswith("@grouped") is bool(workers)
