import errno
import os
import resource
import subprocess
import sys
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
