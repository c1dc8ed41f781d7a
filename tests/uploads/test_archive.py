"""What is taken of an archive, and what is refused as a whole."""

import os
import stat
import struct
import tarfile
from pathlib import Path

import pytest

from archives import declaring, special, tarred, zipped, zipped_as
from roadloop.errors import BrokenFileError
from roadloop.uploads import archive
from roadloop.uploads.archive import Contents

JUNE = "Ju\u0301ne.jpg"  # NFD


def look(folder: Path, data: bytes) -> tuple[str, dict[str, bytes]]:
    """The folder that was taken off, and the files."""
    (folder / "bytes").write_bytes(data)
    with archive.opened(folder / "bytes") as contents:
        assert isinstance(contents, Contents)
        files = {}
        for entry in contents.entries:
            with entry.open() as stream:
                files[entry.path] = stream.read()
            assert entry.size == len(files[entry.path])
        return contents.top, files


@pytest.mark.parametrize("pack", [zipped, lambda files: tarred(*files.items())], ids=["zip", "tar"])
def test_opened__takes_a_lone_top_folder_off(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    assert look(tmp_path, pack({"苏州/1/a.jpg": b"1", "苏州/1/a.png": b"2"})) == (
        "苏州",
        {"1/a.jpg": b"1", "1/a.png": b"2"},
    )
    assert look(tmp_path, pack({"1/a.jpg": b"1", "b.jpg": b"2"})) == ("", {"1/a.jpg": b"1", "b.jpg": b"2"})
    assert look(tmp_path, pack({"a.jpg": b""})) == ("", {"a.jpg": b""})


def test_opened__reads_names_as_windows_and_macos_write_them(tmp_path: Path) -> None:
    data = bytearray(zipped({"????.jpg": b"1"}))
    for at in (data.index(b"????.jpg"), data.rindex(b"????.jpg")):
        data[at : at + 8] = "车道.jpg".encode("gbk")
    assert look(tmp_path, bytes(data)) == ("", {"车道.jpg": b"1"})
    assert look(tmp_path, zipped({"s/a.jpg": b"1", "__MACOSX/s/._a.jpg": b"?"})) == ("s", {"a.jpg": b"1"})
    assert look(tmp_path, zipped({JUNE: b"1"})) == ("", {JUNE: b"1"})


BAD = {
    "up": (zipped({"a/../../b": b""}), "its path has .."),
    "absolute": (zipped({"/etc/b": b""}), "absolute"),
    "drive": (zipped({"C:/b": b""}), "absolute"),
    "backslash": (zipped({"a\\b": b""}), "backslashes"),
    "control": (zipped({"a\nb": b""}), "control characters"),
    "long": (zipped({"道" * 86: b""}), "more than 255 bytes"),
    "deep": (zipped({"/".join(["道" * 60] * 12): b""}), "more than 2000 bytes"),
    "capitals": (zipped({"s/A.jpg": b"", "s/a.jpg": b""}), "called like s/A.jpg"),
    "capital folders": (zipped({"S/a.jpg": b"", "s/b.jpg": b""}), "called like S"),
    "normal forms": (zipped({JUNE: b"", "J\u00fane.jpg": b""}), "called like"),
    "file and folder": (zipped({"x/a": b"", "x/a/b": b""}), "called like x/a"),
    "link": (zipped_as("a", stat.S_IFLNK | 0o777, b"/etc/passwd"), "a link"),
    "device": (zipped_as("a", stat.S_IFCHR | 0o666), "a device"),
    "tar up": (tarred(("../b", b"")), "its path has .."),
    "tar link": (tarred(special("a", tarfile.SYMTYPE, "/etc")), "a link"),
    "tar hard link": (tarred(("b", b""), special("a", tarfile.LNKTYPE, "b")), "a link"),
    "tar device": (tarred(special("a", tarfile.BLKTYPE)), "a device"),
    "tar pipe": (tarred(special("a", tarfile.FIFOTYPE)), "a device"),
    "declared bomb": (declaring(2**30), "1024 MiB"),
    "empty": (zipped({}), "no file in it"),
    "other kind": (b"Rar!\x1a\x07\x00" + bytes(600), "neither a zip nor"),
    "nothing": (b"", "neither a zip nor"),
}


@pytest.mark.parametrize("case", BAD)
def test_opened__refuses(tmp_path: Path, case: str) -> None:
    data, why = BAD[case]
    with pytest.raises(BrokenFileError, match=why):
        look(tmp_path, data)


def test_opened__refuses_what_is_damaged_or_locked(tmp_path: Path) -> None:
    whole = zipped({"a.jpg": os.urandom(5000), "b.jpg": os.urandom(5000)})
    (tmp_path / "bytes").write_bytes(whole[:-30])
    with pytest.raises(BrokenFileError, match="neither a zip nor"), archive.opened(tmp_path / "bytes"):
        pass
    locked = bytearray(whole)
    locked[locked.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(BrokenFileError, match="password"):
        look(tmp_path, bytes(locked))
    other = bytearray(whole)
    struct.pack_into("<H", other, other.index(b"PK\1\2") + 10, 9)
    with pytest.raises(BrokenFileError, match="method 9"):
        look(tmp_path, bytes(other))
    with pytest.raises(BrokenFileError, match="damaged"):
        look(tmp_path, tarred(("a.jpg", bytes(2000)))[:1500])


def test_opened__reads_no_directory_that_would_fill_the_memory(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.jpg": b"1"}))
    struct.pack_into("<I", data, data.rindex(b"PK\5\6") + 12, 2**30)
    with pytest.raises(BrokenFileError, match="more than 1000000 files"):
        look(tmp_path, bytes(data))


def test_opened__takes_text_that_packs_well(tmp_path: Path) -> None:
    """A hundredfold of a small archive is no bomb."""
    assert look(tmp_path, zipped({"a.json": b" " * 2**20}))[1] == {"a.json": b" " * 2**20}
