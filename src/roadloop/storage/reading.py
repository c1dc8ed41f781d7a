"""Opening what other people put into a folder, files only, or into an object store.

A named pipe blocks whoever opens it until somebody writes, a device may never end. So everything that comes from folders
that people fill is opened here, without waiting, and what is no file is refused as a file that cannot be read is.
"""

import errno
import io
import os
import stat
from pathlib import Path
from typing import Final, TextIO

from roadloop.errors import RoadloopError, Text
from roadloop.storage import objects
from roadloop.storage.objects import ArchivedError, ObjectPath, Place

_KINDS: Final = {
    stat.S_IFIFO: Text("是命名管道，不是文件", "a named pipe instead of a file"),
    stat.S_IFSOCK: Text("是套接字，不是文件", "a socket instead of a file"),
    stat.S_IFCHR: Text("是设备，不是文件", "a device instead of a file"),
    stat.S_IFBLK: Text("是设备，不是文件", "a device instead of a file"),
}


class NotFileError(OSError):
    """What stands there is a pipe, a socket or a device."""

    def __init__(self, path: Path, kind: Text) -> None:
        super().__init__(errno.EINVAL, kind.en, str(path))
        self.kind: Final = kind


def why(error: OSError) -> Text:
    """What keeps a file from being read, in both languages; the system's own words have only one."""
    if isinstance(error, (NotFileError, ArchivedError)):
        return error.kind
    what = error.strerror or type(error).__name__
    return Text(what, what)


def complaint(error: OSError | RoadloopError) -> Text:
    """What is said of a file that cannot be read, or that is refused: a reason by itself, not a sentence."""
    if isinstance(error, RoadloopError):
        return error.text
    what = why(error)
    return Text(f"无法读取：{what.zh}", f"Cannot be read: {what.en}")


def open_file(path: Path) -> io.FileIO:
    """Open a file for reading, unbuffered; never waits for a writer.

    Raises:
        NotFileError: It is a pipe, a socket or a device.
        OSError: It cannot be opened.
    """
    _check(path, path.stat().st_mode)
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check(path, os.fstat(handle).st_mode)  # it may have been exchanged in between
    except OSError:
        os.close(handle)
        raise
    return io.FileIO(handle)


def read_bytes(place: Place) -> bytes:
    """The bytes of a file, or of an object.

    Raises:
        NotFileError: It is a pipe, a socket or a device.
        OSError: It cannot be read.
        ObjectStoreError: The store refuses all that is asked, or does not answer.
    """
    if isinstance(place, ObjectPath):
        return objects.read(place)
    with open_file(place) as stream:
        return stream.read()


def read_head(place: Place, number: int) -> bytes:
    """The first bytes of a file, or of an object.

    Raises:
        OSError, ObjectStoreError: As `read_bytes`.
    """
    if isinstance(place, ObjectPath):
        return objects.head(place, number)
    with open_file(place) as stream:
        return stream.read(number)


def open_text(path: Path, encoding: str = "utf-8", errors: str = "strict") -> TextIO:
    """Open a text file for reading, its line ends as they are, as `csv` wants it.

    Raises:
        NotFileError: It is a pipe, a socket or a device.
        OSError: It cannot be opened.
    """
    return io.TextIOWrapper(io.BufferedReader(open_file(path)), encoding, errors, newline="")


def read_text(path: Path, encoding: str = "utf-8", errors: str = "strict") -> str:
    """The text of a file, its line ends as Python reads them.

    Raises:
        NotFileError: It is a pipe, a socket or a device.
        OSError: It cannot be read.
        UnicodeDecodeError: It is in another encoding.
    """
    return read_bytes(path).decode(encoding, errors).replace("\r\n", "\n").replace("\r", "\n")


def is_there(path: Path) -> bool:
    """Whether something that a reader should open, or complain about, stands there: anything but a folder."""
    return path.exists() and not path.is_dir()


def _check(path: Path, mode: int) -> None:
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if kind != stat.S_IFREG:
        raise NotFileError(path, _KINDS.get(kind, Text("不是文件", "not a file")))
