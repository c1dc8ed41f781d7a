"""The systemd units in deploy/: systemd reads them, and they start what there is."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roadloop.cli.main import app
from roadloop.jobs import confine

ROOT = Path(__file__).parents[1]
UNITS = sorted(path.name for path in (ROOT / "deploy").glob("*.service"))
PLACE = "/opt/roadloop/.venv/bin"
NEWER = {"DelegateSubgroup"}  #: keys that an older systemd does not know, and ignores


def read(unit: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string((ROOT / "deploy" / unit).read_text(encoding="utf-8"))
    return parser


def test_units__are_the_three_that_the_documents_name() -> None:
    assert UNITS == ["ray-head.service", "ray-node.service", "roadloop.service"]
    documents = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("cluster.md", "operation.md"))
    assert [unit for unit in UNITS if f"../deploy/{unit}" not in documents] == []


@pytest.mark.parametrize("unit", UNITS)
def test_unit__jobs_outlive_a_restart_and_programs_are_where_the_documents_install_them(unit: str) -> None:
    found = read(unit)
    assert found["Service"]["KillMode"] == "process"
    assert found["Unit"]["RequiresMountsFor"] == "/srv/roadloop"
    program, command = found["Service"]["ExecStart"].removeprefix(f"{PLACE}/").split()[:2]
    assert (program, command) in {("roadloop", "serve"), ("ray", "start")}
    assert f"{PLACE.removesuffix('/.venv/bin')}" in (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    if program == "roadloop":
        options = re.findall(r"--[a-z-]+", found["Service"]["ExecStart"])
        known = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200"}).output
        assert [option for option in options if option not in known] == []


def test_unit__the_server_is_lent_what_it_takes() -> None:
    service = read("roadloop.service")["Service"]
    assert set(service["Delegate"].split()) == confine.LIMITS
    assert service["DelegateSubgroup"] == confine.SERVER


@pytest.mark.parametrize("unit", UNITS)
def test_unit__systemd_has_no_complaint(unit: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    for program in ("roadloop", "ray"):  # what is asked is whether the file can be started
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    text = (ROOT / "deploy" / unit).read_text(encoding="utf-8")
    (tmp_path / unit).write_text(text.replace(PLACE, str(tmp_path)), encoding="utf-8")
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / unit)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LC_ALL": "C"},
    )
    said = [line for line in done.stderr.splitlines() if not any(f"'{key}'" in line for key in NEWER)]
    assert (done.returncode, said) == (0, [])
