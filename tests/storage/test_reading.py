"""Files are read; pipes, sockets and devices are refused at once, and never waited for."""

import os
import socket
from pathlib import Path

import pytest

from roadloop.storage import publish, reading

pytestmark = pytest.mark.timeout(20)


def test_read__a_file_its_text_and_a_link_to_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes("路\r\n口".encode())
    (tmp_path / "link").symlink_to(path)
    assert reading.read_bytes(tmp_path / "link") == "路\r\n口".encode()
    assert reading.read_text(path) == "路\n口"
    with reading.open_text(path) as stream:
        assert stream.read() == "路\r\n口"


def test_read__a_pipe_is_refused_by_name_in_both_languages(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to("pipe.jpg")
    for name in ("pipe.jpg", "link.jpg"):
        with pytest.raises(reading.NotFileError, match=r"a named pipe instead of a file.*pipe|link") as caught:
            reading.read_bytes(tmp_path / name)
        assert reading.why(caught.value) == ("是命名管道，不是文件", "a named pipe instead of a file")


def test_read__a_pipe_that_takes_a_files_place_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    seen = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda _self: seen)
    with pytest.raises(reading.NotFileError):
        reading.read_bytes(path)


def test_read__sockets_devices_and_folders(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(reading.NotFileError, match="a socket"):
            reading.read_bytes(tmp_path / "s")
    with pytest.raises(reading.NotFileError, match="a device"):
        reading.read_bytes(Path("/dev/zero"))
    with pytest.raises(IsADirectoryError):
        reading.read_bytes(tmp_path)


def test_why__the_systems_own_words(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        reading.read_bytes(tmp_path / "gone")
    assert reading.why(caught.value).en == "No such file or directory"


def test_is_there__anything_but_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert reading.is_there(tmp_path / "pipe")
    assert not reading.is_there(tmp_path / "gone")
    assert not reading.is_there(tmp_path)


def test_verify__a_pipe_in_place_of_manifest_or_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    publish.seal(tmp_path)
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")
    assert [text.en.rpartition("/")[2] for text in publish.verify(tmp_path)] == ["a is missing."]
    (tmp_path / publish.MANIFEST).unlink()
    os.mkfifo(tmp_path / publish.MANIFEST)
    assert "has no valid manifest.json" in publish.verify(tmp_path)[0].en
