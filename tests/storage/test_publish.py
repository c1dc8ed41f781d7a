import errno
import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from roadloop.errors import BrokenFileError, DiskFullError
from roadloop.storage import publish


def break_off(path: Path) -> None:
    with publish.publishing_file(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError


def test_publishing_file__is_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "车道线.json"
    with pytest.raises(ZeroDivisionError):
        break_off(path)
    assert list(tmp_path.iterdir()) == []
    publish.write_text(path, "old")
    with pytest.raises(ZeroDivisionError):
        break_off(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_seal__manifest_lists_every_file_and_verify_finds_each_kind_of_damage(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.bin").write_bytes(b"abc")
    (tmp_path / "y.txt").write_text("y")
    manifest = publish.seal(tmp_path)
    assert manifest["files"]["a/x.bin"] == {
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "bytes": 3,
    }
    assert publish.verify(tmp_path) == []
    (tmp_path / "a" / "x.bin").write_bytes(b"abd")
    (tmp_path / "y.txt").unlink()
    (tmp_path / "z").write_text("")
    assert [text.en.split("/")[-1] for text in publish.verify(tmp_path)] == [
        "x.bin has changed.", "y.txt is missing.", "z is not in the manifest.",
    ]  # fmt: skip


def test_verify__a_flipped_bit_in_any_place_of_the_manifest_is_found(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"abc")
    publish.seal(tmp_path)
    path = tmp_path / publish.MANIFEST
    good = path.read_bytes()
    for at in range(good.index(b"sha256"), good.index(b"}")):
        damaged = bytearray(good)
        damaged[at] ^= 64
        path.write_bytes(damaged)
        assert publish.verify(tmp_path) or not damaged[at : at + 1].strip() or not good[at : at + 1].strip(), at


def test_verify__without_a_manifest(tmp_path: Path) -> None:
    assert len(publish.verify(tmp_path)) == 1
    with pytest.raises(BrokenFileError):
        publish.read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"files": 1}', '{"files": {"a": 1}}', '{"files": ["a"]}'])
def test_verify__a_damaged_manifest_is_a_problem_not_a_crash(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "manifest.json").write_text(text)
    assert [problem.en for problem in publish.verify(tmp_path)] == [f"{tmp_path} has no valid manifest.json."]


def test_verify__an_entry_without_a_sum_is_a_changed_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "manifest.json").write_text('{"files": {"a": {}}}')
    assert [problem.en for problem in publish.verify(tmp_path)] == [f"{tmp_path / 'a'} has changed."]


def test_move__twice_is_the_same_as_once(tmp_path: Path) -> None:
    scratch, target = tmp_path / ".x.partial", tmp_path / "deep" / "x"
    scratch.mkdir()
    (scratch / "f").write_text("1")
    publish.move(scratch, target)
    publish.move(scratch, target)
    assert (target / "f").read_text() == "1"


def test_move__never_replaces_a_folder_with_something_in_it(tmp_path: Path) -> None:
    scratch, target = tmp_path / ".x.partial", tmp_path / "x"
    for folder in (scratch, target):
        folder.mkdir()
        (folder / "f").write_text(folder.name)
    with pytest.raises(OSError) as caught:
        publish.move(scratch, target)
    assert caught.value.errno in {errno.ENOTEMPTY, errno.EEXIST}
    assert (target / "f").read_text() == "x"


def test_move__nothing_to_move(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        publish.move(tmp_path / "a", tmp_path / "b")


def test_write_bytes__a_full_disk_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "x"
    publish.write_bytes(path, b"old")
    program = f"""
import resource, signal, sys
from pathlib import Path
from roadloop.errors import DiskFullError
from roadloop.storage import publish
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    publish.write_bytes(Path({str(path)!r}), b"n" * 5000)
except DiskFullError as error:
    sys.exit(7)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, env=dict(os.environ))
    assert done.returncode == 7
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000
    assert DiskFullError.code == "disk_full"


@pytest.mark.parametrize("name", ["道" * 80, "x" * 255, "a" + "道" * 84])
def test_publishing_file__a_name_as_long_as_there_are(tmp_path: Path, name: str) -> None:
    publish.write_text(tmp_path / name, "all")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_hidden_name__says_which_of_two_long_names_it_is() -> None:
    one, other = ("道" * 70 + middle + "路" * 20 for middle in "ab")
    assert publish.hidden_name(one, "1") != publish.hidden_name(other, "1")
    assert publish.hidden_name(one, "1").startswith(".道道")
    twice = publish.hidden_name(publish.hidden_name(one, "0123abcd-12"), "89abcdef")
    assert "0123abcd-12.partial" in twice
    assert len(twice.encode()) <= 255


def test_attempt_of__reads_what_attempt_name_writes() -> None:
    for name in ("d", "d.parts", "苏州", "道" * 80, "x.0123abcd", ".x.0123abcd-7.partial"):
        scratch = publish.attempt_name(name, "89abcdef" * 4, 12)
        assert publish.is_scratch(scratch)
        assert publish.attempt_of(scratch) == ("89abcdef", 12)
        assert publish.attempt_of(publish.hidden_name(scratch, "01234567")) == ("89abcdef", 12)
    for strange in (publish.hidden_name("d", "01234567"), publish.hidden_name("d", "push"), "d.89abcdef-1", ".lock"):
        assert publish.attempt_of(strange) is None
    assert not publish.is_scratch(".index.lock")


def test_publishing_folder__whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "x"
    with pytest.raises(ZeroDivisionError), publish.publishing_folder(target) as scratch:
        (scratch / "a").write_text(str(1 / 0))
    assert list(target.parent.iterdir()) == []
    with publish.publishing_folder(target) as scratch:
        (scratch / "a").write_text("2")
        assert not target.exists()
    assert [path.name for path in target.parent.rglob("*")] == ["x", "a"]
    with pytest.raises(OSError, match="not empty"), publish.publishing_folder(target) as scratch:
        (scratch / "a").write_text("3")
    assert (target / "a").read_text() == "2"


def test_publishing_folder__with_a_mark_replaces_what_a_killed_one_left(tmp_path: Path) -> None:
    left = tmp_path / publish.hidden_name("x", "push")
    left.mkdir()
    (left / "old").write_text("1")
    with publish.publishing_folder(tmp_path / "x", "push") as scratch:
        assert scratch == left
        (scratch / "new").write_text("2")
    assert [path.name for path in tmp_path.rglob("*")] == ["x", "new"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG])
def test_disk_errors__what_the_disk_refuses_is_named_after_the_file(tmp_path: Path, number: int) -> None:
    with pytest.raises(DiskFullError) as named, publish.disk_errors(tmp_path / "x.json"):
        raise OSError(number, os.strerror(number))
    assert named.value.text.en.startswith(f"Cannot write x.json: {os.strerror(number)}. Existing files are untouched")
    assert f"x.json：{os.strerror(number)}" in named.value.text.zh
    assert named.value.details["path"] == str(tmp_path / "x.json")


def test_disk_errors__of_sqlite_too_and_others_pass(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db", isolation_level=None)) as db:
        db.execute("CREATE TABLE t (x)")
        db.execute("PRAGMA max_page_count = 2")
        with pytest.raises(DiskFullError, match="Cannot write db: database"), publish.disk_errors(tmp_path / "db"):
            db.execute("INSERT INTO t VALUES (zeroblob(20000))")
        with pytest.raises(sqlite3.OperationalError, match="no such table"), publish.disk_errors(tmp_path / "db"):
            db.execute("SELECT * FROM u")
    with pytest.raises(FileNotFoundError), publish.disk_errors(tmp_path):
        (tmp_path / "none").read_bytes()


def test_remove__takes_a_link_and_never_what_it_leads_to(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "a").write_text("1")
    left = tmp_path / "left"
    (left / "deep").mkdir(parents=True)
    (left / "deep" / "link").symlink_to(kept)
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "file").write_text("2")
    for name in ("left", "link", "file", "nothing"):
        publish.remove(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "a"]


def test_scratch_in__what_is_hidden_and_partial_and_nothing_else(tmp_path: Path) -> None:
    for name in (".a.1.partial", ".b.2.partial", ".lock", "c.partial", "d"):
        (tmp_path / name).write_text("")
    assert sorted(path.name for path in publish.scratch_in(tmp_path)) == [".a.1.partial", ".b.2.partial"]
    assert publish.scratch_in(tmp_path / "nothing") == []


def test_write_json__people_can_read_it(tmp_path: Path) -> None:
    publish.write_json(tmp_path / "x.json", {"名": [1, None]})
    assert (tmp_path / "x.json").read_bytes().decode() == '{\n "名": [\n  1,\n  null\n ]\n}\n'


def test_manifest_bytes__are_those_that_seal_writes(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_bytes(b"abc")
    (tmp_path / "a").write_bytes(b"")
    publish.seal(tmp_path)
    entries = {"b/x": publish.entry(b"abc"), "a": publish.entry(b"")}
    assert (tmp_path / publish.MANIFEST).read_bytes() == publish.manifest_bytes(entries)
    publish.seal(tmp_path)  # its own manifest is no part of it
    assert list(publish.read_manifest(tmp_path)["files"]) == ["a", "b/x"]


def test_verify__sizes_alone_and_sums_alone(tmp_path: Path) -> None:
    """`hashes=False` looks at sizes; a manifest of sums without sizes, which others write, is compared by those."""
    for name in "ab":
        (tmp_path / name).write_bytes(b"abc")
    files = {"a": publish.entry(b"abd"), "b": publish.entry(b"abcd")}
    (tmp_path / publish.MANIFEST).write_bytes(publish.manifest_bytes(files))
    assert [text.en for text in publish.verify(tmp_path, hashes=False)] == [f"{tmp_path / 'b'} has changed."]
    assert len(publish.verify(tmp_path)) == 2
    sums = {name: {"sha256": publish.entry(data)["sha256"]} for name, data in (("a", b"abc"), ("b", b"abd"))}
    (tmp_path / publish.MANIFEST).write_bytes(publish.manifest_bytes(sums))
    assert publish.verify(tmp_path, hashes=False) == []
    assert [text.en for text in publish.verify(tmp_path)] == [f"{tmp_path / 'b'} has changed."]


def test_verify__tells_of_each_file_the_bytes_that_it_should_have(tmp_path: Path) -> None:
    told: list[int] = []
    (tmp_path / "a").write_bytes(b"abc")
    files = {"a": publish.entry(b"abc"), "b": publish.entry(b"12345"), "c": {"sha256": "", "bytes": None}}
    (tmp_path / publish.MANIFEST).write_bytes(publish.manifest_bytes(files))
    assert len(publish.verify(tmp_path, extras=False, progress=told.append)) == 2
    assert told == [3, 5, 0]


def test_verify__what_people_have_added_may_stand_there(tmp_path: Path) -> None:
    publish.seal(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    assert publish.verify(tmp_path, extras=False) == []
    assert [text.en for text in publish.verify(tmp_path)] == [f"{tmp_path / 'notes.txt'} is not in the manifest."]


def test_read_manifest__the_folder_without_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokenFileError) as broken:
        publish.read_manifest(tmp_path)
    assert broken.value.details["path"] == str(tmp_path)


def test_move__makes_the_folders_above_and_replaces_a_file(tmp_path: Path) -> None:
    target = tmp_path / "far" / "away" / "x"
    for text in "12":
        (tmp_path / ".x.partial").write_text(text)
        publish.move(tmp_path / ".x.partial", target)
    assert target.read_text() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["far"]
