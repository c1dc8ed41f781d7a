"""Backups: a folder of contents by sha256 with a list for each time, or one tar file with the same in it.

`objects/<2 digits>/<sha256>` holds a file's bytes, once, however many backups and places have them;
`snapshots/<time>/` has `rows.db`, the rows as SQLite; `files.jsonl`, the files with their sums; and `about.json`, which
has the sums of the two and is written last. A backup that was killed leaves no snapshot, and whole objects that the next
one finds there.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final, Protocol

from pydantic import ConfigDict, Field

from roadloop.errors import BrokenFileError, NotFoundError, Text
from roadloop.parameters import Record
from roadloop.storage import publish

FORMAT: Final = "roadloop-backup/1"
ROWS: Final = "rows.db"
FILES: Final = "files.jsonl"
ABOUT: Final = "about.json"
_CHUNK: Final = 1 << 20


class File(Record):
    """One file of a home.

    Attributes:
        path: Relative to the home; bytes that are no UTF-8 stand as surrogates.
        mtime_ns: When it was changed, and `inode`: what says that it need not be read again.
    """

    path: str
    sha256: str
    bytes: int
    mode: int
    mtime_ns: int
    inode: int = 0
    link: str = ""


class About(Record):
    """What a snapshot says of itself; no setting, no address, no password."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True)

    format: str = FORMAT
    name: str
    version: str
    db_schema: str = Field(alias="schema")
    installation: str
    files: int
    bytes: int
    sums: dict[str, str]
    finished_later: list[str]


class Shelf(Protocol):
    """Where backups are: `FolderShelf` or `TarShelf`."""

    def has(self, sha256: str) -> bool:
        """Whether contents are there."""

    def put(self, path: Path) -> tuple[str, int, bool]:
        """Keep a file's bytes, as they are while it is read; their sum and number, and whether they are new here."""

    def read(self, sha256: str) -> IO[bytes]:
        """Contents."""

    def snapshots(self) -> list[About]:
        """All, oldest first."""

    def part(self, name: str, part: str) -> IO[bytes]:
        """A file of a snapshot."""

    def publish(self, about: About, parts: Mapping[str, Path]) -> None:
        """Make a snapshot visible, whole."""

    def close(self) -> None:
        """Leave it as it is; what was not published is nobody's."""


def about_of(data: bytes, place: Path) -> About:
    """What a snapshot says of itself.

    Raises:
        BrokenFileError: It is not what this version writes.
    """
    try:
        return About.model_validate_json(data)
    except ValueError as error:
        raise BrokenFileError(
            Text(f"{place} 不是本版本认识的备份。", f"{place} is no backup that this version knows."), path=str(place)
        ) from error


def stamp() -> str:
    """The name of a snapshot made now; text order is time order."""
    return datetime.now().astimezone().strftime("%Y-%m-%d_%H-%M-%S_%f")


def write_files(path: Path, files: list[File]) -> None:
    """Write the list of a snapshot's files."""
    with path.open("w", encoding="utf-8") as sink:
        for file in files:
            sink.write(json.dumps(file.model_dump(), ensure_ascii=True) + "\n")


def files_of(shelf: Shelf, about: About) -> Iterator[File]:
    """The files of a snapshot.

    Raises:
        BrokenFileError: The list is not the one that was written.
    """
    with shelf.part(about.name, FILES) as stream:
        data = stream.read()
    if hashlib.sha256(data).hexdigest() != about.sums[FILES]:
        raise _damaged(f"{about.name}/{FILES}")
    for line in data.splitlines():
        yield File.model_construct(**json.loads(line))


@contextmanager
def checked(shelf: Shelf, file: File) -> Iterator[Iterator[bytes]]:
    """The bytes of a file, in pieces.

    Raises:
        BrokenFileError: They are gone, or not those that were written; said after the last piece.
    """
    try:
        stream = shelf.read(file.sha256)
    except OSError as error:
        raise _damaged(file.path) from error

    def pieces() -> Iterator[bytes]:
        found = hashlib.sha256()
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
            yield chunk
        if found.hexdigest() != file.sha256:
            raise _damaged(file.path)

    with stream:
        yield pieces()


def rows_into(shelf: Shelf, about: About, target: Path) -> None:
    """Write a snapshot's rows as a SQLite file.

    Raises:
        BrokenFileError: They are not those that were written.
    """
    with shelf.part(about.name, ROWS) as stream, target.open("wb") as sink:
        shutil.copyfileobj(stream, sink, _CHUNK)
    if publish.sha256_file(target) != about.sums[ROWS]:
        target.unlink()
        raise _damaged(f"{about.name}/{ROWS}")


def _damaged(what: str) -> BrokenFileError:
    shown = os.fsencode(what).decode("utf-8", "backslashreplace")
    return BrokenFileError(
        Text(
            f"备份已损坏：{shown} 不见了或内容已改变。请换一个备份。",
            f"The backup is damaged: {shown} is gone or has changed. Use another backup.",
        ),
        path=shown,
    )


def sums_of(parts: Mapping[str, Path]) -> dict[str, str]:
    """The sums of a snapshot's parts."""
    return {name: publish.sha256_file(path) for name, path in parts.items()}


def newest(shelf: Shelf, name: str = "") -> About:
    """The newest snapshot, or the one of that name.

    Raises:
        NotFoundError: There is none.
    """
    found = [about for about in shelf.snapshots() if not name or about.name == name]
    if not found:
        raise NotFoundError(
            Text(f"没有快照 {name or ''}；roadloop backup --list 会列出。", f"There is no snapshot {name}; see --list.")
        )
    return found[-1]


def facts(file: Path, home: Path) -> dict[str, Any]:
    """What says of a file of a home whether it must be read again."""
    status = file.lstat()
    path = file.relative_to(home).as_posix()
    return {"path": path, "mode": status.st_mode & 0o777, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}
