"""`roadloop import`: the job's steps in this process."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import import_folders as folders
from import_folders import ids, jpeg, put
from roadloop.cli.main import app
from roadloop.errors import ConflictError, JobError, NameTakenError, NotFoundError, PathOutsideError
from roadloop.imaging.encode import encode_label
from roadloop.sources.service import open_set, read_splits, scan
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform


def bring(home: Path, folder: Path, *more: str) -> Result:
    arguments = ["import", str(folder), "--home", str(home), *more]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def files(folder: Path) -> list[str]:
    found = (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("roadloop.db"))
    return sorted(p.relative_to(folder).as_posix() for p in found)


def test_import__from_anywhere_with_a_report(platform: Platform, tmp_path: Path) -> None:
    home = platform.workspace.home
    folders.camvid_ids(tmp_path / "in")
    put(tmp_path / "in" / "train" / "lonely.jpg", jpeg())
    result = bring(home, tmp_path / "in", "--name", "街景")
    assert "2 pictures -> source set 街景" in result.output
    assert "1 missing_partner" in result.output
    assert "2 (the same name)" in result.output
    source = open_set(Workspace(home), "街景")
    assert [s.key for s in scan(source).samples] == ["train/0001TP_1", "val/0016E5_2"]
    assert read_splits(source) == {"train/0001TP_1": "train", "val/0016E5_2": "val"}
    report = next((home / "logs").iterdir())
    assert str(report) in result.output
    with report.open(encoding="utf-8-sig", newline="") as stream:
        assert {row["file"]: row["outcome"] for row in csv.DictReader(stream)}["train/lonely.jpg"] == "missing_partner"
    # The same folder again adds what is new.
    put(tmp_path / "in" / "train" / "new_1.jpg", jpeg(9))
    put(tmp_path / "in" / "trainannot" / "new_1.png", encode_label(ids(8, 3)))
    assert "1 picture" in bring(home, tmp_path / "in", "--name", "街景").output
    assert [s.key for s in scan(source).samples] == ["train/0001TP_1", "train-2/new_1", "val/0016E5_2"]
    assert [f for f in files(home) if "partial" in f] == []
    folders.voc(tmp_path / "other")
    with pytest.raises(NameTakenError):
        bring(home, tmp_path / "other", "--name", "街景")


def test_import__dry_run_writes_nothing_and_says_everything(platform: Platform, tmp_path: Path) -> None:
    home = platform.workspace.home
    before = files(home)
    folders.cvat(tmp_path / "in")
    result = bring(home, tmp_path / "in", "--dry-run")
    assert files(home) == before
    for word in (
        "cvat (labelmap.txt and SegmentationClass/)",
        "road (2) = 2 road",
        "4 added (added)",
        "nothing was written",
        "2 pictures would",
    ):
        assert word in result.output, result.output


def test_import__by_reference_only_from_a_root(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = platform.workspace.home
    folders.plain(tmp_path / "store")
    with pytest.raises(PathOutsideError):
        bring(home, tmp_path / "store", "--reference")
    monkeypatch.setenv("ROADLOOP_ROOTS", f'["{tmp_path / "store"}:ro"]')
    bring(home, tmp_path / "store", "--reference")
    assert files(home / "sources" / "store") == [
        "classes.csv",
        "import.json",
        "manifest.csv",
        "manifest.json",
    ]
    workspace = Workspace(home, (f"{tmp_path / 'store'}:ro",))
    assert len(scan(open_set(workspace, "store")).samples) == 2


def test_import__refusals_leave_nothing(platform: Platform, tmp_path: Path) -> None:
    home = platform.workspace.home
    before = files(home)
    put(tmp_path / "in" / "a.jpg", b"text")
    put(tmp_path / "in" / "a.png", encode_label(ids(2, 0)))
    with pytest.raises(JobError) as raised:
        bring(home, tmp_path / "in")
    assert files(home) == [*before, f"logs/{next((home / 'logs').iterdir()).name}"]
    assert str(next((home / "logs").iterdir())) in raised.value.text.zh
    put(tmp_path / "in" / "classes.csv", "raw_id,name_en,name_zh,r,g,b,train_id\n0,sky,天,1,1,1,0\n")
    with pytest.raises(ConflictError):
        bring(home, tmp_path / "in", "--roadelement", "voc")
    with pytest.raises(NotFoundError) as gone:
        bring(home, tmp_path / "nowhere")
    assert gone.value.text.en == f"There is no folder {tmp_path / 'nowhere'}"


def test_import__waits_for_no_job_that_fills_the_same_set(platform: Platform, submit: Callable[..., str]) -> None:
    folders.plain(platform.workspace.imports / "in")
    task_id = submit()
    with pytest.raises(NameTakenError) as raised:
        bring(platform.workspace.home, platform.workspace.imports / "in", "--name", "苏州")
    assert raised.value.details["task_id"] == task_id
