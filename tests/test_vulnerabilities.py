"""`make audit`: what a stored database of OSV's says of a version, and pip-audit that reads it."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import vulnerabilities
from vulnerabilities import Database, is_weak

WEAK = {
    "schema_version": "1.7.0", "id": "PYSEC-2026-1", "aliases": ["CVE-2026-0001"], "summary": "A planted weakness.",
    "affected": [{"package": {"name": "pillow", "ecosystem": "PyPI"}, "versions": ["1.0"],
                  "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "2"}, {"fixed": "3.1"}]}]}],
}  # fmt: skip
FOREIGN = {"id": "X", "affected": [{"package": {"name": "pillow", "ecosystem": "npm"}, "versions": ["9"]}]}


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "PyPI.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for document in (WEAK, FOREIGN):
            archive.writestr(f"{document['id']}.json", json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("version", "weak"),
    [("1.0", True), ("1.1", False), ("2", True), ("3.0.9", True), ("3.1", False), ("9", False), ("2.0rc1", False)],
)
def test_is_weak__by_the_list_of_versions_and_by_ranges(stored: Path, version: str, weak: bool) -> None:
    database = Database(stored)
    try:
        assert [one["id"] for one in database.find("PILLOW", version)] == (["PYSEC-2026-1"] if weak else [])
    finally:
        database.server_close()


def test_is_weak__up_to_the_last_that_is_named() -> None:
    events: list[dict[str, Any]] = [{"introduced": "0"}, {"last_affected": "2.5"}]
    one = {"ranges": [{"type": "ECOSYSTEM", "events": events}]}
    assert [is_weak(one, version) for version in ("0.1", "2.5", "2.6")] == [True, True, False]


@pytest.mark.services
@pytest.mark.parametrize(("pin", "status"), [("pillow==3.0", 1), ("pillow==3.1", 0)])
def test_audit__pip_audit_reads_a_stored_database(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], pin: str, status: int
) -> None:
    if not vulnerabilities.PROGRAM.exists():
        pytest.skip("pip-audit is not installed (make test-services)")
    (tmp_path / "pins.txt").write_text(f"{pin}\nnumpy==2.0.0\n")
    assert vulnerabilities.main(["--database", str(stored), "--packages", str(tmp_path / "pins.txt")]) == status
    said = capsys.readouterr().out
    assert f"2 packages, {status} known weaknesses." in said
    assert ("pillow 3.0: PYSEC-2026-1 (3.1) A planted weakness." in said) == bool(status)


@pytest.mark.services
def test_audit__without_a_way_there_it_says_so_and_fails_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not vulnerabilities.PROGRAM.exists():
        pytest.skip("pip-audit is not installed (make test-services)")
    (tmp_path / "pins.txt").write_text("pillow==3.0\n")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert vulnerabilities.main(["--packages", str(tmp_path / "pins.txt")]) == 0
    assert "not audited" in capsys.readouterr().out
