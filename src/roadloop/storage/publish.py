"""Whole or absent: how everything visible comes into being.

A file is written under a temporary name in its own folder, flushed to the disk, renamed, and the folder is flushed.
A folder is filled under a scratch name, sealed with a manifest of sha256 sums that is written last, and renamed.
Whoever sees a name sees all of it; a crash leaves only names that end in `.partial`, which `fsck` lists and the next
attempt removes.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from roadloop.errors import BrokenFileError, DiskFullError, Text
from roadloop.storage import reading

PARTIAL: Final = ".partial"
MANIFEST: Final = "manifest.json"
CHOICES: Final = "removed.json"  #: what people choose later of a sealed folder, see `removed`; in no manifest
_ATTEMPT: Final = re.compile(r".*\.(?P<job>[0-9a-f]{8})-(?P<token>\d+)\.partial", re.DOTALL)
_MOST_REPEATED: Final = 200  # bytes of a name that its scratch name repeats; a file system takes 255 in all
_DISK_ERRORS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
_SQLITE_DISK_ERRORS: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the system's and SQLite's "no space", "quota" and "read-only" into our named error.

    Raises:
        DiskFullError: The disk of `path` is full, over quota or read-only; nothing visible was changed.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        raise disk_full(path, os.strerror(error.errno)) from error
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _SQLITE_DISK_ERRORS:
            raise
        raise disk_full(path, str(error)) from error


def disk_full(path: Path, what: str) -> DiskFullError:
    """The named error of a write that failed, where a library tells of it in words of its own.

    Args:
        path: What could not be written.
        what: The system's reason.
    """
    return DiskFullError(
        Text(
            f"无法写入 {path.name}：{what}。已有文件未被改动；请腾出磁盘空间后重试。",
            f"Cannot write {path.name}: {what}. Existing files are untouched; free some disk space and retry.",
        ),
        path=str(path),
    )


def hidden_name(name: str, mark: str) -> str:
    """The scratch name of a file or folder that will be called `name`: hidden, and a name however long that one is.

    Args:
        name: Its name; of one above 200 bytes the beginning, the end and a digest stand for the whole.
        mark: Whose scratch it is.
    """
    data = os.fsencode(name)
    if len(data) > _MOST_REPEATED:
        head, tail = data[:130].decode(errors="ignore"), data[-60:].decode(errors="ignore")
        name = f"{head}~{hashlib.sha256(data).hexdigest()[:8]}{tail}"
    return f".{name}.{mark}{PARTIAL}"


class Attempt(NamedTuple):
    """Whose a scratch name is.

    Attributes:
        job: The first eight digits of the job's id.
        token: The attempt's.
    """

    job: str
    token: int


def attempt_name(name: str, task_id: str, token: int) -> str:
    """The scratch name of what an attempt of a job makes: `attempt_of` reads it."""
    return hidden_name(name, f"{task_id[:8]}-{token}")


def attempt_of(name: str) -> Attempt | None:
    """Which attempt a scratch name belongs to, or the name that it is the scratch name of; None where it is no job's."""
    found = _ATTEMPT.match(name)
    return None if found is None else Attempt(found["job"], int(found["token"]))


def is_scratch(name: str) -> bool:
    """Whether a name is a scratch name."""
    return name.startswith(".") and name.endswith(PARTIAL)


def scratch_in(folder: Path) -> list[Path]:
    """What stands in a folder under scratch names, left or still at work; nothing in one that is not there."""
    return list(folder.glob(f".*{PARTIAL}"))


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; what is gone, or cannot be removed, is left for `fsck` to name."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def fsync(path: Path) -> None:
    """Flush one file's bytes, or a folder's entries, so that a rename in it survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def publishing_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in `path`'s folder; at the end of the block it becomes `path`, or nothing does."""
    temporary = path.parent / hidden_name(path.name, uuid.uuid4().hex[:8])
    with disk_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            fsync(temporary)
            temporary.replace(path)
            fsync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def publishing_folder(target: Path, mark: str = "") -> Iterator[Path]:
    """Yield a new scratch folder beside `target`; at the end of the block it becomes `target`, or nothing does.

    For those who are no job: a job's way is `TaskContext.filling`.

    Args:
        target: The folder to be.
        mark: Of a place where one writes at a time: what a killed one left under the same name is removed first.

    Raises:
        DiskFullError: No space is left.
        OSError: `target` is a folder with something in it.
    """
    scratch = target.with_name(hidden_name(target.name, mark or uuid.uuid4().hex[:8]))
    with disk_errors(target):
        remove(scratch)
        try:
            scratch.mkdir(parents=True)
            yield scratch
            os.sync()  # one flush for thousands of small files
            move(scratch, target)
        finally:
            remove(scratch)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    with publishing_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file people can read, whole or not at all."""
    write_text(path, _json(value))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def sha256_file(path: Path) -> str:
    """The sha256 of a file, as 64 hex digits."""
    with reading.open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def seal(folder: Path) -> dict[str, Any]:
    """Flush everything in `folder` and write its manifest last.

    Returns:
        The manifest: `{"files": {"<relative path>": {"sha256": "...", "bytes": n}}}`, in path order.
    """
    files = {}
    with disk_errors(folder):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / MANIFEST):
            fsync(path)
            relative = path.relative_to(folder).as_posix()
            files[relative] = {"sha256": sha256_file(path), "bytes": path.stat().st_size}
        for inner in [p for p in folder.rglob("*") if p.is_dir()]:
            fsync(inner)
    data = manifest_bytes(files)
    write_bytes(folder / MANIFEST, data)
    return dict(json.loads(data))


def entry(data: bytes) -> dict[str, Any]:
    """What a manifest says of a file with these bytes."""
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def manifest_bytes(files: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The manifest of a folder whose sums are known."""
    return _json({"files": dict(sorted(files.items()))}).encode()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a sealed folder's manifest.

    Raises:
        BrokenFileError: There is none, or it is not one.
    """
    try:
        manifest = dict(json.loads(reading.read_bytes(folder / MANIFEST)))
        manifest["files"] = {str(file): {"sha256": "", **entry} for file, entry in manifest["files"].items()}
        return manifest
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenFileError(
            Text(f"{folder} 缺少有效的 {MANIFEST}。", f"{folder} has no valid {MANIFEST}."), path=str(folder)
        ) from error


def verify(
    folder: Path, *, hashes: bool = True, extras: bool = True, progress: Callable[[int], object] = lambda _bytes: None
) -> list[Text]:
    """Compare a sealed folder with its manifest; one text for each file that is missing, changed or extra.

    Args:
        folder: The folder.
        hashes: Read every file; else only its size is compared.
        extras: Files that the manifest does not name are wrong, except what people chose later.
        progress: Told the bytes of each file that has been compared.
    """
    try:
        files = read_manifest(folder)["files"]
    except BrokenFileError as error:
        return [error.text]
    # A key that nobody writes was another one, whose value would not be compared.
    problems = [changed(folder / MANIFEST)] if any(one.keys() - {"sha256", "bytes"} for one in files.values()) else []
    for relative, expected in files.items():
        text = compare(folder / relative, expected, hashes=hashes)
        problems += [] if text is None else [text]
        progress(expected["bytes"] if isinstance(expected.get("bytes"), int) else 0)
    if extras:
        present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
        problems += [
            Text(f"{folder / extra} 不在清单里。", f"{folder / extra} is not in the manifest.")
            for extra in sorted(present - set(files) - {MANIFEST, CHOICES})
        ]
    return problems


def changed(path: Path) -> Text:
    """What is said of a file whose bytes are not those that were written."""
    return Text(f"{path} 的内容已改变。", f"{path} has changed.")


def missing(path: Path) -> Text:
    """What is said of a file that is not there."""
    return Text(f"{path} 不见了。", f"{path} is missing.")


def compare(path: Path, expected: Mapping[str, Any], *, hashes: bool) -> Text | None:
    """What is wrong with a file, going by what a manifest says of it: `sha256`, and `bytes` where it is known."""
    if not path.is_file():
        return missing(path)
    try:
        size = path.stat().st_size
        same = expected.get("bytes", size) == size and (not hashes or sha256_file(path) == expected["sha256"])
    except OSError as error:
        why = reading.why(error)
        return Text(f"{path} 无法读取：{why.zh}。", f"{path} cannot be read: {why.en}.")
    return None if same else changed(path)


def move(scratch: Path, target: Path) -> None:
    """Give a finished scratch file or folder its visible name. Calling it again does no harm.

    A file replaces an older one. A folder never does, except an empty one.

    Raises:
        FileNotFoundError: Neither `scratch` nor `target` exists.
        OSError: `target` is a folder with something in it.
    """
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            scratch.replace(target)
        except FileNotFoundError:
            if not target.exists():
                raise
        fsync(target.parent)
