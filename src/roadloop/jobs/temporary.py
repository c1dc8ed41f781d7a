"""Temporary files of jobs: each attempt has a folder of its own, which goes with it.

Libraries leave files behind, for a job's process ends at once, and so does whoever is killed. The next attempt removes what
one before it has left, and housekeeping what ended jobs have.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from roadloop.settings import set_temporary

_MOST_SOCKET: Final = 66  # bytes; with what Python adds, the name of a socket in there has at most its 107


def temporary_name(task_id: str, place: int = 0) -> str:
    """What the temporary folders of a job begin with; those of its followers are others."""
    return f"roadloop-{task_id[:12]}{f'.{place}' if place else ''}-"


@contextmanager
def own_temporary(task_id: str, place: int = 0) -> Iterator[None]:
    """Give this process and its helpers a temporary folder of their own, in place of those of killed attempts.

    There is none where there is no room for it, or its name would be too long for the sockets that Python puts there.
    """
    folder = _make(temporary_name(task_id, place))
    try:
        yield
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _make(name: str) -> Path | None:
    base = Path(tempfile.gettempdir())
    for left in base.glob(f"{name}*"):
        shutil.rmtree(left, ignore_errors=True)
    if len(bytes(base / name)) > _MOST_SOCKET:
        return None
    with suppress(OSError):
        folder = Path(tempfile.mkdtemp(prefix=name))
        set_temporary(folder)
        return folder
    return None
