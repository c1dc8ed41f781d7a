"""A backup of a workspace, and what comes back of it: here, and while jobs run in tests/end_to_end/test_backup.py."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from job_cases import CASES, build_dataset, tree_of
from roadloop.cli.main import app
from roadloop.errors import BrokenFileError, ConflictError, NotFoundError
from roadloop.jobs import backup, queue, restored
from roadloop.jobs.fsck import inspect
from roadloop.storage import backup as kept
from roadloop.storage import migrate, rows_copy
from roadloop.storage.platform import Platform, open_platform
from roadloop.storage.shelves import FolderShelf, open_shelf

RunJob = Callable[[Platform, str], queue.Job]


@pytest.fixture
def built(platform: Platform, run_job: RunJob) -> Platform:
    """A workspace with a source set and a dataset."""
    CASES["create_data"].prepare(platform, lambda _task_id: None)
    run_job(platform, build_dataset(platform))
    return platform


def _shelf(place: Path, *, write: bool = False) -> kept.Shelf:
    return open_shelf(place, write=write)


def _save(platform: Platform, place: Path) -> backup.Saved:
    shelf = _shelf(place, write=True)
    saved = backup.save(platform, shelf)
    shelf.close()
    return saved


@pytest.mark.parametrize("name", ["backups", "one.tar"])
def test_restore__same_bytes_elsewhere(built: Platform, tmp_path: Path, name: str) -> None:
    saved = _save(built, tmp_path / name)
    assert saved.problems == []
    shelf = _shelf(tmp_path / name)
    about = kept.newest(shelf)
    assert backup.verify(shelf, about) == []
    home = tmp_path / "elsewhere"
    backup.restore(shelf, about, home)
    shelf.close()
    assert tree_of(home) == tree_of(built.workspace.home)
    there = open_platform(built.settings.model_copy(update={"home": home, "database_url": ""}))
    try:
        assert restored.settle(there, about.finished_later) == []
        assert inspect(there, hashes=True).problems == []
    finally:
        there.database.close()
    with pytest.raises(ConflictError, match="not empty"):
        backup.restore(shelf, about, home)


def test_save__copies_what_is_new_only(built: Platform, tmp_path: Path, run_job: RunJob) -> None:
    place = tmp_path / "backups"
    first = _save(built, place)
    assert _save(built, place).new == 0
    run_job(built, build_dataset(built, name="d2"))
    second = _save(built, place)
    assert 0 < second.new < first.new
    assert second.about.files > first.about.files
    assert isinstance(shelf := _shelf(place), FolderShelf)
    assert len(shelf.snapshots()) == 3
    assert shelf.prune(1) == (2, 0)
    assert backup.verify(shelf, kept.newest(shelf)) == []


def test_save__damage_in_the_home_is_named(built: Platform, tmp_path: Path) -> None:
    manifest = built.workspace.dataset("d") / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b" ")
    assert [one.en for one in _save(built, tmp_path / "b").problems] == [
        "datasets/d/manifest.json is not as its job left it, or gone."
    ]


def test_verify__damage_in_the_backup_is_found_and_not_restored(built: Platform, tmp_path: Path) -> None:
    _save(built, tmp_path / "b")
    objects = sorted((tmp_path / "b" / "objects").glob("??/*"))
    data = objects[0].read_bytes()
    objects[0].write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    objects[1].unlink()
    shelf = _shelf(tmp_path / "b")
    about = kept.newest(shelf)
    assert len(backup.verify(shelf, about)) >= 2
    with pytest.raises(BrokenFileError, match="damaged"):
        backup.restore(shelf, about, tmp_path / "home2")
    assert not (tmp_path / "home2" / "roadloop.db").exists()


def test_open_shelf__neither_over_other_things_nor_nothing(built: Platform, tmp_path: Path) -> None:
    del built
    with pytest.raises(NotFoundError):
        _shelf(tmp_path / "none")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "letter.txt").write_text("mine")
    with pytest.raises(ConflictError, match="something else"):
        _shelf(tmp_path / "used", write=True)
    (tmp_path / "a.tar").write_bytes(b"")
    with pytest.raises(ConflictError, match="exists already"):
        _shelf(tmp_path / "a.tar", write=True)


def test_save__a_killed_one_leaves_no_snapshot(
    built: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "b"

    def killed(_self: FolderShelf, *_rest: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FolderShelf, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            _save(built, place)
    assert _shelf(place).snapshots() == []
    assert _save(built, place).new == 0


def test_restore__a_newer_programs_backup_is_refused(built: Platform, tmp_path: Path) -> None:
    _save(built, tmp_path / "b")
    shelf = _shelf(tmp_path / "b")
    about = kept.newest(shelf).model_copy(update={"db_schema": "9999"})
    with pytest.raises(ConflictError, match="newer roadloop"):
        backup.restore(shelf, about, tmp_path / "home2")
    assert not (tmp_path / "home2").exists()


def test_before_upgrade__the_older_rows_are_kept(built: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    older = migrate.known()[-2]
    with built.database.transaction() as db:
        db.execute(sa.text(f"UPDATE alembic_version SET version_num = '{older}'"))
    text = rows_copy.before_upgrade(built.database, built.workspace.home)
    assert text is not None
    assert older in text.en
    with built.database.transaction() as db:
        db.execute(sa.text(f"UPDATE alembic_version SET version_num = '{migrate.newest()}'"))
    assert rows_copy.before_upgrade(built.database, built.workspace.home) is None
    if built.database.is_local:
        file = built.workspace.backups / f"roadloop-{older}.db"
        assert file.stat().st_mode & 0o777 == 0o600
        shutil.copyfile(file, built.workspace.home / "roadloop.db.old")
    else:
        with built.database.reading() as db:
            assert db.execute(sa.text(f"SELECT count(*) FROM before_{older}.datasets")).scalar_one() == 1
    assert inspect(built, hashes=True).problems == []
    del monkeypatch


def test_backup__planted_secrets_are_in_none_of_its_lists(
    built: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "planted-0123456789abcdef"
    monkeypatch.setenv("ROADLOOP_LABEL_STUDIO_TOKEN", secret)
    monkeypatch.setenv("ROADLOOP_TRACK_SERVICE_URL", f"http://user:{secret}@127.0.0.1:1")
    home, place = str(built.workspace.home), str(tmp_path / "b")
    said = [
        CliRunner().invoke(app, words).output
        for words in (["backup", place, "--home", home], ["backup", place, "--list"], ["backup", place, "--verify"])
    ]
    assert "files" in said[0]
    assert "verified" in said[2]
    assert secret not in "".join(said)
    for path in (tmp_path / "b").rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o700
