"""What the job that unpacks an upload runs."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from roadloop.errors import NotFoundError, Text
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.uploads import archive, files
from roadloop.uploads.archive import Contents, Entry
from roadloop.uploads.recipe import Unpack

_PIECE: Final = 2**20
_LOOK_SECONDS: Final = 0.5  #: between two looks at the disk's room
_UNPACKED: Final = "unpacked"  #: in the memo: what became visible
_NOTE: Final = Text("解包", "Unpacking")


def unpack(context: TaskContext) -> Outcome:
    """Unpack an upload into a folder below imports/, which appears as a whole; then remove what was sent.

    Raises:
        BrokenFileError: The archive is damaged, or has something that is refused; nothing was unpacked.
        NameTakenError: There is such a folder already.
        NotFoundError: The upload was removed.
        DiskFullError: No space is left; what was sent stays.
    """
    recipe = context.recipe(Unpack)
    workspace = context.platform.workspace
    target = workspace.imports / recipe.name
    done = context.memo.get(_UNPACKED)
    if done is None:
        upload = files.find(workspace, recipe.upload)
        if target.exists():
            raise files.taken(recipe.name)
        with archive.opened(files.bytes_of(workspace, upload)) as contents:
            context.log(f"files={len(contents.entries)} top={contents.top!r}")
            with context.filling(target, sealed=False) as scratch:
                total = _unpack(context, contents, scratch)
        context.reach("unpack.written")
        done = {"folder": workspace.store_path(target), "files": len(contents.entries), "bytes": total}
        context.publish([(scratch, target)], {_UNPACKED: done})
    try:
        files.remove(workspace, files.find(workspace, recipe.upload))
    except NotFoundError:
        context.log("what was sent is gone already")
    context.reach("unpack.cleared")
    return Outcome(done)


def _unpack(context: TaskContext, contents: Contents, scratch: Path) -> int:
    """Write every entry; returns the bytes."""
    reserve = context.platform.settings.min_free_mib * 2**20
    total = sum(entry.size for entry in contents.entries)
    files.check_room(scratch, total, reserve)
    done, looked = 0, time.monotonic()
    try:
        for entry in contents.entries:
            for size in _copy(entry, scratch / entry.path):
                done += size
                context.progress(done, total, _NOTE)
                context.check_stop()
                if time.monotonic() - looked > _LOOK_SECONDS:
                    files.check_room(scratch, total - done, reserve)
                    looked = time.monotonic()
        os.sync()  # one flush for thousands of small files
    except (*archive.DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk
            raise
        raise archive.damaged(error) from error
    return done


def _copy(entry: Entry, target: Path) -> Iterator[int]:
    """Write one entry, no more of it than it declares; yields the bytes of each piece."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with entry.open() as source, target.open("xb") as file:
        left = entry.size
        while piece := source.read(_PIECE):
            left -= len(piece)
            if left < 0:
                break
            file.write(piece)
            yield len(piece)
    if left:
        raise archive.damaged(ValueError(f"{entry.path}: {entry.size} bytes declared, {entry.size - left} found"))
    yield 0
