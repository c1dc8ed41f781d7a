"""What has been sent so far: a folder of `uploads/` for each upload, with its bytes and a note of what they will be.

The offset of an upload is the size of its bytes on the disk, so it is true whatever was killed. One request at a time
writes to an upload: it holds a lock of the system's, which ends with it.
"""

import errno
import fcntl
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pydantic import ConfigDict, ValidationError

from roadloop.errors import BusyError, ConflictError, DiskFullError, NameTakenError, NotFoundError, Text
from roadloop.parameters import Record
from roadloop.storage import publish, reading
from roadloop.storage.paths import Workspace, check_name

NOTE: Final = "upload.json"
BYTES: Final = "bytes"
MOST: Final = 1000  #: uploads at once


class Upload(Record):
    """What is known of an upload; `upload.json`.

    Attributes:
        id: 32 hex digits.
        name: The folder below `imports/` to be.
        filename: What the sender calls it.
        fingerprint: By which the sender knows it again; any text.
        length: Bytes in all.
        created_at: Seconds since 1970.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    name: str
    filename: str
    fingerprint: str
    length: int
    created_at: float


def create(workspace: Workspace, name: str, filename: str, fingerprint: str, length: int) -> Upload:
    """Begin an upload; it is there once its note is.

    Raises:
        BusyError: There are too many.
        DiskFullError: No space is left.
    """
    if sum(1 for _ in all_uploads(workspace)) >= MOST:
        raise BusyError(
            Text(
                f"未完成的上传已有 {MOST} 个；请先删除不再需要的。",
                f"There are {MOST} unfinished uploads; remove those that nobody needs first.",
            )
        )
    upload = Upload(
        id=uuid.uuid4().hex,
        name=name,
        filename=filename,
        fingerprint=fingerprint,
        length=length,
        created_at=time.time(),
    )
    folder = workspace.uploads / upload.id
    with publish.disk_errors(folder):
        folder.mkdir(parents=True)
        (folder / BYTES).touch()
        publish.write_json(folder / NOTE, upload.model_dump())
    return upload


def find(workspace: Workspace, upload: str) -> Upload:
    """The note of an upload.

    Raises:
        NotFoundError: There is none: it was removed, or has been unpacked.
    """
    try:
        note = reading.read_bytes(workspace.uploads / check_name(upload, "upload") / NOTE)
        return Upload.model_validate(json.loads(note))
    except (OSError, ValueError, ValidationError) as error:
        raise _absent(upload) from error


def all_uploads(workspace: Workspace) -> Iterator[Upload]:
    """Every upload that was begun and is neither unpacked nor removed, newest first."""
    found = []
    for note in workspace.uploads.glob(f"*/{NOTE}"):
        try:
            found.append(Upload.model_validate(json.loads(reading.read_bytes(note))))
        except (OSError, ValueError, ValidationError):  # it goes just now
            continue
    yield from sorted(found, key=lambda one: -one.created_at)


def bytes_of(workspace: Workspace, upload: Upload) -> Path:
    """The file of what was sent."""
    return workspace.uploads / upload.id / BYTES


def offset_of(workspace: Workspace, upload: Upload) -> int:
    """How many bytes have come."""
    try:
        return bytes_of(workspace, upload).stat().st_size
    except FileNotFoundError:
        return 0


def remove(workspace: Workspace, upload: Upload) -> None:
    """Remove an upload: its note first, so that nothing half is found."""
    (workspace.uploads / upload.id / NOTE).unlink(missing_ok=True)
    publish.remove(workspace.uploads / upload.id)


class Inlet:
    """Where one request's bytes go, at the end of what has come; a context manager. Its methods take time.

    Args:
        workspace: Has the upload.
        upload: Which.
        offset: Where the sender goes on.
        reserve: Bytes of the disk that stay free.

    Raises:
        ConflictError: That is not what has come; `details` has the true offset.
        BusyError: Another request is writing to this upload.
        NotFoundError: It was removed just now.
    """

    def __init__(self, workspace: Workspace, upload: Upload, offset: int, reserve: int) -> None:
        self._path: Final = bytes_of(workspace, upload)
        self._reserve: Final = reserve
        try:
            self._file: Final = self._path.open("ab", buffering=0)
        except FileNotFoundError as error:
            raise _absent(upload.id) from error
        try:
            self._begin(offset)
        except BaseException:
            self._file.close()
            raise

    def _begin(self, offset: int) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(
                Text(
                    "另一个请求正在写入这个上传；请稍后查询进度再继续。",
                    "Another request is writing to this upload. Ask how far it got in a moment, and go on from there.",
                )
            ) from error
        self.offset = os.fstat(self._file.fileno()).st_size
        if self.offset != offset:
            raise ConflictError(
                Text(
                    f"已收到 {self.offset} 字节，而请求从第 {offset} 字节继续；请从 Upload-Offset 处继续。",
                    f"{self.offset} bytes have come, and this request goes on at {offset}; go on at Upload-Offset.",
                ),
                offset=self.offset,
            )

    def write(self, piece: bytes) -> None:
        """Append some bytes.

        Raises:
            DiskFullError: The disk would be fuller than it may be; what has come stays.
        """
        check_room(self._path, len(piece), self._reserve)
        with publish.disk_errors(self._path):
            done = 0
            while done < len(piece):
                done += self._file.write(piece[done:]) or 0
        self.offset += len(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Flush what has come, and let others write."""
        try:
            with publish.disk_errors(self._path):
                os.fsync(self._file.fileno())
        finally:
            self._file.close()


def check_room(place: Path, size: int, reserve: int) -> None:
    """See that a disk has room.

    Args:
        place: A path on it; it need not exist.
        size: Bytes that are to come.
        reserve: Bytes that stay free.

    Raises:
        DiskFullError: It has not.
    """
    there = next(path for path in (place, *place.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free - size < reserve:
        raise DiskFullError(
            Text(
                f"磁盘空间不足：还需 {mib(size)} MiB 并保留 {mib(reserve)} MiB，只剩 {mib(free)} MiB。"
                "已有数据不受影响；请清理磁盘后继续。",
                f"Not enough room on the disk: {mib(size)} MiB are to come and {mib(reserve)} MiB stay free, but only"
                f" {mib(free)} MiB are left. What is there is safe; make room and go on.",
            ),
            errno=errno.ENOSPC,
        )


def taken(name: str) -> NameTakenError:
    """What is said of a name below imports/ that is in use."""
    return NameTakenError(
        Text(
            f"imports/ 下已有 {name}，没有改动它；请换一个名称，或直接导入那个目录。",
            f"There is a {name} below imports/ already, and it was left as it is. Choose another name, or import that"
            " folder.",
        ),
        parameter="name",
    )


def mib(size: int) -> int:
    """Bytes in whole MiB, rounded up."""
    return -(-size // 2**20)


def _absent(upload: str) -> NotFoundError:
    return NotFoundError(
        Text(
            "没有这个上传：它已解包、已删除，或因长时间没有动静而被清理；请重新上传。",
            "There is no such upload: it was unpacked, removed, or nobody has gone on with it for long. Send it again.",
        ),
        upload=upload[:80],
    )
