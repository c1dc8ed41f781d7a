"""What can be done with uploads, other than sending bytes: begin one, list them, have one unpacked."""

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import ConflictError, NameTakenError, Text
from roadloop.jobs import queue
from roadloop.jobs.keeping import UNPACK
from roadloop.jobs.queue import Submission
from roadloop.jobs.states import ENDED
from roadloop.jobs.store import jobs
from roadloop.storage.database import Write
from roadloop.storage.paths import check_new_name
from roadloop.storage.platform import Platform
from roadloop.uploads import files
from roadloop.uploads.archive import same_name
from roadloop.uploads.files import Upload
from roadloop.uploads.recipe import Unpack

_MOST_SAID: Final = 255  # characters of what the sender calls a file


def begin(platform: Platform, said: Mapping[str, str], length: int) -> Upload:
    """Begin an upload.

    Args:
        platform: The installation.
        said: `name` of the folder below imports/ to be, or `filename`, whose stem it then is; `fingerprint`.
        length: Bytes in all.

    Raises:
        InvalidNameError: No folder can have that name.
        NameTakenError: There is such a folder below imports/, or another upload will be it.
        DiskFullError: The disk has no room for it and its files.
        BusyError: There are too many uploads.
    """
    workspace, filename = platform.workspace, said.get("filename", "")[:_MOST_SAID]
    name = check_new_name(said.get("name") or PurePath(filename).stem, "name")
    _check_free(platform, name)
    pending = sum(one.length - files.offset_of(workspace, one) for one in files.all_uploads(workspace))
    # Once as it is sent, once unpacked; and what others are sending.
    files.check_room(workspace.uploads, 2 * length + pending, platform.settings.min_free_mib * 2**20)
    return files.create(workspace, name, filename, said.get("fingerprint", "")[:_MOST_SAID], length)


def _check_free(platform: Platform, name: str) -> None:
    """Refuse a name that a folder or another upload has; decomposed letters and capitals count as the same."""
    here = platform.workspace.imports
    there = here.iterdir() if here.is_dir() else ()
    if any(same_name(entry.name) == same_name(name) for entry in there):
        raise files.taken(name)
    for other in files.all_uploads(platform.workspace):
        if same_name(other.name) == same_name(name):
            raise NameTakenError(
                Text(
                    f"另一个未完成的上传（{other.filename or other.name}）将使用名称 {name}；请继续或删除它，或换一个名称。",
                    f"Another upload ({other.filename or other.name}) is to be {name}; go on with it, remove it, or choose"
                    " another name.",
                ),
                parameter="name",
                upload=other.id,
            )


def describe(platform: Platform, upload: Upload) -> dict[str, Any]:
    """An upload as plain values for JSON: what it is, how much has come, and the newest job that unpacks it."""
    return {
        **upload.model_dump(exclude={"created_at"}),
        "offset": files.offset_of(platform.workspace, upload),
        "task_id": _newest_job(platform, upload),
    }


def list_all(platform: Platform) -> Iterator[dict[str, Any]]:
    """Every upload that is not unpacked, newest first."""
    return (describe(platform, upload) for upload in files.all_uploads(platform.workspace))


def unpack(platform: Platform, upload: str) -> Write[str]:
    """Writes the job that unpacks an upload; answers its task id.

    Raises:
        NotFoundError: There is no such upload.
        ConflictError: Not all of it has come.
        NameTakenError: A job unpacks it already; with its task id.
    """
    found = files.find(platform.workspace, upload)
    offset = files.offset_of(platform.workspace, found)
    if offset != found.length:
        raise ConflictError(
            Text(
                f"还没有传完：{found.length} 字节中收到 {offset} 字节；请先继续上传。",
                f"It has not come whole: {offset} of {found.length} bytes; send the rest first.",
            ),
            offset=offset,
        )
    payload = Unpack(upload=found.id, name=found.name).payload()

    def write(db: sa.Connection) -> str:
        busy = _job(db, found, active=True)
        if busy is not None:
            raise NameTakenError(
                Text(f"任务 {busy} 正在解包它。", f"Job {busy} is unpacking it."), parameter="upload", task_id=busy
            )
        return queue.submit(db, Submission(kind=UNPACK, payload=payload, title=found.name))

    return write


def remove(platform: Platform, upload: str) -> None:
    """Remove what was sent.

    Raises:
        NotFoundError: There is no such upload.
        ConflictError: A job is unpacking it.
    """
    found = files.find(platform.workspace, upload)
    with platform.database.reading() as db:
        busy = _job(db, found, active=True)
    if busy is not None:
        raise ConflictError(
            Text(f"任务 {busy} 正在解包它；请先停止任务。", f"Job {busy} is unpacking it; stop that first."),
            task_id=busy,
        )
    files.remove(platform.workspace, found)


def _newest_job(platform: Platform, upload: Upload) -> str | None:
    with platform.database.reading() as db:
        return _job(db, upload)


def _job(db: sa.Connection, upload: Upload, *, active: bool = False) -> str | None:
    """The newest job that unpacks, or was to unpack, an upload."""
    asked = sa.select(jobs.c.id, jobs.c.payload).where(jobs.c.kind == UNPACK, jobs.c.title == upload.name)
    if active:
        asked = asked.where(jobs.c.state.not_in(ENDED))
    rows = db.execute(asked.order_by(jobs.c.seq.desc()))
    return next((row.id for row in rows if row.payload.get("upload") == upload.id), None)
